"""The mark of a film that was made so small that no single frame shows it: evidence summed over frames.

Each frame is made even by itself (watermark_detector.py). Keyframes, which are compressed on their own, and
frames from all over the film are summed apart, because what lies between keyframes may drag their marks
along; both sums count alike. Where a film was made smaller and not cropped, the pattern still begins in its
corner and its scale is that of the film: one known place for a film that had more than `FRAME` px, one for
each size below. So few places are tried that a lower score tells more than one of the photos' search over
millions. What every mark of a version says of itself are further known signs beside the pilots.
"""

import functools
import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex64, Float, UInt8
from torch import Tensor
from torch.nn.functional import interpolate

from . import convolutional_code, message
from .origin import VERSION
from .pilots import Waves, spectrum, waves, whitened
from .watermark import FRAME, TILE, VERSION_BITS, Payload, bits
from .watermark_detector import (
    CANDIDATES,
    MAX_SCALE,
    MAX_SIDE_PX,
    MIN_SCALE,
    WatermarkDetection,
    content_map,
    evened,
    turns_of,
    wave_values,
)

EARLIER_VERSIONS = ("0.4.0",)
"""Whose marks are known besides those of the program itself."""

MAX_KEYFRAMES = 64
"""More are not summed."""

SMALLEST_PX = 64
"""Longer side of the smallest film that is marked."""

SIZE_STEP_PX = 2
"""From one size to the next: sides are even numbers."""

KNOWN_THRESHOLD = 4.2
"""The score from which there is a mark where the scale is known: a film that had at least FRAME px. Chance
gives 0 +- 1."""

SIZES_THRESHOLD = 5.3
"""The same where the smaller sizes are tried, some two hundred (docs/marks.md)."""


class FilmEvidence:
    """Adds up what the frames of one film show of a mark. All have one size."""

    def __init__(self):
        self._all, self._key = _Sum(), _Sum()
        self._photo = torch.zeros(())

    def add(self, photo: UInt8[Tensor, "3 height width"], *, sampled: bool, key: bool) -> None:
        """A frame that is one from all over the film, a keyframe, or both."""
        key = key and self._key.count < MAX_KEYFRAMES
        if not (sampled or key):
            return
        photo = _enlarged(photo)
        even = evened(photo, MAX_SIDE_PX)
        if sampled:
            self._all.add(even)
            self._photo = self._photo + photo
        if key:
            self._key.add(even)

    def detect(self) -> WatermarkDetection:
        """Looks for the mark of a film that was not cropped, but perhaps made smaller."""
        parts = [part.even for part in (self._all, self._key) if part.count]
        if not parts:
            return WatermarkDetection(0.0, None)
        even = torch.stack(parts).sum(0)
        table = waves(even.device)
        found = max((_at(even, *one, table) for one in _likeliest(even, table)), key=lambda one: one.margin)
        if found.margin < 0:
            return WatermarkDetection(found.score, None, threshold=found.threshold)
        photo = (self._photo / max(self._all.count, 1)).round().to(torch.uint8)
        laid = _aligned(even * content_map(photo, even, (found.scale, found.scale)), found.scale, table)
        ring, pilots = table.ring[table.pilots :], table.pilots
        answers = (found.values[:pilots] * table.plan.phases.to(even.device).conj()).real
        weight = (answers @ table.member[:pilots] / table.member[:pilots].sum(0)).clamp(min=0.02)[ring]
        read, fits = message.read(found.values[pilots:], laid[pilots:], weight, table.plan)
        return WatermarkDetection(found.score, read, fits, found.threshold)


def _enlarged(photo: UInt8[Tensor, "3 height width"]) -> UInt8[Tensor, "3 _ _"]:
    """A small frame at the size that the windows are made for, in which it is made even."""
    ratio = FRAME / max(photo.shape[1:])
    if ratio <= 1:
        return photo
    size = [max(2, round(side * ratio)) for side in photo.shape[1:]]
    larger = interpolate(photo[None].float(), size, mode="bicubic", antialias=True)[0]
    return larger.round().clamp(0, 255).to(torch.uint8)


