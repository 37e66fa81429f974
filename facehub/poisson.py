"""Seamless cloning: the discrete Poisson equation of Pérez, Gangnet and Blake, Poisson Image Editing, SIGGRAPH 2003, equation 7, for a batch.

Inside the mask the result f has the source's differences, around it the target's values: for each pixel p of the mask and its n(p) neighbours q
    n(p) f(p) - sum of f(q) = n(p) source(p) - sum of source(q),    f = target outside of the mask.        https://doi.org/10.1145/882262.882269
With f = source + u that is Laplace's equation for a membrane u that is held at target - source around the mask. A membrane is smooth, so full
multigrid finds it in time proportional to the pixels (Briggs, Henson and McCormick, A Multigrid Tutorial, 2000, chapters 3 and 4): a coarser grid
has every second row and column, each grid starts from the solution of the next coarser one, and two V-cycles end it.

Ours is how coarse grids see a mask of any shape: each pixel hangs on a spring, `edge`, as stiff as the finer pixels around it are held by theirs.
OpenCV's seamlessClone solves another problem (gradients composed over the whole rectangle) and changes pixels outside of the mask.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

TOLERANCE = 0.7 / 255
"""Iteration ends when a V-cycle moves no pixel by more. A cycle leaves a tenth of the error under a face's mask, half of it under the strangest
masks that we tried, so that what remains is at most what was moved."""

MAX_CYCLES = 30

NEAR = 6
"""Pixels around a mask in which something must hold the membrane."""

COARSEST, LEAST = 400, 100
"""Most pixels of the coarsest grids of all faces together, which are solved directly, and how many any face may have. A larger one saves a large
face the room that coarse pixels need beyond its edge; in a batch, solving it would cost more than that."""


@dataclass(frozen=True, slots=True)
class Cloned:
    result: Float[Tensor, "faces 3 h w"]
    """Not clamped: a membrane can lift a bright source above 1."""
    residual: Float[Tensor, " faces"]
    """By how much the equation, divided by n(p), is violated at worst: in units of intensity, 0 for an exact solution, below 0.25 / 255."""


@torch.no_grad()
def clone(
    source: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    mask: Float[Tensor, "faces 1 h w"],
    hold: Float[Tensor, "faces 1 h w"] | None = None,
) -> Cloned:
    """Clones the source into the target wherever the mask is above 0; elsewhere the result is the target bit for bit.

    `hold` is 1 where the target's colours may be continued into the clone, everywhere if it is not given. Where it is 0, on hair or on a hand before
    the face, the membrane is held by nothing and runs on until it meets a pixel that holds it: the equation's boundary leaves such pixels out, and
    none of their colour bleeds in. Where nothing within `NEAR` pixels of the mask holds, the source is lifted by the mean difference under the mask.
    How far it runs on depends on the rectangle: in a batch, on that of the largest face, by a few levels.
    A mask that reaches the rectangle's edge has no condition there (only neighbours inside the rectangle count); one that fills the whole
    rectangle has none at all, and the source is lifted by the mean difference. Nothing is differentiated through this.
    """
    painted, result = mask > 0, target.clone()
    unknown = painted if hold is None else painted | (hold <= 0.5)
    rows, columns = (unknown.any(0)[0].any(axis).nonzero()[:, 0] for axis in (1, 0))
    if len(rows) == 0:
        return Cloned(result=result, residual=target.new_zeros(len(target)))
    top, bottom, left, right = torch.stack([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1]).tolist()
    touches = (top == 0, bottom == mask.shape[2], left == 0, right == mask.shape[3])
    ring = (..., slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1))
    source, target, unknown, painted = source[ring], target[ring], unknown[ring], painted[ring]
    difference = target - source
    membrane = _membrane(difference, unknown, touches)
    if hold is not None or all(touches):
        mean = (difference * painted).sum((2, 3), keepdim=True) / painted.sum((2, 3), keepdim=True).clamp(min=1)
        held = (~unknown).flatten(1).any(1) if hold is None else _held(painted, unknown)
        membrane = torch.where(held[:, None, None, None], membrane, mean)
    torch.where(painted, membrane.add_(source), target, out=result[ring])
    membrane = membrane.sub_(source) if hold is not None else result[ring] - source
    return Cloned(result=result, residual=_residual(torch.where(unknown, membrane, difference), unknown))


def _held(painted: Tensor, unknown: Tensor) -> Bool[Tensor, " faces"]:
    """Whether the mask has known pixels near it, at least as many as one in twenty of those along its edge."""
    near = painted
    for axis in (2, 3):
        near = _grown(near, axis)
    edge = painted.flatten(1).sum(1).sqrt()
    return (near & ~unknown).flatten(1).sum(1) > 0.2 * edge


def _grown(mask: Tensor, axis: int) -> Tensor:
    """By `NEAR` pixels along an axis, both ways: 1, then 2, then 3."""
    for step in (1, 2, 3):
        grown, rest = mask.clone(), max(mask.shape[axis] - step, 0)
        grown.narrow(axis, mask.shape[axis] - rest, rest).logical_or_(mask.narrow(axis, 0, rest))
        grown.narrow(axis, 0, rest).logical_or_(mask.narrow(axis, mask.shape[axis] - rest, rest))
        mask = grown
    return mask


def _residual(u: Tensor, unknown: Tensor) -> Float[Tensor, " faces"]:
    """The largest |u(p) - mean of its neighbours u(q)|."""
    n = _add_neighbours(torch.zeros_like(u[:1, :1]), torch.ones_like(u[:1, :1]))
    mean = _add_neighbours(torch.zeros_like(u), u).div_(n)
    return mean.sub_(u).mul_(unknown).abs_().flatten(1).amax(1)


def _add_neighbours(total: Tensor, u: Tensor) -> Tensor:
    """Adds the four neighbours of each pixel; beyond the rectangle there are none."""
    total[..., 1:, :] += u[..., :-1, :]
    total[..., :-1, :] += u[..., 1:, :]
    total[..., 1:] += u[..., :-1]
    total[..., :-1] += u[..., 1:]
    return total


def _membrane(difference: Tensor, unknown: Tensor, touches: tuple[bool, bool, bool, bool]) -> Tensor:
    """Lays the rectangle into a grid that can be halved, whose first row and last column stay empty, and solves it there.

    Coarse pixels beyond an edge of the rectangle stand in for those before it; where the mask touches the edge there is room for them.
    """
    (h, w), (top, bottom, left, right) = unknown.shape[-2:], touches
    levels = 0
    while True:
        step = 2**levels
        y, x = step * top, step * left
        rows, columns = (y + h - 1 + (step - 1) * bottom) // step + 1, (x + w - 2 + step * right) // step + 2
        if rows * columns <= max(LEAST, COARSEST // len(difference)):
            break
        levels += 1
    height, width = rows * step, (columns - 1) * step + 1
    place = (..., slice(y, y + h), slice(x, x + w))
    pixels = difference.new_zeros(len(difference), 1, height, width)
    pixels[place] = unknown
    edge = difference.new_zeros(len(difference), 4, height, width)
    _add_neighbours(edge[place], torch.cat([difference, torch.ones_like(difference[:, :1])], 1).mul_(~unknown)).mul_(unknown)
    inside = None
    if any(touches):
        inside = difference.new_zeros(1, 1, height, width)
        inside[..., y : y + h if bottom else None, x : x + w if right else None] = 1
    grid = _grid(pixels, edge, inside, levels)
    grid.start()
    for _ in range(MAX_CYCLES):
        if grid.cycle() <= TOLERANCE:
            break
    return grid.collected()[place]


def _grid(unknown: Tensor, edge: Tensor, inside: Tensor | None, levels: int) -> "_Coloured | _Coarsest":
    return _Coloured(unknown, edge, inside, levels) if levels else _Coarsest(unknown, edge, inside)


class _Grid:
    """For each unknown pixel: diagonal u - (sum of the unknown ones among its four neighbours) = right.

    `edge` holds in its fourth channel the stiffness of the spring on which each pixel hangs, in the first three that times where it hangs: at first
    the number of its known neighbours and the sum of their values. A spring is no weaker than the known neighbours in this grid.
    """

    def __init__(self, unknown: Tensor, edge: Tensor, inside: Tensor | None):
        self.unknown, self.edge, self.inside = unknown, edge, inside
        self.across, self.down = _beside(unknown)
        linked, spring = self.across + self.down, edge[:, 3:]
        if inside is None:
            self.diagonal = (linked + spring).clamp(min=4)
        else:
            self.diagonal = (linked + spring).maximum(torch.stack(_beside(inside.maximum(unknown))).sum(0))
        self.inverse = unknown / self.diagonal.clamp(min=1e-3)
        self.stiffer = (self.diagonal - linked) / spring.clamp(min=1e-6)

    def coarser(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """The next coarser grid's unknown, edge and inside; spends `edge`. A pixel hangs on its finer ones' springs, in series with their links."""
        unknown, inside = self.unknown[..., ::2, ::2], self.inside
        if inside is not None:
            inside = inside[..., ::2, ::2]
            unknown = torch.where(inside > 0, unknown, (_folded(self.unknown.clone()) > 0).to(unknown.dtype))
        edge = _folded(self.edge.mul_((4 * self.inverse).clamp_(max=1).mul_(self.stiffer)))
        return unknown.contiguous(), edge * unknown, inside


class _Coarsest(_Grid):
    """Solved directly."""

    def __init__(self, unknown: Tensor, edge: Tensor, inside: Tensor | None):
        super().__init__(unknown, edge, inside)
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

    def __init__(self, unknown: Tensor, edge: Tensor, inside: Tensor | None, levels: int):
        super().__init__(unknown, edge, inside)
        faces, _, height, width = edge.shape
        self.by = [i.contiguous() for i in _colours(self.inverse)]
        self.right = [e * i * s for e, i, s in zip(_colours(edge[:, :3]), self.by, _colours(self.stiffer), strict=True)]
        self.red_unknown, self.half_black = (c * weight for c, weight in zip(_colours(unknown), (1, 0.5), strict=True))
        unseen = torch.stack([self.down[..., ::2, :], self.across[..., 1::2, :]], 3).view_as(unknown)
        self.spread = 1 / (1 - self.by[1] * _colours(unseen)[1]).clamp(min=1e-3)
        self.coarse = _grid(*self.coarser(), levels - 1)
        self.whole = edge[:, :3]

        half, rows = (faces, 3, height * width // 2), (faces, 3, height // 2, width)
        near, far = width // 2, width // 2 + 1
        red, black = self.u = _Field(edge, half, width), _Field(edge, half, width)
        self.neighbours = (black[-1], black[0], black[-far], black[near]), (red[0], red[1], red[-near], red[far])
        self.sums = a, b = _Field(edge, half, width), _Field(edge, half, width)
        self.even, self.odd = b.values.view(rows)[..., 1:, :far], (b.values.view(rows)[..., near:], b[1].view(rows)[..., near:])
        self.beside, self.between = a.values.view(rows)[..., :near], a.values.view(rows)[..., :-1, near:]
        self.pairs, self.coarse_right = edge.new_empty(faces, 3, height // 2, far), edge.new_zeros(faces, 3, height // 2, far)

    def start(self) -> None:
        """Full multigrid: the coarser grid's solution, spread to black pixels as if they had no other neighbours, and a V-cycle."""
        self.coarse.start()
        self._interpolate(self.coarse.collected().mul_(self.unknown[..., ::2, ::2]))
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
        lower = self.coarse_right[..., 1:, :]
        torch.add(self.pairs[..., 1:, :], self.pairs[..., :-1, :], out=lower)
        torch.add(self.even, lower, alpha=0.25, out=lower)
        self.coarse.correct(self.coarse_right)
        self._interpolate(self.coarse.collected())
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

    def __init__(self, like: Tensor, shape: tuple[int, ...], margin: int):
        self.size, self.margin = math.prod(shape), margin
        self.memory = like.new_zeros(self.size + 2 * margin)
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
