"""What the live tab does: one frame of a webcam in, the same with another face out, and nothing of it is ever a file.

A visitor's faces are followed from frame to frame, which costs a fraction of finding them anew. gradio hands over the newest frame when the last
one is done: those that came in between are dropped, so that what is seen is late by one frame and not by a queue of them.
"""

import base64
import binascii
import html
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import gradio as gr
from torchvision.transforms.v2.functional import resize

from facehub import image
from facehub.errors import BadPhoto
from facehub.provenance import Marks
from facehub.tracking import Tracker

from .handlers import Handlers, in_a_sentence

LIVE = Marks(label=True, manifest=False)
"""What appears live always carries the visible mark, and the watermark; nobody could check a manifest of it."""

LARGEST_PX = 640
"""Longer side of what is worked on; a larger frame is made smaller first."""

MOST_BYTES = 700_000
"""Of one frame as it is sent: so many go into a call, see `door.CALL_BYTES`, and a frame of 640x480 px has a tenth of it."""

MOST_VISITORS = 50
"""Whose faces are remembered at a time."""

PAUSE_S = 2.0
"""After a longer pause faces are looked for anew, and the frame rate is counted anew."""

WAITING = '<div class="live empty">Start the camera, then press record: your picture appears here with another face.</div>'


class Seen(NamedTuple):
    """One frame as the page shows it."""

    picture: str
    """HTML, with the frame in it."""
    told: str


@dataclass(slots=True)
class _Visitor:
    """What is remembered of somebody's last frames."""

    tracker: Callable
    lock: threading.Lock = field(default_factory=threading.Lock)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    """When the last frames were done, in seconds."""


class Webcam:
    """What the live tab can be asked to do. `clock` tells the seconds; `tracker` makes what follows one visitor's faces."""

    def __init__(self, handlers: Handlers, *, tracker: Callable[[], Callable] = Tracker, clock: Callable[[], float] = time.monotonic):
        self.handlers, self._tracker, self._clock = handlers, tracker, clock
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()
        self._lock = threading.Lock()

    @in_a_sentence
    def frame(self, frame: str | None, identity: str, request: gr.Request | None = None) -> Seen:
        """Puts an identity's face on one frame of a webcam.

        `frame`: a picture as a data URL. `identity`: a name that /identities lists. Gives HTML that shows it, and the frame rate in words.
        """
        session = request.session_hash if request else None
        one = self.handlers.find(identity, session)
        photo = smaller(image.read(decoded(frame), max_megapixels=4.0).photo)
        visitor, now = self._visitor(session), self._clock()
        with visitor.lock:
            if visitor.times and now - visitor.times[-1] > PAUSE_S:
                visitor.tracker, visitor.times = self._tracker(), deque(maxlen=visitor.times.maxlen)
            seen = visitor.tracker(photo, now)
            if seen.tracks:
                photo = self.handlers.load(one)(photo[None], found=seen.found).blended[0].cpu()
            jpeg = image.encode(photo, format="JPEG", marks=LIVE)
            visitor.times.append(self._clock())
            told = pace(visitor.times)
        return Seen(shown(jpeg, one.title), told if seen.tracks else f"No face is seen: look at the camera. {told}")

    def leave(self, request: gr.Request) -> None:
        """Forgets a visitor, once their page is closed."""
        with self._lock:
            self._visitors.pop(request.session_hash or "", None)

    def _visitor(self, session: str | None) -> _Visitor:
        """What is remembered of a visitor; the one who was away longest is forgotten for a new one. A caller without a session is always new."""
        with self._lock:
            visitor = self._visitors.pop(session or "", None) or _Visitor(self._tracker())
            if session:
                self._visitors[session] = visitor
            while len(self._visitors) > MOST_VISITORS:
                self._visitors.popitem(last=False)
        return visitor


def decoded(frame: str | None) -> bytes:
    """The bytes of a data URL. Raises BadPhoto for anything else: an address or a path is never followed."""
    if not frame:
        raise BadPhoto("There is no picture from the camera yet: allow it in your browser, and start it.")
    head, _, data = frame.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64")):
        raise BadPhoto("The camera's picture did not arrive as one: reload the page, and start the camera again.")
    if len(data) > MOST_BYTES * 4 / 3:
        raise BadPhoto(f"The camera's picture is larger than {MOST_BYTES // 1000} kB: choose a smaller resolution.")
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as problem:
        raise BadPhoto("The camera's picture is damaged: start the camera again.") from problem


def smaller(photo):
    """(3, height, width) bytes, with no side longer than `LARGEST_PX`."""
    scale = LARGEST_PX / max(photo.shape)
    return photo if scale >= 1 else resize(photo, [max(image.MIN_SIDE_PX, round(side * scale)) for side in photo.shape[1:]])


def pace(times: deque[float]) -> str:
    """The frame rate over the last frames, in words."""
    if len(times) < 2 or times[-1] <= times[0]:
        return ""
    return f"{(len(times) - 1) / (times[-1] - times[0]):.1f} frames a second"


def shown(jpeg: bytes, title: str) -> str:
    """A frame in the page itself: no file, no address, nothing to be cached."""
    source = base64.b64encode(jpeg).decode()
    return f'<div class="live"><img alt="You, with the face of {html.escape(title)}" src="data:image/jpeg;base64,{source}"></div>'
