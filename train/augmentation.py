"""Random changes of training faces: small moves, tints and mirror images."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .data.gallery import Gallery


def random_jitter(n: int, choice: torch.Generator) -> tuple[Float[Tensor, "n 2 3"], Float[Tensor, "n 3"]]:
    """Small turns, scales, shifts and mirror images, and tints."""
    turn, grow_by = (
        (torch.rand(n, generator=choice) - 0.5) * 0.2,
        1 + (torch.rand(n, generator=choice) - 0.5) * 0.12,
    )
    shift = (torch.rand(n, 2, generator=choice) - 0.5) * 0.12
    mirror = torch.where(torch.rand(n, generator=choice) < 0.5, -1.0, 1.0)
    tint = 1 + (torch.rand(n, 3, generator=choice) - 0.5) * 0.3
    linear = torch.stack(
        [torch.cos(turn) * mirror, -torch.sin(turn), torch.sin(turn) * mirror, torch.cos(turn)], dim=1
    ).reshape(n, 2, 2)
    return torch.cat([linear * grow_by[:, None, None], shift[:, :, None]], dim=2), tint


def apply_jitter(
    crop: Float[Tensor, "n 3 size size"],
    target: Float[Tensor, "n 3 size size"],
    weight: Float[Tensor, "n 1 size size"],
    matrix: Float[Tensor, "n 2 3"],
    tint: Float[Tensor, "n 3"],
) -> tuple[Tensor, Tensor, Tensor]:
    """Input and target moved and tinted alike: what a swap of the changed photo would be."""
    together = torch.cat([crop, target, weight], dim=1)
    grid = F.affine_grid(matrix, list(together.shape), align_corners=False)
    moved = F.grid_sample(together, grid, padding_mode="border", align_corners=False)
    tint = tint[:, :, None, None]
    return (moved[:, :3] * tint).clamp(0, 1), (moved[:, 3:6] * tint).clamp(0, 1), moved[:, 6:]


def mirror_where(faces: Gallery, mirror: Tensor) -> Gallery:
    n = len(faces)
    return faces.mirrored()[torch.arange(n) + n * mirror]
