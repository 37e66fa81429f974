"""The transformation network: one face's crop in, the same pose, expression and light with the identity's face out.

Korshunova et al., Fast Face-swap Using Convolutional Neural Networks, ICCV 2017, Figure 3 (https://arxiv.org/abs/1611.09577); the
multi-scale design is that of Ulyanov et al., Texture Networks (https://arxiv.org/abs/1603.03417). The crop enters at every resolution
from 8 px up; each branch is a block, and coarse features are enlarged and joined with the next finer branch.
Not stated in the paper and chosen here: average pooling between resolutions, nearest-neighbour enlargement, zero padding, no
normalisation, inputs and outputs centred on 0 inside the network.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .errors import BadSetting
from .types import Crops

COARSEST = 8
"""Side of the smallest input in pixels."""

BRANCH = 32
"""Channels of the block that each resolution's input goes through."""

JOINT = {16: 64, 32: 96, 64: 128, 128: 160, 256: 192, 512: 224}
"""Channels of the block after joining, by resolution in pixels."""


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
    """The paper's network for crops of `size` px: 1,108,451 parameters at 128, 1,820,739 at 256, 2,786,051 at 512."""

    def __init__(self, size: int = 128):
        super().__init__()
        if size not in JOINT:
            raise BadSetting(f"A generator of {size} px is not known: choose one of {', '.join(map(str, JOINT))}.")
        self.size = size
        resolutions = [r for r in JOINT if r <= size]
        self.branches = nn.ModuleList(block(3, BRANCH) for _ in [COARSEST, *resolutions])
        coarse = [BRANCH] + [JOINT[r] for r in resolutions]
        self.joints = nn.ModuleList(block(c + BRANCH, JOINT[r]) for c, r in zip(coarse, resolutions, strict=False))
        self.to_rgb = nn.Conv2d(JOINT[size], 3, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.orthogonal_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, crop: Crops) -> Crops:
        """Not clamped: training needs the gradient of what lies beyond [0, 1]."""
        return self.to_rgb(self.features(crop)) + 0.5

    def features(self, crop: Crops) -> Tensor:
        """What `to_rgb` reads: (faces, JOINT[size], size, size)."""
        pyramid = [crop - 0.5]
        while pyramid[0].shape[-1] > COARSEST:
            pyramid.insert(0, F.avg_pool2d(pyramid[0], 2))
        x = self.branches[0](pyramid[0])
        for image, branch, joint in zip(pyramid[1:], self.branches[1:], self.joints, strict=True):
            x = joint(torch.cat([F.interpolate(x, scale_factor=2.0, mode="nearest"), branch(image)], dim=1))
        return x


def grow(generator: Generator) -> Generator:
    """The next larger network with everything but the last 1x1 convolution taken over (paper, section 4.1: 128 -> 256 px)."""
    larger = Generator(generator.size * 2)
    weights = {k: v for k, v in generator.state_dict().items() if not k.startswith("to_rgb.")}
    larger.load_state_dict(larger.state_dict() | weights)
    return larger
