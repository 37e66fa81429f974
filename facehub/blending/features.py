"""Where eyes, brows, mouth and nostrils are, as distances from the 68 landmarks: what is not skin inside a
face's mask.
"""

import functools
import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

EYES, BROWS, MOUTH, NOSTRILS = range(4)
"""Channels of `feature_distances`."""

FADE = 1.8
"""Distance at which `feature_mask` has fallen to 0, in units of its reach."""

GRID_PX = 40
"""Longer side of the grid on which distances are computed; maps are enlarged from it."""


def feature_mask(
    distance: Float[Tensor, "faces 4 rows columns"],
    reach: tuple[float, float, float, float],
    size: tuple[int, int],
) -> Float[Tensor, "faces 1 h w"]:
    """1 up to a distance of `reach` from a feature's landmarks, falling to 0 at `FADE` times that; a
    feature of reach 0 is left out.
    """
    soft = [_soft(distance[:, i : i + 1], wide) for i, wide in enumerate(reach) if wide]
    return F.interpolate(functools.reduce(torch.maximum, soft), size=size, mode="bilinear")


def feature_masks(
    distance: Float[Tensor, "faces 4 rows columns"],
    reach: tuple[float, float, float, float],
    size: tuple[int, int],
) -> Float[Tensor, "faces 4 h w"]:
    """The same, each feature by itself; none may have a reach of 0."""
    soft = [_soft(distance[:, i : i + 1], wide) for i, wide in enumerate(reach)]
    return F.interpolate(torch.cat(soft, 1), size=size, mode="bilinear")


def _soft(distance: Tensor, wide: float) -> Tensor:
    return ((FADE - distance / wide) / (FADE - 1)).clamp(0, 1)


def feature_distances(
    landmarks: Float[Tensor, "faces 68 2"], size: tuple[int, int]
) -> Float[Tensor, "faces 4 rows columns"]:
    """How far each point of a coarse grid over a rectangle of this size is from the lines along eyes,
    brows, mouth and nostrils (channels in that order), in units of the distance between the eyes.

    Landmarks are in pixels of the rectangle. Inside an eye or a mouth the distance is that to its nearest
    line, so it is small there too.
    """
    height, width = size
    step = max(1.0, max(size) / GRID_PX)
    rows, columns = max(2, round(height / step)), max(2, round(width / step))
    x = (torch.arange(columns, device=landmarks.device, dtype=landmarks.dtype) + 0.5) * (
        width / columns
    ) - 0.5
    y = (torch.arange(rows, device=landmarks.device, dtype=landmarks.dtype) + 0.5) * (height / rows) - 0.5
    upper, lower = landmarks[:, [61, 62, 63, 37, 38, 43, 44]], landmarks[:, [67, 66, 65, 41, 40, 47, 46]]
    opening = (upper + lower) / 2  # the lines along which an open mouth and the eyes would close
    points, (start, end, counts) = torch.cat([landmarks, opening], 1), _segments()
    a, ab = points[:, start], points[:, end] - points[:, start]
    px, py = x - a[:, :, 0, None, None], y[:, None] - a[:, :, 1, None, None]
    dx, dy = (part[:, :, None, None] for part in ab.unbind(2))
    along = ((px * dx + py * dy) / (dx * dx + dy * dy).clamp(min=1e-6)).clamp(0, 1)
    squared = (px - along * dx).square_() + (py - along * dy).square_()
    nearest = torch.stack([part.amin(1) for part in squared.split(counts, 1)], 1).sqrt_()
    return nearest / between_eyes(landmarks)[:, None, None, None].clamp(min=1e-3)


def between_eyes(points: Float[Tensor, "faces 68 2"]) -> Float[Tensor, " faces"]:
    """Distance between the eyes' centres."""
    return (points[:, 36:42].mean(1) - points[:, 42:48].mean(1)).norm(dim=1)


@functools.cache
def _segments() -> tuple[list[int], list[int], list[int]]:
    """First and last landmarks of all lines, and how many lines each feature has. Points 68 to 74 are those
    of `opening`.
    """

    def chain(*points: int) -> list[tuple[int, int]]:
        return list(itertools.pairwise(points))

    eyes = (
        chain(*range(36, 42), 36) + chain(*range(42, 48), 42) + chain(36, 71, 72, 39) + chain(42, 73, 74, 45)
    )
    brows = chain(*range(17, 22)) + chain(*range(22, 27))
    mouth = chain(*range(48, 60), 48) + chain(*range(60, 68), 60) + chain(60, 68, 69, 70, 64)
    lines = [eyes, brows, mouth, chain(*range(31, 36))]
    return (
        [a for line in lines for a, _ in line],
        [b for line in lines for _, b in line],
        [len(line) for line in lines],
    )
