"""Eyes and mouth in the photo's own light and dark, under the identity's colours.

A swap keeps gaze and expression, so lids, irises, lips and teeth of the new face lie where the photo's do,
and the photo has their edges, catchlights and gaps as sharp as it is. Within the eyes' openings luma above
`EYE_BAND` is therefore the photo's, and within the lips' outline all three colours above `MOUTH_BAND`. Below
that everything is the identity's, but for the lips' chroma: where it is coarse the photo's as that of skin
(colour.py), and half of it where it is fine; so are lids, lashes and the shape of the lips. Not in the paper;
docs/results.md has both sides measured.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .features import between_eyes
from .filters import lowpass, luma, masked_mean

EYES = (tuple(range(36, 42)), tuple(range(42, 48)))
"""Landmarks around each eye's opening."""

MOUTH = tuple(range(48, 60))
"""Landmarks around the lips."""

EYE_BAND = 0.06
"""Deviation of the Gaussian above which an eye is the photo's, in units of the distance between the eyes:
less than half an iris, so that how light the iris is stays the identity's."""

MOUTH_BAND = 0.06
"""The same for the mouth: about as wide as a gap between painted lips, which goes where the photo's are
closed. Wider ones close it further, and cost likeness (docs/results.md)."""

LIP_CHROMA = 0.5
"""How much of the lips' chroma is the photo's: dark lips in the light of a pale face are gray, and a photo's
make-up is part of it."""

EYE_INSET = 0.025
"""Way inside the outline on which the photo fades in, in the same units: the line of the lids is not
doubled."""

MOUTH_INSET = 0.05
"""The same for the mouth."""

IRIS = (0.35, 0.65)
"""How light a pixel is, between an eye's darkest and its lightest: up to the first it is iris or pupil, from
the second on it is white."""

COVERED = (0.25, 0.5)
"""An eye whose contrast is below the first share of the painted one's is behind something dark, and stays
as it was painted; from the second on it is the photo's."""


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
    eye, mouth = (_new_eye, EYE_BAND, EYE_INSET), (_new_mouth, MOUTH_BAND, MOUTH_INSET)
    kept = result.clone()
    for points, box, (renewed, band, inset) in zip(parts, boxes, (eye, eye, mouth), strict=True):
        rows, columns = _window(box, 3 * band * unit, result.shape[2:])
        if rows.stop <= rows.start or columns.stop <= columns.start:
            continue
        inside = (slice(None), slice(None), rows, columns)
        painted, photo = kept[inside], target[inside]
        weight = detail * mask[inside] * inside_polygon(points, rows, columns, max(1.0, inset * unit))
        sigma_px = max(0.5, band * unit)
        kept[inside] = painted + weight * (renewed(painted, photo, weight, sigma_px) - painted)
    return kept


def inside_polygon(
    points: Float[Tensor, "n 2"], rows: slice, columns: slice, inset_px: float
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


def _above(x: Float[Tensor, "1 c h w"], sigma_px: float) -> Float[Tensor, "1 c h w"]:
    return x - lowpass(x, sigma_px)


def _new_mouth(
    painted: Float[Tensor, "1 3 h w"],
    photo: Float[Tensor, "1 3 h w"],
    weight: Float[Tensor, "1 1 h w"],
    sigma_px: float,
) -> Float[Tensor, "1 3 h w"]:
    """The painted mouth below the band, in a colour between the two; the photo's above it."""
    low = lowpass(photo - painted, sigma_px)
    return photo - low + LIP_CHROMA * (low - luma(low))


def _new_eye(
    painted: Float[Tensor, "1 3 h w"],
    photo: Float[Tensor, "1 3 h w"],
    weight: Float[Tensor, "1 1 h w"],
    sigma_px: float,
) -> Float[Tensor, "1 3 h w"]:
    """The painted eye with the photo's light and dark: its iris in one colour, the mean of the painted one's
    in proportion to its light; the white as coloured as the photo's."""
    own, others = luma(painted), luma(photo)
    mine, theirs = _above(own, sigma_px), _above(others, sigma_px)
    seen = _uncovered(mine, theirs, weight)
    light = (own + seen * (theirs - mine)).clamp(0, 1)
    inside = weight > 0
    low = others.masked_fill(~inside, 1).amin((2, 3), keepdim=True)
    high = others.masked_fill(~inside, 0).amax((2, 3), keepdim=True)
    lightness = (others - low) / (high - low).clamp(min=0.05)
    iris = ((IRIS[1] - lightness) / (IRIS[1] - IRIS[0])).clamp(0, 1)
    colour = masked_mean(painted - own, iris * weight) / masked_mean(own, iris * weight).clamp(min=0.05)
    coloured = light + iris * light * colour + (1 - iris) * (photo - others)
    return painted + seen * (coloured - painted)


def _uncovered(
    own: Float[Tensor, "1 1 h w"], others: Float[Tensor, "1 1 h w"], weight: Float[Tensor, "1 1 h w"]
) -> Float[Tensor, "1 1 1 1"]:
    """1 where the photo's eye has contrast of its own, 0 where it has hardly any (`COVERED`)."""
    energies = masked_mean(torch.cat([own, others], 1).square(), weight)
    share = (energies[:, 1:] / energies[:, :1].clamp(min=1e-8)).sqrt()
    return ((share - COVERED[0]) / (COVERED[1] - COVERED[0])).clamp(0, 1)
