"""The transformation network: one face's crop in, the same pose, expression and light with the identity's
face out.

Korshunova et al., Fast Face-swap Using Convolutional Neural Networks, ICCV 2017, Figure 3
(https://arxiv.org/abs/1611.09577); the multi-scale design is that of Ulyanov et al., Texture Networks
(https://arxiv.org/abs/1603.03417). The crop enters at every resolution from 8 px up; each branch is a block,
and coarse features are enlarged and joined with the next finer branch. Not stated in the paper and chosen
here: average pooling between resolutions, nearest-neighbour enlargement, zero padding, no normalisation,
inputs and outputs centred on 0 inside the network.
"""

from itertools import pairwise
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..errors import BadSetting
from ..types import Crops

COARSEST_PX = 8
"""Side of the smallest input in pixels."""

BRANCH_CHANNELS = 32
"""Channels of the block that each resolution's input goes through."""

JOINT_CHANNELS = {16: 64, 32: 96, 64: 128, 128: 160, 256: 192, 512: 224}
"""Channels of the block after joining, by resolution in pixels."""


Window = tuple[int, int, int, int]
"""Top, bottom, left, right: the pixels [top, bottom) x [left, right) of a crop."""


@runtime_checkable
class FaceGenerator(Protocol):
    """The network of a swap: a torch module that maps crops to crops and knows their side in pixels."""

    size: int

    def __call__(self, crop: Crops) -> Crops: ...
    def to(self, *args: Any, **kwargs: Any) -> Any: ...
    def eval(self) -> Any: ...


def block(inputs: int, outputs: int) -> nn.Sequential:
    """The figure's block: conv 3x3, ReLU, conv 3x3, ReLU, conv 1x1."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(outputs, outputs, 1),
    )


class Generator(nn.Module):
    """The paper's network for crops of `size` px: 1,108,451 parameters at 128, 1,820,739 at 256, 2,786,051 at
    512."""

    def __init__(self, size: int = 128):
        super().__init__()
        if size not in JOINT_CHANNELS:
            raise BadSetting(
                f"A generator of {size} px is not known: choose one of {', '.join(map(str, JOINT_CHANNELS))}."
            )
        self.size = size
        resolutions = [r for r in JOINT_CHANNELS if r <= size]
        self.branches = nn.ModuleList(block(3, BRANCH_CHANNELS) for _ in [COARSEST_PX, *resolutions])
        coarse = [BRANCH_CHANNELS] + [JOINT_CHANNELS[r] for r in resolutions]
        self.joints = nn.ModuleList(
            block(c + BRANCH_CHANNELS, JOINT_CHANNELS[r]) for c, r in zip(coarse, resolutions, strict=False)
        )
        self.to_rgb = nn.Conv2d(JOINT_CHANNELS[size], 3, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.orthogonal_(layer.weight)
                nn.init.zeros_(layer.bias)  # pyright: ignore[reportArgumentType]

    def forward(self, crop: Crops, window: Window | None = None) -> Float[Tensor, "faces 3 h w"]:
        """The new faces, or a window of them: the same values, computed without what is far outside of it.

        Not clamped: training needs the gradient beyond [0, 1].
        """
        size = self.size
        return self.to_rgb(self.features(crop, window or (0, size, 0, size))) + 0.5

    def features(self, crop: Crops, window: Window) -> Float[Tensor, "faces channels h w"]:
        """The input of `to_rgb`: JOINT_CHANNELS[size] channels."""
        pyramid = [crop - 0.5]
        while pyramid[0].shape[-1] > COARSEST_PX:
            pyramid.insert(0, F.avg_pool2d(pyramid[0], 2))
        wanted = [window]
        for image in pyramid[:0:-1]:
            wanted.insert(0, halve_window(dilate_window(wanted[0], image.shape[-1], 2)))
        x = _run_branch(self.branches[0], pyramid[0], wanted[0])
        for image, branch, joint, (coarse, fine) in zip(
            pyramid[1:], self.branches[1:], self.joints, pairwise(wanted), strict=True
        ):
            entering = dilate_window(fine, image.shape[-1], 2)
            enlarged = F.interpolate(x, scale_factor=2.0, mode="nearest")
            top, bottom, left, right = coarse
            enlarged = crop_window(enlarged, (2 * top, 2 * bottom, 2 * left, 2 * right), entering)
            x = crop_window(
                joint(torch.cat([enlarged, _run_branch(branch, image, entering)], dim=1)), entering, fine
            )
        return x


def _run_branch(branch: nn.Module, image: Tensor, wanted: Window) -> Tensor:
    """The branch's output on a window, from no more of the image than that needs."""
    size = image.shape[-1]
    entering = dilate_window(wanted, size, 2)
    return crop_window(branch(crop_window(image, (0, size, 0, size), entering)), entering, wanted)


def dilate_window(window: Window, size: int, by: int) -> Window:
    """The pixels of an image of this size that a window needs: one more on each side for each 3x3
    convolution."""
    top, bottom, left, right = window
    return max(top - by, 0), min(bottom + by, size), max(left - by, 0), min(right + by, size)


def halve_window(window: Window) -> Window:
    """The coarser pixels that cover a window."""
    top, bottom, left, right = window
    return top // 2, (bottom + 1) // 2, left // 2, (right + 1) // 2


def crop_window(x: Tensor, held: Window, wanted: Window) -> Tensor:
    """`wanted`, from a tensor that holds the window `held`."""
    top, left = held[0], held[2]
    return x[:, :, wanted[0] - top : wanted[1] - top, wanted[2] - left : wanted[3] - left]


def grow(generator: Generator) -> Generator:
    """The next larger network with everything but the last 1x1 convolution taken over (paper, section 4.1:
    128 -> 256 px)."""
    larger = Generator(generator.size * 2)
    weights = {k: v for k, v in generator.state_dict().items() if not k.startswith("to_rgb.")}
    larger.load_state_dict(larger.state_dict() | weights)
    return larger
