"""Waiting: for a result or an error, with a wish to stop, a wonder and a deadline."""

import threading

import pytest

from facehub.errors import Stopped
from facehub.hub.watchdog import DeadlineExceeded, run_with_deadline

LONG = {"patience_s": 60.0, "deadline_s": 60.0}


def test_a_result_and_an_error_come_through():
    assert run_with_deadline(lambda beat: 7, **LONG) == 7
    with pytest.raises(ZeroDivisionError):
        run_with_deadline(lambda beat: 1 // 0, **LONG)


def test_a_wish_to_stop_ends_the_waiting_and_the_work():
    stop, gate, ended = threading.Event(), threading.Event(), threading.Event()

    def work(beat):
        stop.set()
        gate.wait(10)
        try:
            beat()
        finally:
            ended.set()

    with pytest.raises(Stopped):
        run_with_deadline(work, **LONG, stop=stop)
    gate.set()
    assert ended.wait(10)


def test_a_step_sees_the_wish_at_once():
    stop = threading.Event()

    def work(beat):
        stop.set()
        beat()
        pytest.fail("went on")

    with pytest.raises(Stopped):
        run_with_deadline(work, **LONG, stop=stop)


def test_the_deadline():
    gate = threading.Event()
    with pytest.raises(DeadlineExceeded):
        run_with_deadline(lambda beat: gate.wait(10), patience_s=60.0, deadline_s=0.05)
    gate.set()


def test_silence_makes_wonder_until_something_is_wrong():
    gate, wondered = threading.Event(), []

    def wonder():
        wondered.append(1)
        if len(wondered) == 3:
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        run_with_deadline(lambda beat: gate.wait(10), patience_s=0.03, deadline_s=60.0, on_silence=wonder)
    gate.set()
    assert len(wondered) == 3
