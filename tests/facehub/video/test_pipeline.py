"""Threads that make things ahead, or side by side."""

import threading

import pytest
import torch

from facehub.video.pipeline import ordered, prefetch


def test_things_made_ahead_keep_their_order_and_their_errors():
    def numbers(end: int):
        try:
            yield from range(end)
            if end == 5:
                raise KeyError("five")
        finally:
            closed.set()

    closed = threading.Event()
    assert list(prefetch(numbers(100), 3)) == list(range(100))
    with pytest.raises(KeyError):
        list(prefetch(numbers(5), 2))
    closed.clear()
    line = prefetch(numbers(10**9), 2)
    assert next(line) == 0
    line.close()
    assert closed.is_set(), "closing it ends the thread"


def test_what_is_done_side_by_side_keeps_its_order_and_its_errors():
    first, second = threading.Event(), threading.Event()

    def work(number: int) -> int:
        if number == 0:  # ends only when the second has begun, and after it
            assert first.wait(20)
        if number == 1:
            first.set()
            second.set()
        if number == 7:
            raise KeyError("seven")
        return number

    assert list(ordered(work, range(6), 2)) == list(range(6))
    assert second.is_set()
    with pytest.raises(KeyError):
        list(ordered(work, range(6, 10), 2))


def test_a_films_threads_use_one_core_each_and_others_all_theirs():
    usual = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        seen = list(ordered(lambda _: torch.get_num_threads(), range(4), 2))
        later = []
        thread = threading.Thread(target=lambda: later.append(torch.get_num_threads()))
        thread.start()
        thread.join()
        assert (seen, later, torch.get_num_threads()) == ([1] * 4, [3], 3)
    finally:
        torch.set_num_threads(usual)
