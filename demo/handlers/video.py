"""Swap a video. Videos have their own queue, one at a time, so that photos need not wait for them.

A video can take minutes: its visitor can stop it, and it stops when they leave. Results lie in the session's
folder, like those of photos.
"""

import itertools
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import gradio as gr
from jaxtyping import UInt8
from torch import Tensor

from facehub.errors import BadSetting, NoFace, Stopped
from facehub.identity.folder import Identity
from facehub.image import Picture
from facehub.swapper import Swapper
from facehub.types import Detections
from facehub.video.reader import Reader
from facehub.video.swap import Progress, VideoResult, swap_video

from ..server.errors import as_user_error, escape_markdown
from ..server.sessions import while_session_open
from ..server.validators import masker_for
from ..views.results import at_strength, write_preview
from .plan import with_masker
from .swap import Handlers, check_strength
from .uploads import session_of

MAX_SECONDS = 60.0
"""Longest video, unless the operator sets another limit."""

MAX_MEGAPIXELS = 2.1
"""Largest frame: 1920 x 1080 just fits."""

FORMATS = {"MP4": ".mp4", "MOV": ".mov", "MKV": ".mkv"}
"""Formats of a result, and their suffixes. Browsers play the first."""

LOOKS_A_SECOND = 5
"""Frames of each second in which the preview looks for a face."""

STOPPED = "Stopped: nothing of this video is kept."


class VideoView(NamedTuple):
    """Result of a video swap."""

    video: Path | None
    """MP4 with the sound of the input, marked as generated. None for a format that browsers do not play."""
    download: Path | None
    """The file in the format that was asked for; None when its visitor stopped it."""
    summary: str
    """What was done, and notes, as Markdown."""


