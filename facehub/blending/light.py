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

SHAPED = (0.45, 0.18, 0.45, 0.45)
"""Up to here a face's shading may be its shape, and only broad light is the photo's."""

GLOWING = (0.0, 0.2, 0.0, 0.0)
"""Around brows, up to here, nothing glows: a network that paints away the photo's brow paints skin that is
brighter than any there."""

EYES = (0.12, 0.0, 0.0, 0.0)
"""Up to here an eye is, whose white may be bright."""

BRIGHTEST, GLOW_LEFT = 1.15, 0.2
"""Luma in units of the photo's skin from which skin glows, and the share that stays of what is above it."""

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
    """Multiply the result by what its skin's light lacks of the target's, and dim what glows around brows.

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
    gain, brightest = torch.ones_like(skin), torch.zeros_like(skin)
    for deviation, share in ((BROAD, 1.0), (NARROW, 1 - feature_mask(distances, SHAPED, coarse))):
        seen = torch.cat([lumas[:, :1] * gain, lumas[:, 1:]], 1)
        ours, theirs = masked_lowpass(seen, skin, between_px * deviation / step).split(1, 1)
        gain = gain * ((theirs + DARK) / (ours + DARK)).clamp(1 / MOST, MOST) ** share
        brightest = torch.maximum(brightest, theirs * BRIGHTEST)
    size = (step * coarse[0], step * coarse[1])
    maps = F.interpolate(torch.cat([gain, brightest], 1), size=size, mode="bilinear")[:, :, :height, :width]
    gain, brightest = maps.split(1, 1)
    return _without_glow(result * gain, brightest, distances)


def _without_glow(
    result: Float[Tensor, "faces 3 h w"],
    brightest: Float[Tensor, "faces 1 h w"],
    distances: Float[Tensor, "faces 4 rows columns"],
) -> Float[Tensor, "faces 3 h w"]:
    """The result with less of what is lighter than `brightest` around brows."""
    size = (result.shape[2], result.shape[3])
    around_brows = feature_mask(distances, GLOWING, size) * (1 - feature_mask(distances, EYES, size))
    bright = luma(result)
    glow = (1 - GLOW_LEFT) * around_brows * (bright - brightest).clamp(min=0)
    return result * (1 - glow / bright.clamp(min=DARK))
