"""What is done to a cloned face for its photo's sake: features as crisp as the photo's, its light and skin
colour, its light and dark in eyes and mouth, its detail on skin, and the one tint of a photo without colours.
"""

from dataclasses import fields, replace
from typing import TypeVar

import torch
from jaxtyping import Float
from torch import Tensor

from ..types import Faces, Patch
from .closed_eyes import close_eyes
from .colour import apply_tint, estimate_tint, match_skin_chroma
from .detail import detail_weight, sharpen_features, soften_features, transfer_detail
from .eyes_and_mouth import keep_eyes_and_mouth
from .features import between_eyes, feature_distances, feature_mask, feature_masks
from .light import match_light

OWN = (0.10, 0.09, 0.08, 0.08)
"""Around eyes, brows, mouth and nostrils the photo's detail stays away this far, in units of the distance
between the eyes.
"""

CRISP = (0.14, 0.12, 0.11, 0.08)
"""Eyes, brows, mouth and nostrils are made as crisp as the photo's up to here, in the same units, each by
itself."""

COLOURED = (0.03, 0.0, 0.0, 0.0)
"""Eyes keep the identity's colour up to here, in the same units; lids, brows, lips and nostrils have the
photo's.
"""


def finish_patch(
    result: Float[Tensor, "faces 3 h w"],
    patch: Patch,
    faces: Faces,
    *,
    sharpness: Float[Tensor, " faces"],
    detail: float = 1.0,
) -> Float[Tensor, "faces 3 h w"]:
    """Cloned faces with the photo's light, skin colour and detail; where a photo has one tint, in that tint.

    `sharpness`: of the photo beside the painted face, from 0 to 1 (sharpness.py): features are sharpened by
    so much. Each face by itself and within the rectangle of its own mask, so that its result does not depend
    on the others of a batch.
    """
    finished = result.clone()
    for i in range(len(result)):
        rows, columns = own_rectangle(patch.mask[i, 0])
        inside = (slice(i, i + 1), slice(None), rows, columns)
        planes = ("source", "target", "mask", "colour_source")
        cut = {name: getattr(patch, name)[inside] for name in planes}
        corner = patch.corner[i : i + 1] + patch.corner.new_tensor([columns.start, rows.start])
        single = replace(one(patch, i), corner=corner, **cut)
        finished[inside] = _finish_patch(result[inside], single, one(faces, i), sharpness[i : i + 1], detail)
    return finished


def _finish_patch(
    result: Float[Tensor, "1 3 h w"],
    patch: Patch,
    faces: Faces,
    sharpness: Float[Tensor, "1"],
    detail: float,
) -> Float[Tensor, "1 3 h w"]:
    points = faces.landmarks - patch.corner[:, None].to(faces.landmarks)
    size = (result.shape[2], result.shape[3])
    away, between = feature_distances(points, size), between_eyes(points)
    side = crop_px(faces)
    amount = detail * detail_weight(side)
    large = bool((amount > 0).any())
    crisp = patch.mask * feature_masks(away, CRISP, size)
    if large:
        result = sharpen_features(result, patch.target, crisp, side, detail=amount * sharpness)
    result = match_light(result, patch.target, patch.mask, away, between)
    coloured = patch.mask * (1 - feature_mask(away, COLOURED, size))
    result = match_skin_chroma(result, patch.target, coloured, between)
    if detail > 0:
        result = keep_eyes_and_mouth(result, patch.target, patch.mask, points, detail=detail)
        result = close_eyes(result, patch.target, patch.mask, points, away)
    if large:
        skin = patch.mask * (1 - feature_mask(away, OWN, size))
        result = transfer_detail(result, patch.target, skin, side, detail=amount)
    else:
        result = soften_features(result, patch.target, crisp)
    return apply_tint(result, estimate_tint(faces.crop))


Record = TypeVar("Record", Faces, Patch)


def one(record: Record, index: int) -> Record:
    """One face of a record, as a batch of one."""
    return replace(
        record, **{field.name: getattr(record, field.name)[index : index + 1] for field in fields(record)}
    )


def own_rectangle(mask: Float[Tensor, "h w"]) -> tuple[slice, slice]:
    """Rows and columns of a mask's support and one pixel around it; all where the mask is empty."""
    ends = []
    for axis in (1, 0):
        inside = (mask > 0).any(axis).nonzero()[:, 0]
        if len(inside) == 0:
            return slice(0, mask.shape[0]), slice(0, mask.shape[1])
        ends.append(slice(max(int(inside[0]) - 1, 0), min(int(inside[-1]) + 2, mask.shape[1 - axis])))
    return ends[0], ends[1]


def crop_px(faces: Faces) -> Float[Tensor, " faces"]:
    """Side of a crop pixel in pixels of the photo."""
    return torch.linalg.det(faces.crop_from_photo[:, :, :2]).abs().rsqrt()
