"""The box of a crop that holds the face: what losses and measures look at."""

from jaxtyping import Num
from torch import Tensor

BOX = (32, 128, 24, 104)
"""Top, bottom, left, right of the part of a 128 px crop that holds every mask: losses look only here. The
paper looks at the whole crop; hair and background are cut away again after the swap, and this box holds
less than half of the crop's pixels."""


def boxed(crop: Num[Tensor, "n c size size"]) -> Num[Tensor, "n c h w"]:
    """The face's box of crops of any size."""
    top, bottom, left, right = window(crop.shape[-1])
    return crop[:, :, top:bottom, left:right]


def window(size: int) -> tuple[int, int, int, int]:
    """The face's box for a network of this size."""
    top, bottom, left, right = (round(edge * size / 128) for edge in BOX)
    return top, bottom, left, right
