"""Which part of the head each pixel of an aligned crop shows: a network of half a million parameters, about 4
ms a crop on one core.

The paper restores hair and background with masks, and names a small segmentation network for them (section
4.1, about 5 ms) without saying which. Ours is a U-Net (Ronneberger et al. 2015,
https://arxiv.org/abs/1505.04597) that begins at half resolution and ends with a sub-pixel convolution (Shi et
al. 2016, https://arxiv.org/abs/1609.05158). It has few wide convolutions instead of many thin ones, because
at this size starting an operation costs as much as computing it. Trained by `python -m train.segmentation`;
segmentation.json beside the weights records the data and the accuracy.
"""

import copy
import functools
import itertools
import pathlib

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .pretrained import load_frozen

CLASSES = ("background", "hair", "face", "skin", "beard", "glasses", "cover")
"""What a pixel can show. Face: its skin, eyes, brows, nose and mouth. Skin: ears and neck. Cover: hats, hands
and whatever else is in front of the head."""

BACKGROUND, HAIR, FACE, SKIN, BEARD, GLASSES, COVER = range(len(CLASSES))

INPUT_PX = 128
"""Side of the crops that the network was trained on, in pixels; others are resized."""

WEIGHTS = pathlib.Path(__file__).with_name("segmentation.safetensors")


def convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Convolution 3x3, batch normalisation, ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions beside a short cut."""

    def __init__(self, channels: int):
        super().__init__()
        self.first, self.second = convolution(channels, channels), convolution(channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.first(x))


class Segmentation(nn.Module):
    """Crops -> one logit per class and pixel. Fully convolutional: a larger picture at the same scale works
    too."""

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 96), residuals: tuple[int, ...] = (0, 0, 1, 2)):
        super().__init__()
        self.widths, self.residuals = widths, residuals
        self.descent = nn.ModuleList()
        for before, after, count in zip((3, *widths), widths, residuals, strict=False):
            self.descent.append(
                nn.Sequential(convolution(before, after, stride=2), *(Residual(after) for _ in range(count)))
            )
        self.across = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in itertools.pairwise(widths))
        self.ascent = nn.ModuleList(convolution(width, width) for width in widths[:-1])
        self.to_logits = nn.Conv2d(widths[0], 4 * len(CLASSES), 1)

    def forward(self, crop: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n classes h w"]:
        """RGB in [0, 1]; height and width are multiples of 16."""
        x, passed = crop - 0.5, []
        for level in self.descent:
            x = level(x)
            passed.append(x)
        x = passed.pop()
        for across, ascent in zip(reversed(self.across), reversed(self.ascent), strict=True):
            x = ascent(passed.pop() + F.interpolate(across(x), scale_factor=2.0, mode="nearest"))
        return F.pixel_shuffle(
            self.to_logits(x).contiguous(), 2
        )  # of channels_last it would be five times slower


def fuse_batch_norm(network: Segmentation) -> Segmentation:
    """The same function for inference: every batch normalisation is folded into the convolution before it."""
    ready = copy.deepcopy(network)
    for module in list(ready.eval().modules()):
        if (
            isinstance(module, nn.Sequential)
            and isinstance(layer := module[0], nn.Conv2d)
            and isinstance(norm := module[1], nn.BatchNorm2d)
        ):
            module[0], module[1] = fuse_conv_bn_eval(layer, norm), nn.Identity()
    return ready.requires_grad_(False)


@functools.cache
def load_segmentation(file: pathlib.Path = WEIGHTS) -> Segmentation:
    """The trained network, frozen, in 32 bits on the CPU. Raises BadSetting when the file holds other
    weights."""
    network = load_frozen(fuse_batch_norm(Segmentation()), file, trained_by="python -m train.segmentation")
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
