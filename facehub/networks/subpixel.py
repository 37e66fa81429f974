"""The 128 px network with a head that paints at 512 px: `network: subpixel2` in an identity's config.json.

The paper grows its network by whole branches (section 4.1), which convolve at every pixel: 6 times the
arithmetic of 128 px at 256 px, and 32 times at 512 px. Here the finer crop enters folded and the picture
leaves unfolded: pixel-unshuffle and pixel-shuffle (Shi et al., CVPR 2016, https://arxiv.org/abs/1609.05158).
Four 3x3 convolutions at 128 px read the features of the paper's 128 px network beside the crop; four narrow
ones at 256 px finish. Departure from the paper.

Where the four channels of a pixel-shuffle disagree, pixels alternate: combs in beards and brows
(https://distill.pub/2016/deconv-checkerboard). What is unfolded is therefore low-passed, in training too.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Real
from torch import Tensor, nn

from ..errors import BadSetting
from ..types import Crops
from .generator import JOINT_CHANNELS, Generator, Window, crop_window, dilate_window, halve_window

CHANNELS = 96
"""Of the head's convolutions at the base's resolution."""

PASSED_CHANNELS = 24
"""Features that reach twice the base's resolution, beside the picture."""

FINE_CHANNELS = 32
"""Of the convolutions at twice the base's resolution."""

DEPTH = 2
"""Residual convolutions at each of the two resolutions."""

SLOPE = 0.2
"""Of the leaky rectifiers for negative values."""

SHAPIRO = (-1 / 16, 4 / 16, 10 / 16, 4 / 16, -1 / 16)
"""Shapiro's filter of order 2 (Reviews of Geophysics 8(2), 1970), for what pixel-shuffle unfolds, along rows
and columns. It removes what alternates from pixel to pixel, keeps 3/4 of a period of four pixels and nearly
all of longer ones.
"""


class Entrance(nn.Conv2d):
    """A head's first convolution: of features beside the crop, folded to their resolution."""

    def __init__(self, features: int, outputs: int):
        super().__init__(features + 12, outputs, 3, padding=1)

    def forward(
        self, features: Float[Tensor, "n channels h w"], crop: Float[Tensor, "n 3 height width"]
    ) -> Float[Tensor, "n outputs h w"]:
        return super().forward(torch.cat([features, fold(crop).to(features.dtype)], 1))


class SubpixelHead(nn.Module):
    """What the head adds to the base's picture at twice and at four times the base's resolution."""

    reach = 3 + DEPTH
    """How far it reads at one resolution, in pixels; a bicubic enlargement reads 2 far."""

    def __init__(self, features: int):
        super().__init__()
        inside, narrow = CHANNELS, FINE_CHANNELS
        self.enter = Entrance(features, inside)
        self.middle = nn.ModuleList(nn.Conv2d(inside, inside, 3, padding=1) for _ in range(DEPTH))
        self.leave = nn.Conv2d(inside, 4 * (3 + PASSED_CHANNELS), 3, padding=1)
        self.fine_enter = nn.Conv2d(3 + PASSED_CHANNELS + 12, narrow, 3, padding=1)
        self.fine_middle = nn.ModuleList(nn.Conv2d(narrow, narrow, 3, padding=1) for _ in range(DEPTH))
        self.fine_leave = nn.Conv2d(narrow, 12, 3, padding=1)
        with torch.no_grad():  # a new head gives the base's picture, enlarged
            self.leave.weight[:12].zero_()
            self.leave.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]
            self.fine_leave.weight.zero_()
            self.fine_leave.bias.zero_()  # pyright: ignore[reportOptionalMemberAccess]

    def to_double(
        self,
        features: Real[Tensor, "n channels h w"],
        rgb: Float[Tensor, "n 3 h w"],
        crop: Float[Tensor, "n 3 height width"],
    ) -> tuple[Float[Tensor, "n 3 height width"], Float[Tensor, "n passed height width"]]:
        """The picture at twice the base's resolution, and the features passed on.

        `crop` is the input there. Values nearer than `reach` base pixels to an edge hold what padding makes
        of it.
        """
        x = F.leaky_relu(self.enter(features, crop), SLOPE)
        for layer in self.middle:
            x = x + F.leaky_relu(layer(x), SLOPE)
        x = F.pixel_shuffle(self.leave(x), 2)
        return enlarged(rgb) + shapiro_filter(x[:, :3].to(rgb.dtype)), x[:, 3:]

    def to_full(
        self,
        rgb: Float[Tensor, "n 3 h w"],
        passed: Float[Tensor, "n passed h w"],
        crop: Float[Tensor, "n 3 height width"],
    ) -> Float[Tensor, "n 3 height width"]:
        """The picture at four times the base's resolution, from what `to_double` gave and the input there."""
        x = torch.cat([(rgb - 0.5).to(passed.dtype), passed, fold(crop).to(passed.dtype)], 1)
        x = F.leaky_relu(self.fine_enter(x.contiguous(memory_format=torch.channels_last)), SLOPE)
        for layer in self.fine_middle:
            x = x + F.leaky_relu(layer(x), SLOPE)
        return enlarged(rgb) + shapiro_filter(F.pixel_shuffle(self.fine_leave(x), 2).to(rgb.dtype))


