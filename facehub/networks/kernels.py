"""Convolutions of the inference twins, and their kernels folded into one another."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from .int8 import Int8Convolution, Units


class Convolution(nn.Module):
    """Without padding: the output is smaller by the kernel's side less 1. Pixels first, channels last.

    `rectified`: the output's negative values are zero.
    """

    def __init__(
        self,
        weight: Float[Tensor, "outputs inputs side side"],
        bias: Float[Tensor, " outputs"],
        *,
        rectified: bool = False,
    ):
        super().__init__()
        self.rectified = rectified
        self.register_buffer("weight", weight.clone(memory_format=torch.channels_last))
        self.register_buffer("bias", bias.clone())

    def forward(self, x: Float[Tensor, "n h w inputs"]) -> Float[Tensor, "n height width outputs"]:
        made = F.conv2d(x.permute(0, 3, 1, 2), self.get_buffer("weight"), self.get_buffer("bias"))
        return (made.relu_() if self.rectified else made).permute(0, 2, 3, 1)

    @staticmethod
    def read(x: Tensor) -> Tensor:
        """What it multiplies of a sum that is to be rectified; the sum is overwritten."""
        return x.relu_()


AnyConvolution = Convolution | Int8Convolution


def in_int8(layer: AnyConvolution, units: Units, *, into: Units | None = None) -> Int8Convolution:
    """The same convolution in 8-bit integers; see there."""
    kernel = layer.get_buffer("weight"), layer.get_buffer("bias")
    return Int8Convolution(*kernel, units, into=into, rectified=layer.rectified)


def weight_and_bias(layer: nn.Module) -> tuple[Tensor, Tensor]:
    """A convolution's weight and bias."""
    return layer.weight.detach(), layer.bias.detach()  # pyright: ignore[reportReturnType, reportCallIssue]


def fold_before(weight: Tensor, before: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
    """The kernel equal to a 1x1 convolution `before` followed by `weight`, and the kernel of what the bias
    between them adds."""
    folded = torch.einsum("ochw,ci->oihw", weight.double(), before[:, :, 0, 0].double())
    return folded.to(weight), torch.einsum("ochw,c->ohw", weight.double(), bias.double())[:, None]


def phase_kernels(weight: Float[Tensor, "outputs inputs 3 3"]) -> Float[Tensor, "phases inputs 2 2"]:
    """The 2x2 kernels equal to a 3x3 kernel on pixels that were repeated 2 x 2 times, for the four places of
    a fine pixel in a coarse one.

    From an upper place the first row meets the coarse pixel above and the other two the coarse pixel itself;
    from a lower one the last row meets the one below.
    """
    sums = weight.new_tensor([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]])
    return torch.einsum("pak,qbl,oikl->pqoiab", sums, sums, weight).flatten(0, 2)
