"""A bound on the log: who sends a page a million wrong requests must not fill its disk with their refusals.

Each place in the code that logs may write `LINES_A_MINUTE`; what it says beyond that is counted, and the
count told with its next line.
"""

import logging
import threading
import time
from collections.abc import Callable

LINES_A_MINUTE = 30
"""Of one place in the code."""

OTHERS = ("uvicorn.error", "uvicorn.asgi", "asyncio")
"""Loggers with handlers of their own, or that strangers can make speak."""


class BoundedLog(logging.Filter):
    """Lets so many records of each place through in a minute. Places are lines of code, so they are few."""

    def __init__(self, lines: int = LINES_A_MINUTE, clock: Callable[[], float] = time.monotonic):
        super().__init__()
        self.lines, self.clock = lines, clock
        self._places: dict[tuple[str, int], tuple[float, int]] = {}
        """When the minute of a place began, and how many it has said in it."""
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a record is written."""
        place, now = (record.pathname, record.lineno), self.clock()
        with self._lock:
            begun, said = self._places.get(place, (now, 0))
            left_out = 0
            if now - begun >= 60:
                begun, left_out, said = now, max(0, said - self.lines), 0
            self._places[place] = begun, said + 1
        if left_out:
            record.msg = f"{record.getMessage()} ({left_out} more of its kind were left out)"
            record.args = ()
        return said < self.lines


def bound_log() -> None:
    """Put the bound on what this process logs: on its handlers, and on loggers that others set up anew."""
    bound = BoundedLog()
    for handler in {*logging.getLogger().handlers, logging.lastResort}:
        if handler is not None:
            handler.addFilter(bound)
    for name in OTHERS:
        logging.getLogger(name).addFilter(bound)
