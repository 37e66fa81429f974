"""Inference twins of the generators: the same functions, without the arithmetic that changes nothing but
rounding.

- Each block's last 1x1 convolution has no activation, so it is folded into its reader: the next joint's 3x3,
  or `to_rgb`.
- Features that are enlarged by repeating pixels are convolved before: from each of the four places of a fine
  pixel in a coarse one, a 3x3 kernel reads only 2 x 2 coarse pixels.
- Only the requested window is computed, and of each layer only what the window needs.

Training uses the plain module, and an identity's file holds its weights; tests compare the two. Winograd's
minimal filtering (Lavin and Gray, https://arxiv.org/abs/1509.09308) in PyTorch's operations was tried for the
3x3 kernels and was slower: its transforms move more memory than they save arithmetic.
"""

import copy
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..types import Crops
from .generator import COARSEST_PX, FaceGenerator, Generator, Window, crop_window, dilate_window, halve_window
from .precision import inference_dtype
from .subpixel import HeadedGenerator, double_window


class Convolution(nn.Module):
    """Without padding: the output is smaller by the kernel's side less 1. Pixels first, channels last."""

    def __init__(self, weight: Float[Tensor, "outputs inputs side side"], bias: Float[Tensor, " outputs"]):
        super().__init__()
        self.register_buffer("weight", weight.clone(memory_format=torch.channels_last))
        self.register_buffer("bias", bias.clone())

    def forward(self, x: Float[Tensor, "n h w inputs"]) -> Float[Tensor, "n height width outputs"]:
        return F.conv2d(x.permute(0, 3, 1, 2), self.get_buffer("weight"), self.get_buffer("bias")).permute(
            0, 2, 3, 1
        )


WINDOW_MULTIPLE_PX = {"cpu": 2, "cuda": 16}
"""Windows are widened to multiples of this: CUDA selects its convolutions anew for each shape."""


