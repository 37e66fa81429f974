"""Closed eyes stay closed.

A network that learned from open eyes paints them half open over closed lids, so that nobody in a film ever
blinks. How far an eye is open shows in its landmarks (the eye aspect ratio of Soukupova and Cech, "Real-Time
Eye Blink Detection using Facial Landmarks", CVWW 2016). The nearer to closed it is, the more of it is the
photo's: lids say little of whose they are. Not in the paper.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from .features import feature_mask

SHUT, OPEN = 0.14, 0.20
"""Height of an eye over its width up to which it is the photo's, and from which the new face's. Half of all
eyes in photos have more than 0.28, of 1,462 looked at; below 0.12 nearly all are closed."""

LID = (0.10, 0.0, 0.0, 0.0)
"""How far a lid reaches around an eye's line, in units of the distance between the eyes."""


def close_eyes(
    result: Float[Tensor, "faces 3 h w"],
    target: Float[Tensor, "faces 3 h w"],
    mask: Float[Tensor, "faces 1 h w"],
    landmarks: Float[Tensor, "faces 68 2"],
    distances: Float[Tensor, "faces 4 rows columns"],
) -> Float[Tensor, "faces 3 h w"]:
    """The result with the target's eyes where those are closed.

    `landmarks` are in pixels of the pictures, `distances` those of `feature_distances`.
    """
    opened = eye_openness(landmarks)
    opened = (opened + opened.mean(1, keepdim=True)) / 2  # nearly alike, but for a wink: irises are a pair
    shut = ((OPEN - opened) / (OPEN - SHUT)).clamp(0, 1)
    if not bool((shut > 0).any()):
        return result
    size = (result.shape[2], result.shape[3])
    lids = mask * feature_mask(distances, LID, size)
    right, left = shut[:, :, None, None, None].unbind(1)
    return torch.lerp(result, target, lids * torch.where(_nearer_left(landmarks, size), left, right))


def eye_openness(landmarks: Float[Tensor, "faces 68 2"]) -> Float[Tensor, "faces 2"]:
    """Height over width of the right and of the left eye: 0 closed, about 0.3 open."""
    eyes = landmarks[:, 36:48].unflatten(1, (2, 6))
    heights = (eyes[:, :, [1, 2]] - eyes[:, :, [5, 4]]).norm(dim=3).mean(2)
    return heights / (eyes[:, :, 0] - eyes[:, :, 3]).norm(dim=2).clamp(min=1e-3)


def _nearer_left(landmarks: Float[Tensor, "faces 68 2"], size: tuple[int, int]) -> Tensor:
    """Whether a pixel is nearer to the left eye than to the right one: (faces, 1, h, w)."""
    right, left = (landmarks[:, eye].mean(1)[:, :, None, None] for eye in (slice(36, 42), slice(42, 48)))
    along = left - right
    y = torch.arange(size[0], device=landmarks.device, dtype=landmarks.dtype)[:, None]
    x = torch.arange(size[1], device=landmarks.device, dtype=landmarks.dtype)
    middle = (left + right) / 2
    return ((x - middle[:, :1]) * along[:, :1] + (y - middle[:, 1:]) * along[:, 1:]) > 0
