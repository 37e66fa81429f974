"""The face's box of a batch: what most losses of pairs look at."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from facehub.networks.subpixel import shapiro_filter

from . import pair_losses
from .data.face_box import boxed, window
from .data.pair_batches import PairBatch

STEEP = 4.0
"""By how much steeper than the mask's the edge is at which a painted face ends and its photo begins."""


@dataclass(frozen=True, slots=True)
class FaceBox:
    """The face's box of a batch at twice the base's resolution; photos low-passed like a head's pictures."""

    input: Float[Tensor, "n 3 h w"]
    target: Float[Tensor, "n 3 h w"]
    mask: Float[Tensor, "n 1 h w"]
    """1 where the target shows the identity's face, falling to 0 at its outline: there it is a mixture."""
    inside: Float[Tensor, "n 1 h w"]
    """1 wherever the target shows any of it: mixed by `mask`, a painted mixture would be mixed once more, and
    a network paints brows too dark at their ends to make up for it."""
    skin: Float[Tensor, "n 1 h w"]
    """The mask less eyes, brows, nostrils and lips."""
    weight: Float[Tensor, "n 1 h w"]
    """What each pixel counts (pair_losses.inside)."""
    landmarks: Float[Tensor, "n 68 2"]
    """In pixels of the box."""

    @classmethod
    def of(cls, batch: PairBatch, times: int) -> "FaceBox":
        """`times`: how many times larger the batch's crops are."""
        mask, points = F.avg_pool2d(batch.mask, times), (batch.landmarks + 0.5) / times - 0.5
        seen = [shapiro_filter(F.avg_pool2d(photo, times)) for photo in (batch.input, batch.target)]
        skin, weight = pair_losses.skin(mask, points), pair_losses.inside(mask, points)
        top, _, left, _ = window(mask.shape[-1])
        places = points - points.new_tensor([left, top])
        crop, target, mask, skin, weight = map(boxed, (*seen, mask, skin, weight))
        return cls(crop, target, mask, (STEEP * mask).clamp(max=1), skin, weight, places)
