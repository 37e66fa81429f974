"""Whether a swap keeps what a face does: lips together or apart, and where the eyes look. From MediaPipe's
478 points, which are in no loss.
"""

import torch
from jaxtyping import Float
from torch import Tensor

LIPS = ((13, 14), (82, 87), (312, 317))
"""Pairs of points on the inner upper and lower lip: the middle and halfway to either side."""

EYES = ((33, 133, 468), (362, 263, 473))
"""Both corners and the pupil of each eye."""


def lip_gap(mesh: Float[Tensor, "n 478 _"]) -> Float[Tensor, " n"]:
    """Mean distance of the inner lips over the distance between the eyes' centres; 0 for a closed mouth."""
    points = mesh[:, :, :2]
    between = (_centre(points, EYES[0]) - _centre(points, EYES[1])).norm(dim=1)
    return (
        torch.stack([(points[:, upper] - points[:, lower]).norm(dim=1) for upper, lower in LIPS]).mean(0)
        / between
    )


def gaze(mesh: Float[Tensor, "n 478 _"]) -> Float[Tensor, "n 2"]:
    """Where each pupil stands between the corners of its eye, along the line of the corners: 0 at the
    first, 1 at the second.
    """
    places = []
    for first, second, pupil in EYES:
        along = mesh[:, second, :2] - mesh[:, first, :2]
        places.append(((mesh[:, pupil, :2] - mesh[:, first, :2]) * along).sum(1) / along.square().sum(1))
    return torch.stack(places, 1)


def _centre(points: Float[Tensor, "n 478 2"], eye: tuple[int, int, int]) -> Float[Tensor, "n 2"]:
    return (points[:, eye[0]] + points[:, eye[1]]) / 2
