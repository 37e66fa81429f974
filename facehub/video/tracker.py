"""Track faces over time: identify them across frames, detect cuts, and steady their landmarks.

Averaging past positions lags behind a moving face. Here the last landmarks are first moved along with the
face (optical_flow.py). The remaining difference from the newly observed ones is noise, a slow drift of the
flow, or a change of the face. Small differences are noise and are followed slowly; large ones are change and
are followed at once. That is the idea of the One-Euro filter (Casiez, Roussel and Vogel, CHI 2012), with the
difference instead of the speed, in a frame of reference that moves with the face. No later frame is needed,
so it works live too.
"""

import contextlib
import math
import weakref
from collections import deque
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from ..detection.finder import Finder, finder_by_name
from ..types import Detections
from .optical_flow import FlowTracker, Frame, Observation, Points, rms_radius

SETTLE_S = 0.2
"""Seconds in which about two thirds of a small difference are followed."""

NOISE_DIFFERENCE, CHANGE_DIFFERENCE = 0.04, 0.15
"""Differences, in units of the face's spread, up to which they count as noise and from which they count as
change."""

LIDS = (37, 38, 40, 41, 43, 44, 46, 47)
"""Landmarks of the eyes that a blink moves, by half as much as counts as change elsewhere, for a tenth of a
second."""

LID_NOISE, LID_CHANGE = 0.015, 0.05
"""The same differences for them."""

SEARCH_INTERVAL_S = 0.25
"""Seconds between searches for new faces while others are tracked."""

MIN_SCORE, KEEP_SCORE, MAX_MISSED_FRAMES = 0.1, -0.2, 5
"""The detector's score from which there is a face, and from which one that was there is there still; for how
many frames it may fall short."""

MIN_DISTANCE = 0.8
"""Two faces nearer to each other than this, in units of the larger one's spread, are one."""

SPARE_FINDERS = 4
"""Pairs of finders kept for trackers to come: the first frame of a new pair takes a third of a second."""

THUMBNAIL_SIZE, CUT_DIFFERENCE, MAX_CUT_CORRELATION = (18, 32), 20.0, 0.5
"""Height and width of the thumbnails in which a cut is looked for; it changes more levels of 255 than this,
and leaves less alike (correlation)."""


@dataclass(frozen=True, slots=True)
class Track:
    """One tracked face in one frame."""

    number: int
    """The same while the face is tracked; never used again."""
    landmarks: Points
    """In the frame's pixels, smoothed."""
    missed: int = 0
    """Frames since it was last observed with certainty."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The faces of one frame, the largest first."""

    tracks: tuple[Track, ...]
    cut: bool
    """Whether a new scene begins with this frame."""

    @property
    def detections(self) -> Detections:
        """The faces as detections in a stack of this frame alone."""
        landmarks = (
            torch.stack([track.landmarks for track in self.tracks]) if self.tracks else torch.empty(0, 68, 2)
        )
        return Detections(landmarks=landmarks, photo=torch.zeros(len(self.tracks), dtype=torch.long))


class Tracker:
    """Call it with one frame after the other; it keeps the last one.

    `finder` searches a frame at intervals and after a cut. While no face is known, a quick copy of it
    searches each frame, on small copies only. The default finder does not find faces that lie on their side.
    """

    def __init__(self, finder: Finder | None = None):
        self._thorough, self._quick = _pair(finder) if finder else _borrowed(self)
        self._follower = FlowTracker(self._quick)
        self._tracks: tuple[Track, ...] = ()
        self._before: Frame | None = None
        self._thumb: Tensor | None = None
        self._seconds, self._searched, self._numbers = 0.0, -math.inf, 0

    def __call__(self, frame: Frame, seconds: float) -> Tracked:
        """`seconds`: when the frame is shown; later than the one before."""
        thumb = thumbnail(frame)
        cut = self._before is not None and (self._before.shape != frame.shape or is_cut(self._thumb, thumb))  # pyright: ignore[reportArgumentType]
        passed = seconds - self._seconds
        kept = (
            ()
            if cut or self._before is None
            else tuple(filter(None, (self._update(track, frame, passed) for track in self._tracks)))
        )
        lost = len(kept) < len(self._tracks)
        tracks = _distinct(kept)
        if thorough := cut or seconds - self._searched >= SEARCH_INTERVAL_S:
            self._searched = seconds
        if thorough or lost or not tracks:
            tracks = self._add_new_faces(tracks, frame, self._thorough if thorough else self._quick)
        self._tracks = tuple(sorted(tracks, key=lambda track: -rms_radius(track.landmarks)))
        self._before, self._thumb, self._seconds = frame, thumb, seconds
        return Tracked(self._tracks, cut)

    def _update(self, track: Track, frame: Frame, passed: float) -> Track | None:
        """The track in this frame; None if it ends."""
        moved = self._follower.flow_landmarks(self._before, frame, track.landmarks)  # pyright: ignore[reportArgumentType]
        if moved is None:  # too fast, or gone: the search will tell
            return None
        look = self._follower.observe(frame, moved)
        if look.score >= KEEP_SCORE:
            return Track(track.number, smooth(moved, look, passed))
        return (
            replace(track, landmarks=moved, missed=track.missed + 1)
            if track.missed < MAX_MISSED_FRAMES and _is_within(moved, frame)
            else None
        )

    def _add_new_faces(self, tracks: tuple[Track, ...], frame: Frame, finder: Finder) -> tuple[Track, ...]:
        """The tracks, and new ones for faces that are not tracked yet."""
        for landmarks in finder(frame[None]).landmarks.cpu():
            if len(_distinct((*tracks, Track(self._numbers, landmarks)))) == len(tracks):
                continue  # it is followed already
            look = self._follower.observe(frame, landmarks)
            if look.score >= MIN_SCORE:
                tracks = _distinct((*tracks, Track(self._numbers, look.landmarks)))
                self._numbers += tracks[-1].number == self._numbers
        return tracks


