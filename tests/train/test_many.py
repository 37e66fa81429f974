"""Several trainings of one file: what the file may say, what comes of each, and a cluster of two workers."""

import json
import os
import pathlib
import sys

import pytest

from facehub.errors import BadSetting
from tests.facehub.conftest import two_cores  # noqa: F401
from train import many

FILE = """
steps = 9
content = ["lfw", "hub:ada/faces"]
offline = true

[[identity]]
photos = "photos/ada"
name = "Ada Lovelace"
consent = "ada.json"

[[identity]]
photos = "photos/ben"
start = "tom_cruise"
out = "ben"
steps = 5
"""


def written(tmp_path: pathlib.Path, text: str) -> pathlib.Path:
    file = tmp_path / "many.toml"
    file.write_text(text)
    return file


def test_each_has_its_flags_and_those_of_all(tmp_path):
    ada, ben = many.read(written(tmp_path, FILE))
    assert (ada.name, ben.name) == ("ada_lovelace", "ben")
    for_all = ["--content", "lfw", "--content", "hub:ada/faces", "--offline"]
    assert list(ada.arguments) == [
        "photos/ada", "--steps", "9", *for_all, "--name", "Ada Lovelace", "--consent", "ada.json",
    ]  # fmt: skip
    assert list(ben.arguments) == [
        "photos/ben", "--steps", "5", *for_all, "--start", "tom_cruise", "--out", "ben",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps = ", "cannot be read as TOML"),
        ("steps = 9", "lists no identity"),
        ("identity = 3", "lists no identity"),
        ('[[identity]]\nname = "Ada"', "identity 1 of .* names no photos"),
        ('[[identity]]\nphotos = "a"\nstep_count = 3', "unrecognized arguments: --step-count 3"),
        ('[[identity]]\nphotos = "a"\nsteps = "many"', "invalid int value"),
        ('[[identity]]\nphotos = "a"\nsteps = {a = 1}', "gives steps as a dict"),
        ('[[identity]]\nphotos = "a"\nhelp = true', "is no training"),
        ('[[identity]]\nphotos = "a"\nout = "x"\n[[identity]]\nphotos = "b"\nout = "x"', 'lists "x" twice'),
    ],
)
def test_a_file_that_is_none_is_a_sentence(tmp_path, text, sentence, capsys):
    with pytest.raises(BadSetting, match=sentence):
        many.read(written(tmp_path, text))
    assert many.main([str(tmp_path / "many.toml")]) == 1
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_file_that_is_gone_is_a_sentence(tmp_path, capsys):
    assert many.main([str(tmp_path / "gone.toml")]) == 1
    assert "cannot be read" in capsys.readouterr().err


STAND_IN = """
import json, os, pathlib, signal, sys
photos, out = sys.argv[4], sys.argv[sys.argv.index("--out") + 1]
if photos == "silent":
    sys.exit("Segmentation fault")
if photos == "bad":
    print(json.dumps({"error": "Only 3 photos can be used."}))
    sys.exit(1)
print("a library speaks")
pathlib.Path(out).write_text(" ".join(sys.argv[4:]))
"""


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """`python -m train` is a program of milliseconds, in the folder where the command runs."""
    program = tmp_path / "stand_in.py"
    program.write_text(STAND_IN)
    run = many.subprocess.run

    def instead(command, **options):
        assert command[:3] == [sys.executable, "-m", "train"]
        return run([sys.executable, str(program), *command[2:]], **options)

    monkeypatch.setattr(many.subprocess, "run", instead)
    monkeypatch.chdir(tmp_path)


def test_one_that_fails_stops_no_other(tmp_path, stand_in, capsys):
    names = ("ada", "bad", "silent", "ben")
    text = "\n".join(f'[[identity]]\nphotos = "{name}"\nstart = "ada"\nout = "{name}.txt"' for name in names)
    assert many.main([str(written(tmp_path, text))]) == 1
    told = capsys.readouterr()
    assert told.out.splitlines() == [
        "4 identities: ada.txt, bad.txt, silent.txt, ben.txt.",
        "ada.txt: saved.",
        "ben.txt: saved.",
    ]
    bad, silent = told.err.splitlines()
    assert bad == "bad.txt: Only 3 photos can be used."
    assert silent.startswith("silent.txt: The training ended without a sentence") and "Segmentation" in silent
    assert (tmp_path / "ben.txt").read_text() == "ben --start ada --out ben.txt"


def die_once(arguments, folder, threads=None):
    """A training whose machine is lost the first time."""
    mark = pathlib.Path(folder, arguments[0])
    if not mark.exists():
        mark.write_text("lost")
        os.kill(os.getpid(), 9)
    return "" if arguments[0] != "bad" else json.dumps(threads)


@pytest.mark.slow
def test_on_a_cluster_a_lost_machine_costs_no_training(two_cores, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(many, "train_one", die_once)
    monkeypatch.chdir(tmp_path)
    trainings = [many.Training(name, (name,)) for name in ("ada", "bad")]
    ended = {one.name: error for one, error in many.on_cluster("auto", trainings, cores=1)}
    assert ended == {"ada": "", "bad": "1"}
    with pytest.raises(BadSetting, match="No machine of the cluster has 3 cores: use --cores 2"):
        list(many.on_cluster("auto", trainings, cores=3))
