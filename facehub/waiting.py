"""Waiting for work that may hang: it can be stopped, it is wondered about when it is silent, and it ends at a deadline.

huggingface_hub waits without a time limit in some calls and sleeps between its own retries; neither can be interrupted from outside. So the work
runs in a thread of its own. Given up, that thread ends at its next sign of life, or with the program.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import Stopped

T = TypeVar("T")

LOOK_EVERY_S = 0.02
"""How soon a wish to stop is seen."""


THREAD = "facehub work"

SENTENCE = "Stopped. What already arrived is kept."


class Silent(Exception):
    """The work gave no sign of life until the deadline."""


class Beat(Generic[T]):
    """Handed to the work, which calls it at each step: a sign of life, and where a wish to stop is met."""

    def __init__(self, stop: threading.Event | None = None):
        self.stop = stop
        self.last = time.monotonic()
        self.over = threading.Event()
        self.result: T | None = None
        self.problem: BaseException | None = None
        self.given_up = False

    def __call__(self) -> None:
        self.last = time.monotonic()
        if self.given_up or (self.stop is not None and self.stop.is_set()):
            raise Stopped(SENTENCE)

    def run(self, work: "Callable[[Beat[T]], T]") -> None:
        try:
            self.result = work(self)
        except BaseException as problem:
            self.problem = problem
        self.over.set()


def patiently(
    work: "Callable[[Beat[T]], T]",
    *,
    patience_s: float,
    deadline_s: float,
    stop: threading.Event | None = None,
    ask: Callable[[], object] | None = None,
) -> T:
    """What `work` returns or raises.

    After `patience_s` without a sign of life `ask` is called, once a silence: it raises what is wrong, if it finds something. Raises Silent
    `deadline_s` after the start, and Stopped as soon as `stop` is set.
    """
    beat: Beat[T] = Beat(stop)
    begun, asked = beat.last, 0.0
    threading.Thread(target=beat.run, args=(work,), name=THREAD, daemon=True).start()
    try:
        while not beat.over.wait(LOOK_EVERY_S):
            if stop is not None and stop.is_set():
                raise Stopped(SENTENCE)
            now = time.monotonic()
            if now - begun > deadline_s:
                raise Silent
            if ask is not None and now - max(beat.last, asked) > patience_s:
                ask()
                asked = time.monotonic()
    finally:
        beat.given_up = True
    if beat.problem is not None:
        raise beat.problem
    return beat.result  # pyright: ignore[reportReturnType]
