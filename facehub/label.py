"""The visible label: the letters AI on a dark plate with a light rim, in the lower right corner, legible on whatever lies below it."""

import functools

import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import avg_pool2d

SHARE, LEAST_PX = 0.055, 14
"""The plate's height: as a share of the picture's shorter side, and at least so much."""

WIDE = 1.45
"""The plate's width over its height."""

FINE = 4
"""Points a pixel along each axis, from which the soft edges are averaged."""

LIGHT, DARK, SOLID = 255.0, 16.0, 0.82
"""Letters and rim, the plate, and how much of the picture it covers."""


def draw(photos: UInt8[Tensor, "photos 3 height width"]) -> UInt8[Tensor, "photos 3 height width"]:
    """The photos with their labels; pixels elsewhere are the same."""
    top, left, height, width = box(*photos.shape[-2:])
    light, dark = (part.to(photos.device) for part in plate(height, width))
    labelled = photos.clone()
    below = photos[..., top : top + height, left : left + width].float()
    below = below + (DARK - below) * dark * SOLID
    below = below + (LIGHT - below) * light
    labelled[..., top : top + height, left : left + width] = below.round().to(torch.uint8)
    return labelled


def box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of the label in a picture of this size."""
    high = max(LEAST_PX, round(min(height, width) * SHARE))
    wide, margin = round(high * WIDE), round(high * 0.35)
    return max(0, height - margin - high), max(0, width - margin - wide), min(high, height), min(wide, width)


@functools.lru_cache(32)
def plate(height: int, width: int) -> tuple[Float[Tensor, "height width"], Float[Tensor, "height width"]]:
    """Where the letters and the rim are, and where the plate is, from 0 to 1. Units: the plate is 1 high, its left upper corner is (0, 0)."""
    y = (torch.arange(height * FINE)[:, None] + 0.5) / (height * FINE)
    x = (torch.arange(width * FINE)[None] + 0.5) / (height * FINE)
    wide = width / height
    inside = _round(x, y, wide, 0.0)
    rim = inside & ~_round(x, y, wide, max(0.06, 1 / height))
    return _soft(rim | _letters(x, y, wide)), _soft(inside)


def _round(x: Tensor, y: Tensor, wide: float, inset: float) -> Tensor:
    """A rectangle with round corners, `inset` smaller all around."""
    radius = 0.24 - inset
    away_x = ((x - wide / 2).abs() - (wide / 2 - 0.24)).clamp(min=0)
    away_y = ((y - 0.5).abs() - (0.5 - 0.24)).clamp(min=0)
    return away_x**2 + away_y**2 <= radius**2


def _letters(x: Tensor, y: Tensor, wide: float) -> Tensor:
    top, bottom, stroke, centre = 0.22, 0.78, 0.12, wide / 2 - 0.14
    down = (y - top) / (bottom - top)
    tall = (down >= 0) & (down <= 1)
    leg = (x - centre).abs() - (0.025 + 0.235 * down)  # the outer edge of the A's two legs lies where this is stroke / 2
    a = tall & (leg.abs() <= stroke / 2) | tall & (leg <= 0) & ((down - 0.68).abs() <= 0.095)
    return a | tall & ((x - (centre + 0.5)).abs() <= stroke / 2)


def _soft(points: Tensor) -> Tensor:
    return avg_pool2d(points.float()[None, None], FINE)[0, 0]
