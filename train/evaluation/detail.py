"""How sharp a swapped face is beside the photo that it lies in, in the photo's own pixels.

Detail is the root mean square of luma less its Gaussian, inside a region; a swap's is given as a share of
the input's: 1 is as sharp as the photo, more is ringing or noise. Two deviations count: 1 px, and one pixel
of the network's crop, in photo pixels.
"""

import itertools

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from facehub.blending.features import feature_distances, feature_mask
from facehub.blending.filters import gaussian, luma

LEFT_CHEEK, RIGHT_CHEEK = (1, 3, 48, 31), (15, 13, 54, 35)
"""Landmarks at the corners of the cheeks."""

REACH = (0.14, 0.12, 0.11, 0.10)
"""Up to where a pixel is the eyes', brows', mouth's or nostrils', in units of the distance between the
eyes.
"""

PARTS = {"eyes": (REACH[0], 0.0, 0.0, 0.0), "mouth": (0.0, 0.0, REACH[2], 0.0)}
"""Reaches that leave one feature."""

OCTAVES = 5
"""Bands of `octaves`, the finest first: deviations from 0 to 0.5 px, to 1, to 2, to 4, and to 8 px."""

SURE = 0.99
"""A pixel counts as a feature's from here on."""


def energy(
    photo: UInt8[Tensor, "n 3 height width"],
    region: Bool[Tensor, "n 1 height width"],
    sigma_px: Float[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """Root mean square, in levels of 255, of luma less its Gaussian; NaN where the region is empty."""
    bright = luma(photo.float())
    fine = (bright - gaussian(bright, sigma_px)).square()
    return ((fine * region).sum((1, 2, 3)) / region.sum((1, 2, 3))).sqrt()


def detail(
    result: UInt8[Tensor, "n 3 height width"],
    photo: UInt8[Tensor, "n 3 height width"],
    region: Bool[Tensor, "n 1 height width"],
    sigma_px: Float[Tensor, " n"],
) -> Float[Tensor, " n"]:
    """The result's energy over the photo's."""
    return energy(result, region, sigma_px) / energy(photo, region, sigma_px)


def octaves(
    photo: UInt8[Tensor, "n 3 height width"], region: Bool[Tensor, "n 1 height width"]
) -> Float[Tensor, "n octaves"]:
    """Share of luma's energy in each octave inside the region; the shares of a face sum to 1."""
    bright = luma(photo.float())
    levels = [
        bright,
        *(gaussian(bright, bright.new_full((len(bright),), 0.5 * 2**i)) for i in range(OCTAVES)),
    ]
    bands = torch.cat([fine - coarse for fine, coarse in itertools.pairwise(levels)], 1).square()
    total = (bands * region).sum((2, 3))
    return total / total.sum(1, keepdim=True)


def regions(
    landmarks: Float[Tensor, "n 68 2"], inside: Bool[Tensor, "n 1 height width"]
) -> dict[str, Bool[Tensor, "n 1 height width"]]:
    """The face, its eyes, mouth and cheeks, each no further than the swap reaches; landmarks in the photo's
    pixels.
    """
    size = (inside.shape[2], inside.shape[3])
    away = feature_distances(landmarks, size)
    parts = {name: feature_mask(away, reach, size) > SURE for name, reach in PARTS.items()}
    cheeks = filled(landmarks[:, LEFT_CHEEK], size) | filled(landmarks[:, RIGHT_CHEEK], size)
    parts["cheeks"] = cheeks & (feature_mask(away, REACH, size) == 0)
    return {"face": inside} | {name: inside & part for name, part in parts.items()}


def filled(polygon: Float[Tensor, "n corners 2"], size: tuple[int, int]) -> Bool[Tensor, "n 1 h w"]:
    """Pixels whose centre lies inside (even-odd rule)."""
    x = torch.arange(size[1], device=polygon.device, dtype=polygon.dtype)
    y = torch.arange(size[0], device=polygon.device, dtype=polygon.dtype)[:, None]
    inside = torch.zeros(len(polygon), *size, dtype=torch.bool, device=polygon.device)
    for (ax, ay), (bx, by) in zip(
        *(p.permute(1, 2, 0)[..., None, None] for p in (polygon, polygon.roll(-1, 1))), strict=True
    ):
        rise = torch.where(by == ay, 1, by - ay)
        inside ^= ((ay <= y) != (by <= y)) & (x < ax + (y - ay) / rise * (bx - ax))
    return inside[:, None]
