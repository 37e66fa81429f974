"""The trained network as it is served: the same function as `generators.Generator`, with the arithmetic left out that changes nothing but rounding.

- Each block's last 1x1 convolution, which nothing bends, is folded into what reads it: the next joint's 3x3, or `to_rgb`.
- Features that were enlarged by repeating pixels are convolved before they are enlarged: a 3x3 kernel sees only 2 x 2 of their pixels from each of
  the four places that a fine pixel can have in a coarse one.
- Only the window that is asked for is computed, and of each layer only what that reads.

Training keeps the plain module, and an identity's file holds its weights; tests hold the two against each other. Winograd's minimal filtering (Lavin
and Gray, https://arxiv.org/abs/1509.09308) in PyTorch's own operations was tried for the 3x3 kernels and did not pay: its transforms move more memory
than they save arithmetic.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .generators import COARSEST, Generator, Painter, Window, cut, grown, halved
from .types import Crops


class Convolution(nn.Module):
    """Without padding: the output is smaller by the kernel's side less 1. Pixels first, channels last."""

    def __init__(self, weight: Float[Tensor, "outputs inputs side side"], bias: Float[Tensor, " outputs"]):
        super().__init__()
        self.register_buffer("weight", weight.clone(memory_format=torch.channels_last))
        self.register_buffer("bias", bias.clone())

    def forward(self, x: Float[Tensor, "n h w inputs"]) -> Float[Tensor, "n height width outputs"]:
        return F.conv2d(x.permute(0, 3, 1, 2), self.get_buffer("weight"), self.get_buffer("bias")).permute(0, 2, 3, 1)


PRECISION = {"cpu": torch.float32, "cuda": torch.float16}
"""What it computes in by device. Weights are folded in float64 before. Half precision is over 60 dB from float32 (docs/performance.md)."""

ROUNDED_PX = {"cpu": 2, "cuda": 16}
"""Windows are widened to multiples of so many pixels: CUDA's convolutions are chosen anew for each shape that they meet."""


