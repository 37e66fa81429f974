"""Photo -> canonical crop, and back.

A face is aligned by the affine map that brings its 68 landmarks nearest to those of a frontal reference face
(paper, section 3 and Figure 2); the swapped crop goes back through the inverse map into a rectangle of the
photo that holds little more than the mask, so that the cost of everything after alignment depends on the size
of the face and not of the photo. reference.json says where the reference face comes from.
"""

import functools
import json
import math
import pathlib

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from ..detection import pose
from ..geometry import crop_windows, fit_affine, invert, transform_points, translate_source, warp
from ..types import Detections, Faces, Landmarks, Masks, Patch, Photos
from .masks import Masker, hull_masker


@functools.cache
def reference_face() -> Float[Tensor, "68 2"]:
    """The frontal reference face in units of the crop, x right, y down, (0, 0) the crop's upper left
    corner."""
    return torch.tensor(
        json.loads(pathlib.Path(__file__).with_name("reference.json").read_text())["landmarks"]
    )


def reference_landmarks(size: int) -> Float[Tensor, "68 2"]:
    """The reference face in the pixels of a crop of this size: unit u lies at pixel u * size - 1/2."""
    return reference_face() * size - 0.5


def align(
    photos: Photos,
    landmarks: Landmarks,
    photo: Int[Tensor, " faces"],
    *,
    size: int,
    masker: Masker = hull_masker,
) -> Faces:
    """Cut each face out of its photo, aligned to the reference face, `size` px square."""
    crop_from_photo = fit_affine(landmarks, reference_landmarks(size).to(landmarks)[None])
    crop = warp(photos, photo, invert(crop_from_photo), (size, size))
    points = transform_points(crop_from_photo, landmarks)
    region = masker(crop, points)
    notes = tuple(
        " ".join(filter(None, pair)) for pair in zip(region.notes, pose.pose_notes(points), strict=True)
    )
    return Faces(
        crop=crop,
        mask=region.mask,
        colour_source=region.colour_source,
        crop_from_photo=crop_from_photo,
        landmarks=landmarks,
        photo=photo,
        notes=notes,
    )


def visible_window(faces: Faces) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the part of the crops that can reach the photos, [top, bottom) x [left,
    right): one for all faces.

    It holds the masks' support and what `warp_to_photo` and `clone` read around it. One pixel of a photo is k
    crop pixels wide. A mask reaches photo pixels up to 1 + 1.75 k away (geometry.warp); cloning reads their
    neighbours, k away, and those are computed from 2 crop pixels around them, or 2.75 k.
    """
    size = faces.crop.shape[-1]
    low, high = _extent(faces.mask)
    k = float(faces.crop_from_photo[:, :, :2].abs().sum(2).amax())
    margin = math.ceil(1 + 2.75 * k + max(2, 2.75 * k))
    (left, top), (right, bottom) = (
        (low.amin(0) - margin).clamp(min=0).tolist(),
        (high.amax(0) + 1 + margin).clamp(max=size).tolist(),
    )
    return top, bottom, left, right


def warp_to_photo(faces: Faces, photos: Photos) -> Patch:
    """Warp the crops of `faces` back into rectangles of their photos, all of the size of the largest."""
    photo_from_crop = invert(faces.crop_from_photo)
    low, high = _extent(faces.mask)
    corners = torch.stack(
        [low, torch.stack([high[:, 0], low[:, 1]], 1), torch.stack([low[:, 0], high[:, 1]], 1), high], dim=1
    )
    outline = transform_points(photo_from_crop, corners.to(photo_from_crop))
    corner = outline.amin(1).floor().long() - 1
    width, height = (outline.amax(1).ceil().long() + 2 - corner).amax(0).tolist()
    crop_from_patch = translate_source(faces.crop_from_photo, corner)
    each = torch.arange(len(faces.crop), device=faces.crop.device)
    crops = torch.cat([faces.crop, faces.mask, faces.colour_source], 1)
    source, mask, hold = warp(crops, each, crop_from_patch, (height, width), mode="bicubic", linear=2).split(
        (3, 1, 1), 1
    )
    inside = _inside(photos, corner, mask)
    target = crop_windows(photos, faces.photo, corner, (height, width)).to(source.dtype).div_(255)
    return Patch(
        source=source,
        target=target,
        mask=mask * inside,
        colour_source=(hold * inside > 0.5).to(mask.dtype),
        corner=corner,
        photo=faces.photo,
    )


def blend(
    photos: Photos, patch: Patch, result: Float[Tensor, "faces 3 h w"], *, strength: float = 1.0
) -> Photos:
    """New photos with `result` mixed in by `strength` x mask; where the mask is 0, bit for bit the input.
    Larger faces are blended first."""
    output = photos.clone()
    mixed = patch.target + strength * patch.mask * (result - patch.target)
    pixels = (mixed * 255).round().clamp(0, 255).to(torch.uint8)
    for index, (left, top), pasted, new in zip(
        patch.photo.tolist(), patch.corner.tolist(), pixels, patch.mask > 0, strict=True
    ):
        view, inner = _overlap(output[index], left, top, *new.shape[-2:])
        view.copy_(torch.where(new[inner], pasted[inner], view))
    return output


def changed_mask(photos: Photos, patch: Patch) -> UInt8[Tensor, "photos 1 height width"]:
    """Where the photos may change: the masks of all faces at the photos' size, 255 = new face."""
    mask = photos.new_zeros((len(photos), 1, *photos.shape[-2:]))
    pixels = (patch.mask * 255).ceil().to(torch.uint8)
    for index, (left, top), face in zip(patch.photo.tolist(), patch.corner.tolist(), pixels, strict=True):
        view, inner = _overlap(mask[index], left, top, *face.shape[-2:])
        view.copy_(torch.maximum(view, face[inner]))
    return mask


