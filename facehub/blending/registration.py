"""Lay the painted eyes and mouth where the photo's are.

A network paints eyes a little lower or a mouth a little wider than the photo has them, because the person
whom it learned has. What the finish takes from the photo (eyes_and_mouth.py) then lies beside what was
painted: two pupils in one eye, lips within lips. Landmarks found in the painted crop say how far each part
is off, and a smooth displacement, which is 0 at brows, nose and jaw, brings it back. Not in the paper;
docs/results.md has both sides measured.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from ..types import Crops, Landmarks
from .eyes_and_mouth import EYES
from .features import between_eyes

PARTS = (*EYES, tuple(range(48, 68)))
"""Landmarks of the right eye, the left eye and the mouth: each is moved as one."""

SHAPE = 0.5
"""How much of a part's shape becomes the photo's: half, because how open an eye is belongs to the
expression, and how it is cut to the identity."""

NOTICED = (0.03, 0.07)
"""Distance between the eyes = 1: a part that is off by less than the first stays where it is, one that is
off by more than the second is moved the whole way. Landmarks of one face differ by the first between two
boxes, and likeness lives in such distances."""

LOST = (0.20, 0.30)
"""The same: from the first on landmarks are trusted less, from the second on not at all."""

REACH = 0.1
"""Deviation of the Gaussians that spread the landmarks' displacements, in the same units."""

STIFFNESS = 0.3
"""Weight of staying in place, where a landmark has weight 1 at itself."""

MARGIN = 3.5
"""How far around a part pixels are moved, in units of `REACH`."""


def register_features(painted: Crops, found: Landmarks, wanted: Landmarks) -> Crops:
    """Move painted eyes and mouths from their landmarks `found` to the photo's, `wanted`.

    Both are in pixels of the crops. Pixels away from what is moved stay as they are, bit for bit. Each face
    by itself, so that its result does not depend on the others of a batch.
    """
    unit = between_eyes(wanted).clamp(min=1e-3)
    moves = displacements(found, wanted, unit)
    boxes = _boxes(found, wanted, moves, unit, painted.shape[-1])
    registered = painted.clone()
    for i, (left, top, right, bottom) in enumerate(boxes):
        if left < right and top < bottom:
            window = (slice(i, i + 1), slice(None), slice(top, bottom), slice(left, right))
            at = (found[i] + moves[i], moves[i], REACH * unit[i])
            registered[window] = _moved(painted[i : i + 1], *at, (left, top, right, bottom))
    return registered


def displacements(
    found: Landmarks, wanted: Landmarks, unit: Float[Tensor, " faces"]
) -> Float[Tensor, "faces 68 2"]:
    """How far each landmark is to move, in pixels: that of a part as one, and half of its shape."""
    moves = torch.zeros_like(found)
    for part in map(list, PARTS):
        off = (wanted - found)[:, part]
        centre = off.mean(1, keepdim=True)
        move = centre + SHAPE * (off - centre)
        length = move.mean(1).norm(dim=1) / unit
        noticed = (length - NOTICED[0]) / (NOTICED[1] - NOTICED[0])
        trusted = (LOST[1] - length) / (LOST[1] - LOST[0])
        moves[:, part] = move * torch.minimum(noticed, trusted).clamp(0, 1)[:, None, None]
    return moves


def _boxes(
    found: Landmarks, wanted: Landmarks, moves: Landmarks, unit: Float[Tensor, " faces"], size: int
) -> list[list[int]]:
    """Left, top, right and bottom of what moves in each crop, [left, right) x [top, bottom); empty where
    nothing does."""
    moving = (moves != 0).any(2, keepdim=True)
    ends = torch.stack([found, wanted], 1)
    far = float(4 * size)
    low = ends.masked_fill(~moving[:, None], far).amin((1, 2)) - (MARGIN * REACH * unit)[:, None]
    high = ends.masked_fill(~moving[:, None], -far).amax((1, 2)) + (MARGIN * REACH * unit)[:, None]
    edges = torch.cat([low.floor(), high.ceil() + 1], 1).clamp(0, size)
    return edges.long().tolist()


def _moved(
    painted: Float[Tensor, "1 3 size size"],
    points: Float[Tensor, "68 2"],
    moves: Float[Tensor, "68 2"],
    sigma_px: Float[Tensor, ""],
    box: tuple[int, int, int, int],
) -> Float[Tensor, "1 3 h w"]:
    """The pixels of a box, each from where the displacement at it comes from."""
    left, top, right, bottom = box
    x = torch.arange(left, right, device=painted.device, dtype=painted.dtype)
    y = torch.arange(top, bottom, device=painted.device, dtype=painted.dtype)
    across = (-0.5 * ((x - points[:, :1]) / sigma_px).square()).exp()
    down = (-0.5 * ((y - points[:, 1:]) / sigma_px).square()).exp()
    weight = down.mT @ across + STIFFNESS
    dx, dy = ((down * move[:, None]).mT @ across / weight for move in moves.unbind(1))
    grid = torch.stack([x - dx, y[:, None] - dy], 2)[None]
    grid = (grid + 0.5) * (2 / painted.shape[-1]) - 1
    moved = F.grid_sample(painted, grid, mode="bicubic", padding_mode="border", align_corners=False)
    return moved.clamp(0, 1)
