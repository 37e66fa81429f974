"""Finds and reads the watermark: the pattern's scale and place by its pilots, then what the other waves say.

The photo is made even (local mean out, divided by the local deviation), which undoes the embedder's strength
and most changes of brightness. One Fourier transform gives the waves at hundreds of scales, roughly
(pilots.py). At the best few they are computed exactly, for width and height apart. Where nothing is found,
the same is done for what people do to pictures (handling.py): the pilots' score chooses the few likeliest,
which are undone and read.

The largest of the millions of scores that are tried is not standard normal: its distribution was measured on
unmarked photos (docs/marks.md), and the thresholds of an upright photo come from there. Elsewhere only a
message with the right checksum counts, and no more than `MAX_HANDLINGS` + 1 places are tried, each read in up
to three ways: 2 ** -16 each.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex64, Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool1d, pad

from ..types import Photos
from . import message
from .binding import content
from .handling import Photo, handlings
from .pilots import PLACES, Waves, log_steps, places, scores, spectrum, waves, whitened
from .watermark import FRAME, MAX_FREQUENCY, TILE, Payload, luma

MAX_SIDE_PX = 768
"""Longer side of the photo that is searched, px."""

SMALL_SIDE_PX = 384
"""Longer side of the same photo when it is searched for a pattern that was enlarged a lot, px."""

MIN_SCALE = 0.24
"""The smallest scale of the pattern in that photo."""

MAX_SCALE = 2.2
"""The largest one."""

SCALE_STEP = 0.004
"""From one scale to the next: half a step shifts the edges of a 512 px photo by a pixel."""

COARSE_STEP = 0.008
"""The same while the kind of handling is chosen."""

ENLARGED_BELOW = 0.8
"""A pattern of a smaller scale is read from the photo enlarged to the pattern's frame, because the window in
which a photo is made even, and the map that the bound waves lie on, have their sizes there."""

EVEN_PX = 15
"""Side of the window in which a photo is made even, px."""

FLAT_LEVELS = 2.0
"""The standard deviation that counts as none, in levels."""

EDGE = 0.06
"""The margin along which a photo fades out, as a share of its side."""

CANDIDATES = 3
"""Scales that are computed exactly."""

SEARCH_RADIUS = torch.arange(-2, 3) * 0.002
"""How far about each, as a share."""

MAX_HANDLINGS = 3
"""How many of the likeliest things done to a picture are undone and read."""

READ_THRESHOLD = 6.0
"""The score from which a message with the right checksum counts."""

PRESENT_THRESHOLD = 8.0
"""The score from which there is a mark even if the message cannot be read, in an upright photo."""


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the pattern may lie."""

    score: float
    """Of the pilots."""
    scale: tuple[float, float]
    """Of the pattern, down and across."""
    values: Complex64[Tensor, " waves"]
    """What the waves are there."""
    shift: tuple[int, int]
    """The tile's place in 64ths, down and to the right."""


@dataclass(frozen=True, slots=True)
class WatermarkDetection:
    """What was found of a watermark in one photo."""

    score: float
    """Of the pilots in the upright photo, or where a message was read; chance alone gives about 5."""
    payload: Payload | None
    """None if there is no mark, or one too faint to be read."""
    fits: bool | None = None
    """Whether the message was made for what this picture shows; None if that cannot be told."""
    threshold: float = PRESENT_THRESHOLD
    """The score from which there is a mark: it depends on how much was searched."""

    @property
    def present(self) -> bool:
        return self.payload is not None or self.score >= self.threshold