class HeadedGenerator(nn.Module):
    """The paper's network for crops of `size` / `times` px, and a head: crops of `size` px.

    Subclasses add the head, and say how it paints. `called`: the kind of network in a sentence.
    """

    head: nn.Module

    def __init__(self, size: int, *, times: int, called: str):
        super().__init__()
        if size // times not in JOINT_CHANNELS or size % times:
            sizes = ", ".join(str(times * side) for side in JOINT_CHANNELS)
            raise BadSetting(f"A {called} generator of {size} px is not known: choose one of {sizes}.")
        self.size = size
        self.base = Generator(size // times)

    def forward(self, crop: Crops, window: Window | None = None) -> Float[Tensor, "faces 3 h w"]:
        """The new faces, or only a window of them: the same values, computed without what lies far outside
        of it.

        Not clamped: training needs the gradient of what lies beyond [0, 1].
        """
        return self.paint(self.head, self.seen, crop, window or (0, self.size, 0, self.size))

    def seen(self, crop: Crops, window: Window) -> tuple[Tensor, Tensor]:
        """The base's features and its picture, on a window of crops of the base's size."""
        features = self.base.features(crop, window)
        return features, (self.base.to_rgb(features) + 0.5).to(crop.dtype)

    @staticmethod
    def paint(head, seen, crop: Crops, asked: Window) -> Float[Tensor, "faces 3 h w"]:
        """A window of the faces. `seen` gives the base's features and its picture on a window of the base's
        crops."""
        raise NotImplementedError


class SubpixelGenerator(HeadedGenerator):
    """A head for four times the side of the base's crop."""

    head: SubpixelHead

    def __init__(self, size: int = 512):
        super().__init__(size, times=4, called="sub-pixel")
        self.head = SubpixelHead(JOINT_CHANNELS[self.base.size])

    @staticmethod
    def paint(head, seen, crop: Crops, asked: Window) -> Float[Tensor, "faces 3 h w"]:
        """See `HeadedGenerator.paint`."""
        entering = dilate_window(halve_window(asked), crop.shape[-1] // 2, head.reach)
        rgb, passed = doubled(head, seen, F.avg_pool2d(crop, 2), entering)
        held = double_window(entering)
        whole = (0, crop.shape[-1], 0, crop.shape[-1])
        return crop_window(head.to_full(rgb, passed, crop_window(crop, whole, held)), held, asked)

    def doubled(self, crop: Crops, window: Window) -> tuple[Tensor, Tensor]:
        """The faces at half of `size`, and the features passed on: on a window of crops of that size."""
        return doubled(self.head, self.seen, crop, window)


def doubled(head, seen, crop: Crops, asked: Window) -> tuple[Tensor, Tensor]:
    """A window of the picture at twice the base's resolution and of the features passed on."""
    side = crop.shape[-1]
    entering = dilate_window(halve_window(asked), side // 2, head.reach)
    features, rgb = seen(F.avg_pool2d(crop, 2), entering)
    held = double_window(entering)
    rgb, passed = head.to_double(features, rgb, crop_window(crop, (0, side, 0, side), held))
    return crop_window(rgb, held, asked), crop_window(passed, held, asked)


def fold(crop: Float[Tensor, "n 3 height width"]) -> Float[Tensor, "n 12 h w"]:
    """Each 2 x 2 pixels of the crop as twelve channels around 0, channels last."""
    return F.pixel_unshuffle(crop - 0.5, 2).contiguous(memory_format=torch.channels_last)


def enlarged(rgb: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 height width"]:
    """Twice as large, bicubic."""
    return F.interpolate(rgb.contiguous(), scale_factor=2.0, mode="bicubic", align_corners=False)


def shapiro_filter(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
    """Convolve rows and columns with `SHAPIRO`; the edge pixel is repeated beyond the edge."""
    x, reach = x.contiguous(), len(SHAPIRO) // 2
    for axis in (2, 3):
        length = x.shape[axis]
        around = F.pad(x, (reach, reach, 0, 0) if axis == 3 else (0, 0, reach, reach), mode="replicate")
        a, b, c, d, e = (around.narrow(axis, tap, length) for tap in range(len(SHAPIRO)))
        x = SHAPIRO[0] * (a + e) + SHAPIRO[1] * (b + d) + SHAPIRO[2] * c
    return x


def double_window(window: Window) -> Window:
    """The finer pixels of a window."""
    top, bottom, left, right = window
    return 2 * top, 2 * bottom, 2 * left, 2 * right
