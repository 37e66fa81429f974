"""How much one visitor may ask of the page: bytes, pixels, faces, time, and how many may wait. `FACEHUB_LIMITS` changes them.

FACEHUB_LIMITS="seconds=30 waiting=100"        names and numbers as in `Limits`; what is not named stays
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass

from facehub.errors import BadSetting, FaceHubError

SPARE_BYTES = 1_000_000
"""What a request may hold besides the files in it."""


class TooLong(FaceHubError):
    """The work took longer than one request may."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Everything is counted for one request, but `waiting`, which is for all visitors together."""

    upload_mb: float = 64.0
    """Size of one file, in millions of bytes."""
    uploads_mb: float = 2000.0
    """Size of all files that are sent at once: a training takes up to 400 photos."""
    upload_seconds: float = 300.0
    """Until all of them must have arrived."""
    pause_seconds: float = 30.0
    """Between two pieces of them."""
    megapixels: float = 40.0
    faces: int = 24
    """Swapped at once in one photo."""
    waiting: int = 100
    """Requests in the queue; who comes then is told to come again."""
    seconds: float = 60.0
    """Of computing. It is looked at between two steps, so the step at hand still ends."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if not 0 < getattr(self, field.name) < 1e9:
                raise BadSetting(f"{field.name} is {getattr(self, field.name)}, but a limit must be a number above 0.")

    @classmethod
    def of(cls, words: str) -> "Limits":
        """From words like seconds=30, separated by spaces. Raises BadSetting, which names the word that is none."""
        kinds = {field.name: int if field.type in (int, "int") else float for field in dataclasses.fields(cls)}
        values = {}
        for word in words.split():
            name, _, number = word.partition("=")
            try:
                values[name] = kinds[name](number)
            except (KeyError, ValueError) as problem:
                raise BadSetting(f'FACEHUB_LIMITS holds "{word[:60]}": write name=number, with the names {", ".join(kinds)}.') from problem
        return cls(**values)

    def deadline(self) -> "Deadline":
        """Begins to count `seconds`."""
        return Deadline(self.seconds)

    def check_faces(self, count: int, which: str | int) -> None:
        """Raises BadSetting when all faces of a photo are wanted, and they are too many."""
        if which == "all" and count > self.faces:
            raise BadSetting(f"This photo shows {count} faces, but at most {self.faces} are swapped at once: choose the largest, or one.")


class Deadline:
    """When a request must end."""

    def __init__(self, seconds: float):
        self.seconds, self._end = seconds, time.monotonic() + seconds

    def check(self) -> None:
        """Raises TooLong when the time is over."""
        if time.monotonic() > self._end:
            raise TooLong(f"This took longer than the {self.seconds:g} seconds that one request may take here: use a smaller photo, or fewer faces.")

    def watch(self, progress: Callable) -> Callable:
        """The same progress bar, whose every step looks at the time first."""

        def watched(share: float, desc: str | None = None):
            self.check()
            return progress(share, desc=desc)

        return watched
