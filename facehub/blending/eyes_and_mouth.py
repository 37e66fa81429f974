"""Eyes and mouth in the photo's own light and dark, under the identity's colours.

A swap keeps gaze and expression, so lids, irises, lips and teeth of the new face lie where the photo's do,
and the photo has their edges, catchlights and gaps as sharp as it is. Within the eyes' openings it decides
about light and dark (eyes.py), and within the lips' outline about all three colours above `MOUTH_BAND`. Below
that everything is the identity's, but for the lips' chroma: where it is coarse the photo's as that of skin
(colour.py), and half of it where it is fine; so are lids, lashes and the shape of the lips. Not in the paper;
docs/results.md has both sides measured.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .eyes import BAND, Opening, renew_eyes
from .features import between_eyes
from .filters import Width, lowpass, luma

EYES = (tuple(range(36, 42)), tuple(range(42, 48)))
"""Landmarks around each eye's opening."""

MOUTH = tuple(range(48, 60))
"""Landmarks around the lips."""

MOUTH_BAND = 0.06
"""Deviation of the Gaussian above which the mouth is the photo's, in units of the distance between the eyes:
about as wide as a gap between painted lips, which goes where the photo's are closed. Wider ones close it
further, and cost likeness (docs/results.md)."""

LIP_CHROMA = 0.5
"""How much of the lips' chroma is the photo's: dark lips in the light of a pale face are gray, and a photo's
make-up is part of it."""

EYE_INSET = 0.025
"""Way inside the outline on which the photo fades in, in the same units: the line of the lids is not
doubled."""

MOUTH_INSET = 0.05
"""The same for the mouth."""

MARGIN = 3 * max(BAND, MOUTH_BAND)
"""How much of its surroundings a part is filtered with, in the same units."""


def keep_eyes_and_mouth(
    result: Float[Tensor, "1 3 h w"],
    target: Float[Tensor, "1 3 h w"],
    mask: Float[Tensor, "1 1 h w"],
    landmarks: Float[Tensor, "1 68 2"],
    *,
    detail: float = 1.0,
) -> Float[Tensor, "1 3 h w"]:
    """The result with the target's structure in the eyes' openings and within the lips, where `mask` is 1.

    `landmarks` are in pixels of the rectangle. `detail` scales what is put in.
    """
    parts = [landmarks[0, list(part)] for part in (*EYES, MOUTH)]
    ends = torch.stack([torch.cat([part.amin(0), part.amax(0)]) for part in parts])
    *boxes, (unit, *_) = torch.cat([ends, between_eyes(landmarks)[:, None].expand(1, 4)]).tolist()
    insets = (EYE_INSET, EYE_INSET, MOUTH_INSET)
    right, left, lips = (
        _opening(result, target, mask, points, _window(box, MARGIN * unit, result.shape[2:]), inset, unit)
        for points, box, inset in zip(parts, boxes, insets, strict=True)
    )
    eyes, mouth = [eye for eye in (right, left) if eye], [one for one in (lips,) if one]
    lips = (keep_mouth(one.painted, one.photo, max(0.5, MOUTH_BAND * one.unit_px)) for _, one in mouth)
    renewed = [*renew_eyes([eye for _, eye in eyes]), *lips]
    kept = result.clone()
    for (inside, one), new in zip(eyes + mouth, renewed, strict=True):
        kept[inside] = one.painted + detail * one.weight * (new - one.painted)
    return kept


def _opening(
    result: Float[Tensor, "1 3 h w"],
    target: Float[Tensor, "1 3 h w"],
    mask: Float[Tensor, "1 1 h w"],
    points: Float[Tensor, "n 2"],
    window: tuple[slice, slice],
    inset: float,
    unit_px: float,
) -> tuple[tuple[slice, ...], Opening] | None:
    """What lies within a polygon, and the window's place in the rectangle; None where that is empty."""
    rows, columns = window
    if rows.stop <= rows.start or columns.stop <= columns.start:
        return None
    inside = (slice(None), slice(None), rows, columns)
    weight = mask[inside] * inside_polygon(points, rows, columns, max(1.0, inset * unit_px))
    return inside, Opening(result[inside], target[inside], weight, unit_px)


def inside_polygon(
    points: Float[Tensor, "n 2"], rows: slice, columns: slice, inset_px: Float[Tensor, ""] | float
) -> Float[Tensor, "1 1 h w"]:
    """How deep each pixel of a window lies inside a polygon: 0 on its line and outside, 1 from `inset_px` on.

    Inside is from where a ray to the right crosses an odd number of edges.
    """
    y = torch.arange(rows.start, rows.stop, device=points.device, dtype=points.dtype)[:, None, None]
    x = torch.arange(columns.start, columns.stop, device=points.device, dtype=points.dtype)[:, None]
    (ax, ay), (bx, by) = points.unbind(1), points.roll(-1, 0).unbind(1)
    dx, dy = bx - ax, by - ay
    along = (((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).clamp(min=1e-6)).clamp(0, 1)
    distance = ((x - ax - along * dx).square() + (y - ay - along * dy).square()).amin(2).sqrt()
    level = torch.where(dy.abs() < 1e-6, torch.full_like(dy, 1e-6), dy)
    crossed = ((ay > y) != (by > y)) & (x < ax + (y - ay) * dx / level)
    return ((crossed.sum(2) % 2) * (distance / inset_px).clamp(max=1))[None, None]


def _window(box: list[float], margin: float, size: torch.Size) -> tuple[slice, slice]:
    """Rows and columns of a box (left, top, right, bottom) and a margin around it, inside the rectangle."""
    left, top, right, bottom = box
    rows = slice(max(0, int(top - margin)), min(size[0], int(bottom + margin) + 2))
    columns = slice(max(0, int(left - margin)), min(size[1], int(right + margin) + 2))
    return rows, columns


def keep_mouth(
    painted: Float[Tensor, "n 3 h w"], photo: Float[Tensor, "n 3 h w"], band_px: Width
) -> Float[Tensor, "n 3 h w"]:
    """The painted mouth below the band, in a colour between the two; the photo's above it. `band_px` is the
    Gaussian's deviation."""
    low = lowpass(photo - painted, band_px)
    return photo - low + LIP_CHROMA * (low - luma(low))
