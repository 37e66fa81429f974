"""Solve Laplace's equation directly: charges on the pixels around the shape make the membrane within it.

After Buzbee, Dorr, George and Golub, The Direct Solution of the Discrete Poisson Equation on Irregular
Regions, 1971 (https://doi.org/10.1137/0708066): the irregular equation is embedded in one that a fast
transform solves, and a dense matrix, with a row for each pixel of the shape's edge, corrects the edge. Here
that equation is Laplace's on a torus, whose answer G to one charge depends on the distance alone. A field of
charges that sum to 0, plus a constant,

    u(p) = sum over q on the edge of G(p - q) charge(q) + c,

is the mean of its neighbours wherever there is no charge, so on all unknown pixels. The charges are chosen so
that u is the known value on the edge, and nothing is iterated. A few large operations replace the many small
ones of the multigrid, which decide its time for one small face.
"""

import functools
import itertools

import torch
from torch import Tensor

MAX_EDGE_PIXELS = 500
"""Known pixels beside unknown ones up to which this is faster than the multigrid: the work grows with their
third power."""

MAX_PIXELS = 2**15
"""Pixels of the rectangle up to which it is tried: of larger ones the transforms take longer."""

ROUND_PX = 16
"""The torus has a multiple of this many rows and columns, so that faces of about one size share a table."""


def edge_pixels(unknown: Tensor) -> Tensor:
    """The known pixels beside unknown ones, in reading order. `unknown`: (1, 1, h, w)."""
    known = ~unknown
    edge = torch.zeros_like(unknown)
    for axis, size in ((2, unknown.shape[2]), (3, unknown.shape[3])):
        edge.narrow(axis, 1, size - 1).logical_or_(unknown.narrow(axis, 0, size - 1))
        edge.narrow(axis, 0, size - 1).logical_or_(unknown.narrow(axis, 1, size - 1))
    return edge.logical_and_(known).flatten().nonzero()[:, 0]


def solve_on_edge(difference: Tensor, edge: Tensor, touches: tuple[bool, bool, bool, bool]) -> Tensor:
    """As `multigrid.solve_laplace`, for one face. `edge`: what `edge_pixels` gave, at least one pixel.

    Unknown pixels that touch the rectangle's edge have no neighbour beyond it. A mirror image beyond it, with
    charges of its own, is as good: it gives each of them itself as a neighbour.
    """
    (top, bottom, left, right), (h, w) = touches, difference.shape[-2:]
    mirrored = top or bottom, left or right
    rows, columns = (
        2 * size if mirror else -(-size // ROUND_PX) * ROUND_PX
        for size, mirror in zip((h, w), mirrored, strict=True)
    )
    inverse, table = _charge(rows, columns, difference.device)
    y = edge.div(w, rounding_mode="floor")
    x = edge - y * w
    images = list(
        itertools.product(
            (y, rows - 1 - y) if mirrored[0] else (y,), (x, columns - 1 - x) if mirrored[1] else (x,)
        )
    )
    stride = 2 * columns - 1
    start = (y * stride + (x + table.numel() // 2))[:, None]
    matrix = functools.reduce(
        torch.add, (table.take(start - (row * stride + column)) for row, column in images)
    )
    values = difference.new_ones(4, len(edge))
    values[:3] = difference[0].flatten(1)[:, edge]
    charges = torch.cholesky_solve(values.T, torch.linalg.cholesky_ex(matrix).L).T
    total = charges.sum(1, keepdim=True)
    constant = total[:3] / total[3]
    charges = charges[:3] - constant * charges[3]  # they sum to 0
    field = difference.new_zeros(3, rows * columns)
    for row, column in images:
        field[:, row * columns + column] = charges
    spectrum = torch.fft.rfft2(field.view(3, rows, columns)).mul_(inverse)
    u = torch.fft.irfft2(spectrum, s=(rows, columns))[:, :h, :w]
    return (u + constant[..., None])[None]


@functools.lru_cache(maxsize=8)
def _charge(rows: int, columns: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The inverse of the torus's Laplacian as factors of a real Fourier transform, and G from -(rows - 1) to
    rows - 1 and -(columns - 1) to columns - 1 as a vector.

    A constant has no inverse and gets 0; in G it gets what makes the matrix well conditioned.
    """
    k, m = (torch.arange(n, dtype=torch.float64, device=device) for n in (rows, columns // 2 + 1))
    inverse = (
        (4 - 2 * (2 * torch.pi / rows * k).cos()[:, None] - 2 * (2 * torch.pi / columns * m).cos())
        .clamp(min=1e-12)
        .reciprocal()
    )
    inverse[0, 0] = 0
    g = torch.fft.irfft2(inverse, s=(rows, columns)) + 1 / 64
    return inverse.float(), g.repeat(2, 2)[1:, 1:].flatten().float()
