"""The command line as people and scripts meet it: once as a process, then in this one, which is
much faster."""

import json
import os
import pathlib
import subprocess
import sys

import pytest
import torch

from demo.settings import label_setting
from facehub import image
from facehub.__main__ import COMMANDS, parser
from facehub.checker import check
from facehub.marks.origin import VERSION
from tests.identities import make

ROOT = pathlib.Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("identities")
    make(folder / "ada", size=32)
    return folder


@pytest.fixture
def run(command, place, monkeypatch):
    """The command, which knows the identity ada."""
    monkeypatch.setenv("FACEHUB_IDENTITIES", str(place))
    return command


def process(*arguments, place) -> subprocess.CompletedProcess:
    environment = os.environ | {"FACEHUB_IDENTITIES": str(place), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "facehub", *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def test_swap_of_one_photo(place, examples, tmp_path):
    """The result, the raw output and the mask, told as JSON; what the mask leaves out is the input's."""
    files = {name: tmp_path / f"{name}.png" for name in ("out", "raw", "mask")}
    done = process("swap", examples / "astronaut.png", "--identity", "ada", "--faces", "largest",
                   "--json", "--no-label", *(f"--{name}={file}" for name, file in files.items()),
                   place=place)  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["outputs"] == {name: str(file) for name, file in files.items()}
    assert record["identity"] == "ada"
    assert len(record["faces"]) == 1
    assert len(record["faces"][0]["landmarks"]) == 68
    assert record["residual"] < 1 / 255
    assert set(record["seconds"]) == {"find", "align", "network", "place", "clone", "detail", "paste"}
    photo, out, raw, mask = (image.read(p).photo for p in (examples / "astronaut.png", *files.values()))
    assert 0 < (mask == 255).float().mean() < 0.1, "a mask is exact"
    for result in (out, raw):
        difference = (result.int() - photo.int()).abs().amax(0)
        outside, inside = difference[mask[0] == 0], difference[mask[0] == 255]
        assert outside.max() <= 40, "nothing but the watermark"
        assert outside.float().mean() < 3
        assert inside.float().mean() > 3 * outside.float().mean()
    assert image.read_statement(files["out"].read_bytes())


def test_a_result_is_checked_from_the_command_line(examples, tmp_path, run):
    result = tmp_path / "result.png"
    done = run("swap", examples / "astronaut.png", "--identity", "ada", "--label", "--out", result)
    assert done.returncode == 0, done.stderr
    done = run("check", result, "--json")
    assert done.returncode == 0
    record = json.loads(done.stdout)
    assert record["marked"] is True
    manifest, watermark = record["layers"]["manifest"]["details"], record["layers"]["watermark"]["details"]
    assert (manifest["identity"], manifest["basis"], manifest["program"]) == (
        "ada",
        "synthetic",
        f"facehub {VERSION}",
    )
    assert manifest["revision"].startswith("sha256:")
    assert manifest["watermark"] == watermark["watermark"]
    unmarked = run("check", examples / "astronaut.png")
    assert unmarked.returncode == 3
    assert unmarked.stdout.startswith("No mark was found")
    unreadable = run("check", tmp_path / "absent.png")
    assert unreadable.returncode == 1
    assert len(unreadable.stderr.splitlines()) == 1


def test_many_photos_a_bad_one_among_them(examples, tmp_path, run):
    folder = tmp_path / "photos"
    folder.mkdir()
    (folder / "astronaut.png").write_bytes((examples / "astronaut.png").read_bytes())
    (folder / "broken.jpg").write_bytes(b"no picture")
    image.write(folder / "gray.png", torch.full((3, 100, 120), 128, dtype=torch.uint8))
    done = run(
        "swap",
        folder,
        examples / "london_012_03.jpg",
        "--identity",
        "ada",
        "--out",
        tmp_path / "results",
        "--json",
    )
    assert done.returncode == 1
    assert sorted(p.name for p in (tmp_path / "results").iterdir()) == ["astronaut.png", "london_012_03.png"]
    records = {pathlib.Path(r["photo"]).name: r for r in map(json.loads, done.stdout.splitlines())}
    assert "not a picture" in records["broken.jpg"]["error"]
    assert "No face" in records["gray.png"]["error"]
    assert len(done.stderr.splitlines()) == 2


def test_transparency_and_names_come_back(place, examples, tmp_path, run):
    astronaut = image.read(examples / "astronaut.png").photo
    alpha = (torch.arange(512)[None, None] // 2).to(torch.uint8).expand(1, 512, 512)
    image.write(tmp_path / "one.png", astronaut, alpha=alpha)
    image.write(tmp_path / "one.webp", astronaut)
    out = tmp_path / "results"
    assert (
        run(
            "swap",
            tmp_path / "one.png",
            tmp_path / "one.webp",
            "--no-label",
            "--identity",
            place / "ada",
            "--out",
            out,
        ).returncode
        == 0
    )
    assert sorted(p.name for p in out.iterdir()) == ["one.png.png", "one.webp.png"]
    assert torch.equal(image.read(out / "one.png.png").alpha, alpha)


@pytest.mark.parametrize("arguments, sentence", [
    (["swap", "{photo}", "--identity", "nobody", "--out", "{new}"],
     "No identity is called 'nobody': known are"),
    (["swap", "{photo}", "--identity", "ada", "--out", "{photo}"], "would be overwritten"),
    (["swap", "{photo}", "--identity", "ada", "--out", "{new}", "--raw", "{new}"], "same file"),
    (["swap", "{photo}", "{photo}", "--identity", "ada", "--out", "{new}"], "give a folder"),
    (["swap", "{photo}", "--identity", "ada", "--out", "{new}", "--faces", "7"], "Face 7 was asked for"),
    (["swap", "absent.jpg", "--identity", "ada", "--out", "{new}"], "does not exist"),
    (["swap", "{photo}", "--identity", "ada", "--out", "/absent/folder/x.png"], "does not exist"),
])  # fmt: skip
def test_what_cannot_be_done_is_one_sentence(examples, tmp_path, run, arguments, sentence):
    filled = [a.format(photo=examples / "astronaut.png", new=tmp_path / "new.png") for a in arguments]
    before = (examples / "astronaut.png").read_bytes()
    done = run(*filled)
    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert (examples / "astronaut.png").read_bytes() == before


@pytest.mark.parametrize("arguments", [
    [], ["swop"], ["swap", "a.jpg"],
    ["swap", "a.jpg", "--identity", "ada", "--out", "b.png", "--strength", "2"],
    ["swap", "a.jpg", "--identity", "ada", "--out", "b.png", "--faces", "some"],
    ["swap", "a.jpg", "--out", "b.png"],
    ["swap", "a.jpg", "--out", "b.png", "--identity", "ada", "--faces", "0=ada"],
    ["swap", "a.jpg", "--out", "b.png", "--faces", "0=ada,0=bea"],
    ["swap", "a.jpg", "--out", "b.png", "--faces", "0="],
])  # fmt: skip
def test_wrong_use_is_told_apart(command, arguments):
    done = command(*arguments)
    assert done.returncode == 2
    assert "usage:" in done.stderr


def test_each_face_gets_its_own_identity(place, examples, tmp_path, run):
    """Two people side by side; the record, the manifest and the pixels name both identities."""
    make(place / "bea", size=16, title="Bea")
    left, right = (image.read(examples / name).photo for name in ("astronaut.png", "london_012_03.jpg"))
    image.write(tmp_path / "two.png", torch.cat([left, right[:, :512, 100:612]], 2), generated=False)
    out = tmp_path / "out.png"
    done = run("swap", tmp_path / "two.png", "--faces", "0=ada,1=bea", "--out", out, "--json")
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert record["identity"] == "0=ada,1=bea"
    assert [face["number"] for face in record["faces"]] == [0, 1]
    details = check(out).record()["layers"]["manifest"]["details"]
    assert (details["identity"], details["basis"]) == ("ada, bea", "synthetic")
    changed = (image.read(out).photo.int() - image.read(tmp_path / "two.png").photo.int()).abs().amax(0) > 40
    for face in record["faces"]:
        x0, y0, x1, y1 = map(round, face["box"])
        assert changed[y0:y1, x0:x1].float().mean() > 0.05
    done = run("swap", tmp_path / "two.png", "--faces", "0=ada,2=bea", "--out", out)
    assert done.returncode == 1
    assert "the photo shows 2 faces: choose from 0 (the largest) to 1." in done.stderr


def test_the_label_is_on_as_on_the_page(monkeypatch):
    """Page and command line share the default and the operator's setting."""

    def label(command: str, *more: str) -> bool:
        return parser().parse_args([command, "a", "--identity", "b", "--out", "c", *more]).label

    for command in ("swap", "sheet", "video"):
        monkeypatch.delenv("FACEHUB_LABEL", raising=False)
        assert label(command) is True is label_setting("on")["marks"].label
        assert label(command, "--no-label") is False
        monkeypatch.setenv("FACEHUB_LABEL", "off")
        assert label(command) is False is label_setting("off")["marks"].label
        assert label(command, "--label") is True


def test_the_version_and_all_commands_are_listed(command):
    assert command("--version").stdout == f"facehub {VERSION}\n"
    help_text = command("--help").stdout
    assert all(f"\n    {name} " in help_text for name in [*COMMANDS, "train", "train-many"])


def test_training_is_run_with_its_own_flags(command):
    done = command("train", "--help")
    assert done.returncode == 0
    assert "--content" in done.stdout
    assert sys.argv[1:2] != ["--help"]
    done = command("train")
    assert done.returncode == 2
    assert "required" in done.stderr


def test_without_training_the_sentence_says_so(command, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = command("train", "photos")
    assert done.returncode == 1
    assert "install facehub[train]" in done.stderr


def test_identities_are_listed(run):
    done = run("identities", "--json")
    assert done.returncode == 0
    assert {"name": "ada", "title": "Ada Random", "size": 32, "basis": "synthetic"}.items() <= json.loads(
        done.stdout.splitlines()[0]
    ).items()
