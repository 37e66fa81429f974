"""Where the new face goes, in the crop's frame. Batched, on the device of the landmarks.

The paper restores hair and background by a mask cut by hand, or by a small segmentation network (sections 3 and 4). This file has the mask
that needs no network: the outline of jaw and brows, carried up over the forehead.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .types import Crops, Masks

FOREHEAD = 0.6
"""Height of the arch over the brows, in units of the distance from the brows to the nose's base."""

EDGE = 0.04
"""Width of the soft edge, inside the outline, in units of the crop."""


def hull(crop: Crops, landmarks: Float[Tensor, "faces 68 2"]) -> Masks:
    """1 inside the face's outline, falling to 0 at it over `EDGE`; landmarks in crop pixels."""
    size = crop.shape[-1]
    distance = signed_distance(outline(landmarks), size)
    mask = (distance / (EDGE * size)).clamp(0, 1)
    border = torch.zeros_like(mask)
    border[..., 1:-1, 1:-1] = 1
    return (mask * border).to(crop.dtype)


def outline(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, "faces corners 2"]:
    """The closed outline of the face: the jaw, and half an ellipse over the brows along the face's own upward direction."""
    left, right = landmarks[:, None, 17], landmarks[:, None, 26]
    up = (landmarks[:, 17:27].mean(1) - landmarks[:, 33])[:, None] * FOREHEAD
    angle = torch.linspace(0, torch.pi, 11, device=landmarks.device, dtype=landmarks.dtype)[None, :, None]
    arch = (left + right) / 2 + (right - left) / 2 * angle.cos() + up * angle.sin()
    return torch.cat([landmarks[:, :17], arch], dim=1)


def signed_distance(polygon: Float[Tensor, "faces corners 2"], size: int) -> Float[Tensor, "faces 1 size size"]:
    """Distance in pixels of each pixel's centre to the polygon's edge, positive inside (even-odd rule)."""
    pixel = torch.arange(size, device=polygon.device, dtype=polygon.dtype)
    (ax, ay), (dx, dy) = (part.unbind(2) for part in (polygon[..., None, None], (polygon.roll(-1, 1) - polygon)[..., None, None]))
    x, y, squared = pixel - ax, pixel[:, None] - ay, (dx * dx + dy * dy).clamp_min(1e-12)
    along = x * (dx / squared) + y * (dy / squared)
    t = along.clamp(0, 1)
    nearest = (x * x + y * y).addcmul_(t.sub(along, alpha=2).mul_(t), squared).amin(1).clamp_(min=0).sqrt_()
    crosses = (y < 0) != (y < dy)
    left = torch.where(crosses, y * (dx / torch.where(dy == 0, 1, dy)), -torch.inf)
    inside = (x < left).sum(1) % 2 == 1
    return torch.where(inside, nearest, -nearest)[:, None]
