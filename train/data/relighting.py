"""One face in the light of another: what a pair's target is made by.

A face is its low frequencies, which are light and skin tone, and detail. The low frequencies are taken from
skin alone and run on below eyes, brows, nostrils and lips: make-up and brows of a stranger are no light, and
an eye keeps all of its own colour. Detail is scaled so that it fits: what is darker than skin by the ratio of
the two faces' brightness, what is brighter by how far each is from white, so that teeth and glints stay
apart from pale skin.
"""

import cv2
import numpy as np
from jaxtyping import Float, UInt8

from facehub.blending.filters import LUMA

SOFT = 0.07
"""Deviation of the Gaussian that parts low frequencies from high ones, in units of the crop."""

FURTHER = ((1, 1.0), (2, 0.03), (4, 0.001))
"""How much wider Gaussians are, and their weights: they decide where the first one sees no skin."""

LOW_SIDE = 96
"""Side at which low frequencies are computed, in pixels."""

CONTRAST, POWER = (0.5, 1.3), 0.6
"""Least and largest ratio of the two faces' brightness on skin, and the power of it by which shading is
scaled."""

FEATURE_CONTRAST, FEATURE_POWER = (0.3, 3.5), 1.1
"""The same for eyes, brows, nostrils and lips. A power of 1 keeps their ratio to skin; brows, irises and
moustaches are about as dark on any skin, which takes a little more."""

HUES = (0.4, 1.8)
"""Least and largest share of a colour in skin."""

DARK = 4
"""Added to levels before they are divided."""

FEATURES = (
    (*range(17, 22), *range(36, 42)),
    (*range(22, 27), *range(42, 48)),
    (*range(31, 36),),
    (*range(48, 60),),
)
"""Landmarks about each eye with its brow, the nostrils and the lips."""

MARGIN, BLUR = 0.1, 0.07
"""How far features reach beyond their landmarks, and the deviation of their soft edge, in distances of the
eyes."""

_LUMA = np.array(LUMA, np.float32)

Picture = UInt8[np.ndarray, "size size 3"]
Mask = Float[np.ndarray, "size size"]


def feature_mask(points: Float[np.ndarray, "68 2"], size: int) -> Mask:
    """1 on eyes, brows, nostrils and lips, 0 on skin. `points` in pixels of the crop."""
    found = np.zeros((size, size), np.uint8)
    for group in FEATURES:
        hull = cv2.convexHull(points[list(group)].astype(np.float32))
        cv2.fillConvexPoly(found, (hull * 16).round().astype(np.int32), 1, shift=4)
    reach = max(1, round(MARGIN * _eyes_apart(points)))
    return cv2.dilate(
        found, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    ).astype(np.float32)


def relit(face: Picture, light: Picture, mask: Mask, points: Float[np.ndarray, "68 2"]) -> Picture:
    """`face` inside the mask, its low frequencies there those of `light`; `light` outside.

    Both show their landmarks at `points`, in pixels. Shading takes the hue of `light`: a shadow on pale skin
    is a darker pale, not gray.
    """
    size, features = len(mask), feature_mask(points, len(mask))
    low_face, low_light = (_low(picture, mask * (1 - features)) for picture in (face, light))
    bright_face, bright_light = (low.mean(2) for low in (low_face, low_light))
    ratio = (bright_light + DARK) / (bright_face + DARK)
    shading = ratio.clip(*CONTRAST) ** POWER
    feature = ratio.clip(*FEATURE_CONTRAST) ** FEATURE_POWER
    glint = np.minimum(shading, (255 + DARK - bright_light) / (255 + DARK - bright_face))
    turn = _hue(low_light) - _hue(low_face)
    low_face, low_light, turn, shading, feature, glint = (
        cv2.resize(part, (size, size), interpolation=cv2.INTER_LINEAR)
        for part in (low_face, low_light, turn, shading, feature, glint)
    )
    soft = cv2.GaussianBlur(features, (0, 0), BLUR * _eyes_apart(points))
    detail = face.astype(np.float32) - low_face
    luma = detail @ _LUMA
    gain = np.where(luma > 0, glint, shading + (feature - shading) * soft)
    made = low_light + (detail + luma[..., None] * turn) * gain[..., None]
    return (made.clip(0, 255) * mask[..., None] + light * (1 - mask[..., None])).round().astype(np.uint8)


def _eyes_apart(points: Float[np.ndarray, "68 2"]) -> float:
    return float(np.linalg.norm(points[36:42].mean(0) - points[42:48].mean(0)))


def _hue(low: Float[np.ndarray, "low low 3"]) -> Float[np.ndarray, "low low 3"]:
    """The share of each colour, 1 where it is gray."""
    return ((low + DARK) / (low @ _LUMA + DARK)[..., None]).clip(*HUES)


def _low(picture: Picture, mask: Mask) -> Float[np.ndarray, "low low 3"]:
    """The mean of what the mask shows, by a Gaussian of deviation `SOFT`; far from it by wider ones."""
    side = (LOW_SIDE, LOW_SIDE)
    inside = cv2.resize(mask.astype(np.float32), side, interpolation=cv2.INTER_AREA)
    seen = cv2.resize(picture.astype(np.float32) * mask[..., None], side, interpolation=cv2.INTER_AREA)
    total, weight = np.zeros_like(seen), np.full((*side, 1), 1e-6, np.float32)
    for wider, share in FURTHER:
        deviation = wider * SOFT * LOW_SIDE
        total += share * cv2.GaussianBlur(seen, (0, 0), deviation)
        weight += share * cv2.GaussianBlur(inside, (0, 0), deviation)[..., None]
    return total / weight
