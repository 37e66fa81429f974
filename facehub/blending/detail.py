"""Detail that the network's crop cannot hold, put back from the photo.

A face of 300 px goes through a crop in which it is 68 px wide: pores and grain are lost, and the new face
looks pasted. On skin the photo's own high-pass is added to luma, limited in amplitude (moles and wrinkles
stay behind) and in energy (what the network drew counts, as far as its crop can hold it). Eyes, brows, mouth
and nostrils are the identity's: there the result itself is sharpened, up to about the photo's energy, and
never beyond its own neighbourhood's range; on a small face, which the crop holds more finely than the photo,
it is softened. All of it is done in the photo's pixels: edges that are sharpened in the crop's become steps
on a large face. Not in the paper. The seed is the common practice of restoring grain after compositing;
limits and measures are ours (docs/results.md).
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .filters import gaussian, lowpass, luma, masked_mean

BAND = 1.0
"""Deviation of the Gaussian above which detail is the photo's, in crop pixels."""

LIMIT = 6.0
"""Amplitude at which a detail is cut off (tanh), in units of the skin's mean."""

FULL = 2.0
"""Photo pixels per crop pixel from which detail is put back in full; at 1 there is none to put back."""

WINDOW = 3.0
"""Deviation of the Gaussian over which energies are compared, in crop pixels."""

SHARPENED = 1.6
"""Deviation of the Gaussian of the unsharp mask on eyes, brows and mouth, in crop pixels."""

FINER = 0.6
"""Deviation of the Gaussian above which a crop can hardly hold detail, in crop pixels. There features are
compared with the photo's, and skin is the photo's alone: what a network paints so fine on dark cheeks before
a light background are stripes."""

MOST = 2.0
"""Largest weight of that unsharp mask: on large faces more of it draws woodcuts."""

LOUDEST = 1.1
"""How many times the photo's own a feature's detail may be, at a pixel of the photo."""

RANGE_PX = 2
"""Crop pixels around a pixel whose range sharpening does not leave."""


def sharpen_features(
    result: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    parts: Float[Tensor, "faces parts h w"],
    crop_px: Float[Tensor, " faces"],
    *,
    detail: Float[Tensor, " faces"],
) -> Float[Tensor, "faces 3 h w"]:
    """Sharpen luma on `parts` (eyes, brows, mouth, nostrils), each by how much louder the target's detail is
    there, and nowhere beyond the range of what is around a pixel.

    `parts` are weights in [0, 1], `crop_px` is the side of a crop pixel in pixels of the photo. `detail`
    scales what is added, face by face.
    """
    lumas = torch.cat([luma(result), luma(target)], 1)
    fine = lumas - lowpass(lumas, FINER * crop_px)
    ours, theirs = (_means(band.square(), parts) for band in fine.split(1, 1))
    gain = (theirs / ours.clamp(min=1e-8)).sqrt()
    weight = _spread((gain - 1).clamp(0, MOST), parts)
    was = lumas[:, :1]
    step = _step(crop_px)
    low, high = -_highest(-was, step), _highest(was, step)
    sharp = was + weight * (was - lowpass(was, SHARPENED * crop_px))
    change = torch.minimum(torch.maximum(sharp, low), high) - was
    return result + detail[:, None, None, None] * parts.amax(1, keepdim=True) * change


def _step(crop_px: Float[Tensor, " faces"]) -> int:
    """A crop pixel in whole pixels of the photo."""
    return max(1, round(float(crop_px.amin())))


def _highest(x: Float[Tensor, "faces 1 h w"], step: int) -> Float[Tensor, "faces 1 h w"]:
    """The highest value within `RANGE_PX` steps of `step` pixels, varying smoothly; nowhere below `x`,
    because neighbours are mixed, which have all seen it."""
    height, width = x.shape[2:]
    steps = F.max_pool2d(F.pad(x, (0, -width % step, 0, -height % step), mode="replicate"), step)
    around = F.max_pool2d(steps, 2 * RANGE_PX + 1, 1, RANGE_PX)
    return F.interpolate(around, scale_factor=float(step), mode="bilinear")[:, :, :height, :width]


