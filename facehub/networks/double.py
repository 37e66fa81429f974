"""The 128 px network with a head that paints at 256 px: `network: double2` in an identity's config.json.

The first half of the sub-pixel head of subpixel.py, with one residual convolution: a third of its cost. Three
3x3 convolutions at the base's resolution read the base's features beside the folded crop, and pixel-shuffle
(Shi et al., CVPR 2016, https://arxiv.org/abs/1609.05158) unfolds the picture. Departure from the
paper. `network: double1` is the same without the low-pass of what is unfolded.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Real
from torch import Tensor, nn

from ..types import Crops
from .generator import JOINT_CHANNELS, Window
from .subpixel import (
    CHANNELS,
    SLOPE,
    Entrance,
    HeadedGenerator,
    SubpixelHead,
    doubled,
    enlarged,
    shapiro_filter,
)


class DoubleHead(nn.Module):
    """What the head adds to the base's picture, enlarged to twice the base's resolution.

    `filtered`: low-passed, so that pixels do not alternate (`shapiro_filter`).
    """

    reach = 4
    """See `SubpixelHead`."""

    def __init__(self, features: int, *, filtered: bool = True):
        super().__init__()
        self.filtered = filtered
        self.enter = Entrance(features, CHANNELS)
        self.middle = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)
        self.leave = nn.Conv2d(CHANNELS, 12, 3, padding=1)
        with torch.no_grad():  # a new head gives the base's picture, enlarged
            self.leave.weight.zero_()
            self.leave.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]

    def to_double(
        self,
        features: Real[Tensor, "n channels h w"],
        rgb: Float[Tensor, "n 3 h w"],
        crop: Float[Tensor, "n 3 height width"],
    ) -> tuple[Float[Tensor, "n 3 height width"], Float[Tensor, "n 0 height width"]]:
        """The picture at twice the base's resolution, and no features to pass on; see `SubpixelHead`."""
        x = F.leaky_relu(self.enter(features, crop), SLOPE)
        x = x + F.leaky_relu(self.middle(x), SLOPE)
        x = F.pixel_shuffle(self.leave(x), 2)
        added = x.to(rgb.dtype)
        return enlarged(rgb) + (shapiro_filter(added) if self.filtered else added), x[:, :0]


class DoubleGenerator(HeadedGenerator):
    """A head for twice the side of the base's crop."""

    head: DoubleHead
    filtered = True
    """Whether its head is; see `DoubleHead`."""

    def __init__(self, size: int = 256):
        super().__init__(size, times=2, called="double")
        self.head = DoubleHead(JOINT_CHANNELS[self.base.size], filtered=self.filtered)

    @staticmethod
    def paint(head, seen, crop: Crops, asked: Window) -> Float[Tensor, "faces 3 h w"]:
        """See `HeadedGenerator.paint`."""
        return doubled(head, seen, crop, asked)[0]


class UnfilteredDoubleGenerator(DoubleGenerator):
    """`network: double1`: pixels may alternate."""

    filtered = False


@torch.no_grad()
def begin_larger(larger: SubpixelHead, head: DoubleHead) -> None:
    """Give a head for four times the side what one for twice learned: its picture, enlarged."""
    larger.enter.load_state_dict(head.enter.state_dict())
    larger.middle[0].load_state_dict(head.middle.state_dict())
    for layer in larger.middle[1:]:
        for weight in layer.parameters():
            weight.zero_()
    for new, known in zip(larger.leave.parameters(), head.leave.parameters(), strict=True):
        new[: len(known)] = known
