"""Seamless cloning: the discrete Poisson equation of Pérez, Gangnet and Blake, Poisson Image Editing, SIGGRAPH 2003, equation 7, for a batch.

Inside the mask the result f has the source's differences, around it the target's values: for each pixel p of the mask and its n(p) neighbours q
    n(p) f(p) - sum of f(q) = n(p) source(p) - sum of source(q),    f = target outside of the mask.        https://doi.org/10.1145/882262.882269
With f = source + u that is Laplace's equation for a membrane u that is held at target - source around the mask (multigrid.py).
OpenCV's seamlessClone solves another problem (gradients composed over the whole rectangle) and changes pixels outside of the mask.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from .multigrid import add_neighbours, membrane

NEAR = 6
"""Pixels around a mask in which something must hold the membrane."""


@dataclass(frozen=True, slots=True)
class Cloned:
    result: Float[Tensor, "faces 3 h w"]
    """Not clamped: a membrane can lift a bright source above 1."""
    later: Callable[[], Float[Tensor, " faces"]]

    @property
    def residual(self) -> Float[Tensor, " faces"]:
        """By how much the equation, divided by n(p), is violated at worst: in units of intensity, 0 for an exact solution, below 0.25 / 255.
        Taken anew each time that it is asked for."""
        return self.later()


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
        return Cloned(result, lambda: target.new_zeros(len(target)))
    top, bottom, left, right = torch.stack([rows[0], rows[-1] + 1, columns[0], columns[-1] + 1]).tolist()
    touches = (top == 0, bottom == mask.shape[2], left == 0, right == mask.shape[3])
    ring = (..., slice(max(top - 1, 0), bottom + 1), slice(max(left - 1, 0), right + 1))
    source, target, unknown, painted = source[ring], target[ring], unknown[ring], painted[ring]
    difference = target - source
    u = membrane(difference, unknown, touches)
    if hold is not None or all(touches):
        mean = (difference * painted).sum((2, 3), keepdim=True) / painted.sum((2, 3), keepdim=True).clamp(min=1)
        held = (~unknown).flatten(1).any(1) if hold is None else _held(painted, unknown)
        u = torch.where(held[:, None, None, None], u, mean)
    torch.where(painted, u + source, target, out=result[ring])
    return Cloned(result, lambda: _residual(torch.where(unknown, u, difference), unknown))


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
    n = add_neighbours(torch.zeros_like(u[:1, :1]), torch.ones_like(u[:1, :1]))
    mean = add_neighbours(torch.zeros_like(u), u).div_(n)
    return mean.sub_(u).mul_(unknown).abs_().flatten(1).amax(1)