def detect(photo: UInt8[Tensor, "3 height width"], *, handled: bool = True) -> WatermarkDetection:
    """Look for the mark of `watermark.embed` in a photo that may have been changed since.

    `handled`: where nothing is found, look also for one that was much enlarged, mirrored, turned or squeezed.
    """
    table = waves(photo.device)
    found = _upright(photo, MAX_SIDE_PX, table)
    if found.present or not handled:
        return found
    attempts = [] if max(photo.shape[1:]) <= SMALL_SIDE_PX else [(photo, SMALL_SIDE_PX)]
    for photo_before, side in [*attempts, *((one, MAX_SIDE_PX) for one in _undone(photo, table))]:
        other = _upright(photo_before, side, table)
        if other.payload is not None:
            return other
    return found


def _upright(photo: UInt8[Tensor, "3 height width"], side_px: int, table: Waves) -> WatermarkDetection:
    even = evened(photo, side_px)
    # the scale, if the photo is still as large as it was
    untouched = max(even.shape) / min(max(photo.shape[1:]), FRAME)
    places_tried = (_exact(even, scale, table) for scale in [untouched, *_likely(even, table)])
    best = max(places_tried, key=lambda one: one.score)
    score, turn, weight = _aligned(best, table)
    if score < READ_THRESHOLD:
        return WatermarkDetection(score, None)
    frame = [max(2, round(side / one)) for side, one in zip(even.shape, best.scale, strict=True)]
    if max(best.scale) < ENLARGED_BELOW and max(frame) <= MAX_SIDE_PX:
        photo = _bytes(interpolate(photo[None].float(), frame, mode="bicubic", antialias=True))[0]
        even = evened(photo, MAX_SIDE_PX)
        best = _exact(even, 1.0, table)
        _, turn, weight = _aligned(best, table)
    shown = even * content_map(photo, even, best.scale)
    laid = wave_values(shown, *(even.new_tensor([scale]) for scale in best.scale))[:, 0, 0]
    laid = whitened(laid, table.ring, table.member)
    plain, laid = ((values * turn)[table.pilots :] for values in (best.values, laid))
    read, fits = message.read(plain, laid, weight, table.plan)
    return WatermarkDetection(score, read, fits)


def _bytes(photos: Tensor) -> Photos:
    return photos.round().clamp(0, 255).to(torch.uint8)


def content_map(
    photo: UInt8[Tensor, "3 height width"], even: Float[Tensor, "h w"], scale: tuple[float, float]
) -> Float[Tensor, "h w"]:
    """The map that the bound waves lie on, as it was in the pattern's frame."""
    frame = [max(2, round(side / one)) for side, one in zip(even.shape, scale, strict=True)]
    gray = luma(interpolate(photo[None].float(), frame, mode="bilinear", antialias=True))
    return interpolate(content(gray), list(even.shape), mode="bilinear")[0, 0]


def _undone(photo: UInt8[Tensor, "3 height width"], table: Waves) -> list[Photo]:
    """The photo as it was before the few things that are likeliest to have been done to it."""
    transform = spectrum(evened(photo, MAX_SIDE_PX))
    scales = log_steps(MIN_SCALE, MAX_SCALE, COARSE_STEP, photo.device)
    ranked = []
    for handling in handlings():
        turn = torch.tensor(handling.turn, device=photo.device)
        ranked.append((float(scores(transform, table, scales, turn).max()), handling))
    ranked.sort(key=lambda one: -one[0])
    return [handling.undo(photo) for _, handling in ranked[:MAX_HANDLINGS]]


def evened(photo: UInt8[Tensor, "3 height width"], side_px: int) -> Float[Tensor, "h w"]:
    """Brightness about its local mean, over its local deviation, faded out along the edges."""
    scale = max(1.0, max(photo.shape[1:]) / side_px)
    size = [max(1, round(side / scale)) for side in photo.shape[1:]]
    gray = luma(photo[None] if scale == 1 else interpolate(photo[None].float(), size, mode="area"))
    detail = gray - _around(gray)
    even = (detail / (_around(detail * detail).sqrt() + FLAT_LEVELS)).clamp(-3, 3)[0, 0]
    for axis, side in enumerate(even.shape):
        place = torch.arange(side, device=even.device) + 0.5
        fade = (torch.minimum(place, side - place) / (EDGE * side)).clamp(max=1)
        even = even * (fade[:, None] if axis == 0 else fade)
    return even


