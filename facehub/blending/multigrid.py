"""Solve Laplace's equation by multigrid: a membrane over pixels of any shape, held at known values around the
shape.

A membrane is smooth, so full multigrid finds it in time proportional to the pixels (Briggs, Henson and
McCormick, A Multigrid Tutorial, 2000, chapters 3 and 4): a coarser grid has every second row and column, each
grid starts from the solution of the next coarser one, and V-cycles finish it. New here is the coarse
operator: each coarse pixel gets a diagonal term (`edge`) that accumulates the boundary coupling of the fine
pixels it stands for.
"""

import math

import torch
from torch import Tensor

from .chessboard import make_grid
from .grid import Level

TOLERANCE = 0.7 / 255
"""Iteration ends when a V-cycle moves no pixel by more. A cycle leaves a tenth of the error under a face's
mask, and half of it under the strangest masks that were tried, so that the remaining error is at most the
last movement."""

MAX_CYCLES = 30
"""V-cycles after which iteration ends in any case."""

MAX_COARSEST_PIXELS = 400
"""Pixels of the coarsest grids of all faces together, which are solved directly. With larger ones a batch
would spend more time there than they save."""

MIN_COARSEST_PIXELS = 100
"""Pixels that the coarsest grid of each face may have in any case: with smaller ones a large face needs more
room beyond its edge."""


def solve_laplace(difference: Tensor, unknown: Tensor, touches: tuple[bool, bool, bool, bool]) -> Tensor:
    """Continue `difference` over unknown pixels so that each is the mean of its neighbours.

    `difference`: (faces, 3, h, w), the known values. `unknown`: (faces, 1, h, w), True for the pixels to
    solve for. `touches`: whether unknown pixels reach the rectangle's top, bottom, left and right edge, where
    nothing holds them. Returns (faces, 3, h, w); values at known pixels are meaningless.

    The rectangle is placed in a grid that can be halved, whose first row and last column stay empty.
    """
    levels, y, x = _levels(
        unknown.shape[-2:],
        touches,
        max(MIN_COARSEST_PIXELS, MAX_COARSEST_PIXELS // len(difference)),
        difference,
    )
    place = (..., slice(y, y + unknown.shape[-2]), slice(x, x + unknown.shape[-1]))
    pixels = difference.new_zeros(len(difference), 1, *levels[0].size)
    pixels[place] = unknown
    edge = difference.new_zeros(len(difference), 4, *levels[0].size)
    add_neighbours(
        edge[place], torch.cat([difference, torch.ones_like(difference[:, :1])], 1).mul_(~unknown)
    ).mul_(unknown)
    grid = make_grid(pixels, edge, levels)
    grid.full_multigrid()
    for _ in range(MAX_CYCLES):
        if grid.cycle() <= TOLERANCE:
            break
    return grid.read_out()[place]


def _levels(
    rectangle: torch.Size, touches: tuple[bool, bool, bool, bool], coarsest: int, like: Tensor
) -> tuple[list[Level], int, int]:
    """The sizes of the grids, the finest first, and the row and column of the finest where the rectangle
    begins.

    `coarsest`: pixels that the last one may have. Coarse pixels beyond an edge of the rectangle stand for
    those in front of it; where the mask touches the edge there is room for them.
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
        levels.append(Level((rows, columns), inside))
    return levels, y, x


def add_neighbours(total: Tensor, u: Tensor) -> Tensor:
    """Adds the four neighbours of each pixel; beyond the rectangle there are none."""
    total[..., 1:, :] += u[..., :-1, :]
    total[..., :-1, :] += u[..., 1:, :]
    total[..., 1:] += u[..., :-1]
    total[..., :-1] += u[..., 1:]
    return total
