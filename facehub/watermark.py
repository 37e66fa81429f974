"""The invisible watermark: faint waves over the whole picture that say which program made it, in which version, and which picture it is.

Spread-spectrum watermarking (Cox, Kilian, Leighton, Shamoon, IEEE Trans. Image Processing 6(12), 1997) with a pattern that repeats, so that crops and
other sizes can be undone (Kutter, SPIE 3528, 1998). The pattern is a tile of `TILE` px, the sum of waves 5 to 11 px long, which JPEG and halving
leave. A quarter of the waves are pilots, the same in every picture: from them the reader (watermark_reader.py) learns scale and place, whether there
is a mark at all, and how well each wavelength came through. The others carry the coded message, each sign of the code on several waves. The pattern
is stronger where the photo is busy, and grows with photos larger than `FRAME` px.

What it withstands is measured in docs/marks.md. It does not withstand rotation, mirroring, or somebody who reads this file and wants it gone.
"""

import functools
import hashlib
import itertools
import math
import re
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Complex64, Float, Int
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from . import codes
from .types import Photos

KEY = b"facehub watermark 1"
"""Chooses pilots, places and signs. Another scheme has another key, and its marks do not answer to this one."""

TILE, FRAME = 128, 512
"""Sides in px: of the tile that repeats, and of the frame it is made for; a photo with a longer side is treated as enlarged from that frame."""

LOWEST, HIGHEST = 12, 28
"""Frequencies in cycles per tile. Below, the photos themselves are loud; above, halving and JPEG take the waves away."""

PILOTS = 0.25
"""Share of the waves that are the same in every picture."""

VERSION_BITS, ID_BITS = (4, 6, 6), 32
BITS = sum(VERSION_BITS) + ID_BITS

LEVELS = 2.2
"""Root mean square of the whole change, of 255, at most: a PSNR of 41.3 dB."""

FLAT_LEVELS, SMOOTH_LEVELS, SMOOTH_DEVIATION = 1.1, 1.8, 2.0
"""The change where the photo is flat, as a studio's wall, on which the eye would notice more; and where its standard deviation reaches the third."""

BUSY_SHARE, BUSY_LEVELS, BUSY_PX = 0.1, 30.0, 8
"""What is added in busy places, as a share of the standard deviation, counted up to a limit, in blocks of so many px."""

PLENTY_PX, LEAST = 300, 0.7
"""A frame larger than this holds the pattern more often, and gets it fainter in proportion, down to a share."""

LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class Payload:
    """What the mark says besides "facehub"."""

    version: str
    """Of the program, as 0.2.0."""
    id: int
    """Chosen at random for each picture, below 2 ** 32; the signed manifest names the same."""


@dataclass(frozen=True, slots=True)
class Waves:
    """Which waves there are, as (vertical, horizontal) cycles per tile, and what each is for."""

    pilots: Int[Tensor, "pilots 2"]
    phases: Complex64[Tensor, " pilots"]
    data: Int[Tensor, "data 2"]
    places: Int[Tensor, "data 2"]
    """Which signs of the code a wave's cosine and sine carry."""
    signs: Float[Tensor, "data 2"]
    """What they are multiplied with, so that no message makes a striking pattern."""


@functools.cache
def waves() -> Waves:
    """The same on every machine and for ever: chosen by SHAKE-256 of the key."""
    grid = torch.cartesian_prod(torch.arange(-HIGHEST, HIGHEST + 1), torch.arange(HIGHEST + 1))
    radius = grid.float().norm(dim=1)
    grid = grid[(radius >= LOWEST) & (radius <= HIGHEST) & ((grid[:, 1] > 0) | (grid[:, 0] > 0))]  # of each wave and its mirror image one
    random = torch.frombuffer(bytearray(hashlib.shake_256(KEY).digest(16 * len(grid))), dtype=torch.int32).view(4, -1)
    grid, random = grid[random[0].argsort(stable=True)], random[1:]
    count = round(PILOTS * len(grid))
    angles = random[0, :count].double() * (math.pi / 2**31)
    places = torch.arange(2 * (len(grid) - count)) % codes.coded_length(BITS)
    places = places[random[:2, count:].flatten().argsort(stable=True)]
    signs = (random[2, count:, None] >> torch.tensor([3, 17]) & 1) * 2.0 - 1
    return Waves(grid[:count], torch.polar(torch.ones_like(angles), angles).to(torch.complex64), grid[count:], places.view(-1, 2), signs)