class FoldedGenerator(nn.Module):
    """A generator for inference, on its device. It shares no tensors with the generator. Crops and results
    are float32 in any precision."""

    def __init__(self, generator: Generator, precision: torch.dtype | None = None):
        super().__init__()
        self.size = generator.size
        with torch.no_grad():
            self.branches = nn.ModuleList(
                nn.ModuleList([Convolution(*_weight_and_bias(b[0])), Convolution(*_weight_and_bias(b[2]))])
                for b in _blocks(generator.branches)
            )
            before = _weight_and_bias(generator.branches[0][4])  # pyright: ignore[reportIndexIssue]
            joints = []
            for branch, joint in zip(_blocks(generator.branches)[1:], _blocks(generator.joints), strict=True):
                joints.append(_Joint(before, _weight_and_bias(branch[4]), joint))
                before = _weight_and_bias(joint[4])
            self.joints = nn.ModuleList(joints)
            weight, bias = _weight_and_bias(generator.to_rgb)
            folded, constant = _fold(weight, *before)
            self.to_rgb = Convolution(folded, bias + constant.sum((1, 2, 3)).to(bias) + 0.5)
        self.precision = precision or weight.dtype
        self.to(self.precision)

    def forward(self, crop: Crops, window: Window | None = None) -> Float[Tensor, "faces 3 h w"]:
        """As `Generator.forward`."""
        asked = window or (0, self.size, 0, self.size)
        x, held = self.hidden(crop, asked)
        return crop_window(self.to_rgb(x).permute(0, 3, 1, 2), held, asked).to(crop.dtype)

    def hidden(self, crop: Crops, asked: Window) -> tuple[Float[Tensor, "faces h w channels"], Window]:
        """What the last block's 1x1 convolution reads, on a window that holds the one asked for."""
        wanted, levels = (
            [_round_window(asked, self.size, WINDOW_MULTIPLE_PX.get(crop.device.type, 2))],
            len(self.joints),
        )
        for level in range(levels):
            side = self.size >> level
            wanted.insert(0, dilate_window(halve_window(dilate_window(wanted[0], side, 1)), side // 2, 1))
        image, pyramid = (crop - 0.5).to(self.precision), []
        for _ in range(levels + 1):
            pyramid.insert(0, image.permute(0, 2, 3, 1))
            image = F.avg_pool2d(image, 2) if image.shape[-1] > COARSEST_PX else image
        x = self._branch(0, pyramid[0], wanted[0])
        for level, (coarse, fine) in enumerate(pairwise(wanted), start=1):
            side = COARSEST_PX << level
            lower = halve_window(dilate_window(fine, side, 1))
            beside = self._branch(level, pyramid[level], dilate_window(double_window(lower), side, 1))
            x = self.joints[level - 1](x, coarse, beside, lower, fine, side)
        return x, wanted[-1]

    def _branch(self, level: int, image: Tensor, wanted: Window) -> Tensor:
        """The branch's output on a window, before its last layer."""
        first, second = self.branches[level]  # pyright: ignore[reportGeneralTypeIssues]
        side = image.shape[1]
        between = dilate_window(wanted, side, 1)
        return second(
            _pad_window(
                first(_pad_window(image, (0, side, 0, side), between, side)).relu_(), between, wanted, side
            )
        ).relu_()


class _Joint(nn.Module):
    """Two 3x3 convolutions over enlarged features and a branch's, with the 1x1 convolutions that stood before
    them folded in."""

    def __init__(self, coarse: tuple[Tensor, Tensor], branch: tuple[Tensor, Tensor], joint: nn.Sequential):
        super().__init__()
        weight, bias = _weight_and_bias(joint[0])
        enlarged, beside = weight.split([len(coarse[1]), len(branch[1])], dim=1)
        (enlarged, constant), (beside, other) = _fold(enlarged, *coarse), _fold(beside, *branch)
        self.outputs = len(bias)
        inside = (constant + other).sum((1, 2, 3)).to(bias)
        self.enlarged, self.second = (
            Convolution(_phase_kernels(enlarged), torch.zeros_like(bias).repeat(4)),
            Convolution(*_weight_and_bias(joint[2])),
        )
        self.beside = Convolution(beside, bias + inside)
        # What the folded biases add too much at an image's edge, where zeros are read: first, middle, last
        # row by first, middle, last column.
        there = F.conv2d(weight.new_ones(1, 1, 3, 3), (constant + other).to(weight), padding=1)[0].permute(
            1, 2, 0
        )
        self.register_buffer("excess", inside - there)

    def forward(
        self, x: Tensor, coarse: Window, beside: Tensor, lower: Window, fine: Window, side: int
    ) -> Tensor:
        """Compute the window `fine`. `x`: the coarser features on the window `coarse`; `beside`: the branch
        on `lower`, doubled and dilated."""
        held, (top, bottom, left, right) = double_window(lower), lower
        made = self.enlarged(_pad_window(x, coarse, lower, side // 2))
        made = made.unflatten(-1, (2, 2, self.outputs))
        height, width = bottom - top, right - left
        total = self.beside(_pad_window(beside, dilate_window(held, side, 1), held, side))
        parts = total.unflatten(1, (height, 2)).unflatten(3, (width, 2))
        for row in (0, 1):
            for column in (0, 1):
                parts[:, :, row, :, column] += made[
                    :, row : row + height, column : column + width, row, column
                ]
        if min(top, left) == 0 or max(bottom, right) == side // 2:
            total -= self._excess(held, side)
        return self.second(_pad_window(total.relu_(), held, fine, side)).relu_()

    def _excess(self, held: Window, side: int) -> Tensor:
        rows, columns = (
            [0 if i == 0 else 2 if i == side - 1 else 1 for i in range(*ends)]
            for ends in (held[:2], held[2:])
        )
        return self.get_buffer("excess")[rows][:, columns]


class FoldedSubpixelGenerator(nn.Module):
    """A generator with a head for use alone: its base folded, its head as it is, channels last."""

    def __init__(self, generator: HeadedGenerator, precision: torch.dtype | None = None):
        super().__init__()
        self.size, self.paint = generator.size, generator.paint
        self.base = FoldedGenerator(generator.base, precision)
        self.precision = self.base.precision
        with torch.no_grad():
            last = generator.base.joints[-1][4]  # pyright: ignore[reportIndexIssue]
            self.to_features = Convolution(*_weight_and_bias(last)).to(self.precision)
            head = copy.deepcopy(generator.head).to(self.precision)
            self.head = head.to(memory_format=torch.channels_last).requires_grad_(False)  # pyright: ignore[reportCallIssue]

    def forward(self, crop: Crops, window: Window | None = None) -> Float[Tensor, "faces 3 h w"]:
        """As `HeadedGenerator.forward`."""
        return self.paint(self.head, self._seen, crop, window or (0, self.size, 0, self.size))

    def _seen(self, crop: Crops, window: Window) -> tuple[Tensor, Tensor]:
        x, held = self.base.hidden(crop, window)
        features, rgb = (layer(x).permute(0, 3, 1, 2) for layer in (self.to_features, self.base.to_rgb))
        return crop_window(features, held, window), crop_window(rgb, held, window).to(crop.dtype)


WINDOWED = (FoldedGenerator, FoldedSubpixelGenerator)
"""Networks that compute only the window that is asked for."""


def for_inference(
    generator: FaceGenerator, device: torch.device, precision: torch.dtype | None = None
) -> FaceGenerator:
    """The generator as a swap runs it on a device: the folded twin of a known network, any other unchanged.

    `precision`: of the twin, by default `inference_dtype`'s. Weights are folded in float64.
    """
    generator, precision = generator.to(device).eval(), precision or inference_dtype(device)
    if type(generator) is Generator:
        return FoldedGenerator(generator, precision).eval()
    if isinstance(generator, HeadedGenerator):
        return FoldedSubpixelGenerator(generator, precision).eval()
    return generator


def _blocks(modules: nn.ModuleList) -> list[nn.Sequential]:
    return [module for module in modules if isinstance(module, nn.Sequential)]


def _weight_and_bias(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """A convolution's weight and bias."""
    return layer.weight.detach(), layer.bias.detach()  # pyright: ignore[reportReturnType, reportCallIssue]


def _fold(weight: Tensor, before: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel equal to a 1x1 convolution `before` followed by `weight`, and the kernel of what the bias
    between them adds."""
    folded = torch.einsum("ochw,ci->oihw", weight.double(), before[:, :, 0, 0].double())
    return folded.to(weight), torch.einsum("ochw,c->ohw", weight.double(), bias.double())[:, None]


def _phase_kernels(weight: Float[Tensor, "outputs inputs 3 3"]) -> Float[Tensor, "phases inputs 2 2"]:
    """The 2x2 kernels equal to a 3x3 kernel on pixels that were repeated 2 x 2 times, for the four places of
    a fine pixel in a coarse one.

    From an upper place the first row meets the coarse pixel above and the other two the coarse pixel itself;
    from a lower one the last row meets the one below.
    """
    sums = weight.new_tensor([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
    return torch.einsum("pak,qbl,oikl->pqoiab", sums, sums, weight).flatten(0, 2)


def _round_window(window: Window, side: int, to: int) -> Window:
    """The smallest window around this one whose edges are multiples of `to`."""
    top, bottom, left, right = window
    return top // to * to, min(-(-bottom // to) * to, side), left // to * to, min(-(-right // to) * to, side)


def _pad_window(x: Tensor, held: Window, wanted: Window, side: int) -> Tensor:
    """The input of a 3x3 convolution for a window: one pixel more on each side, zeros beyond the image.
    Pixels first, channels last."""
    inside, (top, bottom, left, right) = dilate_window(wanted, side, 1), wanted
    part = crop_window(x.permute(0, 3, 1, 2), held, inside).permute(0, 2, 3, 1)
    return F.pad(
        part, (0, 0, inside[2] - left + 1, right + 1 - inside[3], inside[0] - top + 1, bottom + 1 - inside[1])
    )
