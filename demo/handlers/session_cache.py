"""What a session's last swap computed, and what everybody's examples gave, kept in memory so that only what
changed is computed again. Never on disk."""

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from facehub.face_plan import SwappedFaces
from facehub.image import Picture
from facehub.types import Detections

MAX_CACHE_BYTES = 400_000_000
"""Estimated memory of all sessions together; the least recently used one makes room."""

MAX_RESULTS = 4
"""Swaps kept per session: other identities, faces or masks of the same photo."""

COPIES_PER_RESULT = 3
"""Estimated memory of one swap, in copies of its photo."""


@dataclass
class Work:
    """One session's photo and what was computed from it."""

    file: Path
    picture: Picture
    seconds: dict[str, float]
    """Of reading the photo, and of finding its faces."""
    detections: Detections | None = None
    preview: Path | None = None
    """The photo as the page shows it, once written."""
    results: OrderedDict[Hashable, SwappedFaces] = field(default_factory=OrderedDict)
    """The swap for each choice of identities and mask, at full strength."""

    @property
    def bytes(self) -> int:
        return self.picture.photo.nbytes * (1 + COPIES_PER_RESULT * len(self.results))

    def keep(self, choice: Hashable, result: SwappedFaces) -> None:
        """Keep a result; the oldest one makes room."""
        self.results[choice] = result
        while len(self.results) > MAX_RESULTS:
            self.results.popitem(last=False)


class ExampleCache:
    """The work on each example photo, for all visitors: computed for the first who chooses it.

    Each visitor gets a copy, because a preview lies in its session's folder. Bounded by the number of
    examples and by `MAX_RESULTS`.
    """

    def __init__(self, examples: Sequence[Path]):
        self._works: dict[str, Work | None] = {str(file): None for file in examples}

    def get(self, photo: str | None) -> Work | None:
        """Everybody's work on an example; None for any other photo, and before the first visitor."""
        return self._works.get(photo or "")

    def put(self, photo: str | None, work: Work) -> None:
        """Keep what is known of a photo, if it is an example."""
        if photo in self._works:
            self._works[photo] = replace(work, results=OrderedDict())

    def copy(self, photo: str | None, file: Path) -> Work | None:
        """The work on an example as that of a session, whose photo lies in `file`."""
        known = self.get(photo)
        return known and replace(
            known, file=file, seconds=dict(known.seconds), preview=None, results=OrderedDict()
        )


class SessionCache:
    """The work of each session, least recently used first. Bounded by `max_bytes`."""

    def __init__(self, max_bytes: int = MAX_CACHE_BYTES):
        self.max_bytes = max_bytes
        self._works: OrderedDict[str, Work] = OrderedDict()
        self._tickets: dict[str, int] = {}
        self._lock = threading.Lock()

    def get(self, session: str | None, file: Path) -> Work | None:
        """The session's work on this photo, as long as its file exists."""
        with self._lock:
            work = self._works.get(session or "")
            if work is None or work.file != file or not file.is_file():
                return None
            self._works.move_to_end(session or "")
            return work

    def put(self, session: str | None, work: Work) -> None:
        """Keep a session's work in place of its earlier one. Work without a session is not kept."""
        with self._lock:
            if session:
                self._works[session] = work
                self._works.move_to_end(session)
        self.trim()

    def trim(self) -> None:
        """Drop works whose files are gone, then the least recently used ones until the rest fits."""
        with self._lock:
            for session in [one for one, work in self._works.items() if not work.file.is_file()]:
                del self._works[session]
            while self._works and sum(work.bytes for work in self._works.values()) > self.max_bytes:
                self._works.popitem(last=False)

    def drop(self, session: str | None) -> None:
        """Forget a session."""
        with self._lock:
            self._works.pop(session or "", None)
            self._tickets.pop(session or "", None)

    def note_ticket(self, session: str | None, ticket: int) -> None:
        """Note the number of a session's new choice: it makes those with smaller numbers out of date."""
        with self._lock:
            if session:
                self._tickets[session] = max(self._tickets.get(session, 0), ticket)

    def is_current(self, session: str | None, ticket: int) -> bool:
        """Whether no newer choice came from this session. Always true for 0 and for callers without a
        session."""
        return not session or not ticket or ticket >= self._tickets.get(session, 0)
