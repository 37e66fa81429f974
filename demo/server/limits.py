"""How much one visitor may ask of the page: bytes, pixels, faces, time, and how many may wait.
`FACEHUB_LIMITS` changes them.

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
    """Everything is counted for one request, but `waiting` and `decoding_megapixels`, which are for all
    visitors together."""

    upload_mb: float = 64.0
    """Size of one file, in millions of bytes."""
    uploads_mb: float = 2000.0
    """Size of all files that are sent at once: a training takes up to 400 photos."""
    mcp_mb: float = 16.0
    """Size of a picture within a call of an MCP tool, which is held in memory; larger ones are uploaded."""
    upload_seconds: float = 300.0
    """Until all of them must have arrived."""
    pause_seconds: float = 30.0
    """Between two pieces of them."""
    megapixels: float = 40.0
    decoding_megapixels: float = 80.0
    """Decoded at a time, for all visitors together: some 20 MB of memory each."""
    faces: int = 24
    """Swapped at once in one photo."""
    waiting: int = 100
    """Requests in the queue; further ones are refused (HTTP 503)."""
    seconds: float = 60.0
    """Computing time, checked between two steps, so a step is never interrupted."""

    def __post_init__(self):
        for field in dataclasses.fields(self):
            if not 0 < getattr(self, field.name) < 1e9:
                raise BadSetting(
                    f"{field.name} is {getattr(self, field.name)}, but a limit must be a number above 0."
                )

    @classmethod
    def parse(cls, words: str) -> "Limits":
        """Parse words like seconds=30, separated by spaces. Raises BadSetting, which names the wrong word."""
        kinds = {
            field.name: int if field.type in (int, "int") else float for field in dataclasses.fields(cls)
        }
        values = {}
        for word in words.split():
            name, _, number = word.partition("=")
            try:
                values[name] = kinds[name](number)
            except (KeyError, ValueError) as problem:
                raise BadSetting(
                    f'FACEHUB_LIMITS holds "{word[:60]}": write name=number, with the names '
                    f"{', '.join(kinds)}."
                ) from problem
        return cls(**values)

    def deadline(self) -> "Deadline":
        """Start a deadline of `seconds`."""
        return Deadline(self.seconds)

    def check_faces(self, count: int, which: str | int) -> None:
        """Raises BadSetting when all faces of a photo are wanted, and they are too many."""
        if which == "all" and count > self.faces:
            raise BadSetting(
                f"This photo shows {count} faces, but at most {self.faces} are swapped at once: choose the "
                "largest, or one."
            )


class Deadline:
    """When a request must end."""

    def __init__(self, seconds: float):
        self.seconds, self._end = seconds, time.monotonic() + seconds

    def check(self) -> None:
        """Raises TooLong when the time is over."""
        if time.monotonic() > self._end:
            raise TooLong(
                f"This took longer than the {self.seconds:g} seconds that one request may take here: use a "
                "smaller photo, or fewer faces."
            )

    def watch(self, progress: Callable) -> Callable:
        """Wrap a progress bar so that each of its steps checks the deadline first."""

        def watched(share: float, desc: str | None = None):
            self.check()
            return progress(share, desc=desc)

        return watched
