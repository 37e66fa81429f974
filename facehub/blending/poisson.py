"""Seamless cloning for a batch: the discrete Poisson equation of Pérez, Gangnet and Blake.

Poisson Image Editing, SIGGRAPH 2003, equation 7 (https://doi.org/10.1145/882262.882269). Inside the mask the
result f has the source's differences, around it the target's values: for each pixel p of the mask with n(p)
neighbours q

    n(p) f(p) - sum of f(q) = n(p) source(p) - sum of source(q),    f = target outside of the mask.

With f = source + u this is Laplace's equation for a membrane u that equals target - source around the mask
(direct.py for one small face, multigrid.py for others). OpenCV's seamlessClone solves another problem
(gradients composed over the whole rectangle) and changes pixels outside of the mask.
"""

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .direct import MAX_EDGE_PIXELS, MAX_PIXELS, edge_pixels, solve_on_edge
from .multigrid import add_neighbours, solve_laplace

SOURCE_RADIUS_PX = 6
"""Distance from the mask within which some known pixel must hold the membrane."""


@dataclass(frozen=True)
class Cloned:
    """The result of `clone`, and what its residual is computed from."""

    result: Float[Tensor, "faces 3 h w"]
    """Not clamped: a membrane can lift a bright source above 1."""
    membrane: Float[Tensor, "faces 3 rows columns"] = field(repr=False)
    """The solution u, in the part of the rectangle that holds the unknown pixels."""
    difference: Float[Tensor, "faces 3 rows columns"] = field(repr=False)
    """target - source, in the same part."""
    unknown: Bool[Tensor, "faces 1 rows columns"] = field(repr=False)
    """The pixels that were solved for, in the same part."""

    @cached_property
    @torch.no_grad()
    def residual(self) -> Float[Tensor, " faces"]:
        """The largest violation of the equation divided by n(p), per face: |u(p) - mean of its neighbours
        u(q)|.

        In units of intensity; 0 for an exact solution, below 0.25 / 255.
        """
        u = torch.where(self.unknown, self.membrane, self.difference)
        n = add_neighbours(torch.zeros_like(u[:1, :1]), torch.ones_like(u[:1, :1]))
        mean = add_neighbours(torch.zeros_like(u), u).div_(n)
        return mean.sub_(u).mul_(self.unknown).abs_().flatten(1).amax(1)


@torch.no_grad()
def clone(
    source: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    mask: Float[Tensor, "faces 1 h w"],
    colour_source: Float[Tensor, "faces 1 h w"] | None = None,
) -> Cloned:
    """Clone the source into the target where the mask is above 0; elsewhere the result is the target, bit for
    bit.

    `colour_source`: 1 where the target's colours may be continued into the clone; by default everywhere.
    Where it is 0, on hair or on a hand in front of the face, nothing holds the membrane: it runs on until it
    meets a pixel that holds it. The equation's boundary leaves such pixels out, and none of their colour
    bleeds in. Where no pixel within `SOURCE_RADIUS_PX` of the mask holds it, the source is lifted by the mean
    difference under the mask. How far the membrane runs on depends on the rectangle: in a batch on that of
    the largest face, which changes the result by a few levels.

    A mask that reaches the rectangle's edge has no condition there: only neighbours inside the rectangle
    count. A mask that fills the whole rectangle has no condition at all, and the source is lifted by the mean
    difference. No gradient flows through this function.
    """
    painted, result = mask > 0, target.clone()
    unknown = painted if colour_source is None else painted | (colour_source <= 0.5)
    rows, columns = (unknown.any(0)[0].any(axis).nonzero()[:, 0] for axis in (1, 0))
    if len(rows) == 0:
        return Cloned(result, target, target - source, unknown)
    top, bottom, left, right = torch.stack([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1]).tolist()
    touches = (top == 0, bottom == mask.shape[2], left == 0, right == mask.shape[3])
    ring = (..., slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1))
    source, target, unknown, painted = source[ring], target[ring], unknown[ring], painted[ring]
    difference = target - source
    u = _solve(difference, unknown, touches)
    if colour_source is not None or all(touches):
        mean = (difference * painted).sum((2, 3), keepdim=True) / painted.sum((2, 3), keepdim=True).clamp(
            min=1
        )
        held = (~unknown).flatten(1).any(1) if colour_source is None else _has_source(painted, unknown)
        u = torch.where(held[:, None, None, None], u, mean)
    torch.where(painted, u + source, target, out=result[ring])
    return Cloned(result, u, difference, unknown)


def _solve(difference: Tensor, unknown: Tensor, touches: tuple[bool, bool, bool, bool]) -> Tensor:
    """One small face directly, others by multigrid."""
    if len(unknown) == 1 and unknown.numel() <= MAX_PIXELS:
        edge = edge_pixels(unknown)
        if 0 < len(edge) <= MAX_EDGE_PIXELS:
            return solve_on_edge(difference, edge, touches)
    return solve_laplace(difference, unknown, touches)


def _has_source(painted: Tensor, unknown: Tensor) -> Bool[Tensor, " faces"]:
    """Whether the mask has known pixels near it, at least as many as one in twenty of those along its
    edge."""
    near = painted
    for axis in (2, 3):
        near = _dilate(near, axis)
    edge = painted.flatten(1).sum(1).sqrt()
    return (near & ~unknown).flatten(1).sum(1) > 0.2 * edge


def _dilate(mask: Tensor, axis: int) -> Tensor:
    """Grown by `SOURCE_RADIUS_PX` pixels along an axis, both ways: by 1, then 2, then 3."""
    for step in (1, 2, 3):
        grown, rest = mask.clone(), max(mask.shape[axis] - step, 0)
        grown.narrow(axis, mask.shape[axis] - rest, rest).logical_or_(mask.narrow(axis, 0, rest))
        grown.narrow(axis, 0, rest).logical_or_(mask.narrow(axis, mask.shape[axis] - rest, rest))
        mask = grown
    return mask