class Served(nn.Module):
    """A generator for use alone, on its device. It shares nothing with the generator; crops and results are float32 whatever the precision."""

    def __init__(self, generator: Generator, precision: torch.dtype | None = None):
        super().__init__()
        self.size = generator.size
        with torch.no_grad():
            self.branches = nn.ModuleList(nn.ModuleList([Convolution(*_of(b[0])), Convolution(*_of(b[2]))]) for b in _blocks(generator.branches))
            before = _of(generator.branches[0][4])  # pyright: ignore[reportIndexIssue]
            joints = []
            for branch, joint in zip(_blocks(generator.branches)[1:], _blocks(generator.joints), strict=True):
                joints.append(_Joint(before, _of(branch[4]), joint))
                before = _of(joint[4])
            self.joints = nn.ModuleList(joints)
            weight, bias = _of(generator.to_rgb)
            folded, constant = _folded(weight, *before)
            self.to_rgb = Convolution(folded, bias + constant.sum((1, 2, 3)).to(bias) + 0.5)
        self.precision = precision or weight.dtype
        self.to(self.precision)

    def forward(self, crop: Crops, window: Window | None = None) -> Float[Tensor, "faces 3 h w"]:
        """As `Generator.forward`."""
        asked = window or (0, self.size, 0, self.size)
        wanted, levels = [_rounded(asked, self.size, ROUNDED_PX.get(crop.device.type, 2))], len(self.joints)
        for level in range(levels):
            side = self.size >> level
            wanted.insert(0, grown(halved(grown(wanted[0], side, 1)), side // 2, 1))
        image, pyramid = (crop - 0.5).to(self.precision), []
        for _ in range(levels + 1):
            pyramid.insert(0, image.permute(0, 2, 3, 1))
            image = F.avg_pool2d(image, 2) if image.shape[-1] > COARSEST else image
        x = self._branch(0, pyramid[0], wanted[0])
        for level, (coarse, fine) in enumerate(pairwise(wanted), start=1):
            side = COARSEST << level
            lower = halved(grown(fine, side, 1))
            beside = self._branch(level, pyramid[level], grown(_doubled(lower), side, 1))
            x = self.joints[level - 1](x, coarse, beside, lower, fine, side)
        return cut(self.to_rgb(x).permute(0, 3, 1, 2), wanted[-1], asked).to(crop.dtype)

    def _branch(self, level: int, image: Tensor, wanted: Window) -> Tensor:
        """What the branch makes of a window, before its last layer."""
        first, second = self.branches[level]  # pyright: ignore[reportGeneralTypeIssues]
        side = image.shape[1]
        between = grown(wanted, side, 1)
        return second(_fed(first(_fed(image, (0, side, 0, side), between, side)).relu_(), between, wanted, side)).relu_()


class _Joint(nn.Module):
    """Two 3x3 convolutions over enlarged features and a branch's, with the 1x1 convolutions that stood before them folded in."""

    def __init__(self, coarse: tuple[Tensor, Tensor], branch: tuple[Tensor, Tensor], joint: nn.Sequential):
        super().__init__()
        weight, bias = _of(joint[0])
        enlarged, beside = weight.split([len(coarse[1]), len(branch[1])], dim=1)
        (enlarged, constant), (beside, other) = _folded(enlarged, *coarse), _folded(beside, *branch)
        self.outputs = len(bias)
        inside = (constant + other).sum((1, 2, 3)).to(bias)
        self.enlarged, self.second = Convolution(_phases(enlarged), torch.zeros_like(bias).repeat(4)), Convolution(*_of(joint[2]))
        self.beside = Convolution(beside, bias + inside)
        # What the folded biases give too much at an image's edge, beyond which there is nothing: first, middle and last row by such columns.
        there = F.conv2d(weight.new_ones(1, 1, 3, 3), (constant + other).to(weight), padding=1)[0].permute(1, 2, 0)
        self.register_buffer("excess", inside - there)

    def forward(self, x: Tensor, coarse: Window, beside: Tensor, lower: Window, fine: Window, side: int) -> Tensor:
        """`x` holds the window `coarse` of the coarser features; `beside` is the branch on `lower` doubled and grown; makes the window `fine`."""
        held, (top, bottom, left, right) = _doubled(lower), lower
        made = self.enlarged(_fed(x, coarse, lower, side // 2))
        made = made.unflatten(-1, (2, 2, self.outputs))
        height, width = bottom - top, right - left
        total = self.beside(_fed(beside, grown(held, side, 1), held, side))
        parts = total.unflatten(1, (height, 2)).unflatten(3, (width, 2))
        for row in (0, 1):
            for column in (0, 1):
                parts[:, :, row, :, column] += made[:, row : row + height, column : column + width, row, column]
        if min(top, left) == 0 or max(bottom, right) == side // 2:
            total -= self._excess(held, side)
        return self.second(_fed(total.relu_(), held, fine, side)).relu_()

    def _excess(self, held: Window, side: int) -> Tensor:
        rows, columns = ([0 if i == 0 else 2 if i == side - 1 else 1 for i in range(*ends)] for ends in (held[:2], held[2:]))
        return self.get_buffer("excess")[rows][:, columns]


def prepared(generator: Painter, device: torch.device) -> Painter:
    """What a swap runs on a device: the served twin of a plain generator, and what is anything else as it is."""
    generator = generator.to(device).eval()
    return Served(generator, PRECISION.get(device.type)).eval() if type(generator) is Generator else generator


def _blocks(modules: nn.ModuleList) -> list[nn.Sequential]:
    return [module for module in modules if isinstance(module, nn.Sequential)]


def _of(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """A convolution's weight and bias."""
    return layer.weight.detach(), layer.bias.detach()  # pyright: ignore[reportReturnType, reportCallIssue]


def _folded(weight: Tensor, before: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel that does at once what a 1x1 convolution `before` and then `weight` do; and the kernel of what the bias in between adds."""
    folded = torch.einsum("ochw,ci->oihw", weight.double(), before[:, :, 0, 0].double())
    return folded.to(weight), torch.einsum("ochw,c->ohw", weight.double(), bias.double())[:, None]


def _phases(weight: Float[Tensor, "outputs inputs 3 3"]) -> Float[Tensor, "phases inputs 2 2"]:
    """The 2x2 kernels by which a 3x3 kernel sees pixels that were each repeated 2 x 2 times, from the four places of a fine pixel in a coarse one.

    From an upper place the first row meets the coarse pixel above and the other two the coarse pixel itself; from a lower one the last row meets the
    one below.
    """
    sums = weight.new_tensor([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
    return torch.einsum("pak,qbl,oikl->pqoiab", sums, sums, weight).flatten(0, 2)


def _rounded(window: Window, side: int, to: int) -> Window:
    """The smallest window around this one whose edges are multiples."""
    top, bottom, left, right = window
    return top // to * to, min(-(-bottom // to) * to, side), left // to * to, min(-(-right // to) * to, side)


def _doubled(window: Window) -> Window:
    """The finer pixels of a window."""
    top, bottom, left, right = window
    return 2 * top, 2 * bottom, 2 * left, 2 * right


def _fed(x: Tensor, held: Window, wanted: Window, side: int) -> Tensor:
    """What a 3x3 convolution reads to make a window: one pixel more on each side, zeros beyond the image. Pixels first, channels last."""
    inside, (top, bottom, left, right) = grown(wanted, side, 1), wanted
    part = cut(x.permute(0, 3, 1, 2), held, inside).permute(0, 2, 3, 1)
    return F.pad(part, (0, 0, inside[2] - left + 1, right + 1 - inside[3], inside[0] - top + 1, bottom + 1 - inside[1]))
