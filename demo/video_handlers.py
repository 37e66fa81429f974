"""What the video tab's buttons do. Films are made one at a time, in a line of their own, so that photos need not wait for them.

A film can take minutes: its visitor can stop it, and it is stopped when they leave. Results lie in the visitor's folder, as those of photos do.
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from facehub.errors import BadSetting
from facehub.filming import Filmed, Progress, film
from facehub.video import Reader

from .handlers import Handlers, in_a_sentence, plain

MAX_SECONDS = 60.0
"""Of a film, unless the operator sets another limit."""

MAX_MEGAPIXELS = 2.1
"""Of its frames: 1920 x 1080 just fits."""


class Shown(NamedTuple):
    """What came of a film."""

    film: Path
    """MP4, marked as generated, with the sound of the one that came in."""
    download: Path
    told: str
    """What was done, and what is not as one would expect, as Markdown."""


class VideoHandlers:
    """Everything the video tab can be asked to do. Identities, marks and visitors' folders are those of `handlers`."""

    def __init__(self, handlers: Handlers, *, max_seconds: float = MAX_SECONDS, max_megapixels: float = MAX_MEGAPIXELS):
        self.handlers, self.max_seconds, self.max_megapixels = handlers, max_seconds, max_megapixels
        self._stops: dict[str, set[threading.Event]] = {}
        self._lock = threading.Lock()

    @in_a_sentence
    def swap(
        self,
        video: str | None,
        identity: str,
        strength: float | int = 1.0,
        faces: str = "all",
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> Shown:
        """Puts an identity's face on everybody in a video, or on the one with the largest face.

        `video`: a file with a face in it. `identity`: a name that /identities lists. `strength`: from 0, the video as it is, to 1, the full swap.
        `faces`: "all" or "largest". `label`: the visible AI mark, where this server lets visitors choose. Gives the marked MP4, twice, and what
        was done in words.
        """
        session = request.session_hash if request else None
        progress(0.0, desc="Reading the video")
        marks, one, file = self.handlers.marks_for(label), self.handlers.find(identity, session), self.handlers.upload_video(video, session)
        stop = self._stop_of(session)
        try:
            with Reader(file, max_seconds=self.max_seconds, max_megapixels=self.max_megapixels) as source:
                progress(0.0, desc=f"Loading {one.title}")
                swapper = self.handlers.load(one)
                target = self.handlers.visits.folder(session) / f"{file.stem[:80]}-{one.name}.mp4"
                done = film(
                    swapper,
                    source,
                    target,
                    faces=faces,
                    strength=float(strength),
                    marks=marks,
                    origin=one.origin(),
                    progress=lambda at: progress(share(at), desc=at_work(at)),
                    stop=stop,
                )
        finally:
            self._forget(session, stop)
        return Shown(done.path, done.path, summary(done))

    @in_a_sentence
    def stop(self, request: gr.Request | None = None) -> None:
        """Stops the visitor's films that are being made; nothing of them is kept."""
        with self._lock:
            stops = set(self._stops.get(request.session_hash or "", ())) if request else set()
        if not stops:
            raise BadSetting("No video of yours is at work, so there is nothing to stop.")
        for stop in stops:
            stop.set()

    def leave(self, request: gr.Request) -> None:
        """Stops what was being made for somebody who closed the page."""
        with self._lock:
            for stop in self._stops.pop(request.session_hash or "", ()):
                stop.set()

    def _stop_of(self, session: str | None) -> threading.Event:
        stop = threading.Event()
        if session:
            with self._lock:
                self._stops.setdefault(session, set()).add(stop)
        return stop

    def _forget(self, session: str | None, stop: threading.Event) -> None:
        with self._lock:
            if session and stop in (stops := self._stops.get(session, set())):
                stops.discard(stop)
                if not stops:
                    del self._stops[session]


def share(at: Progress) -> float:
    """From 0 to 1; a video that does not say how long it is stays at a half."""
    return at.frames / at.total if at.total else 0.5


def at_work(at: Progress) -> str:
    """How far it has come, and for how long still."""
    of = f" of about {at.total}" if at.total else ""
    left = "" if at.left_s is None else f", {round(at.left_s) // 60}:{round(at.left_s) % 60:02d} left"
    return f"{at.frames}{of} frames{left}"


def summary(done: Filmed) -> str:
    """What was done, in words. A file's name in a note is the visitor's own text."""
    faces = "one face was followed" if done.faces == 1 else f"{done.faces} faces were followed"
    lines = [f"{done.swapped} of {done.frames} frames show a face; {faces}. It took {done.seconds:.0f} s."]
    return "\n\n".join([*lines, *map(plain, done.notes)])