def embed(photos: Photos, payloads: list[Payload]) -> Photos:
    """The photos with their marks: one payload a photo. The work is done in the frame's size, whatever the photo's."""
    height, width = photos.shape[-2:]
    scale = max(1.0, max(height, width) / FRAME)
    frame = (max(1, round(height / scale)), max(1, round(width / scale)))
    gray = luma(photos if scale == 1 else interpolate(photos.float(), frame, mode="area"))
    pattern = tiles(bits(payloads).to(photos.device)).repeat(1, 1, -(-frame[0] // TILE), -(-frame[1] // TILE))[..., : frame[0], : frame[1]]
    change = pattern * levelled(strength(busyness(gray)))
    change = change * (LEVELS / change.square().mean((1, 2, 3), keepdim=True).sqrt()).clamp(max=1)
    change = change * min(1.0, max(LEAST, PLENTY_PX / math.sqrt(frame[0] * frame[1])))
    if scale > 1:
        change = interpolate(change, (height, width), mode="bilinear")
    return photos.float().add_(change.round_()).clamp_(0, 255).to(torch.uint8)


def bits(payloads: list[Payload]) -> Bool[Tensor, "photos bits"]:
    """Version and id as bits, most significant first. Letters in a version do not count; numbers that do not fit are the largest that do."""
    rows = []
    for payload in payloads:
        parts = [int(number) for number in re.findall(r"\d+", payload.version)[:3]] + [0, 0, 0]
        fields = zip((*VERSION_BITS, ID_BITS), (*parts[:3], payload.id), strict=True)
        rows.append([int(bit) for size, number in fields for bit in f"{min(number, 2**size - 1):0{size}b}"])
    return torch.tensor(rows, dtype=torch.bool)


def payload(message: Bool[Tensor, " bits"]) -> Payload:
    """What the bits of one message say."""
    text = "".join(str(int(bit)) for bit in message)
    ends = [sum(VERSION_BITS[:i]) for i in range(4)]
    version = ".".join(str(int(text[a:b], 2)) for a, b in itertools.pairwise(ends))
    return Payload(version, int(text[ends[-1] :], 2))


def tiles(messages: Bool[Tensor, "photos bits"]) -> Float[Tensor, "photos 1 tile tile"]:
    """One period of each pattern, with a root mean square of 1."""
    chosen, coded = waves(), codes.encode(messages)
    spectrum = torch.zeros(len(messages), TILE, TILE, dtype=torch.complex64, device=messages.device)
    spectrum[:, chosen.pilots[:, 0], chosen.pilots[:, 1]] = chosen.phases.to(messages.device)
    values = coded[:, chosen.places.to(messages.device)] * chosen.signs.to(messages.device) / math.sqrt(2)
    spectrum[:, chosen.data[:, 0], chosen.data[:, 1]] = torch.view_as_complex(values.contiguous())
    pattern = torch.fft.ifft2(spectrum).real[:, None]
    return pattern / pattern.square().mean((1, 2, 3), keepdim=True).sqrt()


def luma(photos: Tensor) -> Float[Tensor, "photos 1 height width"]:
    """Brightness in levels of 255."""
    red, green, blue = photos.float().split(1, dim=1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def strength(busy: Float[Tensor, "photos 1 height width"]) -> Float[Tensor, "photos 1 height width"]:
    """Levels by which each pixel may change, root mean square, for its place's busyness."""
    smooth = (busy / SMOOTH_DEVIATION).clamp(max=1) * (SMOOTH_LEVELS - FLAT_LEVELS) + FLAT_LEVELS
    return busy.clamp(max=BUSY_LEVELS) * BUSY_SHARE + smooth


def levelled(levels: Float[Tensor, "photos 1 height width"]) -> Float[Tensor, "photos 1 height width"]:
    """Cut off if their root mean square would pass `LEVELS`: a photo that is busy all over keeps the mark in quiet places, where it reads best."""
    some = avg_pool2d(levels, BUSY_PX, ceil_mode=True)
    low, high = torch.zeros_like(some[:, :, :1, :1]), some.amax((2, 3), keepdim=True)
    for _ in range(10):
        middle = (low + high) / 2
        fits = some.minimum(middle).square().mean((2, 3), keepdim=True) <= LEVELS**2
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return levels.minimum(high)


def busyness(gray: Float[Tensor, "photos 1 height width"]) -> Float[Tensor, "photos 1 height width"]:
    """Standard deviation about each pixel, in levels: that of the blocks near it."""
    mean = avg_pool2d(gray, BUSY_PX, ceil_mode=True)
    spread = (avg_pool2d(gray * gray, BUSY_PX, ceil_mode=True) - mean * mean).clamp(min=0).sqrt()
    return interpolate(spread, gray.shape[-2:], mode="bilinear")
