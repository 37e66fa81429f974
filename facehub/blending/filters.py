"""Low-pass filters and brightness. Batched, on the device of their inputs, with one scale per face."""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601), on values as stored."""


FINEST_PX = 1.25
"""Deviation in steps of its grid down to which `lowpass` coarsens the grid."""

FLOOR = 0.02
"""Weight of a face's mean in `masked_lowpass`."""


def luma(rgb: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Brightness as stored: the weighted mean of the three colours."""
    red, green, blue = rgb.split(1, 1)
    return torch.add(red * LUMA[0], green, alpha=LUMA[1]).add_(blue, alpha=LUMA[2])


Width = Float[Tensor, " n"] | float
"""Deviation of a Gaussian: of each face, which a GPU is asked for, or one that is known."""


def gaussian(x: Float[Tensor, "n c h w"], sigma_px: Width) -> Float[Tensor, "n c h w"]:
    """Convolve each face with a Gaussian of its own width, cut off at three deviations; the edge pixel is
    repeated beyond the edge.
    """
    widest = float(sigma_px.max()) if isinstance(sigma_px, Tensor) else sigma_px
    widths = sigma_px if isinstance(sigma_px, Tensor) else x.new_full((len(x),), sigma_px)
    for axis in (2, 3):
        x = _along(x, widths, axis, max(1, math.ceil(3 * widest)))
    return x


def _along(x: Tensor, sigma_px: Tensor, axis: int, radius: int) -> Tensor:
    """One axis by shifted sums: PyTorch's grouped convolutions take twice as long on a CPU."""
    length = x.shape[axis]
    offset = torch.arange(radius + 1, device=x.device, dtype=x.dtype)[:, None]
    kernel = (-0.5 * (offset / sigma_px.to(x).clamp(min=1e-3)).square()).exp()
    kernel = (kernel / (2 * kernel.sum(0) - kernel[0]))[:, :, None, None, None]
    padded = F.pad(x, (radius, radius, 0, 0) if axis == 3 else (0, 0, radius, radius), mode="replicate")
    result = padded.narrow(axis, radius, length) * kernel[0]
    for tap in range(1, radius + 1):
        result.addcmul_(
            padded.narrow(axis, radius - tap, length) + padded.narrow(axis, radius + tap, length), kernel[tap]
        )
    return result


def lowpass(x: Float[Tensor, "n c h w"], sigma_px: Width) -> Float[Tensor, "n c h w"]:
    """`gaussian`, made on a coarser grid where its width allows: near enough for looking (within 2 % of a
    step), at a cost that does not grow with it.
    """
    narrowest = float(sigma_px.min()) if isinstance(sigma_px, Tensor) else sigma_px
    step = max(1, int(narrowest / FINEST_PX))
    if step == 1:
        return gaussian(x, sigma_px)
    height, width = x.shape[2:]
    whole = F.pad(x, (0, -width % step, 0, -height % step), mode="replicate")
    # Averaging over a step and interpolating between averages blur too: by a variance of about step² / 4.
    left = sigma_px * sigma_px - step**2 / 4
    left = left.clamp(min=0.01).sqrt() if isinstance(left, Tensor) else max(left, 0.01) ** 0.5
    small = gaussian(F.avg_pool2d(whole, step), left / step)
    return F.interpolate(small, scale_factor=float(step), mode="bilinear")[:, :, :height, :width]


def masked_mean(x: Float[Tensor, "n c h w"], weight: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n c 1 1"]:
    """Average over a face's pixels by weight; 0 where nothing weighs anything."""
    return (x * weight).sum((2, 3), keepdim=True) / weight.sum((2, 3), keepdim=True).clamp(min=1e-6)


def masked_lowpass(
    x: Float[Tensor, "n c h w"], weight: Float[Tensor, "n 1 h w"], sigma_px: Width
) -> Float[Tensor, "n c h w"]:
    """Average around each pixel over what has weight (Knutsson and Westin 1993, normalised convolution);
    far from all of it, the face's mean.
    """
    blurred = lowpass(torch.cat([x * weight, weight], 1), sigma_px)
    return (blurred[:, :-1] + FLOOR * masked_mean(x, weight)) / (blurred[:, -1:] + FLOOR)
