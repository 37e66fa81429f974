"""Reads the watermark: finds the pattern's scale and place by its pilots, then decodes what the other waves say.

The photo is made even (local mean out, divided by the local deviation), which undoes the embedder's strength and most changes of brightness. One
Fourier transform gives the waves at hundreds of scales, roughly; at the best few they are computed exactly, for width and height apart. With the
pilots' known phases taken off, an inverse transform has a peak where the tile begins.

The score is the peak over what chance gives at one place: phases of a photo without the mark are random to the key's, so there it is standard normal.
The largest of the millions that are tried is not: its distribution was measured on unmarked photos (docs/marks.md); the thresholds come from there.
"""

import math
from dataclasses import dataclass

import torch
from jaxtyping import Complex64, Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool1d, one_hot, pad

from . import codes
from .watermark import BITS, FRAME, HIGHEST, LOWEST, TILE, Payload, Waves, luma, payload, waves

LARGEST = 768
"""Longer side in px of the photo that is searched."""

SCALES, STEP = (0.4, 2.2), 0.004
"""Of the pattern in that photo, and how finely they are tried: half a step shifts the edges of a 512 px photo by a pixel."""

EVEN_PX, FLAT_LEVELS, EDGE = 15, 2.0, 0.06
"""The window in which a photo is made even, the deviation that counts as none, and the margin along which it fades out."""

LOUDEST = 1.5
"""No wave counts more than this many times the usual of its wavelength: a fence or a screen has few waves, but strong ones."""

RINGS = 8
CANDIDATES, NEAR = 3, torch.arange(-2, 3) * 0.002
"""Scales looked at exactly, and how far about each."""

READABLE, PRESENT = 6.0, 8.0
"""Scores at which a message with the right checksum counts, and at which there is a mark even if the message cannot be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was seen of a watermark in one photo."""

    score: float
    """Of the pilots; chance alone gives about 5."""
    payload: Payload | None
    """None where there is no mark, or one too faint to be read."""

    @property
    def present(self) -> bool:
        return self.payload is not None or self.score >= PRESENT


@dataclass(frozen=True, slots=True)
class _Search:
    """The waves in the order pilots, data, and the rings of like wavelength that they belong to."""

    waves: Waves
    all: Tensor
    ring: Tensor
    member: Tensor


def detect(photo: UInt8[Tensor, "3 height width"]) -> Found:
    """Looks for the mark of `watermark.embed` in a photo that may have been cropped, resized or compressed since."""
    search = _search(photo.device)
    even = _even(photo)
    untouched = max(even.shape) / min(max(photo.shape[1:]), FRAME)  # the scale, if the photo is still as large as it was
    best = max((_exact(even, scale, search) for scale in [untouched, *_likely(even, search)]), key=lambda one: one[0])
    score, values = _aligned(*best[1:], search)
    message, right = codes.decode(values[None])
    return Found(score, payload(message[0]) if bool(right) and score >= READABLE else None)


def _search(device: torch.device) -> _Search:
    chosen = waves()
    together = torch.cat([chosen.pilots, chosen.data]).to(device)
    ring = ((together.float().norm(dim=1) - LOWEST) / (HIGHEST - LOWEST) * RINGS).long().clamp(0, RINGS - 1)
    return _Search(chosen, together, ring, one_hot(ring, RINGS).float())


def _even(photo: UInt8[Tensor, "3 height width"]) -> Float[Tensor, "h w"]:
    """Brightness about its local mean, over its local deviation, faded out along the edges."""
    scale = max(1.0, max(photo.shape[1:]) / LARGEST)
    size = [max(1, round(side / scale)) for side in photo.shape[1:]]
    gray = luma(photo[None] if scale == 1 else interpolate(photo[None].float(), size, mode="area"))
    detail = gray - _around(gray)
    even = (detail / (_around(detail * detail).sqrt() + FLAT_LEVELS)).clamp(-3, 3)[0, 0]
    for axis, side in enumerate(even.shape):
        place = torch.arange(side, device=even.device) + 0.5
        fade = (torch.minimum(place, side - place) / (EDGE * side)).clamp(max=1)
        even = even * (fade[:, None] if axis == 0 else fade)
    return even


