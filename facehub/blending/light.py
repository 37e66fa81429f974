"""The photo's light on a new face.

A network knows faces in ordinary light. In harsh, dim or coloured light it paints what it knows: flat and
ashen skin, hair at bare temples, a shadow where none falls; and cloning spreads what hair and shade at the
mask's edge differ by. What is coarse in a skin's luma is light, and so it is taken from the photo: broadly
everywhere, and more finely away from eyes, brows, mouth and nostrils, where a shape would be the person's.
Targets of training are lit alike (train/data/relighting.py). Not in the paper, whose light loss asks the
same of the network; docs/results.md has both sides measured.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .features import feature_mask
from .filters import luma, masked_lowpass

BROAD, NARROW = 0.45, 0.15
"""Deviations of the Gaussians above which luma is the photo's, near features and away from them, in units of
the distance between the eyes."""

SKIN = (0.06, 0.10, 0.04, 0.06)
"""How far from eyes, brows, mouth and nostrils a pixel counts as skin, in the same units."""

SHAPED = (0.45, 0.45, 0.45, 0.45)
"""Up to here a face's shading may be its shape, and only broad light is the photo's."""

MOST = 2.0
"""Largest factor by which a face is made lighter or darker."""

DARK = 4 / 255
"""Added to luma before it is divided."""

COARSE_PX = 96
"""Longer side of the grid on which light is measured."""


def match_light(
    result: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    mask: Float[Tensor, "faces 1 h w"],
    distances: Float[Tensor, "faces 4 rows columns"],
    between_px: Float[Tensor, " faces"],
) -> Float[Tensor, "faces 3 h w"]:
    """Multiply the result by what its skin's light lacks of the target's.

    Light is measured where `mask` shows skin. `distances` are those of `feature_distances`, `between_px` is
    the distance between the eyes.
    """
    height, width = result.shape[2:]
    step = max(1, -(-max(height, width) // COARSE_PX))
    lumas = torch.cat([luma(result), luma(target)], 1)
    lumas, mask = (
        F.avg_pool2d(part, step, ceil_mode=True, count_include_pad=False) for part in (lumas, mask)
    )
    coarse = (lumas.shape[2], lumas.shape[3])
    skin = mask * (1 - feature_mask(distances, SKIN, coarse))
    gain, everywhere = torch.ones_like(skin), torch.ones_like(skin)
    for deviation, share in ((BROAD, everywhere), (NARROW, 1 - feature_mask(distances, SHAPED, coarse))):
        seen = torch.cat([lumas[:, :1] * gain, lumas[:, 1:]], 1)
        ours, theirs = masked_lowpass(seen, skin, between_px * deviation / step).split(1, 1)
        gain = gain * ((theirs + DARK) / (ours + DARK)).clamp(1 / MOST, MOST) ** share
    whole = (step * coarse[0], step * coarse[1])
    return result * F.interpolate(gain, size=whole, mode="bilinear")[:, :, :height, :width]
