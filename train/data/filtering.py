"""Which photos of a folder teach the identity, and why the others do not.

The thresholds were read off some 6,200 faces (LFW, OMI and three folders of 100 press photos) and off the
same faces blurred and made into drawings.
"""

import pathlib

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from facehub.blending.filters import luma
from facehub.choices import MIN_TRAINING_FACE_PX
from facehub.errors import BadSetting

from .face_box import boxed
from .gallery import ONE_PERSON, Gallery, majority_embedding

MIN_CHROMA = 0.02
"""Mean of a photo's largest less smallest channel below which it counts as gray."""

MAX_EYE_DARKNESS = 0.45
"""Eyes this much darker than the cheeks, as a share of the cheeks' luminance, are taken for sunglasses."""

JUDGED_AT = 128
"""Blur and drawings are told from detail of this size of crop; larger crops are shrunk to it, smaller ones
not judged."""

MIN_SHARPNESS, MIN_SHARE = 0.015, 0.2
"""Least sharpness, and least share of the folder's median sharpness. Blurred by 1.5 px (deviation) a
crop has about 0.01; the press photos have 0.04 to 0.7, their medians 0.16 to 0.21, and a share of at
least 0.24."""

MAX_DRAWN = 7.0
"""Highest measure of outlines and flat areas; the highest of all photos is 5.1, nearly all cartoons and
most posterised photos lie above 10."""

OTHER_PERSON = "the face is not the person that most photos show"
"""Reason for a photo of somebody else."""

MIN_PHOTOS_TO_JUDGE = 16
"""Photos from which on it can be said that a folder shows more than one person; training needs as many."""

SEVERAL_PEOPLE = 0.5
"""Photos of others, as a share of the person's, from which a folder does not say whom it shows."""

DUPLICATE = 0.007
"""1 - correlation of two faces' luminances (32 x 32) below which they are one photo; one person's two
expressions in one session differ by 0.008."""


def filter_photos(gallery: Gallery) -> dict[str, str]:
    """Name -> reason, for each photo that should not be a style photo. What is kept has no entry."""
    reasons: dict[str, str] = {}
    sharp = sharpness(gallery)
    measures = (
        (
            majority_distance(gallery.embedding) > ONE_PERSON,
            OTHER_PERSON,
        ),
        (
            gallery.width_px < MIN_TRAINING_FACE_PX,
            f"the face is less than {MIN_TRAINING_FACE_PX} pixels wide",
        ),
        (chroma(gallery) < MIN_CHROMA, "the photo is gray"),
        (drawn(gallery) > MAX_DRAWN, "the picture seems to be drawn, not photographed"),
        (eye_darkness(gallery) > MAX_EYE_DARKNESS, "the eyes seem to be covered (sunglasses or deep shadow)"),
        ((sharp < MIN_SHARPNESS) | (sharp < MIN_SHARE * sharp.median()), "the face is blurred"),
    )
    for flags, reason in measures:
        for index in flags.nonzero()[:, 0].tolist():
            reasons.setdefault(gallery.names[index], reason)
    for name in duplicates(
        gallery[torch.tensor([name not in reasons for name in gallery.names], dtype=torch.bool)]
    ):
        reasons[name] = "the photo is nearly the same as another one"
    return reasons


def check_one_person(photos: pathlib.Path, gallery: Gallery, left_out: dict[str, str]) -> None:
    """Raise BadSetting where so many photos show somebody else that nobody can say who is meant."""
    others = sum(left_out.get(name) == OTHER_PERSON for name in gallery.names)
    if len(gallery) < MIN_PHOTOS_TO_JUDGE:
        return
    if others > SEVERAL_PEOPLE * (len(gallery) - others):
        raise BadSetting(
            f"The folder {photos.name} shows more than one person: {others} of {len(gallery)} photos are not "
            "of whom most of them show. Give photos of one person."
        )


def majority_distance(embedding: Float[Tensor, "faces 128"]) -> Float[Tensor, " faces"]:
    """Distance of each face to the mean of the largest group."""
    return (embedding - majority_embedding(embedding)).norm(dim=1)


def chroma(gallery: Gallery) -> Float[Tensor, " faces"]:
    pixels = gallery.crop.float() / 255
    return (pixels.amax(1) - pixels.amin(1)).mean((1, 2))


def sharpness(gallery: Gallery) -> Float[Tensor, " faces"]:
    """Variance of the Laplacian over variance of the luminance in the face's box: independent of contrast.
    Infinite where it cannot be judged."""
    if gallery.crop.shape[-1] < JUDGED_AT:
        return torch.full((len(gallery),), torch.inf)
    gray = luminance(gallery)
    return laplacian(gray).var((1, 2, 3)) / gray.var((1, 2, 3)).clamp_min(1e-4)


def drawn(gallery: Gallery) -> Float[Tensor, " faces"]:
    """High where hard outlines surround flat areas: sharpness over the square of (median / mean of the
    Laplacian's magnitude).

    Pixels near black and white are not asked, because they are flat in photos too. 0 where it cannot be
    judged.
    """
    if gallery.crop.shape[-1] < JUDGED_AT:
        return torch.zeros(len(gallery))
    gray = luminance(gallery)
    inner = gray[:, :, 1:-1, 1:-1].flatten(1)
    detail = torch.where((inner > 0.06) & (inner < 0.94), laplacian(gray).abs().flatten(1), torch.nan)
    texture = detail.nanmedian(1).values / detail.nanmean(1)
    return (sharpness(gallery) / texture.clamp_min(0.01).square()).nan_to_num(0)


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


def duplicates(gallery: Gallery) -> list[str]:
    """The photos that resemble one in which the face is larger, or, where both are as large, an earlier
    one."""
    if not len(gallery):
        return []
    faces = F.adaptive_avg_pool2d(luminance(gallery), 32).flatten(1)
    faces = F.normalize(faces - faces.mean(1, keepdim=True), dim=1)
    alike = 1 - faces @ faces.T < DUPLICATE
    kept: list[int] = []
    for index in gallery.width_px.sort(descending=True, stable=True).indices.tolist():
        if not alike[index, kept].any():
            kept.append(index)
    return [name for index, name in enumerate(gallery.names) if index not in kept]


def luminance(gallery: Gallery) -> Float[Tensor, "faces 1 h w"]:
    """In [0, 1], of the face's box, as a crop of at most JUDGED_AT px shows it."""
    crop = boxed(gallery.crop.float() / 255)
    gray = luma(crop)
    shrink = JUDGED_AT / gallery.crop.shape[-1]
    if shrink >= 1:
        return gray
    return F.interpolate(
        gray, size=[round(side * shrink) for side in gray.shape[-2:]], mode="bilinear", antialias=True
    )


def laplacian(gray: Float[Tensor, "faces 1 h w"]) -> Float[Tensor, "faces 1 h-2 w-2"]:
    return F.conv2d(gray, gray.new_tensor([[[[0, 1, 0], [1, -4, 1], [0, 1, 0]]]]))


def _at(
    image: Float[Tensor, "faces 1 size size"], points: Float[Tensor, "faces points 2"]
) -> Float[Tensor, "faces points"]:
    """The image at each point, in pixels."""
    grid = (2 * points + 1) / image.shape[-1] - 1
    return F.grid_sample(image, grid[:, None], align_corners=False, padding_mode="border")[:, 0, 0]
