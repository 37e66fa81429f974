"""One grid of the multigrid solver: its equation, the next coarser grid, and the coarsest grid's direct
solution."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor


class Level(NamedTuple):
    """The size of a grid."""

    size: tuple[int, int]
    """Rows and columns. An even and an odd number for a chessboard; the coarsest may have any."""
    inside: Tensor | None
    """1 in the rectangle, and beyond those of its edges that the mask does not touch; None if it touches
    none."""


class Grid:
    """The equation of each unknown pixel: diagonal u - (sum of its unknown neighbours among four) = right.

    `edge`: four channels. The last is the stiffness of a spring that each pixel hangs on, the first three are
    the stiffness times the value that the spring pulls to. In the finest grid the stiffness is the number of
    known neighbours. A spring is at least as stiff as the known neighbours in this grid.
    """

    def __init__(self, unknown: Tensor, edge: Tensor, levels: list[Level]):
        self.unknown, self.edge, inside = unknown, edge, levels[0].inside
        self.across, self.down = neighbour_sums(unknown)
        linked, spring = self.across + self.down, edge[:, 3:]
        if inside is None:
            self.diagonal = (linked + spring).clamp(min=4)
        else:
            self.diagonal = (linked + spring).maximum(torch.add(*neighbour_sums(inside.maximum(unknown))))
        self.inverse = unknown / self.diagonal.clamp(min=1e-3)
        self.stiffer = (self.diagonal - linked) / spring.clamp(min=1e-6)

    def coarser(self, level: Level) -> tuple[Tensor, Tensor]:
        """`unknown` and `edge` of the next coarser grid; overwrites `edge`.

        A coarse pixel hangs on the springs of the fine pixels it stands for, in series with their links.
        """
        unknown = self.unknown[..., ::2, ::2]
        (h, w), (rows, columns) = unknown.shape[-2:], level.size
        if level.inside is not None:
            unknown = torch.where(
                level.inside[..., :h, :w] > 0,
                unknown,
                (restrict(self.unknown.clone()) > 0).to(unknown.dtype),
            )
        edge = restrict(self.edge.mul_((4 * self.inverse).clamp_(max=1).mul_(self.stiffer))) * unknown
        room = (0, columns - w, 0, rows - h)
        return F.pad(unknown, room).contiguous(), F.pad(edge, room)


class Coarsest(Grid):
    """The coarsest grid, solved directly by a Cholesky factorisation."""

    def __init__(self, unknown: Tensor, edge: Tensor, levels: list[Level]):
        super().__init__(unknown, edge, levels)
        known, diagonal = (1 - unknown).flatten(1), self.diagonal.flatten(1)
        number = torch.arange(known.shape[1], device=edge.device)
        apart = (number[:, None] - number).abs()
        both = unknown.flatten(1)[:, :, None] * unknown.flatten(1)[:, None]
        matrix = torch.diag_embed(diagonal.maximum(known) + 1e-5) - both * (
            (apart == 1) | (apart == unknown.shape[-1])
        )
        self.solution = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix).L) * both

    def full_multigrid(self) -> None:
        self.v_cycle_from_zero(self.edge[:, :3] * self.stiffer)

    def v_cycle_from_zero(self, right: Tensor) -> None:
        self.u = (right.flatten(2) @ self.solution).view_as(right)

    def cycle(self) -> Tensor:
        return self.u.new_zeros(())

    def read_out(self) -> Tensor:
        return self.u


def neighbour_sums(x: Tensor) -> tuple[Tensor, Tensor]:
    """The sum of each pixel's left and right neighbour, and that of its upper and lower one.

    Neighbours over an edge are the empty pixels of the next row or face.
    """
    size, width = x.numel(), x.shape[-1]
    flat = F.pad(x.flatten(), (width, width))
    across, down = flat[width - 1 :][:size] + flat[width + 1 :][:size], flat[:size] + flat[2 * width :]
    return across.view_as(x), down.view_as(x)


def restrict(x: Tensor) -> Tensor:
    """Bilinear interpolation, transposed: every second row and column plus half of what is in between.

    Overwrites its argument.
    """
    even, odd = x[..., ::2, :], x[..., 1::2, :]
    even.add_(odd, alpha=0.5)[..., 1:, :].add_(odd[..., :-1, :], alpha=0.5)
    even, odd = even[..., ::2], even[..., 1::2]
    even[..., :-1].add_(odd, alpha=0.5)
    even[..., 1:].add_(odd, alpha=0.5)
    return even
