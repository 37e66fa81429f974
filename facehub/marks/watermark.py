"""The invisible watermark: faint waves over the whole picture that name the program and the picture.

Spread-spectrum watermarking (Cox, Kilian, Leighton, Shamoon, IEEE Trans. Image Processing 6(12), 1997) with a
pattern that repeats, so that crops and other sizes can be undone (Kutter, SPIE 3528, 1998). The pattern is a
tile of `TILE` px, the sum of waves 5 to 11 px long, which JPEG and halving leave. A quarter of the waves are
pilots, the same in every picture. From them the detector (watermark_detector.py) learns scale and place,
whether there is a mark at all, and how well each wavelength came through. The others carry the coded message,
each sign of the code on several waves. A third of those are laid on what the picture shows (binding.py), so
that a mark that was copied to another picture is told. The pattern is as strong as the eye lets it be
(visibility.py), and grows with photos larger than `FRAME` px.

docs/marks.md has what it withstands, as measured. It does not withstand somebody who reads this file and
wants it gone.
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

from ..types import Photos
from . import convolutional_code, visibility
from .binding import content

KEY = b"facehub watermark 1"
"""Chooses pilots, places and signs. Marks of a scheme with another key are not found with this one."""

TILE = 128
"""Side in px of the tile that repeats."""

FRAME = 512
"""Side in px of the frame that the tile is made for; larger photos are treated as enlarged from it."""

MIN_FREQUENCY = 12
"""Cycles per tile. Below it the photos themselves are strong."""

MAX_FREQUENCY = 28
"""Cycles per tile. Above it halving and JPEG take the waves away."""

PILOTS = 0.25
"""Share of the waves that are the same in every picture."""

VERSION_BITS = (4, 6, 6)
"""Bits of the version's three numbers."""

ID_BITS = 32
"""Bits of the picture's number."""

BITS = sum(VERSION_BITS) + ID_BITS
"""Bits of a message."""

MAX_LEVELS = 2.2
"""Root mean square of the whole change, of 255, at most: a PSNR of 41.3 dB."""

LIMIT_BLOCK_PX = 8
"""Side of the blocks over which that mean is taken, px."""

FULL_STRENGTH_PX = 300
"""A larger frame holds the pattern more often, and gets it fainter in proportion."""

MIN_STRENGTH = 0.9
"""But no fainter than this share."""

BOUND = 3
"""Every so many of the waves that carry the message are laid on what the picture shows, from the first on."""

BOUND_GAIN = 1.35
"""Makes up for a part of what those waves lose where the picture is even."""

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in the brightness."""


Tile = Float[Tensor, "photos 1 tile tile"]
"""One period of a pattern for each photo."""


@dataclass(frozen=True, slots=True)
class Payload:
    """What the mark says besides "facehub"."""

    version: str
    """Of the program, as 0.2.0."""
    id: int
    """Chosen at random for each picture, below 2 ** 32; the signed manifest names the same."""


@dataclass(frozen=True, slots=True)
class FrequencyPlan:
    """The waves, as (vertical, horizontal) cycles per tile, and what each is for."""

    pilots: Int[Tensor, "pilots 2"]
    phases: Complex64[Tensor, " pilots"]
    data: Int[Tensor, "data 2"]
    places: Int[Tensor, "data 2"]
    """Which signs of the code a wave's cosine and sine carry."""
    signs: Float[Tensor, "data 2"]
    """What they are multiplied with, so that no message makes a striking pattern."""

    @property
    def bound(self) -> Bool[Tensor, " data"]:
        """Which of the data's waves are laid on what the picture shows."""
        return torch.arange(len(self.data)) % BOUND == 0


@functools.cache
def frequency_plan() -> FrequencyPlan:
    """The same on every machine and for ever: chosen by SHAKE-256 of the key."""
    grid = torch.cartesian_prod(
        torch.arange(-MAX_FREQUENCY, MAX_FREQUENCY + 1), torch.arange(MAX_FREQUENCY + 1)
    )
    radius = grid.float().norm(dim=1)
    grid = grid[
        (radius >= MIN_FREQUENCY) & (radius <= MAX_FREQUENCY) & ((grid[:, 1] > 0) | (grid[:, 0] > 0))
    ]  # of each wave and its mirror image one
    random = torch.frombuffer(
        bytearray(hashlib.shake_256(KEY).digest(16 * len(grid))), dtype=torch.int32
    ).view(4, -1)
    grid, random = grid[random[0].argsort(stable=True)], random[1:]
    count = round(PILOTS * len(grid))
    angles = random[0, :count].double() * (math.pi / 2**31)
    places = torch.arange(2 * (len(grid) - count)) % convolutional_code.coded_length(BITS)
    places = places[random[:2, count:].flatten().argsort(stable=True)]
    signs = (random[2, count:, None] >> torch.tensor([3, 17]) & 1) * 2.0 - 1
    return FrequencyPlan(
        grid[:count],
        torch.polar(torch.ones_like(angles), angles).to(torch.complex64),
        grid[count:],
        places.view(-1, 2),
        signs,
    )


