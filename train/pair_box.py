"""The face's box of a batch: what most losses of pairs look at."""

from dataclasses import dataclass

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from facehub.networks.subpixel import shapiro_filter

from . import pair_losses
from .data.face_box import boxed, window
from .data.pair_batches import PairBatch


@dataclass(frozen=True, slots=True)
class FaceBox:
    """The face's box of a batch at twice the base's resolution; photos low-passed like a head's pictures."""

    input: Float[Tensor, "n 3 h w"]
    target: Float[Tensor, "n 3 h w"]
    mask: Float[Tensor, "n 1 h w"]
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
        return cls(crop, target, mask, skin, weight, places)
