"""A membrane over pixels of any shape: Laplace's equation, held at known values around the shape, solved by multigrid for a batch.

A membrane is smooth, so full multigrid finds it in time proportional to the pixels (Briggs, Henson and McCormick, A Multigrid Tutorial, 2000,
chapters 3 and 4): a coarser grid has every second row and column, each grid starts from the solution of the next coarser one, and V-cycles end it.
Ours is how coarse grids see a shape: each pixel hangs on a spring, `edge`, as stiff as the finer pixels around it are held by theirs.
"""

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

TOLERANCE = 0.7 / 255
"""Iteration ends when a V-cycle moves no pixel by more. A cycle leaves a tenth of the error under a face's mask, half of it under the strangest
masks that we tried, so that what remains is at most what was moved."""

MAX_CYCLES = 30

COARSEST, LEAST = 400, 100
"""Most pixels of the coarsest grids of all faces together, which are solved directly, and how many any face may have. A larger one saves a large
face the room that coarse pixels need beyond its edge; in a batch, solving it would cost more than that."""


def membrane(difference: Tensor, unknown: Tensor, touches: tuple[bool, bool, bool, bool]) -> Tensor:
    """What continues `difference` (faces, 3, h, w) over the pixels that are `unknown` (faces, 1, h, w), each the mean of its neighbours; elsewhere
    its values mean nothing. `touches`: whether unknown pixels reach the rectangle's top, bottom, left and right edge, where nothing holds them.

    Lays the rectangle into a grid that can be halved, whose first row and last column stay empty, and solves it there.
    """
    levels, y, x = _levels(unknown.shape[-2:], touches, max(LEAST, COARSEST // len(difference)), difference)
    place = (..., slice(y, y + unknown.shape[-2]), slice(x, x + unknown.shape[-1]))
    pixels = difference.new_zeros(len(difference), 1, *levels[0].size)
    pixels[place] = unknown
    edge = difference.new_zeros(len(difference), 4, *levels[0].size)
    add_neighbours(edge[place], torch.cat([difference, torch.ones_like(difference[:, :1])], 1).mul_(~unknown)).mul_(unknown)
    grid = _grid(pixels, edge, levels)
    grid.start()
    for _ in range(MAX_CYCLES):
        if grid.cycle() <= TOLERANCE:
            break
    return grid.collected()[place]


class _Level(NamedTuple):
    size: tuple[int, int]
    """Rows, an even number, and columns, an odd one, so that they can lie by colour in memory; of the coarsest, any."""
    inside: Tensor | None
    """1 in the rectangle, and beyond those of its edges that the mask does not touch; None where it touches none."""


def _levels(rectangle: torch.Size, touches: tuple[bool, bool, bool, bool], coarsest: int, like: Tensor) -> tuple[list[_Level], int, int]:
    """The grids, the finest first, down to one of at most so many pixels, and the row and column of the finest at which the rectangle begins.

    Coarse pixels beyond an edge of the rectangle stand in for those before it; where the mask touches the edge there is room for them.
    """
    (h, w), (top, bottom, left, right) = rectangle, touches
    y, x, step = int(top), int(left), 1

    def extent(k: int) -> tuple[int, int]:
        """Rows and columns of every k-th."""
        return (y + h - 1 + (k - 1) * bottom) // k + 1, (x + w - 2 + k * right) // k + 2

    while math.prod(extent(step)) > coarsest:
        step *= 2
        y, x = step * top, step * left
    levels = []
    for k in (2**level for level in range(step.bit_length())):
        rows, columns = extent(k)
        if k < step:
            rows, columns = rows + bottom + (rows + bottom) % 2, columns + 1 - columns % 2
        inside = None
        if any(touches):
            inside = like.new_zeros(1, 1, rows, columns)
            ends = -(-(y + h) // k) if bottom else None, -(-(x + w) // k) if right else None
            inside[..., y // k : ends[0], x // k : ends[1]] = 1
        levels.append(_Level((rows, columns), inside))
    return levels, y, x


def add_neighbours(total: Tensor, u: Tensor) -> Tensor:
    """Adds the four neighbours of each pixel; beyond the rectangle there are none."""
    total[..., 1:, :] += u[..., :-1, :]
    total[..., :-1, :] += u[..., 1:, :]
    total[..., 1:] += u[..., :-1]
    total[..., :-1] += u[..., 1:]
    return total


def _grid(unknown: Tensor, edge: Tensor, levels: "list[_Level]") -> "_Coloured | _Coarsest":
    return _Coloured(unknown, edge, levels) if len(levels) > 1 else _Coarsest(unknown, edge, levels)


class _Grid:
    """For each unknown pixel: diagonal u - (sum of the unknown ones among its four neighbours) = right.

    `edge` holds in its fourth channel the stiffness of the spring on which each pixel hangs, in the first three that times where it hangs: at first
    the number of its known neighbours and the sum of their values. A spring is no weaker than the known neighbours in this grid.
    """

    def __init__(self, unknown: Tensor, edge: Tensor, levels: list[_Level]):
        self.unknown, self.edge, inside = unknown, edge, levels[0].inside
        self.across, self.down = _beside(unknown)
        linked, spring = self.across + self.down, edge[:, 3:]
        if inside is None:
            self.diagonal = (linked + spring).clamp(min=4)
        else:
            self.diagonal = (linked + spring).maximum(torch.add(*_beside(inside.maximum(unknown))))
        self.inverse = unknown / self.diagonal.clamp(min=1e-3)
        self.stiffer = (self.diagonal - linked) / spring.clamp(min=1e-6)

    def coarser(self, level: _Level) -> tuple[Tensor, Tensor]:
        """The next coarser grid's unknown and edge; spends `edge`. A pixel hangs on its finer ones' springs, in series with their links."""
        unknown = self.unknown[..., ::2, ::2]
        (h, w), (rows, columns) = unknown.shape[-2:], level.size
        if level.inside is not None:
            unknown = torch.where(level.inside[..., :h, :w] > 0, unknown, (_folded(self.unknown.clone()) > 0).to(unknown.dtype))
        edge = _folded(self.edge.mul_((4 * self.inverse).clamp_(max=1).mul_(self.stiffer))) * unknown
        room = (0, columns - w, 0, rows - h)
        return F.pad(unknown, room).contiguous(), F.pad(edge, room)


class _Coarsest(_Grid):
    """Solved directly."""

    def __init__(self, unknown: Tensor, edge: Tensor, levels: list[_Level]):
        super().__init__(unknown, edge, levels)
        known, diagonal = (1 - unknown).flatten(1), self.diagonal.flatten(1)
        number = torch.arange(known.shape[1], device=edge.device)
        apart = (number[:, None] - number).abs()
        both = unknown.flatten(1)[:, :, None] * unknown.flatten(1)[:, None]
        matrix = torch.diag_embed(diagonal.maximum(known) + 1e-5) - both * ((apart == 1) | (apart == unknown.shape[-1]))
        self.solution = torch.cholesky_inverse(torch.linalg.cholesky_ex(matrix).L) * both

    def start(self) -> None:
        self.correct(self.edge[:, :3] * self.stiffer)

    def correct(self, right: Tensor) -> None:
        self.u = (right.flatten(2) @ self.solution).view_as(right)

    def cycle(self) -> Tensor:
        return self.u.new_zeros(())

    def collected(self) -> Tensor:
        return self.u


class _Coloured(_Grid):
    """Solved by V-cycles. Its pixels lie in memory by colour: along an odd number of columns the red and the black pixels of a chessboard alternate,
    and the four neighbours of the k-th red pixel are the black ones at four fixed distances from k, in every row of every face.
    """

    def __init__(self, unknown: Tensor, edge: Tensor, levels: list[_Level]):
        super().__init__(unknown, edge, levels)
        faces, _, height, width = edge.shape
        self.by = [i.contiguous() for i in _colours(self.inverse)]
        self.right = [e * weight for e, weight in zip(_colours(edge[:, :3]), _colours(self.inverse * self.stiffer), strict=True)]
        self.red_unknown, self.half_black = (c * weight for c, weight in zip(_colours(unknown), (1, 0.5), strict=True))
        unseen = torch.stack([self.down[..., ::2, :], self.across[..., 1::2, :]], 3).view_as(unknown)
        self.spread = 1 / (1 - self.by[1] * _colours(unseen)[1]).clamp(min=1e-3)
        self.coarse = _grid(*self.coarser(levels[1]), levels[1:])
        self.whole = edge[:, :3]

        half, rows = (faces, 3, height * width // 2), (faces, 3, height // 2, width)
        near, far = width // 2, width // 2 + 1
        red, black = self.u = _Field(edge, half, width, empty=True), _Field(edge, half, width, empty=True)
        self.neighbours = (black[-1], black[0], black[-far], black[near]), (red[0], red[1], red[-near], red[far])
        self.sums = a, b = _Field(edge, half, width), _Field(edge, half, width)
        self.even, self.odd = b.values.view(rows)[..., 1:, :far], (b.values.view(rows)[..., near:], b[1].view(rows)[..., near:])
        self.beside, self.between = a.values.view(rows)[..., :near], a.values.view(rows)[..., :-1, near:]
        self.pairs, self.coarse_right = edge.new_empty(faces, 3, height // 2, far), edge.new_zeros(faces, 3, *levels[1].size)
        self.shared = (..., slice(height // 2), slice(far))

    def start(self) -> None:
        """Full multigrid: the coarser grid's solution, spread to black pixels as if they had no other neighbours, and a V-cycle."""
        self.coarse.start()
        self._interpolate(self.coarse.collected()[self.shared].mul_(self.unknown[..., ::2, ::2]))
        torch.addcmul(self.right[1], self.by[1], self.sums[0].values, out=self.u[1].values).mul_(self.spread)
        self._relax(0)
        self._descend()

    def cycle(self) -> Tensor:
        """One V-cycle; by how much it moved the pixel that it moved most."""
        before = self.u[1].values.clone()
        self._relax(0)
        self._descend()
        return before.sub_(self.u[1].values).abs_().max()

    def correct(self, right: Tensor) -> None:
        """A V-cycle from zero."""
        for scaled, inverse, part in zip(self.right, self.by, _colours(right), strict=True):
            torch.mul(part, inverse, out=scaled)
        self.u[0].values.copy_(self.right[0])
        self.sums[0].memory.zero_()
        self._descend()

    def collected(self) -> Tensor:
        for part, u in zip(_colours(self.whole), self.u, strict=True):
            part.copy_(u.values)
        return self.whole

    def _descend(self) -> None:
        """The V-cycle after its first half step. A red pixel's residual is by how much its neighbours' sum changed since it was relaxed."""
        self._relax(1)
        self._sum(0, self.sums[1])
        self.sums[1][0].sub_(self.sums[0][0])
        self.sums[1].values.mul_(self.red_unknown)
        torch.add(*self.odd, out=self.pairs)
        lower = self.coarse_right[self.shared][..., 1:, :]
        torch.add(self.pairs[..., 1:, :], self.pairs[..., :-1, :], out=lower)
        torch.add(self.even, lower, alpha=0.25, out=lower)
        self.coarse.correct(self.coarse_right)
        self._interpolate(self.coarse.collected()[self.shared])
        self.u[1].values.addcmul_(self.half_black, self.sums[0].values)
        self._relax(0)
        self._relax(1)

    def _relax(self, colour: int) -> None:
        """Gauss-Seidel: u = (right + sum of the neighbours) / diagonal."""
        self._sum(colour, self.sums[colour])
        torch.addcmul(self.right[colour], self.by[colour], self.sums[colour].values, out=self.u[colour].values)

    def _sum(self, colour: int, into: "_Field") -> None:
        a, b, c, d = self.neighbours[colour]
        torch.add(a, b, out=into[0])
        into[0].add_(c).add_(d)

    def _interpolate(self, coarse: Tensor) -> None:
        """Into the first sums, at each black pixel, the two coarse pixels it lies between."""
        torch.add(coarse[..., :-1], coarse[..., 1:], out=self.beside)
        torch.add(coarse[..., :-1, :], coarse[..., 1:, :], out=self.between)


class _Field:
    """The pixels of one colour, in one piece of memory between zeros: `field[k]` is all of them, each replaced by the k-th after it."""

    def __init__(self, like: Tensor, shape: tuple[int, ...], margin: int, *, empty: bool = False):
        self.size, self.margin = math.prod(shape), margin
        self.memory = like.new_empty(self.size + 2 * margin)
        for part in (self.memory[:margin], self.memory[-margin:]) if empty else (self.memory,):
            part.zero_()
        self.values = self[0].view(shape)

    def __getitem__(self, k: int) -> Tensor:
        return self.memory[self.margin + k : self.margin + k + self.size]


def _colours(x: Tensor) -> tuple[Tensor, ...]:
    """Its red and its black pixels: (faces, channels, pixels / 2) each."""
    return x.flatten(2).unflatten(2, (-1, 2)).unbind(-1)


def _beside(x: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel's left and right neighbour together, its upper and lower; those over an edge are the empty ones of the next row or face."""
    size, width = x.numel(), x.shape[-1]
    flat = F.pad(x.flatten(), (width, width))
    across, down = flat[width - 1 :][:size] + flat[width + 1 :][:size], flat[:size] + flat[2 * width :]
    return across.view_as(x), down.view_as(x)


def _folded(x: Tensor) -> Tensor:
    """Bilinear interpolation transposed: each second row and column, with half of what stands between. Writes into its argument."""
    even, odd = x[..., ::2, :], x[..., 1::2, :]
    even.add_(odd, alpha=0.5)[..., 1:, :].add_(odd[..., :-1, :], alpha=0.5)
    even, odd = even[..., ::2], even[..., 1::2]
    even[..., :-1].add_(odd, alpha=0.5)
    even[..., 1:].add_(odd, alpha=0.5)
    return even
