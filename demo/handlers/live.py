"""Live swap: take one webcam frame, return it with another face, and write no file.

Faces are tracked from frame to frame, which costs a fraction of detecting them again. gradio hands over the
newest frame when a call is done and drops those in between, so that no queue of frames builds up. A call
reads its frame, follows the faces and has them swapped; what it returns is the frame before, which was
swapped meanwhile by a thread of its own. So the cores that a swap leaves idle are used, and the picture is
late by one frame more, of a shorter time each.
"""

import base64
import binascii
import html
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple

import gradio as gr
import torch

from facehub import image
from facehub.errors import BadPhoto
from facehub.geometry import resize
from facehub.identity.folder import Identity
from facehub.marks.origin import Marks
from facehub.video.optical_flow import Frame
from facehub.video.pipeline import use_cores
from facehub.video.tracker import Tracked, Tracker

from ..server.errors import as_user_error
from .swap import Handlers
from .uploads import session_of

LIVE = Marks(label=True, manifest=False)
"""Live frames always carry the visible mark and the watermark. They have no manifest, because nobody could
check it."""

MAX_SIDE_PX = 640
"""Longer side of a frame; a larger one is scaled down first."""

MAX_FRAME_BYTES = 700_000
"""Size limit of one frame. A call may have `middleware.MAX_CALL_BYTES`; a frame of 640 x 480 px has about a
tenth of this limit."""

MAX_SESSIONS = 50
"""Sessions whose faces are tracked at the same time."""

PAUSE_S = 2.0
"""Seconds without a frame after which faces are detected again and the frame rate restarts."""

WAITING = (
    '<div class="live empty">Start the camera, then press record: your picture appears here with '
    "another face.</div>"
)


class LiveFrame(NamedTuple):
    """One frame for the page."""

    picture: str
    """HTML that contains the frame."""
    status: str


class _Done(NamedTuple):
    """One frame with its faces swapped."""

    photo: Frame
    title: str
    """The identity's."""
    has_face: bool


@dataclass(slots=True)
class _Visitor:
    """Tracking state of one session."""

    tracker: Callable
    lock: threading.Lock = field(default_factory=threading.Lock)
    times: deque[float] = field(default_factory=lambda: deque(maxlen=20))
    """Times at which the last frames were done, in seconds."""
    swapping: Future[_Done] | None = None
    """The last frame."""


class LiveHandlers:
    """What the live tab does.

    `clock` returns seconds; `tracker` makes the tracker of one session's faces; `alone`: the page runs on its
    visitor's own machine, where nobody waits for a turn.
    """

    def __init__(
        self,
        handlers: Handlers,
        *,
        tracker: Callable[[], Callable] = Tracker,
        clock: Callable[[], float] = time.monotonic,
        alone: bool = False,
    ):
        self.handlers, self._tracker, self._clock, self.alone = handlers, tracker, clock, alone
        self._visitors: OrderedDict[str, _Visitor] = OrderedDict()
        self._lock = threading.Lock()
        spare = max(1, torch.get_num_threads() - 1)  # one core reads, follows, marks and encodes
        self._swaps = ThreadPoolExecutor(1, "facehub live", use_cores, (spare,))

    @as_user_error
    def frame(
        self, frame: str | None, identity: str, mirror: bool = True, request: gr.Request | None = None
    ) -> LiveFrame:
        """Put an identity's face on one webcam frame.

        `frame`: a picture as a data URL, mirrored, as browsers send it. `identity`: a name that /identities
        lists. `mirror`: leave it mirrored; else it is shown as others see it. Returns HTML with the frame
        before, or for a session's first one with the frame itself, and the frame rate.
        """
        session = session_of(request)
        one = self.handlers.find(identity, session)
        photo = shrink(image.read(decode_frame(frame), max_megapixels=4.0).photo)
        if not mirror:
            photo = photo.flip(2)
        visitor, now = self._visitor(session), self._clock()
        with visitor.lock:
            if visitor.times and now - visitor.times[-1] > PAUSE_S:
                visitor.tracker, visitor.times = self._tracker(), deque(maxlen=visitor.times.maxlen)
                visitor.swapping = None
            swapping = self._swaps.submit(self._swap, one, photo, visitor.tracker(photo, now))
            before, visitor.swapping = visitor.swapping or swapping, swapping
            done = before.result()
            jpeg = image.encode(done.photo, format="JPEG", marks=LIVE)
            visitor.times.append(self._clock())
            told = frame_rate(visitor.times)
        return LiveFrame(
            frame_html(jpeg, done.title),
            told if done.has_face else f"No face found: look at the camera. {told}",
        )

    def _swap(self, one: Identity, photo: Frame, seen: Tracked) -> _Done:
        if seen.tracks:
            photo = self.handlers.load(one)(photo[None], detections=seen.detections).blended[0].cpu()
        return _Done(photo, one.title, bool(seen.tracks))

    def on_unload(self, request: gr.Request) -> None:
        """Delete a session's tracking state when its page is closed."""
        with self._lock:
            self._visitors.pop(request.session_hash or "", None)

    def _visitor(self, session: str | None) -> _Visitor:
        """Tracking state of a session. The least recently used one makes room for a new one; a caller without
        a session is always new."""
        with self._lock:
            visitor = self._visitors.pop(session or "", None) or _Visitor(self._tracker())
            if session:
                self._visitors[session] = visitor
            while len(self._visitors) > MAX_SESSIONS:
                self._visitors.popitem(last=False)
        return visitor


def decode_frame(frame: str | None) -> bytes:
    """Decode a data URL. Raises BadPhoto for anything else: no address and no path is ever followed."""
    if not frame:
        raise BadPhoto("There is no picture from the camera yet: allow it in your browser, and start it.")
    head, _, data = frame.partition(",")
    if not (head.startswith("data:image/") and head.endswith(";base64")):
        raise BadPhoto(
            "The camera's picture did not arrive as one: reload the page, and start the camera again."
        )
    if len(data) > MAX_FRAME_BYTES * 4 / 3:
        raise BadPhoto(
            f"The camera's picture is larger than {MAX_FRAME_BYTES // 1000} kB: choose a smaller resolution."
        )
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error as problem:
        raise BadPhoto("The camera's picture is damaged: start the camera again.") from problem


def shrink(photo):
    """(3, height, width) bytes, with no side longer than `MAX_SIDE_PX`."""
    scale = MAX_SIDE_PX / max(photo.shape)
    height, width = (max(image.MIN_SIDE_PX, round(side * scale)) for side in photo.shape[1:])
    return photo if scale >= 1 else resize(photo, (height, width))


def frame_rate(times: deque[float]) -> str:
    """Format the frame rate over the last frames."""
    if len(times) < 2 or times[-1] <= times[0]:
        return ""
    return f"{(len(times) - 1) / (times[-1] - times[0]):.1f} frames a second"


def frame_html(jpeg: bytes, title: str) -> str:
    """Embed a frame in HTML, without a file or an address that could be cached."""
    source = base64.b64encode(jpeg).decode()
    return (
        f'<div class="live"><img alt="You, with the face of {html.escape(title)}" '
        f'src="data:image/jpeg;base64,{source}"></div>'
    )
