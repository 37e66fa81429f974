"""A painted face as its photo will show it, with a gradient: what the losses on likeness look at.

What is coarse in a face's light and colour is the photo's in the end, and so is what is fine in eyes and
mouth (facehub/blending/finish.py). A face network that sees the painted crop itself is also pleased by hues
and shades which nobody will see, and a generator answers with those. Not in the paper; docs/results.md has
both sides measured.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from facehub.blending.colour import match_skin_chroma
from facehub.blending.eyes import BAND
from facehub.blending.eyes_and_mouth import (
    EYE_INSET,
    EYES,
    MOUTH,
    MOUTH_BAND,
    MOUTH_INSET,
    inside_polygon,
    keep_mouth,
)
from facehub.blending.features import between_eyes, feature_distances, feature_mask
from facehub.blending.filters import lowpass, luma
from facehub.blending.finish import COLOURED
from facehub.blending.light import match_light
from facehub.types import Crops

from .data.gallery import mirror_points

TURNED, SCALED, SHIFTED = 0.08, 0.06, 0.03
"""How far a face network's view of a crop is turned (radians), scaled and shifted (share of the crop), at
most."""

GRAY = 0.3
"""How often it sees a crop without colours."""

NOISE = 0.03
"""Deviation of the noise in what it sees."""

STEPS_PX = 4
"""How far a landmark network's view is shifted, at most."""


def as_shown(
    painted: Float[Tensor, "n 3 h w"],
    photo: Float[Tensor, "n 3 h w"],
    mask: Float[Tensor, "n 1 h w"],
    landmarks: Float[Tensor, "n 68 2"],
) -> Float[Tensor, "n 3 h w"]:
    """Painted faces in the photo's light and colour, with its detail in eyes and mouth, where `mask` is 1;
    the photo elsewhere. `landmarks` are in pixels of these pictures."""
    size = (painted.shape[2], painted.shape[3])
    with torch.no_grad():
        distances, between = feature_distances(landmarks, size), between_eyes(landmarks)
        coloured = mask * (1 - feature_mask(distances, COLOURED, size))
        eyes = sum(_openings(landmarks, part, EYE_INSET * between, size) for part in EYES)
        mouth = _openings(landmarks, MOUTH, MOUTH_INSET * between, size)
    shown = match_light(painted, photo, mask, distances, between)
    shown = match_skin_chroma(shown, photo, coloured, between)
    fine = luma(photo - shown)
    lips = keep_mouth(shown, photo, MOUTH_BAND * between)
    shown = shown + eyes * (fine - lowpass(fine, BAND * between)) + mouth * (lips - shown)
    return photo + mask * (shown - photo)


def _openings(
    landmarks: Float[Tensor, "n 68 2"],
    part: tuple[int, ...],
    inset_px: Float[Tensor, " n"],
    size: tuple[int, int],
) -> Float[Tensor, "n 1 h w"]:
    """How deep each pixel lies inside the outline of a part."""
    rows, columns = slice(0, size[0]), slice(0, size[1])
    found = [
        inside_polygon(points[list(part)], rows, columns, inset)
        for points, inset in zip(landmarks, inset_px.clamp(min=1), strict=True)
    ]
    return torch.cat(found)


def glimpsed(crop: Crops, landmarks: Float[Tensor, "n 68 2"]) -> tuple[Crops, Float[Tensor, "n 68 2"]]:
    """Crops and landmarks as a face network is to see them: with noise, and by chance without colours, at
    half the resolution, mirrored and in a slightly wrong frame.

    Without this the identity loss is answered with patterns that only the network sees.
    """
    crop = coarsened(crop)
    mirrored, gray = (torch.rand(2) < torch.tensor([0.5, GRAY])).tolist()
    size = crop.shape[-1]
    if gray:
        crop = luma(crop).expand_as(crop)
    if mirrored:
        crop, landmarks = crop.flip(3), mirror_points(landmarks, size)
    return crop, _moved(landmarks, size)


def coarsened(picture: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """With noise, and every other time at half the resolution."""
    picture = picture + NOISE * torch.randn_like(picture)
    if torch.rand(1) < 0.5:
        half = F.avg_pool2d(picture, 2)
        picture = F.interpolate(half, scale_factor=2.0, mode="bilinear", align_corners=False)
    return picture


def shifted(*pictures: Float[Tensor, "n 3 h w"]) -> list[Float[Tensor, "n 3 h w"]]:
    """Pictures shifted by the same few pixels at random; what leaves at one edge enters at the other."""
    steps = torch.randint(-STEPS_PX, STEPS_PX + 1, (2,)).tolist()
    return [picture.roll(steps, (2, 3)) for picture in pictures]


def _moved(landmarks: Float[Tensor, "n 68 2"], size: int) -> Float[Tensor, "n 68 2"]:
    """Landmarks turned, scaled and shifted at random, each face by itself: a face network stands its square
    on them."""
    turn, scale, x, y = (2 * torch.rand(4, len(landmarks), 1) - 1).to(landmarks)
    angle, factor = TURNED * turn, 1 + SCALED * scale
    middle = landmarks.mean(1, keepdim=True)
    away = landmarks - middle
    turned = torch.stack(
        [
            angle.cos() * away[..., 0] - angle.sin() * away[..., 1],
            angle.sin() * away[..., 0] + angle.cos() * away[..., 1],
        ],
        2,
    )
    return middle + factor[..., None] * turned + SHIFTED * size * torch.stack([x, y], 2)
