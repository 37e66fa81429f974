"""The fuzzer in small: a few inputs per target that needs no server; and it reports what must not happen."""

import contextlib
import os
import pathlib
import socket

import pytest

from facehub import image
from facehub.errors import BadPhoto
from tests.fuzz import seeds
from tests.fuzz.__main__ import judged, kept
from tests.fuzz.mutate import spoiled
from tests.fuzz.targets import TARGETS
from tests.fuzz.worker import Outcome, Watch, an_input, one

FEW = (
    {"picture": 160, "film": 14, "check": 15, "resigned": 6, "weights": 25}
    | dict.fromkeys(
        ("config", "consent", "metrics", "header", "files", "withdrawals", "card", "compressed"), 60
    )
    | dict.fromkeys(("packet", "checkpoint", "log", "consent_record", "tool_picture"), 40)
)
"""Inputs each; the first are the seeds as they are. `scripts/fuzz` feeds those that talk to a server, too."""


@pytest.fixture(scope="module")
def watch():
    return Watch()


@pytest.mark.parametrize("name", FEW)
def test_spoiled_inputs_are_taken_or_refused_in_a_sentence(name, watch, tmp_path):
    target, wholes = TARGETS[name], TARGETS[name].seeds()
    with target.open() as run:
        for number in range(FEW[name]):
            folder = tmp_path / str(number)
            folder.mkdir()
            outcome = judged(
                one(run, an_input(wholes, 5, number), folder, number, watch, tmp_path),
                target.seconds,
                target.memory_mb,
            )
            assert outcome.finding == "", number


def test_valid_pictures_and_polyglots_are_read():
    for name, data in (seeds.valid() | seeds.polyglots()).items():
        assert min(image.read(data).photo.shape[1:]) >= 64, name


def test_hostile_pictures_are_refused():
    """But for two whose picture is fine: only what stands beside it is a bomb."""
    for name, data in seeds.hostile().items():
        if name in ("text_bomb",):
            continue
        with pytest.raises(BadPhoto):
            print(name, image.read(data).photo.shape)


@pytest.mark.parametrize(("name", "low", "high"), [("wide", 64, 60_000), ("tall", 60_000, 64)])
def test_pictures_of_60000_px_are_read(name, low, high):
    assert image.read(seeds.valid()[name]).photo.shape == (3, low, high)


def test_the_same_seed_gives_the_same_inputs():
    wholes = seeds.marked()
    few = list(wholes)[:2]
    wholes = {name: wholes[name] for name in few}
    assert [an_input(wholes, 3, n) for n in range(50)] == [an_input(wholes, 3, n) for n in range(50)]
    assert [an_input(wholes, 3, n) for n in range(2, 50)] != [an_input(wholes, 4, n) for n in range(2, 50)]
    assert sum(an_input(wholes, 3, n) in wholes.values() for n in range(2, 50)) < 10, "they are spoiled"


def a_crash(data: bytes, folder: pathlib.Path) -> None:
    raise KeyError("not foreseen")


def a_riddle(data: bytes, folder: pathlib.Path) -> None:
    raise BadPhoto("no sentence")


def a_trail(data: bytes, folder: pathlib.Path) -> None:
    (folder.parent.parent / "escaped").write_bytes(data)


def a_link(data: bytes, folder: pathlib.Path) -> None:
    os.symlink("/etc", folder.parent.parent / "link")


def a_program(data: bytes, folder: pathlib.Path) -> None:
    os.system("true")


def a_call_home(data: bytes, folder: pathlib.Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as talk, contextlib.suppress(OSError):
        talk.connect(("192.0.2.1", 9))


def a_shout(data: bytes, folder: pathlib.Path) -> None:
    import sys

    print("Traceback (most recent call last): ...", file=sys.stderr)


PLANTED = [
    (a_crash, "KeyError"),
    (a_riddle, "no sentence"),
    (a_trail, "outside its folder: ['open"),
    (a_link, "outside its folder: ['os.symlink"),
    (a_program, 'outside its folder: ["os.system'),
    (a_call_home, 'outside its folder: ["socket.connect'),
    (a_shout, "Traceback"),
]


@pytest.mark.parametrize(("planted", "finding"), PLANTED, ids=lambda value: getattr(value, "__name__", ""))
def test_what_must_not_be_is_found(planted, finding, watch, tmp_path):
    home = tmp_path / "home"
    (home / "one").mkdir(parents=True)
    assert finding in one(planted, b"data", home / "one", 0, watch, home).finding


def test_what_costs_too_much_is_found(watch, tmp_path):
    held = []
    outcome = one(
        lambda data, folder: held.append(bytearray(os.urandom(1) * 80_000_000)),
        b"",
        tmp_path,
        0,
        watch,
        tmp_path,
    )
    assert outcome.memory_mb > 60
    assert "too much" in judged(outcome, 20.0, 50.0).finding
    assert judged(outcome, 20.0, 500.0).finding == ""
    assert "too much" in judged(Outcome(0, 21.0, 0.0, "", ""), 20.0, 50.0).finding


def test_findings_are_kept_with_their_input(tmp_path):
    found = kept(
        "header", [Outcome(7, 0.0, 0.0, "", "a crash"), Outcome(8, 0.0, 0.0, "Refused.", "")], 5, tmp_path
    )
    assert [outcome.number for outcome in found] == [7]
    assert (tmp_path / "header-5-7").read_bytes() == an_input(TARGETS["header"].seeds(), 5, 7)
    assert (tmp_path / "header-5-7.txt").read_text() == "a crash"


def test_the_shares_add_up():
    assert sum(target.share for target in TARGETS.values()) == 100


def test_spoiling_never_fails():
    import random

    for number in range(500):
        chance = random.Random(number)
        data = chance.choice(
            (b"", b"x", b"{}", b'{"a": [1, 2, {"b": null}]}', b"[" * 9, seeds.png_of(90, 70))
        )
        assert isinstance(spoiled(data, chance, [b"", b"abc"]), bytes)
