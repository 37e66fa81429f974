"""Patches of faces at full size: one around an eye of each, one around mouth or nose, or anywhere.

Detail is learned in patches, because a whole face at full size costs four times as much and is mostly skin.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from facehub.networks.subpixel import SubpixelGenerator, shapiro_filter

from . import pair_losses
from .config import PairConfig
from .data.face_box import boxed, window
from .data.pair_batches import PairBatch
from .networks.vgg import VGG19

Corners = list[tuple[int, int, int]]
"""Of each window: which face, and row and column in the face's box. A patch lies `HALO` further in."""

PATCH = 112 / 512
"""Side of a patch, in units of the crop."""

LAYERS = ("relu1_2", "relu2_2")
"""VGG-19's layers in the loss of patches."""

HALO = 12
"""What is painted around a patch and thrown away, in pixels: as far as the head's last convolutions reach."""


def patch_side(size: int) -> int:
    """Of a patch, in pixels."""
    return round(PATCH * size / 4) * 4


def patch_corners(landmarks: Float[Tensor, "n 68 2"], size: int) -> Corners:
    """Two windows a face: the face, and row and column in the box. One around an eye, one around mouth or
    nose, or anywhere."""
    top, bottom, left, right = window(size)
    side, found = patch_side(size) + 2 * HALO, []
    eyes, others = (slice(36, 42), slice(42, 48)), (slice(48, 68), slice(48, 68), slice(27, 36), None)
    for index, points in enumerate(landmarks.cpu()):
        draws = torch.rand(2).tolist()
        for part in (eyes[int(draws[0] * 2)], others[int(draws[1] * 4)]):
            if part is None:
                span = torch.tensor([right - left, bottom - top]) - side
                middle = torch.tensor([left, top]) + side / 2 + torch.rand(2) * span
            else:
                middle = points[part].mean(0) + (torch.rand(2) - 0.5) * 24
            column = int((middle[0] - left - side / 2).clamp(0, right - left - side)) // 2 * 2
            row = int((middle[1] - top - side / 2).clamp(0, bottom - top - side)) // 2 * 2
            found.append((index, row, column))
    return found


@dataclass(frozen=True, slots=True)
class FinePatches:
    """Patches of a batch at full size, two a face; photos low-passed as what the head unfolds."""

    made: Float[Tensor, "patches 3 side side"]
    coarse: Float[Tensor, "patches 3 half half"]
    """What was painted there at half the resolution."""
    input: Float[Tensor, "patches 3 side side"]
    target: Float[Tensor, "patches 3 side side"]
    mask: Float[Tensor, "patches 1 side side"]
    known: Float[Tensor, "patches 1 side side"]
    """The mask where target or input hold detail at this size, else 0."""
    sharp: Bool[Tensor, " patches"]
    """Whether the target does."""

    @classmethod
    def painted(
        cls,
        generator: SubpixelGenerator,
        made: Tensor,
        passed: Tensor,
        batch: PairBatch,
        config: PairConfig,
    ) -> "FinePatches":
        """`made` and `passed`: what the network gave for the face's box at half the size (doubled)."""
        corners, side = patch_corners(batch.landmarks, config.size), patch_side(config.size)
        box, target, mask = boxed(batch.input), boxed(batch.target), boxed(batch.mask)
        fine = painted_patches(generator, made, passed, box, corners, side)
        shown = patches_of(mask, corners, side)
        known = (batch.sharp | batch.fine).repeat_interleave(2)
        return cls(
            made=fine,
            coarse=halved_patches_of(made.detach(), corners, side // 2),
            input=shapiro_filter(patches_of(box, corners, side)),
            target=shapiro_filter(patches_of(target, corners, side)),
            mask=shown,
            known=shown * known[:, None, None, None],
            sharp=batch.sharp.repeat_interleave(2),
        )

    @property
    def shown(self) -> Float[Tensor, "patches 3 side side"]:
        """What was made, in its surroundings."""
        return self.made * self.mask + self.input * (1 - self.mask)

    @property
    def real(self) -> Float[Tensor, "patches 3 side side"]:
        """Targets that hold detail; inputs in place of the others."""
        return torch.where(self.sharp[:, None, None, None], self.target, self.input)


def painted_patches(
    generator: SubpixelGenerator, made: Tensor, passed: Tensor, box: Tensor, corners: Corners, side: int
) -> Tensor:
    """Patches of `side` px that the head paints at full size."""
    side += 2 * HALO
    rows = [(i, slice(y // 2, (y + side) // 2), slice(x // 2, (x + side) // 2)) for i, y, x in corners]
    rgb, features = (torch.stack([part[i, :, y, x] for i, y, x in rows]) for part in (made, passed))
    crop = torch.stack([box[i, :, y : y + side, x : x + side] for i, y, x in corners])
    full = generator.head.to_full(rgb, features.contiguous(memory_format=torch.channels_last), crop)
    return full[:, :, HALO:-HALO, HALO:-HALO]


def patches_of(box: Tensor, corners: Corners, side: int) -> Tensor:
    rows = ((i, y + HALO, x + HALO) for i, y, x in corners)
    return torch.stack([box[i, :, y : y + side, x : x + side] for i, y, x in rows])


def halved_patches_of(box: Tensor, corners: Corners, side: int) -> Tensor:
    rows = ((i, (y + HALO) // 2, (x + HALO) // 2) for i, y, x in corners)
    return torch.stack([box[i, :, y : y + side, x : x + side] for i, y, x in rows])


def patch_terms(patches: FinePatches, network: VGG19, config: PairConfig) -> dict[str, Tensor]:
    """The losses of patches but for the discriminator's: agreement with the coarser picture, pixels and
    features where the target is sharp."""
    away = pair_losses.weighted(patches.made - patches.target, patches.mask * 0.9 + 0.1)
    with torch.no_grad():
        wanted = network(patches.target, LAYERS)
    features = pair_losses.features(network(patches.made, LAYERS), wanted)
    return {
        "agree": 4 * (F.avg_pool2d(patches.made, 2) - patches.coarse).abs().mean(),
        "fine": config.fine * (away * patches.sharp).mean(),
        "fine features": config.fine_features * (features * patches.sharp).mean(),
    }
