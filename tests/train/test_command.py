"""`python -m train`: which way, what follows from what is given, and sentences for what is missing."""

import errno
import json
import pathlib
import re

import pytest

from facehub.errors import FaceHubError
from facehub.networks.generator import Generator
from facehub.training_progress import Progress
from tests.identities import CONSENT
from train import command, short_way
from train.flags import parser, way_in
from train.pair_material import PairMaterial
from train.weights import SFACE


@pytest.fixture(autouse=True)
def quiet_place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACEHUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "consent.json").write_text(json.dumps(CONSENT))


def said(capsys) -> list[str]:
    lines = capsys.readouterr().out.splitlines()
    return [record.error for line in lines if (record := Progress.from_json(line)) and record.error]


def test_the_short_way_is_the_usual_one():
    assert way_in(["photos", "--name", "Ada", "--steps", "9"]) == "short"
    assert way_in(["photos", "--way", "paper", "--coarse-steps", "3"]) == "paper"
    short = parser("short").parse_args(["photos"])
    assert (short.until, short.content, short.steps) == ("end", [], 900)
    with pytest.raises(SystemExit):
        parser("short").parse_args(["photos", "--coarse-steps", "3"])


def test_the_folder_is_named_after_the_person_and_tom_cruise_is_the_start():
    arguments = parser("short").parse_args(["photos", "--name", "Ada Lovelace", "--consent", "c.json"])
    short_way.complete(arguments)
    assert arguments.out == pathlib.Path("ada_lovelace") and arguments.start == "tom_cruise"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ([], r"Whose face is it\? Give --name and --consent"),
        (["--name", "Ada"], "A person needs both --name and --consent"),
        (["--name", "Ada", "--consent", "gone.json"], r"gone\.json is no consent record"),
        (["--name", "Ada", "--consent", "consent.json", "--start", "nobody"], "nobody"),
    ],
)
def test_what_is_missing_is_a_sentence(more, sentence, capsys):
    assert command.main(["photos", "--progress", "json", *more]) == 1
    (told,) = said(capsys)
    assert re.search(sentence, told)


def test_under_torchrun_it_is_a_sentence(capsys, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert command.main(["photos", "--progress", "json", "--name", "Ada", "--consent", "consent.json"]) == 1
    assert "start it without torchrun" in said(capsys)[0]


def test_offline_without_sface_says_what_and_where(capsys, tmp_path):
    given = ["photos", "--progress", "json", "--name", "Ada", "--consent", "consent.json", "--offline"]
    assert command.main(given) == 1
    (told,) = said(capsys)
    assert SFACE.sha256 in told and str(tmp_path / "hub") in told and "--sface" in told


def test_offline_without_vgg19_says_what_and_where(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "torch"))
    given = ["photos", "--progress", "json", "--name", "Ada", "--consent", "consent.json", "--offline"]
    assert command.main([*given, "--sface", "given.onnx"]) == 1
    (told,) = said(capsys)
    assert "vgg19-dcbb9e9d.pth" in told and str(tmp_path / "torch" / "checkpoints") in told


def test_a_stop_says_that_the_same_command_goes_on(capsys, monkeypatch):
    def stopped(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(short_way, "run", stopped)
    given = ["photos", "--progress", "json", "--name", "Ada", "--consent", "consent.json"]
    assert command.main(given) == 1
    assert said(capsys) == [
        "Stopped. The last checkpoint is in .runs/ada: the same command goes on from there."
    ]


@pytest.mark.parametrize(
    ("problem", "sentence"),
    [
        (MemoryError(), "Out of memory"),
        (RuntimeError("CUDA out of memory"), "with --batch below 4"),
        (OSError(errno.ENOSPC, "No space left on device", "x"), "Make room or mend it"),
    ],
)
def test_what_a_machine_lacks_is_a_sentence(problem, sentence):
    assert sentence in command.error_sentence(problem, 4, pathlib.Path("runs"))
    assert command.error_sentence(RuntimeError("a bug"), 4, pathlib.Path("runs")) is None


def test_what_was_made_is_measured_or_it_is_said_why_not(monkeypatch):
    material, told = PairMaterial([], {}, [], []), []
    monkeypatch.setattr(short_way, "measure_identity", lambda *_: {"faces": 3})
    assert short_way._metrics(Generator(32), material, pathlib.Path("ada"), told.append) == {"faces": 3}

    def without_dlib(*_):
        raise FaceHubError("dlib is missing.")

    monkeypatch.setattr(short_way, "measure_identity", without_dlib)
    assert short_way._metrics(Generator(32), material, pathlib.Path("ada"), told.append) == {}
    assert told[-1].message.startswith("dlib is missing. The identity is saved unmeasured: `python -m")
