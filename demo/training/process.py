"""A process of training at work: how far it is, how fast it goes, and what it prints."""

import os
import re
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from facehub.training_progress import Progress

from .eta import Position, TimeEstimate

MAX_LINE_BYTES = 100_000
"""Longest line that is kept whole; the rest of a longer one is cut into pieces."""

LINE_END = re.compile(rb"[\r\n]")


@dataclass(slots=True, eq=False)
class Training:
    """A process at work on a run."""

    key: str
    process: subprocess.Popen
    lock: int
    """File that holds the run (run_folders.py); closed when all is tidied up."""
    position: Position = field(default_factory=Position)
    stage_began: tuple[float, Position] | None = None
    """Time and position of the first record in this stage."""
    pace: float | None = None
    """Its time relative to what was measured, once that is known."""
    asked: bool = False
    """Whether it was asked to stop."""
    error: str = ""
    """The sentence with which it gave up."""
    output: deque[str] = field(default_factory=lambda: deque(maxlen=60))
    """Its last lines that are no records, for the log."""
    follower: threading.Thread | None = None
    """Ends when all is tidied up behind the process."""

    def take(self, line: str, estimate: TimeEstimate) -> None:
        """Take in one line of its output."""
        record = Progress.from_json(line)
        if record is None:
            self.output.append(line)
            return
        self.error = record.error or self.error
        if position := Position.from_progress(record):
            self.advance(position, estimate)

    def advance(self, position: Position, estimate: TimeEstimate) -> None:
        """Record the position and update the pace."""
        now = time.monotonic()
        if self.stage_began is None or self.stage_began[1].stage is not position.stage:
            self.stage_began = (now, position)
        began, first = self.stage_began
        self.pace = estimate.pace(first, position, now - began) or self.pace
        self.position = position


def read_lines(process: subprocess.Popen) -> Iterator[str]:
    """Yield what a process prints, line by line, as soon as it is there. An overwritten line counts each
    time."""
    output: IO[bytes] = process.stdout  # pyright: ignore[reportAssignmentType] -- it has a pipe
    rest = b""
    with output:
        while chunk := os.read(output.fileno(), 4096):
            *whole, rest = LINE_END.split(rest + chunk)
            if len(rest) > MAX_LINE_BYTES:
                whole, rest = [*whole, rest], b""
            yield from (line for line in (part.decode(errors="replace").strip() for part in whole) if line)
    if last := rest.decode(errors="replace").strip():
        yield last
