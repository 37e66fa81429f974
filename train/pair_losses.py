"""Losses of pairs, one value a face unless they say otherwise. The caller weighs and means.

`inside` is a weight for each pixel: 1 in the face, little around it, more in eyes and mouth, whose few
pixels decide whether a face looks alive.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from facehub.blending.filters import luma

from . import losses
from .data.relighting import FEATURES

AROUND = 0.08
"""What pixels outside the mask count."""

MUCH_IN_EYES, MUCH_IN_MOUTH = 2.5, 1.7
"""How many times as much as skin the middle of eyes and mouth counts."""

EYES_AND_MOUTH = (
    (slice(36, 42), MUCH_IN_EYES),
    (slice(42, 48), MUCH_IN_EYES),
    (slice(48, 68), MUCH_IN_MOUTH),
)

JUDGES = ("judge", "fine judge")
"""Losses of the discriminators, which are not part of the network's sum."""

Map = Float[Tensor, "n 1 h w"]


def inside(mask: Map, landmarks: Float[Tensor, "n 68 2"]) -> Map:
    """The weight of each pixel of a crop; landmarks in its pixels."""
    weight = torch.ones_like(mask)
    for part, much in EYES_AND_MOUTH:
        away = _away(mask, landmarks[:, part])
        weight = torch.maximum(weight, 1 + (much - 1) * (1.5 - away).clamp(0, 1))
    return (mask * (1 - AROUND) + AROUND) * weight


def skin(mask: Map, landmarks: Float[Tensor, "n 68 2"]) -> Map:
    """The mask less eyes, brows, nostrils and lips, whose colours are the identity's own."""
    for part in FEATURES:
        mask = mask * (_away(mask, landmarks[:, part]) > 1)
    return mask


def _away(mask: Map, points: Float[Tensor, "n k 2"]) -> Map:
    """Squared distance from the middle of some landmarks, 1 on an ellipse a little around them."""
    height, width = mask.shape[-2:]
    y = torch.arange(height, device=mask.device)[:, None]
    x = torch.arange(width, device=mask.device)
    low, high = points.amin(1)[..., None, None], points.amax(1)[..., None, None]
    middle, half = (low + high) / 2, (high - low) * 0.65 + 3
    away = ((x - middle[:, 0]) / half[:, 0]).square() + ((y - middle[:, 1]) / half[:, 1]).square()
    return away[:, None]


def weighted(difference: Float[Tensor, "n c h w"], weight: Map) -> Float[Tensor, " n"]:
    """The mean of a difference's magnitude."""
    total = (difference.abs() * weight).sum((1, 2, 3))
    return total / (weight.sum((1, 2, 3)) * difference.shape[1]).clamp(min=1e-6)


def chroma(difference: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 3 h w"]:
    """Colour less luma."""
    return difference - luma(difference)


def low(difference: Float[Tensor, "n 3 h w"], weight: Map) -> Float[Tensor, " n"]:
    """The same for means over 8 x 8 pixels."""
    return weighted(F.avg_pool2d(difference, 8), F.avg_pool2d(weight, 8))


def lattice(picture: Float[Tensor, "n 3 h w"]) -> Float[Tensor, " n"]:
    """How strongly pixels alternate in step over 8 x 8 pixels, along rows, columns and both: the pattern that
    pixel-shuffle leaves where its four channels disagree. Photos hold next to none of it."""
    rows, columns = (
        1 - 2 * (torch.arange(side, device=picture.device) % 2).to(picture.dtype)
        for side in picture.shape[-2:]
    )
    signs = (rows[:, None], columns, rows[:, None] * columns)
    return torch.stack([F.avg_pool2d(picture * sign, 8).abs().mean((1, 2, 3)) for sign in signs]).sum(0)


def tone(difference: Float[Tensor, "n 3 h w"], mask: Map) -> Float[Tensor, " n"]:
    """The same for means over 16 x 16 pixels of what the mask shows: the tone of skin, whatever its
    detail."""
    share = F.avg_pool2d(mask, 16)
    return weighted(F.avg_pool2d(difference * mask, 16) / (share + 0.05), share)


def features(
    output: dict[str, Tensor], target: dict[str, Tensor], weight: Map | None = None
) -> Float[Tensor, " n"]:
    """Absolute difference of normalised features, averaged over channels and places, summed over layers."""
    total = torch.zeros(())
    for name, made in output.items():
        away = (made - target[name]).abs().mean(1, keepdim=True).float()
        if weight is not None:
            away = away * F.adaptive_avg_pool2d(weight, (away.shape[-2], away.shape[-1]))
        total = total.to(away.device) + away.mean((1, 2, 3))
    return total


LANDMARK_WEIGHTS = torch.ones(68)
LANDMARK_WEIGHTS[:36], LANDMARK_WEIGHTS[36:60], LANDMARK_WEIGHTS[60:] = 0.5, 2.0, 3.0
LANDMARK_WEIGHTS[17:27] = 0.25


def landmarks(
    output: Float[Tensor, "n 68 2"], photo: Float[Tensor, "n 68 2"], apart: Float[Tensor, " n"]
) -> Float[Tensor, " n"]:
    """How far landmarks moved, in distances of the eyes; eyes, and inner lips most, count more than jaw and
    nose, and brows least: their shape is the identity's."""
    weight = LANDMARK_WEIGHTS.to(output.device)
    return ((output - photo).norm(dim=2) * weight).sum(1) / weight.sum() / apart


def likeness(output: Float[Tensor, "n k"], wanted: Float[Tensor, " k"]) -> Float[Tensor, " n"]:
    """1 - cosine of a face network's unit vectors to the identity's."""
    return 1 - output @ wanted


def left(output: Float[Tensor, "n k"], photo: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """Likeness to the input person beyond that of strangers."""
    return losses.identity(output, photo, torch.zeros_like(output[0])) - 1


def mean_of(values: Float[Tensor, " n"], marked: Tensor) -> Float[Tensor, ""]:
    """The mean over the faces marked."""
    return (values * marked).sum() / marked.sum().clamp(min=1)


def share_of(values: Float[Tensor, " n"], marked: Tensor) -> Float[Tensor, ""]:
    """The same times their share of all, for kinds that are rare."""
    return (values * marked).mean()
