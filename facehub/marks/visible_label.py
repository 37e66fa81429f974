"""The visible label: the letters AI on a dark plate with a light rim, in the lower right corner.

It is legible on whatever lies below it.
"""

import functools

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

TEXT = "AI"

HEIGHT_SHARE = 0.055
"""The plate's height as a share of the picture's shorter side."""

MIN_HEIGHT_PX = 14
"""The plate's least height."""

ASPECT = 1.45
"""The plate's width over its height."""

LETTER_SHARE = 0.56
"""The letters' height as a share of the plate's."""

STROKE_SHARE = 0.018
"""What is added to the letters' strokes on each side, as a share of the plate's height."""

RIM_SHARE = 0.06
"""The rim's width as a share of the plate's height; at least a pixel."""

CORNER_SHARE = 0.24
"""The radius of the plate's corners as a share of its height."""

SUPERSAMPLING = 4
"""Points a pixel along each axis, from which the soft edges are averaged."""

LIGHT_LEVEL = 255.0
"""Of the letters and the rim."""

DARK_LEVEL = 16.0
"""Of the plate."""

OPACITY = 0.82
"""How much of the picture the plate covers."""


def draw(photos: UInt8[Tensor, "photos 3 height width"]) -> UInt8[Tensor, "photos 3 height width"]:
    """The photos with their labels; pixels elsewhere are the same."""
    top, left, height, width = box(*photos.shape[-2:])
    light, dark = (part.to(photos.device) for part in plate(height, width))
    labelled = photos.clone()
    below = photos[..., top : top + height, left : left + width].float()
    below = below + (DARK_LEVEL - below) * dark * OPACITY
    below = below + (LIGHT_LEVEL - below) * light
    labelled[..., top : top + height, left : left + width] = below.round().to(torch.uint8)
    return labelled


def box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of the label in a picture of this size."""
    high = max(MIN_HEIGHT_PX, round(min(height, width) * HEIGHT_SHARE))
    wide, margin = round(high * ASPECT), round(high * 0.35)
    return max(0, height - margin - high), max(0, width - margin - wide), min(high, height), min(wide, width)


@functools.lru_cache(32)
def plate(height: int, width: int) -> tuple[Float[Tensor, "height width"], Float[Tensor, "height width"]]:
    """Where the letters and the rim are, and where the plate is, from 0 to 1."""
    high, wide = height * SUPERSAMPLING, width * SUPERSAMPLING
    corners, radius = (0, 0, wide - 1, high - 1), CORNER_SHARE * high
    light, dark = Image.new("L", (wide, high)), Image.new("L", (wide, high))
    ImageDraw.Draw(dark).rounded_rectangle(corners, radius, fill=255)
    pen = ImageDraw.Draw(light)
    pen.rounded_rectangle(corners, radius, outline=255, width=max(SUPERSAMPLING, round(RIM_SHARE * high)))
    font = ImageFont.load_default(LETTER_SHARE / _cap_height() * high)
    stroke = round(STROKE_SHARE * high)
    pen.text((wide / 2, high / 2), TEXT, fill=255, font=font, anchor="mm", stroke_width=stroke)
    return _shrink(light, height, width), _shrink(dark, height, width)


@functools.cache
def _cap_height() -> float:
    """The height of a capital letter as a share of the font's size."""
    _, top, _, bottom = ImageFont.load_default(1000).getbbox(TEXT)
    return (bottom - top) / 1000


def _shrink(picture: Image.Image, height: int, width: int) -> Float[Tensor, "height width"]:
    small = picture.resize((width, height), Image.Resampling.BOX)
    return torch.from_numpy(np.array(small, dtype=np.float32)) / 255
