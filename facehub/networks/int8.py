"""Convolutions in 8-bit integers, for processors with instructions that multiply and add four at a time
(VNNI, AMX): a network takes two thirds of bfloat16's time (`python -m benchmarks.backends`).

Weights have a scale for each output channel. What a layer reads has one scale and one zero for all its
channels, from the range that it reads of one known face, widened by `MARGIN`: values beyond it are clipped.
Sums are 32-bit integers, so that a window's values are those of the whole. Jacob et al., Quantization and
Training of Neural Networks for Efficient Integer-Arithmetic-Only Inference, CVPR 2018
(https://arxiv.org/abs/1712.05877).
"""

import pathlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from safetensors.torch import load_file
from torch import Tensor, nn

from .precision import float_dtype
from .subpixel import Entrance, fold

MARGIN = 2.0
"""How far beyond the known face's values a layer's range reaches. Forty photos' values went 1.6 times as far
at most."""

FACE = pathlib.Path(__file__).with_name("calibration.safetensors")
"""An aligned crop of 128 px: Eileen Collins by NASA, in the public domain."""

MOST = 1e6
"""No value of a sound network is larger. What a spoiled one paints is not worth more than no crash."""

LEVELS = 255
"""Of an unsigned 8-bit integer."""


@dataclass(frozen=True, slots=True)
class Units:
    """What an 8-bit level stands for: value = `step` x (level - `zero`)."""

    step: float
    zero: int

    @classmethod
    def of(cls, low: float, high: float) -> "Units":
        """For values in [`low`, `high`]; 0 is always among them, and is exact."""
        low, high = min(low, 0.0), max(high, 1e-6)
        step = (high - low) / LEVELS
        return cls(step, round(-low / step))

    def levels(self, x: Tensor) -> Tensor:
        """Values as levels, rounded and clipped."""
        return (x * (1 / self.step)).add_(self.zero + 0.5).clamp_(0, LEVELS).to(torch.uint8)


class Int8Convolution(nn.Module):
    """As kernels.Convolution, with 8-bit weights. Reads floats, or levels in its units.

    `into`: the units of the levels that it gives; None: it gives floats.
    `padding`: as of nn.Conv2d.
    """

    def __init__(
        self,
        weight: Float[Tensor, "outputs inputs height width"],
        bias: Float[Tensor, " outputs"],
        units: Units,
        *,
        into: Units | None = None,
        rectified: bool = False,
        padding: int = 0,
    ):
        super().__init__()
        self.units, self.into, self.rectified, self.padding = units, into, rectified, padding
        self.dtype = torch.uint8 if into else float_dtype(torch.int8)
        weight = weight.float()
        self.steps = weight.abs().amax((1, 2, 3)).clamp(min=1e-12) / 127
        whole = (weight / self.steps[:, None, None, None]).round().to(torch.int8)
        usual = [1, weight.shape[1], 128, 128]
        self.packed = torch.ops.onednn.qconv_prepack(
            whole, self.steps, units.step, units.zero, [1, 1], [padding] * 2, [1, 1], 1, usual
        )
        self.zeros, self.bias = torch.zeros(len(weight), dtype=torch.int32), bias.float()

    def forward(self, x: Tensor) -> Tensor:
        """Pixels first, channels last."""
        x = x.permute(0, 3, 1, 2)
        levels = x if x.dtype == torch.uint8 else self.units.levels(x)
        into = self.into or Units(1.0, 0)
        return torch.ops.onednn.qconv2d_pointwise(
            levels.contiguous(memory_format=torch.channels_last),
            *(self.units.step, self.units.zero, self.packed, self.steps, self.zeros, self.bias),
            *([1, 1], [self.padding] * 2, [1, 1], 1, into.step, into.zero, self.dtype),
            *("relu" if self.rectified else "none", [], ""),
        ).permute(0, 2, 3, 1)

    @staticmethod
    def read(x: Tensor) -> Tensor:
        """The levels of a sum that is to be rectified and is in levels already, 0.5 more; overwritten."""
        return x.clamp_(0, LEVELS).to(torch.uint8)


class Int8Conv2d(Int8Convolution):
    """As nn.Conv2d: channels first."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Int8Entrance(Int8Conv2d):
    """As subpixel.Entrance; the features are levels in its units."""

    def forward(self, features: Tensor, crop: Tensor) -> Tensor:
        return super().forward(torch.cat([features, self.units.levels(fold(crop))], 1))


def measure(network: nn.Module, size: int) -> dict[nn.Module, Units]:
    """The units in which each convolution of a network reads, from what it reads of the known face.

    `network` takes crops of `size` px and the window to paint, and computes in floating point.
    """
    read: dict[nn.Module, Units] = {}

    def look(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if isinstance(layer, Entrance):
            inputs = inputs[0], inputs[1] - 0.5
        ends = torch.stack([end for part in inputs for end in part.aminmax()]).nan_to_num()
        ends = MARGIN * ends.clamp(-MOST, MOST)
        read[layer] = Units.of(float(ends.min()), float(ends.max()))

    layers = [layer for layer in network.modules() if not any(layer.children())]
    hooks = [layer.register_forward_pre_hook(look) for layer in layers]
    face, quarter = F.interpolate(_face(), size=size, mode="bicubic").clamp(0, 1), size // 4
    try:
        with torch.inference_mode():
            network(face, (quarter, size - quarter, quarter, size - quarter))
    finally:
        for hook in hooks:
            hook.remove()
    return read


def _face() -> Float[Tensor, "1 3 128 128"]:
    return load_file(FACE)["crop"] / 255