class _Sum:
    def __init__(self):
        self.total, self.count = torch.zeros(()), 0

    def add(self, even: Float[Tensor, "h w"]) -> None:
        self.total, self.count = self.total + even, self.count + 1

    @property
    def even(self) -> Float[Tensor, "h w"]:
        """The sum, of a standard deviation of 1."""
        return self.total / self.total.std().clamp(min=1e-9)


@dataclass(frozen=True, slots=True)
class _Found:
    """What is found at a scale."""

    score: float
    threshold: float
    scale: float
    values: Complex64[Tensor, " waves"]

    @property
    def margin(self) -> float:
        """By how much the score reaches what is enough."""
        return self.score - self.threshold


def _scales(side: int) -> list[tuple[float, float]]:
    """Scales of the pattern in a film of this longer side, each with its threshold."""
    sizes = [(FRAME, KNOWN_THRESHOLD)]
    sizes += [(size, SIZES_THRESHOLD) for size in range(SMALLEST_PX, FRAME, SIZE_STEP_PX)]
    scales = ((side / size, threshold) for size, threshold in sizes)
    return [one for one in scales if MIN_SCALE <= one[0] <= MAX_SCALE]


def _likeliest(even: Float[Tensor, "h w"], table: Waves) -> list[tuple[float, float]]:
    """The known scale, and of the others the few that answer best where the waves are read roughly, from one
    transform."""
    known, *others = _scales(max(even.shape))
    if not others:
        return [known]
    transform = spectrum(even)
    scales = even.new_tensor([scale for scale, _ in others])
    frequency = table.all / (TILE * scales[:, None, None])
    index = (frequency * len(transform)).round().long() % len(transform)
    values = transform[index[..., 0], index[..., 1]] * (frequency.abs() < 0.5).all(-1)
    values = whitened(values, table.ring, table.member) * torch.stack(
        [_start(even, scale, table) for scale, _ in others]
    )
    best = _scores(values).topk(min(CANDIDATES, len(others))).indices.tolist()
    return [known, *(others[one] for one in best)]


def _at(even: Float[Tensor, "h w"], scale: float, threshold: float, table: Waves) -> _Found:
    values = _aligned(even, scale, table)
    return _Found(float(_scores(values[None])), threshold, scale, values)


def _scores(values: Complex64[Tensor, "some waves"]) -> Float[Tensor, " some"]:
    """How well aligned waves agree with the signs of some version, or with the pilots alone."""
    signs = known_signs().to(values.device)
    agree = torch.einsum("swc,vwc->sv", torch.view_as_real(values), signs)
    usual = (values.abs().square() / 2) @ signs.square().sum(2).T
    return (agree / usual.sqrt().clamp(min=1e-9)).amax(1)


@functools.cache
def known_signs() -> Float[Tensor, "versions waves 2"]:
    """Cosine and sine of the waves that a mark of each version has whatever its number, 0 where unknown; and
    of the pilots alone."""
    table = waves(torch.device("cpu"))
    plan, known = table.plan, sum(VERSION_BITS) * len(convolutional_code.GENERATOR_POLYNOMIALS)
    versions = sorted({VERSION, *EARLIER_VERSIONS})
    signs = torch.zeros(1 + len(versions), len(table.all), 2)
    signs[:, : table.pilots] = torch.view_as_real(plan.phases)
    coded = convolutional_code.encode(bits([Payload(version, 0) for version in versions]))
    there = (plan.places < known) & ~plan.bound[:, None]
    signs[1:, table.pilots :] = torch.where(there, coded[:, plan.places] * plan.signs / math.sqrt(2), 0)
    return signs


def _aligned(even: Float[Tensor, "h w"], scale: float, table: Waves) -> Complex64[Tensor, " waves"]:
    """The waves of a pattern of this scale that begins in the upper left corner."""
    step = even.new_tensor([scale])
    values = whitened(wave_values(even, step, step)[:, 0, 0], table.ring, table.member)
    return values * _start(even, scale, table)


def _start(even: Float[Tensor, "h w"], scale: float, table: Waves) -> Complex64[Tensor, " waves"]:
    """What turns the waves from the picture's centre to its upper left corner."""
    # the centre of the pattern's first pixel, as seen from the picture's
    first = even.new_tensor([(0.5 * scale - 0.5 - side // 2) / scale for side in even.shape])
    return turns_of(table.all.float() @ first / TILE)
