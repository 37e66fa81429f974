"""Which photos of a folder teach the identity, and why the others do not."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .photos import Gallery

ONE_PERSON = 0.6
"""dlib's threshold on the distance of two embeddings; here the distance to the folder's majority."""

MIN_WIDTH_PX = 56
"""Narrowest jaw in the photo; the reference face is 64 px wide in a crop of 128 px."""

MIN_CHROMA = 0.02
"""Mean of a photo's largest less smallest channel below which it counts as gray."""

MAX_EYE_DARKNESS = 0.45
"""Eyes this much darker than the cheeks, as a share of the cheeks' luminance, are taken for sunglasses."""

DUPLICATE = 0.02
"""Mean absolute difference of two 16 px thumbnails below which two photos count as one."""


def weed(gallery: Gallery) -> dict[str, str]:
    """Name -> reason, for each photo that should not be a style photo. What is kept has no entry."""
    reasons: dict[str, str] = {}
    measures = (
        (majority_distance(gallery.embedding) > ONE_PERSON, "the face is not the person that most photos show"),
        (gallery.width_px < MIN_WIDTH_PX, f"the face is less than {MIN_WIDTH_PX} pixels wide"),
        (chroma(gallery) < MIN_CHROMA, "the photo is gray"),
        (eye_darkness(gallery) > MAX_EYE_DARKNESS, "the eyes seem to be covered (sunglasses or deep shadow)"),
        (duplicates(gallery), "the photo is nearly the same as an earlier one"),
    )
    for flags, reason in measures:
        for index in flags.nonzero()[:, 0].tolist():
            reasons.setdefault(gallery.names[index], reason)
    return reasons


def majority_distance(embedding: Float[Tensor, "faces 128"]) -> Float[Tensor, " faces"]:
    """Distance of each face to the mean of the largest group: those near the face that has most neighbours."""
    near = torch.cdist(embedding, embedding) < ONE_PERSON
    centre = embedding[near[near.sum(1).argmax()]].mean(0)
    return (embedding - centre).norm(dim=1)


def chroma(gallery: Gallery) -> Float[Tensor, " faces"]:
    pixels = gallery.crop.float() / 255
    return (pixels.amax(1) - pixels.amin(1)).mean((1, 2))


def eye_darkness(gallery: Gallery) -> Float[Tensor, " faces"]:
    """1 - luminance around the eyes / luminance of the cheeks and the bridge of the nose."""
    luminance = (gallery.crop.float() / 255).mean(1, keepdim=True)
    luminance = F.avg_pool2d(F.pad(luminance, (2, 2, 2, 2), mode="replicate"), 5, stride=1)
    p = gallery.landmarks
    eyes = torch.stack([p[:, 36:42].mean(1), p[:, 42:48].mean(1)], dim=1)
    below = eyes + (p[:, 33] - p[:, 27])[:, None] * 0.25
    cheeks = eyes + (p[:, 33] - p[:, 27])[:, None] * 0.8
    dark = torch.minimum(_at(luminance, eyes), _at(luminance, below)).mean(1)
    dark = torch.maximum(dark, _at(luminance, below).mean(1))
    return 1 - dark / _at(luminance, cheeks).mean(1).clamp_min(1e-3)


def duplicates(gallery: Gallery) -> Tensor:
    """True for each photo that resembles an earlier one."""
    thumbnails = F.adaptive_avg_pool2d(gallery.crop.float() / 255, 16).flatten(1)
    distance = torch.cdist(thumbnails, thumbnails, p=1) / thumbnails.shape[1]
    return (distance.tril(-1) + torch.ones_like(distance).triu()).amin(1) < DUPLICATE


def _at(image: Float[Tensor, "faces 1 size size"], points: Float[Tensor, "faces points 2"]) -> Float[Tensor, "faces points"]:
    """The image at each point, in pixels."""
    grid = (2 * points + 1) / image.shape[-1] - 1
    return F.grid_sample(image, grid[:, None], align_corners=False, padding_mode="border")[:, 0, 0]
