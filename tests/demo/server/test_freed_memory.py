"""What the C library keeps of a large photo's work goes back to the system; a small photo's is left alone."""

import subprocess
import sys
import threading

import pytest
import torch

from demo.handlers.check import Checks
from demo.server import freed_memory
from demo.server.freed_memory import FreedMemory

from ..conftest import photo_of

KEPT = """
import pathlib, threading
from demo.server.freed_memory import FreedMemory, give_back_memory
def used():
    return int(pathlib.Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
class Work: pass
def held():
    work = Work()
    work.pieces = [b"x" * 100_000 for _ in range(3000)]
    work.last = b"x" * 100_000  # keeps the heap's end in use
    return work
before, work = used(), held()
end = work.last
done = threading.Event()
import demo.server.freed_memory as module
def told(give=give_back_memory):
    give()
    done.set()
module.give_back_memory = told
FreedMemory(0.0).watch(work, 39.0)
del work
assert done.wait(20)
print(used() - before)
"""


class Holder:
    """Something that holds a photo."""


@pytest.fixture
def given(monkeypatch):
    """Set whenever memory was given back."""
    happened = threading.Event()
    monkeypatch.setattr(freed_memory, "give_back_memory", happened.set)
    return happened


def test_memory_is_given_back_when_the_last_one_lets_go(given):
    freed, one = FreedMemory(0.0), Holder()
    other = one
    freed.watch(one, 39.0)
    del one
    assert not given.wait(0.2), "it is still held"
    del other
    assert given.wait(10)


def test_a_small_photo_is_not_worth_it(given):
    freed, one = FreedMemory(0.0), Holder()
    freed.watch(one, 0.3)
    del one
    with freed.after(0.3):
        pass
    assert not given.wait(0.2)
    with pytest.raises(ValueError), freed.after(39.0):
        raise ValueError
    assert given.wait(10), "also after what failed"


def test_a_swap_gives_its_memory_back_after_its_visitor_left(handlers, upload, given, monkeypatch):
    monkeypatch.setattr(freed_memory, "TRIM_MEGAPIXELS", 0.01)
    handlers.freed.pause_s = 0.0
    handlers.swap(upload(photo_of((90, 160, 120))), "ada")
    assert given.wait(10), "a call without a session keeps nothing"


def test_a_check_gives_its_memory_back(handlers, upload, given, monkeypatch):
    monkeypatch.setattr(freed_memory, "TRIM_MEGAPIXELS", 0.01)
    handlers.freed.pause_s = 0.0
    Checks(handlers).check(upload((torch.rand(3, 300, 300) * 255).byte()))
    assert given.wait(10)


@pytest.mark.skipif(sys.platform != "linux", reason="the C library of Linux keeps what was freed")
def test_the_systems_own_number_goes_down():
    done = subprocess.run([sys.executable, "-c", KEPT], capture_output=True, text=True, timeout=120)
    assert float(done.stdout) < 100, done.stderr[-600:]
