"""Decode visitors' photos with a bound on the pixels in flight, and give the memory back.

A photo of 40 megapixels takes some 800 MB for a moment while it is decoded. Eight at a time took 6.7 GB.
"""

import contextlib
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from facehub import image
from facehub.errors import BadPhoto, FaceHubError
from facehub.image import Picture

from .freed_memory import TRIM_MEGAPIXELS, give_back_memory

NO_MEMORY = (
    "There is not enough memory on this server to open this photo now: try again later, or a smaller one."
)
TOO_MANY = "So many photos are being opened that this one would wait too long: please try again in a minute."


class Overloaded(FaceHubError):
    """There is no room for one more photo now."""


class DecodingLine:
    """A line in which photos wait to be decoded, first come, first served, for all visitors together.

    At most `megapixels` are in flight at a time; a photo that is larger goes alone. Whoever waits longer than
    `wait_seconds` is refused.
    """

    def __init__(self, megapixels: float, wait_seconds: float):
        self.megapixels, self.wait_seconds = megapixels, wait_seconds
        self._in_flight = 0.0
        self._waiting: deque[object] = deque()
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def open(self, file: Path, *, max_megapixels: float) -> Iterator[Picture]:
        """The decoded photo, which counts until the block ends. Raises BadPhoto, Overloaded."""
        size = min(megapixels_of(file, max_megapixels), max_megapixels)
        with self.hold(size):
            try:
                yield _read(file, max_megapixels)
            finally:
                if size >= TRIM_MEGAPIXELS:
                    give_back_memory()

    def read(self, file: Path, *, max_megapixels: float) -> Picture:
        """The same, which counts only while it is decoded: for work that has a line of its own."""
        with self.open(file, max_megapixels=max_megapixels) as picture:
            return picture

    @contextlib.contextmanager
    def hold(self, megapixels: float) -> Iterator[None]:
        """Wait for room and keep it until the block ends. Raises Overloaded."""
        turn, end = object(), time.monotonic() + self.wait_seconds
        with self._changed:
            self._waiting.append(turn)
            try:
                while self._waiting[0] is not turn or not self._fits(megapixels):
                    if not self._changed.wait(max(0.0, end - time.monotonic())) and time.monotonic() >= end:
                        raise Overloaded(TOO_MANY)
                self._in_flight += megapixels
            finally:
                self._waiting.remove(turn)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._in_flight -= megapixels
                self._changed.notify_all()

    def _fits(self, megapixels: float) -> bool:
        return self._in_flight <= 0 or self._in_flight + megapixels <= self.megapixels


def _read(file: Path, max_megapixels: float) -> Picture:
    try:
        return image.read(file, max_megapixels=max_megapixels)
    except MemoryError as problem:
        raise Overloaded(NO_MEMORY) from problem
    except BadPhoto as problem:
        if _lacks_memory(problem.__cause__):
            raise Overloaded(NO_MEMORY) from problem
        raise
    except RuntimeError as problem:
        if _lacks_memory(problem):
            raise Overloaded(NO_MEMORY) from problem
        raise


def _lacks_memory(problem: BaseException | None) -> bool:
    """Whether Python or torch could not allocate."""
    return isinstance(problem, MemoryError) or (
        isinstance(problem, RuntimeError) and "allocate memory" in str(problem)
    )


def megapixels_of(file: Path, otherwise: float) -> float:
    """Size by the file's header; `otherwise` where it cannot be told."""
    try:
        with Image.open(file) as opened:
            return opened.width * opened.height / 1e6
    except Exception:  # whatever is wrong with it, `image.read` has the sentence
        return otherwise
