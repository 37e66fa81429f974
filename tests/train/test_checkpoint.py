"""Checkpoints and consent records that are cut, foreign, or find no room: a sentence, and the earlier files
stay."""

import subprocess
import sys

import pytest
import torch

from facehub.errors import BadIdentity, BadSetting
from facehub.networks.generator import Generator
from train import checkpoint
from train.checkpoint import load_checkpoint, save_checkpoint
from train.loop import fit
from train.provenance import read_consent
from train.run import Run

from ..conftest import ROOT
from .tiny import CONFIG, CPU, gallery, teachers


@pytest.fixture(scope="module")
def steps():
    """A run after its fifth step, and its rows."""
    content = gallery(6)
    rows = []
    for step, run in fit(content, content.crop[:4].flip(2), teachers(), CONFIG, device=CPU):
        rows.append({"stage": run.stage, "step": step.step, "losses": step.losses, "name": step.stage})
        if len(rows) == 5:
            return run, rows
    raise AssertionError


def test_it_comes_back_as_it_was(steps, tmp_path):
    run, rows = steps
    assert load_checkpoint(tmp_path, CPU) is None
    save_checkpoint(run, rows, tmp_path)
    again, log = load_checkpoint(tmp_path, CPU)
    assert log == rows
    assert (again.stage, again.step) == (run.stage, run.step)
    assert all(
        torch.equal(a, b) for a, b in zip(again.average.parameters(), run.average.parameters(), strict=True)
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "log.jsonl"]


def test_killed_between_the_two_files_no_step_counts_twice(steps, tmp_path):
    """The log is written first; what it has beyond the checkpoint is done again."""
    run, rows = steps
    save_checkpoint(run, [*rows, {**rows[-1], "step": rows[-1]["step"] + 1}], tmp_path)
    assert load_checkpoint(tmp_path, CPU)[1] == rows


@pytest.mark.parametrize("name", ["checkpoint.pt", "log.jsonl"])
@pytest.mark.parametrize("share", [0.0, 0.3, 0.97])
def test_a_cut_file_is_a_sentence(steps, tmp_path, name, share):
    run, rows = steps
    save_checkpoint(run, rows, tmp_path)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(share * len(data))])
    if name == "log.jsonl" and not share:
        assert load_checkpoint(tmp_path, CPU)[1] == []
        return
    with pytest.raises(BadSetting, match=rf"{name} is damaged .* start again"):
        load_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize("name", ["stage", "step"])
@pytest.mark.parametrize("value", [None, [0], -1, 1.5, True, "1"])
def test_a_position_that_is_none_is_a_sentence(steps, tmp_path, name, value):
    run, rows = steps
    save_checkpoint(run, rows, tmp_path)
    torch.save(run.state() | {name: value}, tmp_path / "checkpoint.pt")
    with pytest.raises(BadSetting, match="damaged"):
        load_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize("part", [slice(5000), slice(10_000, None)], ids=["beginning", "end"])
def test_a_part_of_a_file_is_a_sentence(tmp_path, part):
    """Found by scripts/fuzz: of these torch says "invalid argument" and "list index out of range"."""
    save_checkpoint(Run(Generator(16)), [], tmp_path)
    data = (tmp_path / "checkpoint.pt").read_bytes()
    (tmp_path / "checkpoint.pt").write_bytes(data[part])
    with pytest.raises(BadSetting, match="damaged"):
        load_checkpoint(tmp_path, CPU)


@pytest.mark.parametrize("rows", ["[1]\n", '{"stage": 0}\n', '{"stage": 0, "step": 1, "losses": 5}\n', "5\n"])
def test_a_foreign_log_is_a_sentence(steps, tmp_path, rows):
    save_checkpoint(*steps, tmp_path)
    (tmp_path / "log.jsonl").write_text(rows)
    with pytest.raises(BadSetting, match="damaged"):
        load_checkpoint(tmp_path, CPU)


def test_a_full_disk_is_a_sentence_and_the_checkpoint_before_it_stays(tmp_path):
    """With files limited by the system: torch's own writer would raise a RuntimeError about file pointers."""
    code = (
        "import pathlib, resource, signal, sys\n"
        "from facehub.errors import DiskFull\n"
        "from facehub.networks.generator import Generator\n"
        "from train.checkpoint import save_checkpoint\n"
        "from train.run import Run\n"
        "folder, run = pathlib.Path(sys.argv[1]), Run(generator=Generator(32))\n"
        "save_checkpoint(run, [], folder)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "try:\n"
        "    save_checkpoint(run, [], folder)\n"
        "except DiskFull as problem:\n"
        "    print(problem)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert "There is no room for the checkpoint" in done.stdout, done.stderr[-800:]
    assert load_checkpoint(tmp_path, CPU) is not None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "log.jsonl"]


def test_another_error_of_the_disk_is_not_called_full(steps, tmp_path, monkeypatch):
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(checkpoint, "write_atomic", refuse)
    with pytest.raises(PermissionError):
        save_checkpoint(*steps, tmp_path)


@pytest.mark.parametrize(
    "consent", ["[]", "[1, 2]", "5", '"text"', "null", "[" * 100_000, '{"a":' * 100_000, "{", ""]
)
def test_a_consent_record_of_another_kind_is_a_sentence(tmp_path, consent):
    (tmp_path / "consent.json").write_text(consent)
    with pytest.raises((BadSetting, BadIdentity)) as raised:
        read_consent(tmp_path / "consent.json")
    assert len(str(raised.value)) < 600
    assert "consent" in str(raised.value)
