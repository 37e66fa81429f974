"""Multigrid V-cycles on a grid whose red and black pixels lie apart in memory.

Gauss-Seidel updates all red pixels of a chessboard at once from the black ones, then all black ones from the
red ones. Here each colour is one contiguous vector, so that a half step is a few additions of whole vectors,
without masks or strides. The number of columns w is odd: in reading order the colours then alternate through
all rows and all faces, and pixel k of a colour has its neighbours at the same four places of the other colour
everywhere.

    w = 5, R = red, B = black       red k          its neighbours: left  right  up             down
    row 0   R0  B0  R1  B1  R2      R[k]           B[k - 1]  B[k]  B[k - (w + 1) / 2]  B[k + w // 2]
    row 1   B2  R3  B3  R4  B4      black k
    row 2   R5  B5  R6  B6  R7      B[k]           R[k]  R[k + 1]  R[k - w // 2]  R[k + (w + 1) / 2]
    row 3   B7  R8  B8  R9  B9

So R6 (k = 6) has B5, B6, B3 and B8 around it; B6 has R6, R7, R4 and R9. A neighbour over the left or right
edge is a pixel of the row above or below. It must not count, so the last column holds no unknown pixels, and
neither does the first row, through which one face's pixels would meet those of the face before: there u is 0.
The number of rows is even, so that each face begins with a red pixel. The even rows and columns of the grid,
which make the coarser grid, are all red: row 0 is R0 R1 R2, row 2 is R5 R6 R7. tests/reference.py has the
same steps pixel by pixel.
"""

import math

import torch
from torch import Tensor

from .grid import Coarsest, Grid, Level


def make_grid(unknown: Tensor, edge: Tensor, levels: list[Level]) -> "Chessboard | Coarsest":
    return Chessboard(unknown, edge, levels) if len(levels) > 1 else Coarsest(unknown, edge, levels)