def soften_features(
    result: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    parts: Float[Tensor, "faces parts h w"],
) -> Float[Tensor, "faces 3 h w"]:
    """Weaken luma's detail at a pixel of the photo on each of `parts` (weights in [0, 1]) that has more than
    `LOUDEST` times the photo's.
    """
    lumas = torch.cat([luma(result), luma(target)], 1)
    ours, theirs = (lumas - gaussian(lumas, 1.0)).split(1, 1)
    finer = ours - gaussian(ours, 1.0)
    # A picture less a share of its detail has the detail `ours - share * finer`.
    square, mixed, energy, wanted = (
        _means(product, parts)
        for product in (finer.square(), ours * finer, ours.square(), (LOUDEST * theirs).square())
    )
    root = (mixed.square() - square * (energy - wanted).clamp(min=0)).clamp(min=0).sqrt()
    share = ((mixed - root) / square.clamp(min=1e-8)).clamp(0, 1)
    return result - parts.amax(1, keepdim=True) * _spread(share, parts) * ours


def _means(x: Float[Tensor, "faces 1 h w"], parts: Float[Tensor, "faces parts h w"]) -> Tensor:
    """Average of a map over each part: (faces, parts)."""
    return torch.cat([masked_mean(x, part)[:, :, 0, 0] for part in parts.split(1, 1)], 1)


def _spread(
    values: Float[Tensor, "faces parts"], parts: Float[Tensor, "faces parts h w"]
) -> Float[Tensor, "faces 1 h w"]:
    """A number for each part as a map: where parts overlap, their mean by weight."""
    total = (parts * values[:, :, None, None]).sum(1, keepdim=True)
    return total / parts.sum(1, keepdim=True).clamp(min=1e-6)


def transfer_detail(
    result: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    skin: Float[Tensor, "faces 1 h w"],
    crop_px: Float[Tensor, " faces"],
    *,
    detail: Float[Tensor, " faces"],
) -> Float[Tensor, "faces 3 h w"]:
    """Add the target's detail to luma on `skin` (weights in [0, 1]), where the result has less of it, and
    take away the result's own above `FINER`.

    `crop_px` is the side of a crop pixel in pixels of the photo. `detail` scales both, face by face.
    """
    bright = luma(result)
    painted = detail[:, None, None, None] * skin * (bright - lowpass(bright, FINER * crop_px))
    result = result - painted
    lumas = torch.cat([bright - painted, luma(target)], 1)
    ours, theirs = ((lumas - lowpass(lumas, (BAND * crop_px).clamp(min=0.3))) * skin).split(1, 1)
    limit = LIMIT * (
        theirs.abs().sum((2, 3), keepdim=True) / skin.sum((2, 3), keepdim=True).clamp(min=1)
    ).clamp(min=1e-4)
    theirs = limit * torch.tanh(theirs / limit)
    step = _step(crop_px)
    energy = F.avg_pool2d(
        torch.cat([ours, theirs], 1).square_(), step, ceil_mode=True, count_include_pad=False
    )
    ours, target_energy = gaussian(energy, WINDOW * crop_px / step).split(1, 1)
    missing = (1 - ours / target_energy.clamp(min=1e-9)).clamp(0, 1).sqrt() * detail[:, None, None, None]
    size = (step * missing.shape[2], step * missing.shape[3])
    return (
        result
        + theirs
        * F.interpolate(missing, size=size, mode="bilinear")[:, :, : result.shape[2], : result.shape[3]]
    )


def detail_weight(crop_px: Float[Tensor, " faces"]) -> Float[Tensor, " faces"]:
    """0 for a face whose crop holds all that the photo shows, 1 for one that is `FULL` times larger or
    more.
    """
    return ((crop_px - 1) / (FULL - 1)).clamp(0, 1)
