"""Waiting for work that may hang: it can be stopped, its silence is looked into, and it ends at a deadline.

huggingface_hub waits without a time limit in some calls and sleeps between its own retries; neither can be
interrupted from outside. So the work runs in its own thread. Once given up, that thread ends at its next
heartbeat, or with the program.
"""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import Stopped

T = TypeVar("T")

Progress = Callable[[int, int], None]
"""Called with the number of bytes transferred and the total."""

POLL_S = 0.02
"""Time between two looks at `stop`."""

THREAD = "facehub work"
"""Name of the thread."""

STOPPED = "Stopped. What already arrived is kept."


class DeadlineExceeded(Exception):
    """The work did not end before the deadline."""


class Heartbeat(Generic[T]):
    """Called by the work at each step: shows that it is alive, and raises Stopped when it is to end."""

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
            raise Stopped(STOPPED)

    def run(self, work: "Callable[[Heartbeat[T]], T]") -> None:
        try:
            self.result = work(self)
        except BaseException as problem:
            self.problem = problem
        self.over.set()


def run_with_deadline(
    work: "Callable[[Heartbeat[T]], T]",
    *,
    patience_s: float,
    deadline_s: float,
    stop: threading.Event | None = None,
    on_silence: Callable[[], object] | None = None,
) -> T:
    """What `work` returns or raises.

    After each `patience_s` without a heartbeat `on_silence` is called, which raises what is wrong if it finds
    something. Raises DeadlineExceeded `deadline_s` after the start, and Stopped as soon as `stop` is set.
    """
    beat: Heartbeat[T] = Heartbeat(stop)
    begun, asked = beat.last, 0.0
    threading.Thread(target=beat.run, args=(work,), name=THREAD, daemon=True).start()
    try:
        while not beat.over.wait(POLL_S):
            if stop is not None and stop.is_set():
                raise Stopped(STOPPED)
            now = time.monotonic()
            if now - begun > deadline_s:
                raise DeadlineExceeded
            if on_silence is not None and now - max(beat.last, asked) > patience_s:
                on_silence()
                asked = time.monotonic()
    finally:
        beat.given_up = True
    if beat.problem is not None:
        raise beat.problem
    return beat.result  # pyright: ignore[reportReturnType]
