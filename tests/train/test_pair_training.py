"""A whole run on pairs: its log, its preview, a stop, and checkpoints that are damaged or not its own."""

import dataclasses
import itertools

import pytest

from facehub import image
from facehub.errors import BadSetting
from facehub.networks.generator import Generator
from facehub.training_progress import Stage
from tests.train.data.test_pairs import face
from tests.train.test_pair_loop import CONFIG, run, source, teachers  # noqa: F401 -- a fixture
from tests.train.tiny import CPU
from train import pair_training
from train.checkpoint import save_checkpoint
from train.pair_training import HeldOut, train_pairs
from train.run import Run
from train.until_good import Check

LONGER = dataclasses.replace(CONFIG, steps=4)


@pytest.fixture
def shown() -> HeldOut:
    return HeldOut.of([face(3, width_px=200.0), face(4, width_px=200.0)], 128)


class Told(list):
    """Keeps what is reported; stops the run like Ctrl-C after some steps."""

    def __init__(self, stop_after: int = 99):
        self.stop_after = stop_after

    def __call__(self, record):
        self.append(record)
        if record.stage is Stage.PAIRS and record.step == self.stop_after:
            raise KeyboardInterrupt


def trained(source, shown, folder, told, **more):  # noqa: F811
    folder.mkdir(exist_ok=True)
    return train_pairs(run(LONGER), source, teachers(), shown, folder, told, **more)


def test_each_step_is_told_and_a_preview_shows_faces_before_and_after(source, shown, tmp_path):  # noqa: F811
    told = Told()
    rows = trained(source, shown, tmp_path, told)
    steps = [record for record in told if record.stage is Stage.PAIRS]
    assert [record.step for record in steps] == [1, 2, 3, 4] and steps[0].steps == 4
    assert steps[0].seconds_left > 0 and steps[-1].seconds_left == 0
    assert {"total", "pixels"} <= steps[0].losses.keys()
    assert [row["step"] for row in rows] == [1, 2, 3, 4] and rows[0]["name"] == "pairs"
    preview = image.read(tmp_path / "preview.png").photo
    assert preview.shape == (3, 256, 256)
    before, after = preview[:, :128].float(), preview[:, 128:].float()
    assert (before[:, :20] - after[:, :20]).abs().mean() < 4  # the marks alone
    assert (before - after).abs().amax() > 20


def test_the_first_preview_comes_early_and_then_one_a_minute(source, shown, tmp_path, monkeypatch):  # noqa: F811
    made, clock = [], itertools.count(0.0, 25.0)
    monkeypatch.setattr(pair_training, "save_checkpoint", lambda run, *_: made.append(run.step))
    trained(source, shown, tmp_path, Told(), now=lambda: next(clock))
    assert made == [2, 4]


def test_a_stopped_run_goes_on(source, shown, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.setattr(pair_training, "FIRST_PREVIEW_S", 0.0)
    monkeypatch.setattr(pair_training, "PREVIEW_EVERY_S", 0.0)
    whole = trained(source, shown, tmp_path / "whole", Told())
    with pytest.raises(KeyboardInterrupt):
        trained(source, shown, tmp_path / "stopped", Told(stop_after=3))
    told = Told()
    again = trained(source, shown, tmp_path / "stopped", told)
    assert told[0].message == "Goes on after step 2."
    assert [row["step"] for row in again] == [1, 2, 3, 4]
    for row, expected in zip(again, whole, strict=True):
        assert row["losses"] == pytest.approx(expected["losses"], rel=1e-2, abs=1e-3)


def test_a_damaged_checkpoint_is_a_sentence(source, shown, tmp_path):  # noqa: F811
    (tmp_path / "checkpoint.pt").write_bytes(b"cut")
    with pytest.raises(BadSetting, match=r"checkpoint\.pt is damaged or of another version: delete"):
        trained(source, shown, tmp_path, Told())


@pytest.mark.parametrize("other", ["the paper's way", "another size"])
def test_a_checkpoint_of_something_else_is_a_sentence(other, source, shown, tmp_path):  # noqa: F811
    if other == "another size":
        state = run(dataclasses.replace(LONGER, size=128, times=2), base=64)
    else:
        state = Run(Generator(32).to(CPU))
    save_checkpoint(state, [], tmp_path)
    with pytest.raises(BadSetting, match="damaged or of another version"):
        trained(source, shown, tmp_path, Told())


def test_losses_that_are_no_numbers_are_a_sentence(source, shown, tmp_path):  # noqa: F811
    broken = dataclasses.replace(LONGER, base_rate=float("nan"))
    with pytest.raises(BadSetting, match="no longer numbers"):
        train_pairs(run(broken), source, teachers(), shown, tmp_path, Told())


def test_until_good_ends_when_the_held_out_faces_are_flat(source, shown, tmp_path, monkeypatch):  # noqa: F811
    """Flat at step 2 of 9: the rates then fall for as long as they do in a whole run."""
    monkeypatch.setattr(pair_training, "CHECK_EVERY", 1)
    monkeypatch.setattr("train.until_good.LEAST_STEPS", 2)
    monkeypatch.setattr("train.until_good.FLAT_CHECKS", 1)
    monkeypatch.setattr(pair_training, "check", lambda run, *_: Check(run.step, 0.7, 0.05, 0.8))
    told, longer = Told(), run(dataclasses.replace(LONGER, steps=9, decay_from=0.5))
    rows = train_pairs(longer, source, teachers(), shown, tmp_path, told, until_good=True)
    assert len(rows) == 4 and longer.config.steps == 4
    assert "stopped getting better" in " ".join(record.message for record in told)
    assert (tmp_path / "preview.png").exists()


def test_a_check_measures_the_held_out_faces(shown):
    found = pair_training.check(run(LONGER), teachers(), shown)
    assert -1 <= found.likeness <= 1 and found.moved >= 0 and found.sharpness > 0


def test_faces_that_nothing_changes_are_as_sharp_and_have_not_moved(shown, monkeypatch):
    monkeypatch.setattr(HeldOut, "swapped", lambda self, generator: self.crop)
    found = pair_training.check(run(LONGER), teachers(), shown)
    assert found.moved == pytest.approx(0, abs=1e-4) and found.sharpness == pytest.approx(1)
