"""Aligned faces that travel: the file stands in for the folder."""

import torch

from train import pack
from train.data.dataset import held_out
from train.data.gallery import Gallery, gather


def test_the_held_out_come_along_and_the_rest_is_trimmed():
    names = tuple(f"person{i}/a.png" for i in range(60))
    n = len(names)
    gallery = Gallery(
        names,
        torch.zeros(n, 3, 8, 8, dtype=torch.uint8),
        torch.zeros(n, 68, 2),
        torch.zeros(n, 128),
        torch.ones(n, dtype=torch.long),
        torch.ones(n),
    )
    kept = pack.trimmed(gallery, 5).names
    measured = [name for name in names if held_out(name)]
    assert measured
    assert [name for name in kept if held_out(name)] == measured
    assert [name for name in kept if not held_out(name)] == [name for name in names if not held_out(name)][:5]


def test_the_file_is_taken_for_the_folder(monkeypatch, capsys, examples, tmp_path):
    monkeypatch.setattr(
        "sys.argv", ["pack", str(tmp_path / "out"), str(examples), "--size", "64", "--cache", str(tmp_path)]
    )
    assert pack.main() == 0
    file = tmp_path / "out" / "examples.faces"
    assert str(file) in capsys.readouterr().out
    packed, original = gather(file, size=64, cache=tmp_path), gather(examples, size=64, cache=tmp_path)
    assert packed.names == original.names
    assert (packed.crop.float() - original.crop.float()).abs().mean() < 3


def test_an_empty_folder_is_told(monkeypatch, capsys, tmp_path):
    (tmp_path / "empty").mkdir()
    monkeypatch.setattr(
        "sys.argv", ["pack", str(tmp_path / "out"), str(tmp_path / "empty"), "--cache", str(tmp_path)]
    )
    assert pack.main() == 1
    assert "holds no photos" in capsys.readouterr().err