def _likely(even: Float[Tensor, "h w"], table: Waves) -> list[float]:
    """The scales at which the pilots answer best, from one transform."""
    scales = log_steps(MIN_SCALE, MAX_SCALE, SCALE_STEP, even.device)
    peak = scores(spectrum(even), table, scales)
    summits = peak * (max_pool1d(peak[None, None], 3, stride=1, padding=1)[0, 0] == peak)
    return scales[summits.topk(CANDIDATES).indices].tolist()


def _exact(even: Float[Tensor, "h w"], scale: float, table: Waves) -> _Place:
    """The best place about a scale."""
    scales = scale * (1 + SEARCH_RADIUS.to(even.device))
    values = whitened(wave_values(even, scales, scales).permute(1, 2, 0), table.ring, table.member)
    maps = places(values[..., : table.pilots], table).flatten(2)
    score, index = maps.flatten().max(0)
    first, second, place = (int(i) for i in torch.unravel_index(index, maps.shape))
    shift = place // PLACES, place % PLACES
    return _Place(float(score), (float(scales[first]), float(scales[second])), values[first, second], shift)


def wave_values(
    even: Float[Tensor, "h w"], downs: Float[Tensor, " scales"], acrosses: Float[Tensor, " other"]
) -> Complex64[Tensor, "waves scales other"]:
    """The waves at scales for height and width apart, exactly."""
    table = waves(even.device)
    down, right = (torch.arange(side, device=even.device) - side // 2 for side in even.shape)
    vertical = (
        torch.arange(-MAX_FREQUENCY, MAX_FREQUENCY + 1, device=even.device)[:, None]
        * down
        / (TILE * downs[:, None, None])
    )
    across = (
        torch.arange(MAX_FREQUENCY + 1, device=even.device)[:, None]
        * right
        / (TILE * acrosses[:, None, None])
    )
    rows = torch.einsum("yx,bkx->ybk", even.to(torch.complex64), turns_of(-across))
    # scale down, wave down, scale across, wave across
    both = torch.einsum("aly,ybk->albk", turns_of(-vertical), rows)
    return both[:, table.all[:, 0] + MAX_FREQUENCY, :, table.all[:, 1]]


def _aligned(
    place: _Place, table: Waves
) -> tuple[float, Complex64[Tensor, " waves"], Float[Tensor, " data"]]:
    """The score, what turns the waves to the place where they begin, refined to a quarter of a pixel, and how
    well each of the data's came through."""
    pilots, device = table.pilots, place.values.device
    shifts = torch.arange(-4, 5, device=device) / 2
    offsets = torch.cartesian_prod(2 * place.shift[0] + shifts, 2 * place.shift[1] + shifts)
    turns = turns_of(offsets @ table.all.T.float() / TILE)
    answers = ((place.values * turns)[:, :pilots] * table.plan.phases.to(device).conj()).real
    best = int(answers.sum(1).argmax())
    weight = (answers[best] @ table.member[:pilots] / table.member[:pilots].sum(0)).clamp(min=0.02)
    score = answers[best].sum() / (place.values[:pilots].abs().square().sum() / 2).sqrt()
    return float(score), turns[best], weight[table.ring[pilots:]]


def turns_of(cycles: Float[Tensor, "*any"]) -> Complex64[Tensor, "*any"]:
    """exp(2 pi i cycles), in a fifth of the time that torch.exp takes."""
    return torch.polar(torch.ones_like(cycles), 2 * math.pi * cycles)


def _around(gray: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """Mean in a square window about each pixel, by rows, then by columns."""
    padded = pad(gray, (EVEN_PX // 2,) * 4, mode="replicate")
    return avg_pool2d(avg_pool2d(padded, (EVEN_PX, 1), 1), (1, EVEN_PX), 1)
