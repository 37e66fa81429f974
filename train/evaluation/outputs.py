"""What a network makes of crops: raw, blended as a swap blends it, and the paper's baseline beside it."""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, UInt8
from torch import Tensor

from facehub.blending.masks import SegmentationMasker
from facehub.blending.poisson import clone
from facehub.identity.weights import AnyGenerator

from .. import losses
from ..data.face_box import window
from ..data.gallery import Gallery


@torch.inference_mode()
def outputs(generator: AnyGenerator, crop: UInt8[Tensor, "n 3 size size"]) -> UInt8[Tensor, "n 3 size size"]:
    """What the network makes of crops, at the crops' size; outside the face's box the crops themselves."""
    device = next(generator.parameters()).device
    top, bottom, left, right = window(crop.shape[-1])
    made = crop.clone()
    for rows in torch.arange(len(crop)).split(32):
        small = F.adaptive_avg_pool2d(crop[rows].to(device).float() / 255, generator.size).contiguous(
            memory_format=torch.channels_last
        )
        output = F.interpolate(generator(small).float().clamp(0, 1), size=crop.shape[-2:], mode="bilinear")
        made[rows, :, top:bottom, left:right] = (
            (output * 255).round().to(torch.uint8).cpu()[:, :, top:bottom, left:right]
        )
    return made


@torch.inference_mode()
def blend_into_crop(
    made: UInt8[Tensor, "n 3 size size"], faces: Gallery
) -> tuple[UInt8[Tensor, "n 3 size size"], Bool[Tensor, "n 1 size size"]]:
    """Cloned into the crops, as a swap does it in photos; and where that changed them."""
    rows, masks, masker = [], [], SegmentationMasker()
    for index in torch.arange(len(made)).split(32):
        crop, source = (t[index].float() / 255 for t in (faces.crop, made))
        region = masker(crop, faces.landmarks[index])
        mixed = crop + region.mask * (clone(source, crop, region.mask, region.colour_source).result - crop)
        rows.append((mixed * 255).round().clamp(0, 255).to(torch.uint8))
        masks.append(region.mask > 0)
    return torch.cat(rows), torch.cat(masks)


def nearest(faces: Gallery, style: Gallery) -> UInt8[Tensor, "n 3 size size"]:
    """The paper's Figure 8 baseline: the style photo, or its mirror image, whose aligned landmarks lie
    nearest, in the face's box of each crop."""
    style = style.mirrored()
    chosen = style.crop[losses.nearest_poses(faces.landmarks, style.landmarks, 1)[:, 0]]
    top, bottom, left, right = window(faces.crop.shape[-1])
    made = faces.crop.clone()
    made[:, :, top:bottom, left:right] = chosen[:, :, top:bottom, left:right]
    return made
