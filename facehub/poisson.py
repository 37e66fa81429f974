"""Seamless cloning: the discrete Poisson equation of Pérez, Gangnet and Blake, Poisson Image Editing, SIGGRAPH 2003, equation 7, solved for a batch.

Inside the mask the result has the source's differences, on the mask's edge the target's values. With f = source + u that is Laplace's equation for
the membrane u, with u = target - source on the edge: for each pixel p of the mask and its neighbours q in the rectangle,
    n(p) u(p) - sum of u(q) over q in the mask = sum of (target - source)(q) over q outside.
The membrane is smooth, so full multigrid solves it (Briggs, Henson and McCormick, A Multigrid Tutorial, 2000, chapters 3 and 6): a pyramid of
halved grids gives the start, V-cycles with red-black Gauss-Seidel smoothing do the rest, until a cycle changes nothing that could be seen.

OpenCV's seamlessClone solves another problem (gradients composed over the whole rectangle) and changes pixels outside of the mask.
"""

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

TOLERANCE = 1.2 / 255
"""Iteration ends when a V-cycle changes the membrane nowhere by more. A cycle leaves about a third of the error, so
about half of its change remains."""

MAX_CYCLES = 30

EDGE_SCALE = 0.75
"""Half the sum of the fine weights is too weak for the edge, which lies nearer to a coarse pixel's centre than the next coarse pixel does.
Between 0.7 and 0.85 a cycle leaves a third of the error; at 1/2 the cycles diverge."""

COARSEST = 16
"""Longest side of the coarsest grid, which is solved directly."""


@dataclass(frozen=True, slots=True)
class Cloned:
    result: Float[Tensor, "faces 3 h w"]
    """Not clamped: a membrane can lift a bright source above 1."""
    residual: Float[Tensor, " faces"]
    """By how much the equation, divided by n(p), is violated at worst: in units of intensity, 0 for an exact solution."""


def clone(source: Float[Tensor, "faces 3 h w"], target: Float[Tensor, "faces 3 h w"], mask: Float[Tensor, "faces 1 h w"]) -> Cloned:
    """Clones the source into the target wherever the mask is above 0; elsewhere the result is the target bit for bit.

    A mask that reaches the rectangle's edge has no condition there (only neighbours inside the rectangle count); one that fills the whole
    rectangle has none at all, and the source is lifted by the mean difference.
    """
    unknown = mask > 0
    difference = target - source
    grids = _pyramid(unknown.to(source.dtype), difference)
    membrane = _full_multigrid(grids)
    membrane = torch.where(unknown.flatten(1).all(1)[:, None, None, None], difference.mean((2, 3), keepdim=True), membrane)
    membrane = membrane[..., : source.shape[2], : source.shape[3]]
    residual = _residual(grids[0], _padded(membrane, grids[0]), grids[0].right) * grids[0].inverse
    return Cloned(result=torch.where(unknown, source + membrane, target), residual=residual.abs().flatten(1).amax(1))


@dataclass(frozen=True, slots=True)
class _Grid:
    """One level of the pyramid: A u = (diagonal u) - (weighted sum of neighbours), on the unknown pixels. All (faces, 1 or 3, height, width)."""

    unknown: Tensor
    """1 where the membrane is to be found, 0 on the edge and beyond."""
    across: Tensor
    """Weight between each pixel and the one to its right: 1 between two unknown pixels of the finest grid."""
    down: Tensor
    """Weight between each pixel and the one below it."""
    edge: Tensor
    """Weight between each pixel and its known neighbours."""
    inverse: Tensor
    """1 / diagonal on the unknown, 0 elsewhere; the diagonal is the sum of a pixel's weights."""
    diagonal: Tensor
    red: Tensor
    """1 on one colour of the chessboard, 0 on the other."""
    right: Tensor
    """The right-hand side."""
    solution: Tensor | None = None
    """On the coarsest grid the inverse of A: (faces, 1, pixels, pixels)."""


def _grid(unknown: Tensor, across: Tensor, down: Tensor, edge: Tensor, right: Tensor) -> _Grid:
    diagonal = edge.clone()
    diagonal[..., :-1] += across
    diagonal[..., 1:] += across
    diagonal[..., :-1, :] += down
    diagonal[..., 1:, :] += down
    y, x = (torch.arange(n, device=unknown.device) for n in unknown.shape[-2:])
    red = ((y[:, None] + x[None, :]) % 2).to(unknown.dtype)
    inverse = unknown / torch.where(diagonal > 0, diagonal, 1)
    return _Grid(unknown, across, down, edge, inverse, diagonal, red, right)


