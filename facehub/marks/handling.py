"""What people do to pictures that moves every wave: mirroring, turning, squeezing; and how each is undone."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

Photo = UInt8[Tensor, "3 _ _"]
"""Bytes of any height and width: handling changes both."""

MAX_ANGLE_DEG = 3.6
"""Turns up to this angle are undone, and quarter turns."""

ANGLE_STEP_DEG = 0.4
"""From one angle to the next: at the edge of a 512 px photo half a step is a third of the shortest wave."""

MAX_ASPECT = 1.12
"""Squeezing and stretching up to this ratio of height to width is undone."""

ASPECT_STEP = 0.008
"""From one ratio to the next, as a share."""


@dataclass(frozen=True, slots=True)
class Handling:
    """One thing that may have been done to a picture."""

    turn: tuple[tuple[float, float], tuple[float, float]]
    """Maps the frequencies (down, right) of the picture before to those after."""
    undo: Callable[[Photo], Photo]


def handlings() -> list[Handling]:
    """Mirror images and quarter turns, small turns, other ratios of height to width."""
    angles = int(MAX_ANGLE_DEG / ANGLE_STEP_DEG + 0.5)
    ratios = int(math.log(MAX_ASPECT) / ASPECT_STEP)
    return [
        *(
            _flipped(quarters, mirror)
            for mirror in (False, True)
            for quarters in range(4)
            if quarters or mirror
        ),
        *(_turned(step * ANGLE_STEP_DEG) for step in range(-angles, angles + 1) if step),
        *(_stretched(math.exp(step * ASPECT_STEP)) for step in range(-ratios, ratios + 1) if step),
    ]


def _flipped(quarters: int, mirror: bool) -> Handling:
    """Mirrored left to right or not, then turned counterclockwise by quarters."""
    sign, (cos, sin) = -1.0 if mirror else 1.0, ((1.0, 0.0), (0.0, 1.0), (-1.0, 0.0), (0.0, -1.0))[quarters]

    def undo(photo: Photo) -> Photo:
        upright = torch.rot90(photo, -quarters, (1, 2))
        return upright.flip(2) if mirror else upright

    return Handling(((cos, -sin * sign), (sin, cos * sign)), undo)


def _turned(angle_deg: float) -> Handling:
    """Turned counterclockwise about the centre."""
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))

    def undo(photo: Photo) -> Photo:
        height, width = photo.shape[1:]
        # maps (x, y) of the result to (x, y) of the photo, both from -1 to 1
        matrix = torch.tensor(
            [[cos, sin * height / width, 0.0], [-sin * width / height, cos, 0.0]], device=photo.device
        )
        grid = affine_grid(matrix[None], [1, 3, height, width], align_corners=False)
        upright = grid_sample(photo[None].float(), grid, padding_mode="border", align_corners=False)
        return upright[0].round().clamp(0, 255).to(torch.uint8)

    return Handling(((cos, -sin), (sin, cos)), undo)


def _stretched(ratio: float) -> Handling:
    """Its ratio of height to width times `ratio`, with the same area."""
    down, right = math.sqrt(ratio), 1 / math.sqrt(ratio)

    def undo(photo: Photo) -> Photo:
        size = [max(1, round(photo.shape[1] / down)), max(1, round(photo.shape[2] / right))]
        upright = interpolate(photo[None].float(), size, mode="bilinear", antialias=True)
        return upright[0].round().clamp(0, 255).to(torch.uint8)

    return Handling(((1 / down, 0.0), (0.0, 1 / right)), undo)
