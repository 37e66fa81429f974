"""Whether a swapped face has the photo's colours: skin against the skin around it, whites of the eyes, and
gray photos that must stay gray.

Distances are in CIELAB (D65, from sRGB), where about 2 is the least that an eye sees.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from facehub.blending.features import feature_distances, feature_mask
from facehub.blending.filters import luma

from .detail import REACH, filled

RING = 0.10
"""Width of the ring of skin around the mask, in units of the crop."""

XYZ_FROM_RGB = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
"""Linear sRGB to CIE XYZ (IEC 61966-2-1)."""

WHITE = (0.95047, 1.0, 1.08883)
"""XYZ of D65."""


def lab(rgb: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """CIELAB of sRGB values in [0, 1]: L in [0, 100], a and b 0 for gray."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055).clamp(min=0) ** 2.4)
    xyz = (
        torch.einsum("ij,njhw->nihw", rgb.new_tensor(XYZ_FROM_RGB), linear)
        / rgb.new_tensor(WHITE)[:, None, None]
    )
    f = torch.where(xyz > (6 / 29) ** 3, xyz.clamp(min=1e-9) ** (1 / 3), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def mean_colour(crop: Float[Tensor, "n 3 h w"], region: Bool[Tensor, "n 1 h w"]) -> Float[Tensor, "n 3"]:
    """Mean CIELAB colour of a region; NaN where it is empty."""
    return (lab(crop) * region).sum((2, 3)) / region.sum((2, 3))


def skin(
    mask: Float[Tensor, "n 1 size size"], landmarks: Float[Tensor, "n 68 2"]
) -> Bool[Tensor, "n 1 size size"]:
    """Where a crop shows the new face's skin: well inside the mask, off the eyes, brows and mouth.
    Landmarks in crop pixels.
    """
    size = (mask.shape[2], mask.shape[3])
    return (mask > 0.9) & (feature_mask(feature_distances(landmarks, size), (*REACH[:3], 0.0), size) == 0)


def ring(
    mask: Float[Tensor, "n 1 size size"], hold: Float[Tensor, "n 1 size size"]
) -> Bool[Tensor, "n 1 size size"]:
    """The photo's skin around the mask, up to `RING` of the crop away."""
    reach = max(1, round(RING * mask.shape[-1]))
    near = F.max_pool2d((mask > 0).float(), 2 * reach + 1, 1, reach) > 0
    return near & (mask == 0) & (hold > 0.5)


def largest_chroma(photo: UInt8[Tensor, "n 3 height width"]) -> Float[Tensor, " n"]:
    """Largest difference between two colours of one pixel, in levels of 255; 0 for a gray photo."""
    return (photo.amax(1).int() - photo.amin(1).int()).flatten(1).amax(1).float()


def sclera_chroma(
    photo: UInt8[Tensor, "n 3 height width"], landmarks: Float[Tensor, "n 68 2"]
) -> Float[Tensor, " n"]:
    """Mean CIELAB chroma of the brighter half of the pixels between the eyelids; NaN for eyes of less than
    12 pixels.
    """
    size = (photo.shape[2], photo.shape[3])
    eyes = filled(landmarks[:, 36:42], size) | filled(landmarks[:, 42:48], size)
    found = photo.new_full((len(photo),), torch.nan, dtype=torch.float32)
    for index, (picture, eye) in enumerate(zip(photo, eyes[:, 0], strict=True)):
        rgb = picture[:, eye].float()[None, :, None] / 255
        if rgb.shape[-1] >= 12:
            bright = luma(rgb)[0, 0, 0]
            found[index] = lab(rgb)[0, 1:, 0, bright >= bright.median()].norm(dim=0).mean()
    return found