class Chessboard(Grid):
    """A grid that V-cycles solve. `u` are its red and its black pixels; index 0 is red, 1 is black
    throughout.

    `by` is 1 / diagonal, and `right` is already multiplied by it.
    """

    def __init__(self, unknown: Tensor, edge: Tensor, levels: list[Level]):
        super().__init__(unknown, edge, levels)
        faces, _, height, width = edge.shape
        self.by = [i.contiguous() for i in _split_colours(self.inverse)]
        self.right = [
            e * weight
            for e, weight in zip(
                _split_colours(edge[:, :3]), _split_colours(self.inverse * self.stiffer), strict=True
            )
        ]
        self.red_unknown, self.half_black = (
            c * weight for c, weight in zip(_split_colours(unknown), (1, 0.5), strict=True)
        )
        unseen = torch.stack([self.down[..., ::2, :], self.across[..., 1::2, :]], 3).view_as(unknown)
        self.spread = 1 / (1 - self.by[1] * _split_colours(unseen)[1]).clamp(min=1e-3)
        self.coarse = make_grid(*self.coarser(levels[1]), levels[1:])
        self.whole = edge[:, :3]

        half, rows = (faces, 3, height * width // 2), (faces, 3, height // 2, width)
        near, far = width // 2, width // 2 + 1
        red, black = self.u = _Field(edge, half, width, empty=True), _Field(edge, half, width, empty=True)
        self.neighbours = (
            (black[-1], black[0], black[-far], black[near]),
            (red[0], red[1], red[-near], red[far]),
        )
        self.sums = a, b = _Field(edge, half, width), _Field(edge, half, width)
        self.even, self.odd = (
            b.values.view(rows)[..., 1:, :far],
            (b.values.view(rows)[..., near:], b[1].view(rows)[..., near:]),
        )
        self.beside, self.between = a.values.view(rows)[..., :near], a.values.view(rows)[..., :-1, near:]
        self.pairs, self.coarse_right = (
            edge.new_empty(faces, 3, height // 2, far),
            edge.new_zeros(faces, 3, *levels[1].size),
        )
        self.shared = (..., slice(height // 2), slice(far))

    def full_multigrid(self) -> None:
        """Start from the coarser grid's solution, spread to black pixels as if they had no other neighbours.

        Then one V-cycle.
        """
        self.coarse.full_multigrid()
        self._interpolate(self.coarse.read_out()[self.shared].mul_(self.unknown[..., ::2, ::2]))
        torch.addcmul(self.right[1], self.by[1], self.sums[0].values, out=self.u[1].values).mul_(self.spread)
        self._relax(0)
        self._descend()

    def cycle(self) -> Tensor:
        """One V-cycle. Returns the largest movement of a pixel."""
        before = self.u[1].values.clone()
        self._relax(0)
        self._descend()
        return before.sub_(self.u[1].values).abs_().max()

    def v_cycle_from_zero(self, right: Tensor) -> None:
        """A V-cycle from zero."""
        for scaled, inverse, part in zip(self.right, self.by, _split_colours(right), strict=True):
            torch.mul(part, inverse, out=scaled)
        self.u[0].values.copy_(self.right[0])
        self.sums[0].memory.zero_()
        self._descend()

    def read_out(self) -> Tensor:
        """The pixels in reading order. Overwrites `edge`."""
        for part, u in zip(_split_colours(self.whole), self.u, strict=True):
            part.copy_(u.values)
        return self.whole

    def _descend(self) -> None:
        """The V-cycle after its first half step.

        The residual of a red pixel is the change of its neighbours' sum since it was relaxed.
        """
        self._relax(1)
        self._sum(0, self.sums[1])
        self.sums[1][0].sub_(self.sums[0][0])
        self.sums[1].values.mul_(self.red_unknown)
        torch.add(*self.odd, out=self.pairs)
        lower = self.coarse_right[self.shared][..., 1:, :]
        torch.add(self.pairs[..., 1:, :], self.pairs[..., :-1, :], out=lower)
        torch.add(self.even, lower, alpha=0.25, out=lower)
        self.coarse.v_cycle_from_zero(self.coarse_right)
        self._interpolate(self.coarse.read_out()[self.shared])
        self.u[1].values.addcmul_(self.half_black, self.sums[0].values)
        self._relax(0)
        self._relax(1)

    def _relax(self, colour: int) -> None:
        """Gauss-Seidel: u = (right + sum of the neighbours) / diagonal."""
        self._sum(colour, self.sums[colour])
        torch.addcmul(
            self.right[colour], self.by[colour], self.sums[colour].values, out=self.u[colour].values
        )

    def _sum(self, colour: int, into: "_Field") -> None:
        a, b, c, d = self.neighbours[colour]
        torch.add(a, b, out=into[0])
        into[0].add_(c).add_(d)

    def _interpolate(self, coarse: Tensor) -> None:
        """Write to the first sums, at each black pixel, the sum of the two coarse pixels that it lies
        between."""
        torch.add(coarse[..., :-1], coarse[..., 1:], out=self.beside)
        torch.add(coarse[..., :-1, :], coarse[..., 1:, :], out=self.between)


class _Field:
    """The pixels of one colour in one piece of memory, with zeros at both ends.

    `field[k]` is a view that holds at each place the pixel k places further.
    """

    def __init__(self, like: Tensor, shape: tuple[int, ...], margin: int, *, empty: bool = False):
        self.size, self.margin = math.prod(shape), margin
        self.memory = like.new_empty(self.size + 2 * margin)
        for part in (self.memory[:margin], self.memory[-margin:]) if empty else (self.memory,):
            part.zero_()
        self.values = self[0].view(shape)

    def __getitem__(self, k: int) -> Tensor:
        return self.memory[self.margin + k : self.margin + k + self.size]


def _split_colours(x: Tensor) -> tuple[Tensor, ...]:
    """The red and the black pixels: (faces, channels, pixels / 2) each."""
    return x.flatten(2).unflatten(2, (-1, 2)).unbind(-1)
