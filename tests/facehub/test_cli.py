"""The command line as people and scripts meet it: as a process."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch

from facehub import image, provenance
from tests.identities import make

ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identities")
    make(folder / "ada", size=32)
    return folder


def run(*arguments, place) -> subprocess.CompletedProcess:
    environment = os.environ | {"FACEHUB_IDENTITIES": str(place), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "facehub", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_swap_of_one_photo(place, examples, tmp_path):
    """The result, the raw output and the mask, told as JSON; what the mask leaves out is the input's."""
    files = {name: tmp_path / f"{name}.png" for name in ("out", "raw", "mask")}
    done = run("swap", examples / "astronaut.png", "--identity", "ada", "--faces", "largest", "--json",
               *(f"--{name}={file}" for name, file in files.items()), place=place)  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["outputs"] == {name: str(file) for name, file in files.items()}
    assert record["identity"] == "ada"
    assert len(record["faces"]) == 1
    assert len(record["faces"][0]["landmarks"]) == 68
    assert record["residual"] < 1 / 255
    assert set(record["seconds"]) == {"find", "align", "network", "place", "clone", "paste"}
    photo, out, raw, mask = (image.read(p).photo for p in (examples / "astronaut.png", *files.values()))
    assert 0 < (mask == 255).float().mean() < 0.1, "a mask is exact"
    for result in (out, raw):
        difference = (result.int() - photo.int()).abs().amax(0)
        outside, inside = difference[mask[0] == 0], difference[mask[0] == 255]
        assert outside.max() <= 40, "nothing but the watermark"
        assert outside.float().mean() < 3
        assert inside.float().mean() > 3 * outside.float().mean()
    assert provenance.read_mark(files["out"].read_bytes())


def test_a_result_is_checked_from_the_command_line(place, examples, tmp_path, command):
    result = tmp_path / "result.png"
    done = run("swap", examples / "astronaut.png", "--identity", "ada", "--label", "--out", result, place=place)
    assert done.returncode == 0, done.stderr
    done = run("check", result, "--json", place=place)
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert record["marked"] is True
    manifest, watermark = record["layers"]["manifest"]["details"], record["layers"]["watermark"]["details"]
    assert (manifest["identity"], manifest["basis"], manifest["program"]) == ("ada", "synthetic", f"facehub {provenance.VERSION}")
    assert manifest["revision"].startswith("sha256:")
    assert manifest["watermark"] == watermark["watermark"]
    unmarked = command("check", examples / "astronaut.png")
    assert unmarked.returncode == 3
    assert unmarked.stdout.startswith("No mark was found")
    unreadable = command("check", tmp_path / "absent.png")
    assert unreadable.returncode == 1
    assert len(unreadable.stderr.splitlines()) == 1


def test_many_photos_a_bad_one_among_them(place, examples, tmp_path):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "astronaut.png").write_bytes((examples / "astronaut.png").read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    image.write(folder / "gray.png", torch.full((3, 100, 120), 128, dtype=torch.uint8))
    done = run("swap", folder, examples / "london_012_03.jpg", "--identity", "ada", "--out", tmp_path / "results", "--json", place=place)
    assert done.returncode == 1
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["astronaut.png", "london_012_03.png"]
    records = {pathlib.Path(r["photo"]).name: r for r in map(json.loads, done.stdout.splitlines())}
    assert "not a picture" in records["broken.jpg"]["error"]
    assert "No face" in records["gray.png"]["error"]
    assert len(done.stderr.splitlines()) == 2


def test_transparency_and_names_come_back(place, examples, tmp_path):
    astronaut = image.read(examples / "astronaut.png").photo
    alpha = (torch.arange(512)[None, None] // 2).to(torch.uint8).expand(1, 512, 512)
    image.write(tmp_path / "one.png", astronaut, alpha=alpha)
    image.write(tmp_path / "one.webp", astronaut)
    out = tmp_path / "results"
    assert run("swap", tmp_path / "one.png", tmp_path / "one.webp", "--identity", place / "ada", "--out", out, place=place).returncode == 0
    assert sorted(p.name for p in out.iterdir()) == ["one.png.png", "one.webp.png"]
    assert torch.equal(image.read(out / "one.png.png").alpha, alpha)


@pytest.mark.parametrize("arguments, sentence", [
    (["swap", "{photo}", "--identity", "nobody", "--out", "{new}"], "No identity is called 'nobody': known are"),
    (["swap", "{photo}", "--identity", "ada", "--out", "{photo}"], "would be overwritten"),
    (["swap", "{photo}", "--identity", "ada", "--out", "{new}", "--raw", "{new}"], "same file"),
    (["swap", "{photo}", "{photo}", "--identity", "ada", "--out", "{new}"], "give a folder"),
    (["swap", "{photo}", "--identity", "ada", "--out", "{new}", "--faces", "7"], "Face 7 was asked for"),
    (["swap", "absent.jpg", "--identity", "ada", "--out", "{new}"], "does not exist"),
    (["swap", "{photo}", "--identity", "ada", "--out", "/absent/folder/x.png"], "does not exist"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(place, examples, tmp_path, monkeypatch, command, arguments, sentence):
    monkeypatch.setenv("FACEHUB_IDENTITIES", str(place))
    filled = [a.format(photo=examples / "astronaut.png", new=tmp_path / "new.png") for a in arguments]
    before = (examples / "astronaut.png").read_bytes()
    done = command(*filled)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (examples / "astronaut.png").read_bytes() == before


@pytest.mark.parametrize("arguments", [
    [], ["swop"], ["swap", "a.jpg"], ["swap", "a.jpg", "--identity", "ada", "--out", "b.png", "--strength", "2"],
    ["swap", "a.jpg", "--identity", "ada", "--out", "b.png", "--faces", "some"],
])  # fmt: skip
def test_wrong_use_is_told_apart(command, arguments):
    done = command(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_identities_are_listed(place):
    done = run("identities", "--json", place=place)
    assert done.returncode == 0
    assert {"name": "ada", "title": "Ada Random", "size": 32, "basis": "synthetic"}.items() <= json.loads(done.stdout.splitlines()[0]).items()