def embed(photos: Photos, payloads: list[Payload]) -> Photos:
    """The photos with their marks: one payload per photo. The change is computed at the frame's size."""
    height, width = photos.shape[-2:]
    scale = max(1.0, max(height, width) / FRAME)
    frame = (max(1, round(height / scale)), max(1, round(width / scale)))
    gray = luma(photos)  # before it is made smaller, which costs more, once and not for each colour
    gray = gray if scale == 1 else interpolate(gray, frame, mode="area")
    free, bound = (
        tile.repeat(1, 1, -(-frame[0] // TILE), -(-frame[1] // TILE))[..., : frame[0], : frame[1]]
        for tile in _tiles_of(tuple(payloads), photos.device)
    )
    pattern = free + BOUND_GAIN * bound * content(gray)
    change = pattern * limit_rms(visibility.levels(gray))
    change = change * (MAX_LEVELS / change.square().mean((1, 2, 3), keepdim=True).sqrt()).clamp(max=1)
    change = change * min(1.0, max(MIN_STRENGTH, FULL_STRENGTH_PX / math.sqrt(frame[0] * frame[1])))
    if scale > 1:
        change = interpolate(change, (height, width), mode="bilinear")
    return photos.float().add_(change.round_()).clamp_(0, 255).to(torch.uint8)


def bits(payloads: list[Payload]) -> Bool[Tensor, "photos bits"]:
    """Version and id as bits, most significant first.

    Letters in a version do not count; numbers that do not fit become the largest that do.
    """
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


@functools.lru_cache(maxsize=4)
def _tiles_of(payloads: tuple[Payload, ...], device: torch.device) -> tuple[Tile, Tile]:
    """Kept, because all frames of a film have the same."""
    return tiles(bits(list(payloads)).to(device))


def tiles(messages: Bool[Tensor, "photos bits"]) -> tuple[Tile, Tile]:
    """One period of each pattern: what lies everywhere, and what is laid on the picture's content.

    Their sum has a root mean square of 1.
    """
    chosen, coded = frequency_plan(), convolutional_code.encode(messages)
    values = coded[:, chosen.places.to(messages.device)] * chosen.signs.to(messages.device) / math.sqrt(2)
    waves = torch.view_as_complex(values.contiguous())
    bound = chosen.bound.to(messages.device)
    spectra = torch.zeros(2, len(messages), TILE, TILE, dtype=torch.complex64, device=messages.device)
    spectra[0, :, chosen.pilots[:, 0], chosen.pilots[:, 1]] = chosen.phases.to(messages.device)
    for spectrum, some in zip(spectra, (~bound, bound), strict=True):
        down, right = chosen.data[some.cpu()].unbind(1)
        spectrum[:, down, right] = waves[:, some]
    pattern = torch.fft.ifft2(spectra).real[:, :, None]
    strength = pattern.sum(0).square().mean((1, 2, 3), keepdim=True).sqrt()
    return pattern[0] / strength, pattern[1] / strength


def luma(photos: Tensor) -> Float[Tensor, "photos 1 height width"]:
    """Brightness in levels of 255."""
    red, green, blue = photos.float().split(1, dim=1)
    return (red * LUMA[0]).add_(green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


def limit_rms(levels: Float[Tensor, "photos 1 height width"]) -> Float[Tensor, "photos 1 height width"]:
    """Cut off the largest levels where the root mean square would pass `MAX_LEVELS`.

    A photo that is busy all over keeps the mark in quiet places, where it reads best.
    """
    blocks = avg_pool2d(levels, LIMIT_BLOCK_PX, ceil_mode=True)
    low, high = torch.zeros_like(blocks[:, :, :1, :1]), blocks.amax((2, 3), keepdim=True)
    for _ in range(10):
        middle = (low + high) / 2
        fits = blocks.minimum(middle).square().mean((2, 3), keepdim=True) <= MAX_LEVELS**2
        low, high = torch.where(fits, middle, low), torch.where(fits, high, middle)
    return levels.minimum(high)
