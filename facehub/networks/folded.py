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
from jaxtyping import Float, Real
from torch import Tensor, nn

from ..types import Crops
from .generator import COARSEST_PX, FaceGenerator, Generator, Window, crop_window, dilate_window, halve_window
from .int8 import Int8Conv2d, Int8Entrance, Units, measure
from .kernels import AnyConvolution, Convolution, fold_before, in_int8, phase_kernels, weight_and_bias
from .precision import float_dtype, inference_dtype
from .subpixel import HeadedGenerator, double_window

WINDOW_MULTIPLE_PX = {"cpu": 2, "cuda": 16}
"""Windows are widened to multiples of this: CUDA selects its convolutions anew for each shape."""


class FoldedGenerator(nn.Module):
    """A generator for inference, on its device. It shares no tensors with the generator. Crops and results
    are float32 in any precision."""

    to_rgb: AnyConvolution

    def __init__(self, generator: Generator, precision: torch.dtype | None = None):
        super().__init__()
        self.size = generator.size
        with torch.no_grad():
            self.branches = nn.ModuleList(
                nn.ModuleList(Convolution(*weight_and_bias(b[layer]), rectified=True) for layer in (0, 2))
                for b in _blocks(generator.branches)
            )
            before = weight_and_bias(generator.branches[0][4])  # pyright: ignore[reportIndexIssue]
            joints = []
            for branch, joint in zip(_blocks(generator.branches)[1:], _blocks(generator.joints), strict=True):
                joints.append(_Joint(before, weight_and_bias(branch[4]), joint))
                before = weight_and_bias(joint[4])
            self.joints = nn.ModuleList(joints)
            weight, bias = weight_and_bias(generator.to_rgb)
            folded, constant = fold_before(weight, *before)
            self.to_rgb = Convolution(folded, bias + constant.sum((1, 2, 3)).to(bias) + 0.5)
        self.precision = weight.dtype
        if precision == torch.int8:
            self.quantise(measure(self, self.size))
        self.set_float_dtype(precision or weight.dtype)

    def set_float_dtype(self, precision: torch.dtype) -> None:
        self.precision = float_dtype(precision)
        self.to(self.precision)

    def quantise(self, units: dict[nn.Module, Units]) -> None:
        """Multiply in 8-bit integers, all but the branches' three channels. Each layer gives its reader's
        levels; what is rectified has its zero at level 0, as windows are padded."""
        readers = [*(joint.enlarged for joint in self.joints), self.to_rgb]
        beside = [readers[0], *(joint.beside for joint in self.joints)]
        for branch, reader in zip(self.branches, beside, strict=True):
            branch[1] = in_int8(branch[1], units[branch[1]], into=units[reader])  # pyright: ignore[reportIndexIssue]
        for joint, reader in zip(self.joints, readers[1:], strict=True):
            joint.quantise(units, into=units[reader])  # pyright: ignore[reportCallIssue]
        self.to_rgb = in_int8(self.to_rgb, units[self.to_rgb])

    def forward(self, crop: Crops, window: Window | None = None) -> Float[Tensor, "faces 3 h w"]:
        """As `Generator.forward`."""
        asked = window or (0, self.size, 0, self.size)
        x, held = self.hidden(crop, asked)
        return crop_window(self.to_rgb(x).permute(0, 3, 1, 2), held, asked).to(crop.dtype)

    def hidden(self, crop: Crops, asked: Window) -> tuple[Real[Tensor, "faces h w channels"], Window]:
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
        x = first(_pad_window(image, (0, side, 0, side), between, side))
        return second(_pad_window(x, between, wanted, side))


class _Joint(nn.Module):
    """Two 3x3 convolutions over enlarged features and a branch's, with the 1x1 convolutions that stood before
    them folded in."""

    enlarged: AnyConvolution
    beside: AnyConvolution
    second: AnyConvolution

    def __init__(self, coarse: tuple[Tensor, Tensor], branch: tuple[Tensor, Tensor], joint: nn.Sequential):
        super().__init__()
        weight, bias = weight_and_bias(joint[0])
        enlarged, beside = weight.split([len(coarse[1]), len(branch[1])], dim=1)
        (enlarged, constant), (beside, other) = fold_before(enlarged, *coarse), fold_before(beside, *branch)
        self.outputs = len(bias)
        inside = (constant + other).sum((1, 2, 3)).to(bias)
        self.enlarged, self.second = (
            Convolution(phase_kernels(enlarged), torch.zeros_like(bias).repeat(4)),
            Convolution(*weight_and_bias(joint[2]), rectified=True),
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
        self._take_excess(total, held, side)
        return self.second(_pad_window(self.second.read(total), held, fine, side))

    def _take_excess(self, total: Tensor, held: Window, side: int) -> None:
        """From the image's edges that the window `held` touches: elsewhere there is none."""
        rows, columns = (
            [0 if i == 0 else 2 if i == side - 1 else 1 for i in range(*ends)]
            for ends in (held[:2], held[2:])
        )
        excess = self.get_buffer("excess")
        inner = slice(rows[0] != 1, len(rows) - (rows[-1] != 1))
        for index, row in enumerate(rows):
            if row != 1:
                total[:, index] -= excess[row][columns]
        for index, column in enumerate(columns):
            if column != 1:
                total[:, inner, index] -= excess[1, column]

    def quantise(self, units: dict[nn.Module, Units], *, into: Units) -> None:
        """Multiply in 8-bit integers, and give levels of `into`. The sum is counted in the second's levels,
        half a level more, because it is cut to whole ones."""
        step = units[self.second].step
        for layer in (self.enlarged, self.beside):
            layer.get_buffer("weight").div_(step)
            layer.get_buffer("bias").div_(step)
        self.beside.get_buffer("bias").add_(0.5)
        self.get_buffer("excess").div_(step)
        self.second = in_int8(self.second, units[self.second], into=into)
        self.enlarged = in_int8(self.enlarged, units[self.enlarged])
        self.beside = in_int8(self.beside, units[self.beside])


class FoldedSubpixelGenerator(nn.Module):
    """A generator with a head for use alone: its base folded, its head as it is, channels last."""

    to_features: AnyConvolution

    def __init__(self, generator: HeadedGenerator, precision: torch.dtype | None = None):
        super().__init__()
        self.size, self.paint = generator.size, generator.paint
        self.base = FoldedGenerator(generator.base)
        with torch.no_grad():
            last = generator.base.joints[-1][4]  # pyright: ignore[reportIndexIssue]
            self.to_features = Convolution(*weight_and_bias(last))
            head = copy.deepcopy(generator.head)
            self.head = head.to(memory_format=torch.channels_last).requires_grad_(False)  # pyright: ignore[reportCallIssue]
        if precision == torch.int8:
            self._quantise()
        self.base.set_float_dtype(precision or self.base.precision)
        self.precision = self.base.precision
        self.to(self.precision)

    def _quantise(self) -> None:
        """The base, and what the head convolves at the base's resolution but its last layer, which paints."""
        units = measure(self, self.size)
        self.base.quantise(units)
        enter = self.head.get_submodule("enter")
        self.to_features = in_int8(self.to_features, units[self.to_features], into=units[enter])
        self.head.set_submodule("enter", Int8Entrance(*weight_and_bias(enter), units[enter], padding=1))
        for name, layer in list(self.head.named_modules()):
            if isinstance(layer, nn.Conv2d) and name.startswith("middle"):
                self.head.set_submodule(name, Int8Conv2d(*weight_and_bias(layer), units[layer], padding=1))

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