def _likely(even: Float[Tensor, "h w"], search: _Search) -> list[float]:
    """The scales at which the pilots answer best, from one transform, each wave read at the nearest frequency of it."""
    size = 1 << (2 * max(even.shape) - 1).bit_length()
    padded = even.new_zeros(size, size)
    padded[: even.shape[0], : even.shape[1]] = even
    spectrum = torch.fft.rfft2(padded.roll((-(even.shape[0] // 2), -(even.shape[1] // 2)), (0, 1)))
    count = int(math.log(SCALES[1] / SCALES[0]) / STEP)
    scales = SCALES[0] * torch.exp(torch.arange(count + 1, device=even.device) * STEP)
    pilots, peaks = len(search.waves.pilots), []
    for some in scales.split(64):
        frequency = search.all[:pilots] / (TILE * some[:, None, None])
        index = (frequency * size).round().long()
        values = spectrum[index[..., 0] % size, index[..., 1].clamp(max=size // 2)] * (frequency.abs() < 0.5).all(-1)
        values = _whitened(values, search.ring[:pilots], search.member[:pilots])
        peaks.append(_places(values, search).flatten(1).amax(1))
    peak = torch.cat(peaks)
    summits = peak * (max_pool1d(peak[None, None], 3, stride=1, padding=1)[0, 0] == peak)
    return scales[summits.topk(CANDIDATES).indices].tolist()


def _exact(even: Float[Tensor, "h w"], scale: float, search: _Search) -> tuple[float, Complex64[Tensor, " waves"], int, int]:
    """The best score about a scale, the waves there, and the place of the tile in 64ths of it, down and to the right."""
    scales = scale * (1 + NEAR.to(even.device))
    down, right = (torch.arange(side, device=even.device) - side // 2 for side in even.shape)
    vertical = torch.arange(-HIGHEST, HIGHEST + 1, device=even.device)[:, None] * down / (TILE * scales[:, None, None])
    across = torch.arange(HIGHEST + 1, device=even.device)[:, None] * right / (TILE * scales[:, None, None])
    rows = torch.einsum("yx,bkx->ybk", even.to(torch.complex64), torch.exp(-2j * math.pi * across))
    both = torch.einsum("aly,ybk->albk", torch.exp(-2j * math.pi * vertical), rows)  # scale down, wave down, scale across, wave across
    values = both[:, search.all[:, 0] + HIGHEST, :, search.all[:, 1]].permute(1, 2, 0)
    values = _whitened(values, search.ring, search.member)
    maps = _places(values[..., : len(search.waves.pilots)], search).flatten(2)
    score, index = maps.flatten().max(0)
    first, second, place = (int(i) for i in torch.unravel_index(index, maps.shape))
    return float(score), values[first, second], place // 64, place % 64


def _aligned(values: Complex64[Tensor, " waves"], down: int, right: int, search: _Search) -> tuple[float, Float[Tensor, " coded"]]:
    """The score, and the soft signs of the code, after the place was refined to a quarter of a pixel."""
    chosen, pilots = search.waves, len(search.waves.pilots)
    device, shifts = values.device, torch.arange(-4, 5, device=values.device) / 2
    offsets = torch.cartesian_prod(2 * down + shifts, 2 * right + shifts)
    turned = values * torch.exp(2j * math.pi * (offsets @ search.all.T.float()) / TILE)
    answers = (turned[:, :pilots] * chosen.phases.to(device).conj()).real
    best = int(answers.sum(1).argmax())
    weight = (answers[best] @ search.member[:pilots] / search.member[:pilots].sum(0)).clamp(min=0.02)  # how well each wavelength came through
    soft = torch.view_as_real((turned[best, pilots:] * weight[search.ring[pilots:]]).contiguous()) * chosen.signs.to(device)
    signs = soft.new_zeros(codes.coded_length(BITS)).index_add_(0, chosen.places.flatten().to(device), soft.flatten())
    return float(answers[best].sum() / (values[:pilots].abs().square().sum() / 2).sqrt()), signs


def _whitened(values: Complex64[Tensor, "... waves"], ring: Tensor, member: Tensor) -> Complex64[Tensor, "... waves"]:
    """Each wave over the usual strength of its ring, none louder than `LOUDEST`."""
    usual = (values.abs().square() @ member / member.sum(0)).sqrt()
    values = values / (usual[..., ring] + 1e-9)
    return values / values.abs().clamp(min=LOUDEST) * LOUDEST


def _places(pilots: Complex64[Tensor, "... pilots"], search: _Search) -> Float[Tensor, "... 64 64"]:
    """The score of the pilots at each place of the tile, in 64ths."""
    down, right = search.waves.pilots.to(pilots.device).unbind(1)
    turned = pilots * search.waves.phases.to(pilots.device).conj() * (1 + (right == 0))  # the inverse of a half counts all but the first column twice
    grid = pilots.new_zeros(*pilots.shape[:-1], 64, 33)
    grid[..., down % 64, right] = turned
    usual = (pilots.abs().square().sum(-1) / 2).sqrt()[..., None, None].clamp(min=1e-9)
    return torch.fft.irfft2(grid, s=(64, 64)) * (64**2 / 2) / usual


def _around(gray: Float[Tensor, "1 1 h w"]) -> Float[Tensor, "1 1 h w"]:
    """Mean in a square window about each pixel, by rows, then by columns."""
    padded = pad(gray, (EVEN_PX // 2,) * 4, mode="replicate")
    return avg_pool2d(avg_pool2d(padded, (EVEN_PX, 1), 1), (1, EVEN_PX), 1)
