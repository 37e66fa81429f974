"""Colour of the new face: the photo decides for skin, the identity for irises; a photo without colour
keeps none.

Skin: chroma coarser than a cheek is the photo's own, finer chroma is held back, luma stays as it was cloned.
The paper leaves colour to the light loss and to cloning; a membrane only takes over what the photo shows
around the mask, so a network that paints an orange face keeps it orange in the middle. Photos with one tint
(gray, sepia): colour is a function of luma there, `Tint`, measured on the crop and put on the result.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from .filters import luma, masked_lowpass

SPREAD = 0.2
"""Deviation of the Gaussian that tells a skin's colour from its details, in units of the distance between
the eyes.
"""

FINE_CHROMA = 0.3
"""Share that stays of the new face's finer chroma on skin. A network paints rims and patches of another hue
more often than skin has them; what is skin's own is in luma."""

COARSE_PX = 64
"""Longer side of the grid on which colours are averaged."""

SHADED = 0.5
"""Power of the new face's luma over the photo's by which chroma is scaled: 1 is the same paint in less
light, 0 the same CIELAB a and b.
"""

RELATIVE = (0.3, 2.0)
"""Limits of that ratio."""

GRAY_LEVELS = 2.0
"""Largest chroma of a crop, in levels of 255, up to which a photo is gray."""

TINTED_LEVELS = 1.5
"""Root mean square of chroma around a tint, in levels of 255, up to which a photo has that one tint."""

BINS = 16
"""Steps of luma at which a tint is measured."""


def match_skin_chroma(
    result: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    skin: Float[Tensor, "faces 1 h w"],
    between_px: Float[Tensor, " faces"],
) -> Float[Tensor, "faces 3 h w"]:
    """Give the result's skin the target's low-frequency chroma, and of its own finer chroma a share
    (`FINE_CHROMA`); luma stays. `skin` weighs pixels, `between_px` is the distance between the eyes.

    A darker face gets a little less chroma (`SHADED`).
    """
    height, width = result.shape[2:]
    step = max(1, -(-max(height, width) // COARSE_PX))
    ours, theirs, weight = (
        F.avg_pool2d(part, step, ceil_mode=True, count_include_pad=False) for part in (result, target, skin)
    )
    low = masked_lowpass(torch.cat([ours, theirs], 1), weight, between_px * SPREAD / step)
    (ours, theirs), (bright, dark) = low.split(3, 1), map(luma, low.split(3, 1))
    new = (theirs - dark) * (bright / dark.clamp(min=0.02)).clamp(*RELATIVE) ** SHADED
    coarse = new - FINE_CHROMA * (ours - bright)
    size = (step * coarse.shape[2], step * coarse.shape[3])
    change = F.interpolate(coarse, size=size, mode="bilinear")[:, :, :height, :width]
    change = change.sub(result - luma(result), alpha=1 - FINE_CHROMA)
    return torch.addcmul(result, skin, change)


@dataclass(frozen=True, slots=True)
class Tint:
    """The one tint of a photo, as a function of luma."""

    offsets: Float[Tensor, "faces bins 3"]
    """Red, green and blue less luma, at BINS + 1 equal steps of luma from 0 to 1."""
    single: Bool[Tensor, " faces"]
    """Whether the photo has one tint."""
    gray: Bool[Tensor, " faces"]
    """Whether that tint is none."""


def estimate_tint(crop: Float[Tensor, "faces 3 size size"]) -> Tint:
    """Find the photos that have one tint, from a face and what is around it."""
    small = F.avg_pool2d(crop, max(1, crop.shape[-1] // COARSE_PX))
    y = luma(small)
    chroma = (small - y).flatten(2)
    hats = _hats(y.flatten(2)[:, 0])
    apart = (
        torch.arange(BINS + 1, device=crop.device)[:, None] - torch.arange(BINS + 1, device=crop.device)
    ).to(crop)
    smooth = (-0.5 * (apart / 0.4).square()).exp() + 1e-3 * (
        -0.5 * (apart / 3).square()
    ).exp()  # empty steps look further
    total = torch.einsum("ab,nbp->na", smooth, hats)
    offsets = torch.einsum("ab,nbp,ncp->nac", smooth, hats, chroma) / total.clamp(min=1e-6)[:, :, None]
    rest = chroma - torch.einsum("nbp,nbc->ncp", hats, offsets)
    gray = (crop.amax(1) - crop.amin(1)).flatten(1).amax(1) * 255 <= GRAY_LEVELS + 0.01
    single = gray | (rest.square().sum(1).mean(1).sqrt() * 255 <= TINTED_LEVELS)
    return Tint(torch.where(gray[:, None, None], 0, offsets), single, gray)


def apply_tint(result: Float[Tensor, "faces 3 h w"], tint: Tint) -> Float[Tensor, "faces 3 h w"]:
    """Give faces of photos with one tint that tint; the others stay as they are."""
    if not bool(tint.single.any()):
        return result
    y = luma(result).clamp(0, 1)
    n, _, h, w = result.shape
    position = (y.flatten(1) * BINS).clamp(0, BINS - 1e-4)
    lower = position.floor().long()
    part = (position - lower)[:, :, None]
    row = torch.arange(n, device=result.device)[:, None]
    offset = tint.offsets[row, lower] * (1 - part) + tint.offsets[row, lower + 1] * part
    made = y + offset.mT.reshape(n, 3, h, w)
    return torch.where(tint.single[:, None, None, None], made, result)


def _hats(y: Float[Tensor, "faces pixels"]) -> Float[Tensor, "faces bins pixels"]:
    """By how much each pixel's luma belongs to each step: linear between neighbours."""
    steps = torch.arange(BINS + 1, device=y.device, dtype=y.dtype)[:, None]
    return (1 - (y[:, None] * BINS - steps).abs()).clamp(min=0)
