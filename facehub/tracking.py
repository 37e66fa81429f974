"""Faces over time: which face of a frame is which of the frame before, where a film cuts, and landmarks that do not shake.

Smoothing that averages where a face was lags behind where it is. Here the last landmarks are first moved along with the face (following.py); what is
left between them and those seen anew is noise, a slow drift of the flow, or the face's own change. Small differences are noise, and are taken over
little by little; large ones are change, and are taken over at once. That is the One-Euro filter's idea (Casiez, Roussel and Vogel, CHI 2012), with
the difference in place of the speed, in a frame of reference that moves with the face. No frame is waited for, so that it serves live too.
"""

import copy
import math
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from .faces import Finder
from .faces import finder as finder_called
from .following import Follower, Frame, Look, Points, spread
from .types import Found

SETTLE_S = 0.2
"""Time in which a small difference is taken over to about two thirds."""

NOISE, CHANGE = 0.04, 0.15
"""Differences, in units of the face's spread, up to which they count as noise and from which they count as change."""

SEARCH_S = 0.25
"""How often a frame is searched for faces that came in, while others are followed."""

NEW, SEEN, PATIENCE = 0.1, -0.2, 5
"""The detector's score from which there is a face, and from which one that was there is there still; for how many frames it may fall short."""

APART = 0.8
"""Two faces nearer to each other than this, in units of the larger one's spread, are one."""

THUMB, CUT_LEVELS, CUT_ALIKE = (18, 32), 20.0, 0.5
"""Height and width of the thumbnails in which a cut is looked for; it changes more levels of 255 than this, and leaves less alike (correlation)."""


@dataclass(frozen=True, slots=True)
class Track:
    """One face as it goes through a film."""

    number: int
    """The same as long as the face is followed; never given twice."""
    landmarks: Points
    """In the frame's pixels, smoothed."""
    missed: int = 0
    """Frames since it was last seen for certain."""


@dataclass(frozen=True, slots=True)
class Tracked:
    """The faces of one frame, largest first."""

    tracks: tuple[Track, ...]
    cut: bool
    """Whether a new scene begins with this frame."""

    @property
    def found(self) -> Found:
        """As a `Swapper` takes it, of a stack that holds this frame alone."""
        landmarks = torch.stack([track.landmarks for track in self.tracks]) if self.tracks else torch.empty(0, 68, 2)
        return Found(landmarks=landmarks, photo=torch.zeros(len(self.tracks), dtype=torch.long))


class Tracker:
    """Called with one frame after the other, all of one size; keeps the last of them.

    `finder` searches a frame now and then and after a cut; a quick one like it, on small copies only, does while no face is known. The usual one
    does not find faces that lie on their side.
    """

    def __init__(self, finder: Finder | None = None):
        self._thorough = finder or finder_called(turn=False)
        self._quick = copy.copy(self._thorough)
        self._quick.again_px, self._quick.otherwise = 0, None
        self._follower = Follower(self._quick)
        self._tracks: tuple[Track, ...] = ()
        self._before: Frame | None = None
        self._thumb: Tensor | None = None
        self._seconds, self._searched, self._numbers = 0.0, -math.inf, 0

    def __call__(self, frame: Frame, seconds: float) -> Tracked:
        """`seconds`: when the frame is shown; later than the one before."""
        thumb = thumbnail(frame)
        cut = self._before is not None and (self._before.shape != frame.shape or differ(self._thumb, thumb))  # pyright: ignore[reportArgumentType]
        passed = seconds - self._seconds
        kept = () if cut or self._before is None else tuple(filter(None, (self._follow(track, frame, passed) for track in self._tracks)))
        lost = len(kept) < len(self._tracks)
        tracks = _distinct(kept)
        if thorough := cut or seconds - self._searched >= SEARCH_S:
            self._searched = seconds
        if thorough or lost or not tracks:
            tracks = self._joined(tracks, frame, self._thorough if thorough else self._quick)
        self._tracks = tuple(sorted(tracks, key=lambda track: -spread(track.landmarks)))
        self._before, self._thumb, self._seconds = frame, thumb, seconds
        return Tracked(self._tracks, cut)

    def _follow(self, track: Track, frame: Frame, passed: float) -> Track | None:
        """The track in this frame; None where it ends."""
        moved = self._follower.moved(self._before, frame, track.landmarks)  # pyright: ignore[reportArgumentType]
        if moved is None:  # too fast, or gone: the search will tell
            return None
        look = self._follower.look(frame, moved)
        if look.score >= SEEN:
            return Track(track.number, settled(moved, look, passed))
        return replace(track, landmarks=moved, missed=track.missed + 1) if track.missed < PATIENCE and _within(moved, frame) else None

    def _joined(self, tracks: tuple[Track, ...], frame: Frame, finder: Finder) -> tuple[Track, ...]:
        """The tracks, and new ones of the faces that are none of them."""
        for landmarks in finder(frame[None]).landmarks.cpu():
            look = self._follower.look(frame, landmarks)
            if look.score >= NEW:
                tracks = _distinct((*tracks, Track(self._numbers, look.landmarks)))
                self._numbers += tracks[-1].number == self._numbers
        return tracks


def settled(moved: Points, look: Look, passed_s: float) -> Points:
    """Landmarks between those that were moved along and those seen anew, the nearer to the latter the more they differ."""
    difference = look.landmarks - moved
    change = ((difference.norm(dim=1) / max(spread(moved), 1e-3) - NOISE) / (CHANGE - NOISE)).clamp(0, 1)
    least = 1 - math.exp(-max(passed_s, 0.0) / SETTLE_S)
    return moved + (least + (1 - least) * change)[:, None] * difference


def thumbnail(frame: Frame) -> Float[Tensor, "h w"]:
    """Brightness in levels of 255, coarsely."""
    height, width = frame.shape[1:]
    some = frame[1:2, :: max(1, height // (4 * THUMB[0])), :: max(1, width // (4 * THUMB[1]))]  # of green alone, the most of brightness
    return interpolate(some[None].float(), THUMB, mode="area")[0, 0]


def differ(before: Float[Tensor, "h w"], now: Float[Tensor, "h w"]) -> bool:
    """Whether two thumbnails show different scenes: much has changed, and what is left is not alike. A flash leaves things alike."""
    a, b = before - before.mean(), now - now.mean()
    alike = float((a * b).sum() / (a.norm() * b.norm()).clamp_min(1e-6))
    return float((now - before).abs().mean()) > CUT_LEVELS and alike < CUT_ALIKE


def _distinct(tracks: tuple[Track, ...]) -> tuple[Track, ...]:
    """Without those that lie on one that came before."""
    kept: list[Track] = []
    for track in tracks:
        centre, size = track.landmarks.mean(0), spread(track.landmarks)
        if all(float((centre - other.landmarks.mean(0)).norm()) > APART * max(size, spread(other.landmarks)) for other in kept):
            kept.append(track)
    return tuple(kept)


def _within(landmarks: Points, frame: Frame) -> bool:
    """Whether the face's centre lies in the frame."""
    x, y = landmarks.mean(0).tolist()
    return 0 <= x < frame.shape[2] and 0 <= y < frame.shape[1]
