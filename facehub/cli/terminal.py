"""Progress on a terminal: one line that is overwritten by the next and erased at the end."""

import shutil
import sys

from ..text import one_line

ERASE = "\r\033[K"
"""Back to the start of the line, and everything right of it erased."""

MAX_SENTENCE = 2000
"""Longest message that is printed, in characters. It may quote what a stranger wrote."""


class ProgressLine:
    """A line on stderr for people who wait. Nothing is written when stderr is not a terminal.

    As a context it erases its last text at the end, so that only results and errors stay on the screen.
    """

    def __init__(self):
        self._stream = sys.stderr
        self._on = self._stream.isatty()
        self._shown = False

    def __enter__(self) -> "ProgressLine":
        return self

    def __exit__(self, *_: object) -> None:
        self.erase()

    def show(self, text: str) -> None:
        """Replace the line, cut to the terminal's width."""
        if self._on:
            width = shutil.get_terminal_size().columns - 1
            self._stream.write(ERASE + text[: max(width, 1)])
            self._stream.flush()
            self._shown = True

    def erase(self) -> None:
        """Leave an empty line. Call before anything else is printed."""
        if self._shown:
            self._stream.write(ERASE)
            self._stream.flush()
            self._shown = False


def print_problem(problem: Exception) -> None:
    """Print an error's sentence to stderr, as one line without control codes."""
    print(one_line(str(problem), MAX_SENTENCE), file=sys.stderr)


def clock(seconds: float) -> str:
    """A duration as a clock shows it: 0:42, 12:05, 1:03:20."""
    whole = round(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