class VideoHandlers:
    """What the video tab does. Identities, marks and session folders are those of `handlers`."""

    def __init__(
        self, handlers: Handlers, *, max_seconds: float = MAX_SECONDS, max_megapixels: float = MAX_MEGAPIXELS
    ):
        self.handlers, self.max_seconds, self.max_megapixels = handlers, max_seconds, max_megapixels
        self._stops: dict[str, set[threading.Event]] = {}
        self._lock = threading.Lock()

    @as_user_error
    def swap(
        self,
        video: str | None,
        identity: str,
        strength: float | int = 1.0,
        faces: str = "all",
        masker: str = "learned",
        quality: str = "high",
        format: str = "MP4",
        label: bool = True,
        request: gr.Request | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> VideoView:
        """Put an identity's face on everybody in a video, or on the person with the largest face.

        `video`: a video with a face. `identity`: a name that /identities lists. `strength`: from 0 (the video
        as it is) to 1 (the full swap). `faces`: "all" or "largest". `masker`: "learned" keeps what is in
        front of the face, "landmarks" swaps everything within its outline. `quality`: "high", or "small" for
        a smaller file. `format`: MP4, MOV or MKV. `label`: the visible AI mark, where this server lets
        visitors choose. Returns the marked file, once to be played, where browsers can, and once to be kept,
        and a summary.
        """
        if format not in FORMATS:
            raise BadSetting(f'The format "{format[:40]}" is no choice: use {" or ".join(FORMATS)}.')
        session = session_of(request)
        progress(0.0, desc="Reading the video")
        marks, one, file = (
            self.handlers.marks_for(label),
            self.handlers.find(identity, session),
            self.handlers.upload_video(video, session),
        )
        stop = self._stop_of(session)
        try:
            with Reader(file, max_seconds=self.max_seconds, max_megapixels=self.max_megapixels) as source:
                progress(0.0, desc=f"Loading {one.title}")
                swapper = self._swapper(one, masker)
                target = (
                    self.handlers.visits.folder(session) / f"{file.stem[:80]}-{one.name}{FORMATS[format]}"
                )
                done = swap_video(
                    swapper,
                    source,
                    target,
                    faces=faces,
                    strength=float(strength),
                    quality=quality,
                    marks=marks,
                    origin=one.origin(),
                    progress=lambda at: progress(progress_share(at), desc=format_progress(at)),
                    stop=stop,
                )
        except Stopped:
            return VideoView(None, None, STOPPED)
        finally:
            self._forget(session, stop)
        played = done.path if format == "MP4" else None
        return VideoView(played, done.path, summary(done, "" if played else format))

    @as_user_error
    def preview(
        self,
        video: str | None,
        identity: str,
        strength: float | int = 1.0,
        faces: str = "all",
        masker: str = "learned",
        label: bool = True,
        request: gr.Request | None = None,
    ) -> tuple[Path, Path]:
        """Swap one frame of a video: the first of those looked at that shows a face. Returns it before and
        after. The parameters are those of /swap_video."""
        session = session_of(request)
        marks, one = self.handlers.marks_for(label), self.handlers.find(identity, session)
        check_strength(strength)
        file = self.handlers.upload_video(video, session)
        with Reader(file, max_seconds=self.max_seconds, max_megapixels=self.max_megapixels) as source:
            swapper = self._swapper(one, masker)
            photo, found = first_face(source, swapper)
        after = swapper(photo[None], faces="largest" if faces == "largest" else "all", detections=found)
        folder = self.handlers.visits.folder(session)
        with while_session_open(folder):
            swapped = at_strength(photo, after.blended[0].cpu(), float(strength))
            return (
                write_preview(Picture(photo), folder / "frame-before", generated=False),
                write_preview(Picture(swapped), folder / "frame-after", marks=replace(marks, manifest=False)),
            )

    def _swapper(self, one: Identity, masker: str) -> Swapper:
        swapper, masked = self.handlers.load(one), masker_for(masker)
        return swapper if masked is None else with_masker(swapper, masked)

    @as_user_error
    def stop(self, request: gr.Request | None = None) -> None:
        """Stop this session's video; nothing of it is kept."""
        with self._lock:
            stops = set(self._stops.get(request.session_hash or "", ())) if request else set()
        if not stops:
            raise BadSetting("No video of yours is being made, so there is nothing to stop.")
        for stop in stops:
            stop.set()

    def on_unload(self, request: gr.Request) -> None:
        """Stop a session's videos when its page is closed."""
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


def progress_share(at: Progress) -> float:
    """Progress from 0 to 1; always a half for a video of unknown length."""
    return at.frames / at.total if at.total else 0.5


def format_progress(at: Progress) -> str:
    """Format the frames done and the time left."""
    of = f" of about {at.total}" if at.total else ""
    left = "" if at.left_s is None else f", {round(at.left_s) // 60}:{round(at.left_s) % 60:02d} left"
    return f"{at.frames}{of} frames{left}"


def first_face(source: Reader, swapper: Swapper) -> tuple[UInt8[Tensor, "3 height width"], Detections]:
    """The first frame that shows a face, and the faces in it. Raises NoFace after the last."""
    step = max(1, round(source.info.rate / LOOKS_A_SECOND))
    for shot in itertools.islice(source, 0, None, step):
        photo = shot.photo.contiguous()
        found = swapper.finder(photo[None])
        if len(found.photo):
            return photo, found
    raise NoFace(
        f"No face was found in {source.path.name}: use one in which a face is at least 80 pixels wide and "
        "looks roughly at the camera."
    )


def summary(done: VideoResult, unplayed: str = "") -> str:
    """Summarise a video swap as Markdown. Notes are escaped: a file's name in one is the visitor's own
    text. `unplayed`: the format, where browsers do not play it."""
    faces = "one face was followed" if done.faces == 1 else f"{done.faces} faces were followed"
    lines = [f"{done.swapped} of {done.frames} frames show a face; {faces}. It took {done.seconds:.0f} s."]
    if unplayed:
        lines.insert(0, f"**The {unplayed} file is ready.** Browsers do not play this format: download it.")
    return "\n\n".join([*lines, *map(escape_markdown, done.notes)])
