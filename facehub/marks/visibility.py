"""How much each pixel may change before it is seen: a model of the just-noticeable difference.

Luminance: Chou and Li, IEEE Trans. Circuits and Systems for Video Technology 5(6), 1995, equation 5, as a
factor of the threshold at middle gray. Departure: capped in the dark, because today's displays show more
there. Contrast masking: detail hides a change of the same size in proportion to a power of its strength
(Legge and Foley, J. Opt. Soc. Am. 70(12), 1980; Watson, SPIE 1913, 1993, with 0.7). Departure: the power is
0.85, because here the detail's strength is a standard deviation over a block of all its frequencies. Edges:
an edge hides little, and nothing beside it (Yang et al., Signal Processing: Image Communication 20(7), 2005).
Detail counts only where the blocks on all sides have it, so that a wall stays clean up to the hair.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, max_pool2d, pad

FLAT_LEVELS = 0.5
"""Root mean square of the change in flat places at middle gray, in levels of 255."""

MASKING_EXPONENT = 0.85
"""By which the threshold grows with the strength of the detail."""

MAX_DARK_FACTOR = 2.0
"""The most that darkness raises the threshold."""

MAX_DEVIATION_LEVELS = 24.0
"""Stronger detail hides no more than this."""

BLOCK_PX = 8
"""Side of the blocks whose mean and deviation are taken."""

STRIDE_PX = 4
"""From one block to the next."""


def levels(gray: Float[Tensor, "photos 1 height width"]) -> Float[Tensor, "photos 1 height width"]:
    """Levels by which each pixel may change, root mean square. `gray`: brightness, 0 to 255."""
    mean, deviation = _blocks(gray)
    flat = luminance_factor(mean)
    hidden = flat ** (1 - MASKING_EXPONENT) * torch.maximum(flat, deviation) ** MASKING_EXPONENT
    return interpolate(FLAT_LEVELS * hidden, gray.shape[-2:], mode="bilinear")


def luminance_factor(mean: Tensor) -> Tensor:
    """The threshold for a background of this brightness, over that at middle gray."""
    dark = (17 * (1 - (mean / 127).clamp(0, 1).sqrt()) + 3) / 3
    bright = ((mean - 127).clamp(min=0) * 3 / 128 + 3) / 3
    return torch.where(mean <= 127, dark.clamp(max=MAX_DARK_FACTOR), bright)


def _blocks(gray: Float[Tensor, "photos 1 height width"]) -> tuple[Tensor, Tensor]:
    """The mean of each block, and the least standard deviation in it and its neighbours."""
    framed = pad(gray, ((BLOCK_PX - STRIDE_PX) // 2,) * 4, mode="replicate")
    mean = avg_pool2d(framed, BLOCK_PX, STRIDE_PX, ceil_mode=True)
    variance = avg_pool2d(framed * framed, BLOCK_PX, STRIDE_PX, ceil_mode=True) - mean * mean
    deviation = variance.clamp(min=0).sqrt()
    return mean, (-max_pool2d(-deviation, 3, 1, 1)).clamp(max=MAX_DEVIATION_LEVELS)