_spare: deque[tuple[Finder, Finder]] = deque(maxlen=SPARE_FINDERS)


def _borrowed(tracker: Tracker) -> tuple[Finder, Finder]:
    """Two finders that no other tracker has until this one is gone."""
    pair = None
    with contextlib.suppress(IndexError):
        pair = _spare.pop()
    pair = pair or _pair(finder_by_name(turn=False))
    weakref.finalize(tracker, _spare.append, pair).atexit = False
    return pair


def _pair(finder: Finder) -> tuple[Finder, Finder]:
    """A finder, and its quick copy, which searches small copies only."""
    return finder, replace(finder, retry_px=0, fallback=None)


_NOISE, _CHANGE = torch.full((68,), NOISE_DIFFERENCE), torch.full((68,), CHANGE_DIFFERENCE)
_NOISE[list(LIDS)], _CHANGE[list(LIDS)] = LID_NOISE, LID_CHANGE


def smooth(moved: Points, look: Observation, passed_s: float) -> Points:
    """Landmarks between the moved and the observed ones: the more they differ, the nearer to the observed."""
    difference = look.landmarks - moved
    far = difference.norm(dim=1) / max(rms_radius(moved), 1e-3)
    change = ((far - _NOISE) / (_CHANGE - _NOISE)).clamp(0, 1)
    least = 1 - math.exp(-max(passed_s, 0.0) / SETTLE_S)
    return moved + (least + (1 - least) * change)[:, None] * difference


def thumbnail(frame: Frame) -> Float[Tensor, "h w"]:
    """Brightness in levels of 255, coarsely."""
    height, width = frame.shape[1:]
    some = frame[
        1:2, :: max(1, height // (4 * THUMBNAIL_SIZE[0])), :: max(1, width // (4 * THUMBNAIL_SIZE[1]))
    ]  # of green alone, the most of brightness
    return interpolate(some[None].float(), THUMBNAIL_SIZE, mode="area")[0, 0]


def is_cut(before: Float[Tensor, "h w"], now: Float[Tensor, "h w"]) -> bool:
    """Whether two thumbnails show different scenes: much has changed, and the rest does not correlate. A
    flash keeps the correlation."""
    a, b = before - before.mean(), now - now.mean()
    alike = float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-6))
    return float((now - before).abs().mean()) > CUT_DIFFERENCE and alike < MAX_CUT_CORRELATION


def _distinct(tracks: tuple[Track, ...]) -> tuple[Track, ...]:
    """Without tracks that overlap an earlier one."""
    kept: list[Track] = []
    for track in tracks:
        centre, size = track.landmarks.mean(0), rms_radius(track.landmarks)
        if all(
            float((centre - other.landmarks.mean(0)).norm())
            > MIN_DISTANCE * max(size, rms_radius(other.landmarks))
            for other in kept
        ):
            kept.append(track)
    return tuple(kept)


def _is_within(landmarks: Points, frame: Frame) -> bool:
    """Whether the centre of the face is in the frame."""
    x, y = landmarks.mean(0).tolist()
    return 0 <= x < frame.shape[2] and 0 <= y < frame.shape[1]
