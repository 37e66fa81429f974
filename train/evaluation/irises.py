"""What colour irises have, from MediaPipe's 478 points, which are in no loss.

Light differs from photo to photo, so an iris is told by its share of the brightness of the white beside it.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from facehub.blending.filters import luma
from facehub.types import Photos

from .detail import filled

EYES = (
    ((33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246), range(468, 473)),
    ((362, 382, 381, 380, 374, 373, 390, 249, 263, 466, 388, 387, 386, 385, 384, 398), range(473, 478)),
)
"""Points around each eye's opening, and of its iris: the middle and four on its edge."""

WITHIN, BEYOND = 0.9, 1.2
"""Up to where an opening shows iris or pupil, and from where on white; in radii."""

LEAST_PX = 6
"""Pixels of the iris and of the white that an eye must show to be counted."""

WHITE = 0.8
"""Share of the pixels outside the iris that are darker than its white: lids and lashes shade it."""


def iris_colour(photo: Photos, mesh: Float[Tensor, "1 478 _"]) -> Float[Tensor, "3"]:
    """Red, green and blue of the irises over the luma of the white, the mean of both eyes; NaN where none
    shows enough. The median over an iris leaves pupil and catchlights out."""
    found = [_eye(photo, mesh[0, :, :2], *eye) for eye in EYES]
    shown = [one for one in found if one is not None]
    return torch.stack(shown).mean(0) if shown else torch.full((3,), torch.nan)


def _eye(photo: Photos, points: Float[Tensor, "478 2"], lids, iris) -> Float[Tensor, "3"] | None:
    centre, edge = points[iris[0]], points[list(iris[1:])]
    radius = (edge - centre).norm(dim=1).mean()
    opening = filled(points[list(lids)][None], (photo.shape[2], photo.shape[3]))[0, 0]
    y = torch.arange(photo.shape[2])[:, None]
    x = torch.arange(photo.shape[3])
    away = ((x - centre[0]).square() + (y - centre[1]).square()).sqrt() / radius
    inside = opening & (away < WITHIN)
    white = opening & (away > BEYOND)
    if min(int(inside.sum()), int(white.sum())) < LEAST_PX:
        return None
    pixels = photo.float()
    bright = luma(pixels)[0, 0][white].quantile(WHITE).clamp(min=1)
    return pixels[0][:, inside].median(1).values / bright
