"""Photo -> canonical crop, and back.

A face is aligned by the affine map that brings its 68 landmarks nearest to those of a frontal reference face (paper, section 3 and Figure 2);
the swapped crop goes back through the inverse map into a rectangle of the photo that holds the mask and little else, so that the cost of
everything after alignment goes with the size of the face and not of the photo. reference.json tells where the reference face comes from.
"""

import functools
import json
import math
import pathlib
from collections.abc import Callable

import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from . import pose
from .geometry import fit_affine, invert, move, shifted, warp, windows
from .masks import outlined
from .types import Crops, Faces, Landmarks, Masks, Patch, Photos, Region

Masker = Callable[[Crops, Float[Tensor, "faces 68 2"]], Region]
"""Crops and the landmarks in crop pixels -> where the new face goes, in the crop's frame: masks.outlined or a masks.Learned."""


@functools.cache
def reference_face() -> Float[Tensor, "68 2"]:
    """The frontal reference face in units of the crop, x right, y down, (0, 0) the crop's upper left corner."""
    return torch.tensor(json.loads(pathlib.Path(__file__).with_name("reference.json").read_text())["landmarks"])


def reference_landmarks(size: int) -> Float[Tensor, "68 2"]:
    """The reference face in the pixels of a crop of this size: unit u lies at pixel u * size - 1/2."""
    return reference_face() * size - 0.5


def align(photos: Photos, landmarks: Landmarks, photo: Int[Tensor, " faces"], *, size: int, masker: Masker = outlined) -> Faces:
    """Cuts each face out of its photo and brings it onto the reference face, `size` px square."""
    crop_from_photo = fit_affine(landmarks, reference_landmarks(size).to(landmarks)[None])
    crop = warp(photos, photo, invert(crop_from_photo), (size, size))
    points = move(crop_from_photo, landmarks)
    region = masker(crop, points)
    notes = tuple(" ".join(filter(None, pair)) for pair in zip(region.notes, pose.told(points), strict=True))
    return Faces(crop=crop, mask=region.mask, hold=region.hold, crop_from_photo=crop_from_photo, landmarks=landmarks, photo=photo, notes=notes)


def seen(faces: Faces) -> tuple[int, int, int, int]:
    """Top, bottom, left and right of the part of the crops, [top, bottom) x [left, right), that can reach the photos: one for all faces.

    That is the masks' support and what `place` and `clone` read beside it. One pixel of a photo is k crop pixels wide: a mask reaches photo pixels up
    to 1 + 1.75 k away (geometry.warp), cloning looks at their neighbours, k away, and those are made from 2 crop pixels around them, or 2.75 k.
    """
    size = faces.crop.shape[-1]
    low, high = _extent(faces.mask)
    k = float(faces.crop_from_photo[:, :, :2].abs().sum(2).amax())
    margin = math.ceil(1 + 2.75 * k + max(2, 2.75 * k))
    (left, top), (right, bottom) = (low.amin(0) - margin).clamp(min=0).tolist(), (high.amax(0) + 1 + margin).clamp(max=size).tolist()
    return top, bottom, left, right


def place(faces: Faces, photos: Photos) -> Patch:
    """Warps the crops of `faces` back into rectangles of their photos; one size for all, that of the largest."""
    photo_from_crop = invert(faces.crop_from_photo)
    low, high = _extent(faces.mask)
    corners = torch.stack([low, torch.stack([high[:, 0], low[:, 1]], 1), torch.stack([low[:, 0], high[:, 1]], 1), high], dim=1)
    outline = move(photo_from_crop, corners.to(photo_from_crop))
    corner = outline.amin(1).floor().long() - 1
    width, height = (outline.amax(1).ceil().long() + 2 - corner).amax(0).tolist()
    crop_from_patch = shifted(faces.crop_from_photo, corner)
    each = torch.arange(len(faces.crop), device=faces.crop.device)
    crops = torch.cat([faces.crop, faces.mask, faces.hold], 1)
    source, mask, hold = warp(crops, each, crop_from_patch, (height, width), mode="bicubic", linear=2).split((3, 1, 1), 1)
    inside = _inside(photos, corner, mask)
    target = windows(photos, faces.photo, corner, (height, width)).to(source.dtype).div_(255)
    return Patch(source=source, target=target, mask=mask * inside, hold=(hold * inside > 0.5).to(mask.dtype), corner=corner, photo=faces.photo)


def paste(photos: Photos, patch: Patch, result: Float[Tensor, "faces 3 h w"], *, strength: float = 1.0) -> Photos:
    """New photos with `result` mixed in by `strength` x mask; where the mask is 0 bit for bit the input. Larger faces go in first."""
    output = photos.clone()
    mixed = patch.target + strength * patch.mask * (result - patch.target)
    pixels = (mixed * 255).round().clamp(0, 255).to(torch.uint8)
    for index, (left, top), pasted, new in zip(patch.photo.tolist(), patch.corner.tolist(), pixels, patch.mask > 0, strict=True):
        view, inner = _overlap(output[index], left, top, *new.shape[-2:])
        view.copy_(torch.where(new[inner], pasted[inner], view))
    return output


def changed(photos: Photos, patch: Patch) -> UInt8[Tensor, "photos 1 height width"]:
    """Where the photos may change: the masks of all faces in their photos' frames, 255 = new face."""
    mask = photos.new_zeros((len(photos), 1, *photos.shape[-2:]))
    pixels = (patch.mask * 255).ceil().to(torch.uint8)
    for index, (left, top), face in zip(patch.photo.tolist(), patch.corner.tolist(), pixels, strict=True):
        view, inner = _overlap(mask[index], left, top, *face.shape[-2:])
        view.copy_(torch.maximum(view, face[inner]))
    return mask


def _extent(mask: Masks) -> tuple[Int[Tensor, "faces 2"], Int[Tensor, "faces 2"]]:
    """First and last (x, y) of each mask's support, grown by one pixel; the whole crop where a mask is empty."""
    size = mask.shape[-1]
    axes = torch.stack([(mask > 0).any(2), (mask > 0).any(3)], dim=2)[:, 0].to(torch.uint8)
    low, high = axes.argmax(-1), size - 1 - axes.flip(-1).argmax(-1)
    return low - 1, high + 1


def _inside(photos: Photos, corner: Int[Tensor, "faces 2"], like: Masks) -> Masks:
    """1 where a rectangle's pixel is one of the photo's, 0 beyond its edge."""
    (height, width), (h, w) = photos.shape[-2:], like.shape[-2:]
    x = corner[:, :1] + torch.arange(w, device=corner.device)
    y = corner[:, 1:] + torch.arange(h, device=corner.device)
    inside = ((y >= 0) & (y < height))[:, None, :, None] & ((x >= 0) & (x < width))[:, None, None, :]
    return inside.to(like.dtype)


def _overlap(photo: Tensor, left: int, top: int, h: int, w: int) -> tuple[Tensor, tuple[slice, slice, slice]]:
    """The part of a rectangle that lies in the photo: a view of the photo, and the same part of the rectangle."""
    height, width = photo.shape[-2:]
    rows = slice(min(max(-top, 0), h), max(min(h, height - top), 0))
    columns = slice(min(max(-left, 0), w), max(min(w, width - left), 0))
    rows, columns = slice(rows.start, max(rows.start, rows.stop)), slice(columns.start, max(columns.start, columns.stop))
    return photo[:, rows.start + top : rows.stop + top, columns.start + left : columns.stop + left], (slice(None), rows, columns)
