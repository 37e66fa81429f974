"""The folders of runs: keys, age, number, and one lock each."""

import os
import time

import pytest

from demo.training import run_folders
from demo.training.jobs import Jobs
from demo.training.run_folders import Busy
from facehub.errors import BadSetting

from ..conftest import CONSENT, eventually
from .conftest import reaches


def later(seconds):
    """The clock of a sweep so much later."""
    return lambda: time.monotonic() + seconds


@pytest.mark.parametrize("key", ["", "x", "A" * 22, "../../../../etc/passwd", "..", "A" * 21 + "/"])
def test_who_has_no_key_finds_nothing(jobs, ready, key):
    ready()
    for asked in (jobs.status, jobs.stop, jobs.delete, jobs.report, jobs.start):
        with pytest.raises(BadSetting, match="No training has this key"):
            asked(key)


def test_runs_that_were_left_alone_go_but_not_the_one_at_work(jobs, ready, gate):
    left, at_work, fresh = ready(), ready(), ready()
    jobs.start(at_work, "Zoë", CONSENT)
    jobs.delete_expired()
    jobs.folders.ages.clock = later(jobs.keep_seconds + 1)
    jobs.folders.write(fresh, jobs.folders.open(fresh)[1])
    jobs.delete_expired()
    assert not (jobs.root / left).exists()
    assert (jobs.root / at_work).exists()
    assert (jobs.root / fresh).exists()


def test_a_jump_of_the_clock_takes_no_run_that_this_page_saw(jobs, ready, monkeypatch):
    key = ready()
    jumped = time.time() + 7 * 86_400
    monkeypatch.setattr(time, "time", lambda: jumped)
    jobs.delete_expired()
    assert (jobs.root / key).exists()


def test_a_page_that_starts_again_deletes_what_was_left_alone_before(jobs, ready):
    left, fresh = ready(), ready()
    os.utime(jobs.root / left / "run.json", (0, 0))
    again = Jobs(jobs.root, jobs.workspace.assets, jobs.estimate, train=jobs.workspace.commands["train"])
    assert again.folders.keys() == [fresh]


def test_nobody_else_on_this_machine_can_look(jobs, ready):
    assert (jobs.root / ready()).stat().st_mode & 0o077 == 0


def test_too_many_runs_cost_the_oldest_that_was_never_started(jobs, monkeypatch):
    """49 calls used to lock training for a day."""
    monkeypatch.setattr(run_folders, "MAX_RUNS", 3)
    drafts = [jobs.create() for _ in range(3)]
    for age, key in enumerate(reversed(drafts), 1):
        os.utime(jobs.root / key / "run.json", (time.time() - age,) * 2)
    fourth = jobs.create()
    assert set(jobs.folders.keys()) == {*drafts[1:], fourth}


def test_a_run_that_was_started_stays_for_an_hour(jobs, ready, monkeypatch, gate):
    monkeypatch.setattr(run_folders, "MAX_RUNS", 2)
    started = ready()
    jobs.start(started, "Zoë", CONSENT)
    jobs.stop(started)
    assert reaches(jobs, started, "stopped")
    draft = jobs.create()
    newer = jobs.create()
    assert set(jobs.folders.keys()) == {started, newer}, "the draft went, though it is younger"
    monkeypatch.setattr(run_folders, "MAX_RUNS", 1)
    jobs.delete(newer)
    with pytest.raises(Busy, match="too many unfinished trainings"):
        jobs.create()
    jobs.folders.ages.clock = later(2 * 3600)
    assert jobs.folders.keys() == [started]
    assert jobs.folders.keys() != [jobs.create()]
    assert not (jobs.root / started).exists()
    assert not (jobs.root / draft).exists()


def test_the_run_at_work_never_goes(jobs, ready, monkeypatch, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    monkeypatch.setattr(run_folders, "MAX_RUNS", 1)
    jobs.folders.ages.clock = later(jobs.keep_seconds + 1)
    with pytest.raises(Busy, match="too many"):
        jobs.create()
    assert jobs.status(key).state == "running"


def test_two_pages_on_one_folder_train_a_run_once(jobs, ready, gate):
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    other = Jobs(jobs.root, jobs.workspace.assets, jobs.estimate, train=jobs.workspace.commands["train"])
    with pytest.raises(Busy, match="at work already"):
        other.start(key)
    assert other.status(key).state == "running"
    for asked in (other.stop, other.delete):
        with pytest.raises(Busy, match="at work"):
            asked(key)
    other.folders.ages.clock = later(jobs.keep_seconds + 1)
    other.delete_expired()
    gate.step(6)
    assert reaches(jobs, key, "done")
    assert [row["step"] for row in other.status(key).rows] == [1, 2, 3, 4, 5, 6]
    assert len({row["process"] for row in other.status(key).rows}) == 1
    other.delete(key)
    assert not (jobs.root / key).exists()


def test_a_training_that_outlives_its_page_still_holds_its_run(jobs, ready, gate):
    """The lock is the process's too: a page that was killed and started again does not train beside it."""
    key = ready()
    jobs.start(key, "Zoë", CONSENT)
    training = jobs._training
    os.close(training.lock)  # as the system does for a page that is killed
    training.lock = os.dup(0)
    again = Jobs(jobs.root, jobs.workspace.assets, jobs.estimate, train=jobs.workspace.commands["train"])
    with pytest.raises(Busy, match="at work already"):
        again.start(key)
    training.process.kill()
    assert eventually(lambda: not jobs.busy())
    again.start(key)
    gate.step(6)
    assert reaches(again, key, "done")