@torch.inference_mode()
def mask_in_photos(
    photos: Photos, detections: Detections, masker: Masker, *, size: int
) -> tuple[UInt8[Tensor, "photos 1 height width"], tuple[str, ...]]:
    """Where a swap of these faces would change the photos, 255 = new face, and each face's note.

    `size`: side of the identity's crops in pixels.
    """
    faces = align(photos, detections.landmarks, detections.photo, size=size, masker=masker)
    return changed_mask(photos, warp_to_photo(faces, photos)), faces.notes


def _extent(mask: Masks) -> tuple[Int[Tensor, "faces 2"], Int[Tensor, "faces 2"]]:
    """First and last (x, y) of each mask's support, grown by one pixel; the whole crop where a mask is
    empty."""
    size = mask.shape[-1]
    axes = torch.stack([(mask > 0).any(2), (mask > 0).any(3)], dim=2)[:, 0].to(torch.uint8)
    low, high = axes.argmax(-1), size - 1 - axes.flip(-1).argmax(-1)
    return low - 1, high + 1


def _inside(photos: Photos, corner: Int[Tensor, "faces 2"], like: Masks) -> Masks:
    """1 where a pixel of a rectangle is in the photo, 0 beyond its edge."""
    (height, width), (h, w) = photos.shape[-2:], like.shape[-2:]
    x = corner[:, :1] + torch.arange(w, device=corner.device)
    y = corner[:, 1:] + torch.arange(h, device=corner.device)
    inside = ((y >= 0) & (y < height))[:, None, :, None] & ((x >= 0) & (x < width))[:, None, None, :]
    return inside.to(like.dtype)


def _overlap(photo: Tensor, left: int, top: int, h: int, w: int) -> tuple[Tensor, tuple[slice, slice, slice]]:
    """The part of a rectangle within the photo: as a view of the photo, and as an index into the
    rectangle."""
    height, width = photo.shape[-2:]
    rows = slice(min(max(-top, 0), h), max(min(h, height - top), 0))
    columns = slice(min(max(-left, 0), w), max(min(w, width - left), 0))
    rows, columns = (
        slice(rows.start, max(rows.start, rows.stop)),
        slice(columns.start, max(columns.start, columns.stop)),
    )
    return photo[:, rows.start + top : rows.stop + top, columns.start + left : columns.stop + left], (
        slice(None),
        rows,
        columns,
    )