def _pyramid(unknown: Tensor, difference: Tensor) -> list[_Grid]:
    """Grids from the finest to the coarsest, each half the size of the one before.

    A coarse pixel is unknown when one of its four fine pixels is. Its weights are half the sums of the fine ones (Galerkin's for piecewise constants,
    scaled as by Braess, Computing 55, 1995), so that a coarse grid knows how much of the edge each of its pixels touches.
    """
    height, width = unknown.shape[-2:]
    levels = max(0, (max(height, width) - 1).bit_length() - COARSEST.bit_length() + 1)
    pad = (0, -width % 2**levels, 0, -height % 2**levels)
    known = F.pad(1 - unknown, pad)
    unknown, difference = F.pad(unknown, pad), F.pad(difference, pad)
    across, down = unknown[..., :-1] * unknown[..., 1:], unknown[..., :-1, :] * unknown[..., 1:, :]
    grids = [_grid(unknown, across, down, _neighbours(known) * unknown, _neighbours(known * difference) * unknown)]
    for _ in range(levels):
        fine = grids[-1]
        across = 0.5 * (fine.across[..., 0::2, 1::2] + fine.across[..., 1::2, 1::2])
        down = 0.5 * (fine.down[..., 1::2, 0::2] + fine.down[..., 1::2, 1::2])
        edge = EDGE_SCALE * 4 * F.avg_pool2d(fine.edge, 2)
        grids.append(_grid(F.max_pool2d(fine.unknown, 2), across, down, edge, EDGE_SCALE * 4 * F.avg_pool2d(fine.right, 2)))
    grids[-1] = replace(grids[-1], solution=_inverse(grids[-1]))
    return grids


def _inverse(grid: _Grid) -> Tensor:
    """A of a small grid as a matrix, inverted; the identity on known pixels, and a trace of it where a mask without an edge leaves A singular."""
    height, width = grid.unknown.shape[-2:]
    number = torch.arange(height * width, device=grid.unknown.device).reshape(height, width)
    matrix = grid.unknown.new_zeros(len(grid.unknown), height * width, height * width)
    for weight, first, second in ((grid.across, number[:, :-1], number[:, 1:]), (grid.down, number[:-1], number[1:])):
        matrix[:, first.flatten(), second.flatten()] = matrix[:, second.flatten(), first.flatten()] = -weight.flatten(1)
    matrix += torch.diag_embed((grid.diagonal + 1 - grid.unknown).flatten(1) + 1e-6)
    return torch.cholesky_inverse(torch.linalg.cholesky(matrix))[:, None]


def _full_multigrid(grids: list[_Grid]) -> Tensor:
    membrane = torch.zeros_like(grids[-1].right)
    for level in range(len(grids) - 1, -1, -1):
        grid = grids[level]
        if level < len(grids) - 1:
            membrane = _finer(membrane, grid)
        membrane = _cycle(grids, level, membrane, grid.right)
    for _ in range(MAX_CYCLES):
        before, membrane = membrane, _cycle(grids, 0, membrane, grids[0].right)
        if (membrane - before).abs().max() <= TOLERANCE:
            break
    return membrane


def _cycle(grids: list[_Grid], level: int, u: Tensor, right: Tensor) -> Tensor:
    """One V-cycle for A u = right."""
    grid = grids[level]
    if grid.solution is not None:
        return (grid.solution @ (right * grid.unknown).flatten(2)[..., None])[..., 0].unflatten(2, right.shape[-2:])
    u = _smoothed(grid, u, right)
    coarse = 4 * F.avg_pool2d(_residual(grid, u, right), 2)
    u = u + _finer(_cycle(grids, level + 1, torch.zeros_like(coarse), coarse), grid)
    return _smoothed(grid, u, right, last_first=True)


def _smoothed(grid: _Grid, u: Tensor, right: Tensor, *, last_first: bool = False) -> Tensor:
    """Gauss-Seidel on one colour, then on the other: u(p) = (right + weighted neighbours) / diagonal."""
    for red in (last_first, not last_first):
        update = (right + _weighted(grid, u)) * grid.inverse
        u = torch.lerp(u, update, grid.red) if red else torch.lerp(update, u, grid.red)
    return u


def _residual(grid: _Grid, u: Tensor, right: Tensor) -> Tensor:
    return (right + _weighted(grid, u) - grid.diagonal * u) * grid.unknown


def _weighted(grid: _Grid, u: Tensor) -> Tensor:
    """The sum of the four neighbours by their weights."""
    total = torch.zeros_like(u)
    total[..., :-1].addcmul_(u[..., 1:], grid.across)
    total[..., 1:].addcmul_(u[..., :-1], grid.across)
    total[..., :-1, :].addcmul_(u[..., 1:, :], grid.down)
    total[..., 1:, :].addcmul_(u[..., :-1, :], grid.down)
    return total


def _neighbours(u: Tensor) -> Tensor:
    """The sum of the four neighbours; beyond the rectangle there are none."""
    total = torch.zeros_like(u)
    total[..., 1:, :] += u[..., :-1, :]
    total[..., :-1, :] += u[..., 1:, :]
    total[..., :, 1:] += u[..., :, :-1]
    total[..., :, :-1] += u[..., :, 1:]
    return total


def _finer(u: Tensor, fine: _Grid) -> Tensor:
    """Bilinear; 0 on the known."""
    return F.interpolate(u, scale_factor=2.0, mode="bilinear", align_corners=False) * fine.unknown


def _padded(u: Tensor, grid: _Grid) -> Tensor:
    return F.pad(u, (0, grid.right.shape[-1] - u.shape[-1], 0, grid.right.shape[-2] - u.shape[-2])) * grid.unknown
