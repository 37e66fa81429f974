"""Make a painted face as soft as its photo.

A network paints what it learned from sharp photos, and in a blurred photo the new face stands out. How sharp
a picture is shows in how fast its detail falls off towards fine scales, whoever it shows: energy in the
finest band over that in the next. Where the photo's share is smaller than the painted face's, that is blurred
until both agree. Not in the paper; docs/results.md has both sides measured.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor

from ..types import Crops, Masks
from .filters import gaussian, luma, masked_mean

AS_SHARP = 0.9
"""Photo's share over the painted face's from which they count as equally sharp: over sharp photos the two
differ by a tenth."""

SOFT = 0.7
"""The same, from which on a photo has nothing that a crop pixel would miss."""

VARIANCES = (1.0, 4.0, 12.0)
"""Blurs that are tried, in squared crop pixels; between them shares are interpolated."""

FAINT = 1e-6
"""Energy below which a face has no detail to compare, in squared units of luma."""


def match_sharpness(painted: Crops, crop: Crops, mask: Masks) -> tuple[Crops, Float[Tensor, " faces"]]:
    """The painted faces no sharper than their photos, and how sharp those are: 1 as the painted face, 0 at
    `SOFT` or below.

    Each face by itself, so that its result does not depend on the others of a batch.
    """
    matched, sharpness = painted.clone(), painted.new_ones(len(painted))
    for i in range(len(painted)):
        one = slice(i, i + 1)
        bright = luma(painted[one])
        theirs, ours = fine_share(luma(crop[one]), mask[one]), fine_share(bright, mask[one])
        sharpness[one] = ((theirs / ours.clamp(min=1e-6) - SOFT) / (AS_SHARP - SOFT)).clamp(0, 1)
        [[wanted, share]] = torch.stack([theirs / AS_SHARP, ours], 1).tolist()
        if wanted < share:
            matched[one] = gaussian(painted[one], _width(bright, mask[one], share, wanted))
    return matched, sharpness


def fine_share(
    bright: Float[Tensor, "faces 1 h w"], mask: Masks, variance: float = 0.0
) -> Float[Tensor, " faces"]:
    """Amplitude of detail finer than one pixel over that between one and two pixels, within `mask`, once the
    picture is blurred by a Gaussian of this variance in squared pixels; 1 where there is no detail.
    """
    whole, finer, coarser = (
        gaussian(bright, math.sqrt(v)) if v else bright for v in (variance, variance + 1, variance + 4)
    )
    bands = torch.cat([whole - finer, finer - coarser], 1).square_()
    fine, next_one = masked_mean(bands, mask)[:, :, 0, 0].unbind(1)
    return torch.where(next_one > FAINT, (fine / next_one.clamp(min=FAINT)).sqrt(), 1.0)


def _width(
    bright: Float[Tensor, "1 1 h w"], mask: Float[Tensor, "1 1 h w"], share: float, wanted: float
) -> float:
    """Deviation in pixels of the Gaussian that brings a picture's share of fine detail down to `wanted`."""
    narrow = 0.0
    for variance in VARIANCES:
        wide, less = math.sqrt(variance), float(fine_share(bright, mask, variance))
        if less <= wanted:
            return narrow + (share - wanted) / max(share - less, 1e-6) * (wide - narrow)
        narrow, share = wide, less
    return narrow
