"""Frontal photos turned to the side: inputs for the paper's Figure 9 where no openly licensed profile
photos are at hand.

MediaPipe's Face Landmarker gives 478 points of a face in three dimensions. They are turned about the head's
vertical axis, and a thin plate spline (Bookstein, PAMI 1989) carries the pixels along; far from the face
nothing moves. What the camera could not see stays unseen: beyond some 45 degrees the far cheek is drawn
from too few pixels to be called a photo.
"""

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

BEHIND = 0.25
"""How far behind the middle of the face's points the axis lies, in widths of the face: about the neck."""

STILL = 1.4
"""From this distance to the face's middle on nothing moves, in heights of the face."""

Photo = UInt8[Tensor, "3 height width"]


def turned(photo: Photo, points: Float[Tensor, "points 3"], yaw_deg: float, *, stride_px: int = 1) -> Photo:
    """The photo with its one face turned by `yaw_deg`, to the picture's right for positive angles.

    `points` are x, y in photo pixels and depth in the same unit, smaller nearer to the camera. The spline is
    computed at each pixel, or at one in `stride_px` each way and interpolated between, which is faster.
    """
    low, high = points.amin(0), points.amax(0)
    middle, (width, height, _) = (low + high) / 2, (high - low).tolist()
    yaw = math.radians(yaw_deg)
    axis_z = middle[2] + BEHIND * width
    x, z = points[:, 0] - middle[0], points[:, 2] - axis_z
    moved = torch.stack([middle[0] + x * math.cos(yaw) - z * math.sin(yaw), points[:, 1]], dim=1)
    seen = _in_front(moved, x * math.sin(yaw) + z * math.cos(yaw), cell=width / 24)
    angle = torch.arange(0, 2 * math.pi, math.pi / 12)
    ring = middle[:2] + STILL * height * torch.stack([angle.cos(), angle.sin()], dim=1)
    target, source = torch.cat([moved[seen], ring]), torch.cat([points[seen, :2], ring])
    _, rows, columns = photo.shape
    y, x = torch.meshgrid(
        *(torch.arange(0, side + stride_px - 1, stride_px) for side in (rows, columns)), indexing="ij"
    )
    pixels = torch.stack([x, y], dim=2).reshape(-1, 2).float()
    near = (pixels - middle[:2]).norm(dim=1) < STILL * height
    where = pixels.clone()
    where[near] = spline(target, source, pixels[near])
    where = where.reshape(1, *x.shape, 2)
    if stride_px > 1:
        sides = [(side - 1) * stride_px + 1 for side in x.shape]
        plane = F.interpolate(where.permute(0, 3, 1, 2), sides, mode="bilinear", align_corners=True)
        where = plane.permute(0, 2, 3, 1)[:, :rows, :columns]
    grid = (where + 0.5) / torch.tensor([columns, rows]) * 2 - 1
    result = F.grid_sample(
        photo[None].float(), grid, mode="bicubic", padding_mode="border", align_corners=False
    )
    return result[0].round().clamp(0, 255).to(torch.uint8)


def spline(
    start: Float[Tensor, "n 2"], end: Float[Tensor, "n 2"], points: Float[Tensor, "m 2"]
) -> Float[Tensor, "m 2"]:
    """The thin plate spline that takes `start` to `end` (nearly: a little stiffness evens out what
    landmarks get wrong), at `points`."""
    scale = start.std()
    start, points = (start.double() / scale, points.double() / scale)
    n, ones = len(start), start.new_ones(len(start), 1)
    affine = torch.cat([ones, start], dim=1)
    system = torch.cat(
        [
            torch.cat([_bend(start, start) + 2e-2 * torch.eye(n), affine], 1),
            torch.cat([affine.T, affine.new_zeros(3, 3)], 1),
        ]
    )
    weights = torch.linalg.solve(system, torch.cat([end.double(), end.new_zeros(3, 2).double()]))
    carried = [
        _bend(some, start) @ weights[:n] + torch.cat([some.new_ones(len(some), 1), some], 1) @ weights[n:]
        for some in points.split(20_000)
    ]
    return torch.cat(carried).float()


def _bend(a: Float[Tensor, "m 2"], b: Float[Tensor, "n 2"]) -> Float[Tensor, "m n"]:
    """r^2 log r."""
    square = torch.cdist(a, b).square()
    return torch.where(square > 0, 0.5 * square * square.clamp(min=1e-20).log(), 0)


def _in_front(points: Float[Tensor, "n 2"], depth: Float[Tensor, " n"], *, cell: float) -> Tensor:
    """Which points nothing hides: in their neighbourhood no other is much nearer to the camera."""
    near = torch.cdist(points, points) < cell
    nearest = torch.where(near, depth, torch.inf).amin(1)
    return depth < nearest + 2 * cell
