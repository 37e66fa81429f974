"""The records that travel through the pipeline. Imports nothing of ours.

Photos stay bytes, as they were decoded, because most of a photo is never touched; whatever is cut out of one
is float in [0, 1]. Points are (x, y) in pixels with (0, 0) at the centre of the first pixel; sizes are
(height, width).
"""

from dataclasses import dataclass

from jaxtyping import Float, Int, UInt8
from torch import Tensor

Photos = UInt8[Tensor, "photos 3 height width"]
"""A stack of photos of one size: RGB bytes, sRGB as stored."""

Crops = Float[Tensor, "faces 3 size size"]
"""Faces in the canonical frame: RGB in [0, 1]."""

Masks = Float[Tensor, "faces 1 h w"]
"""1 where the new face goes, 0 where the photo stays, in between along a soft edge."""

Landmarks = Float[Tensor, "faces 68 2"]
"""The 68 points of iBUG 300-W in dlib's order, (x, y) in pixels."""

Matrices = Float[Tensor, "faces 2 3"]
"""Affine maps of points, named by their ends: `crop_from_photo @ [x, y, 1]` takes photo pixels to crop
pixels."""


@dataclass(frozen=True, slots=True)
class Detections:
    """The faces found in a stack of photos, photo by photo, the largest first."""

    landmarks: Landmarks
    """In the pixels of the photo as given, even if it was turned to find the face."""
    photo: Int[Tensor, " faces"]
    """Which photo of the stack each face belongs to."""


@dataclass(frozen=True, slots=True)
class FaceMask:
    """Where in each crop the new face goes, and where it may take its colours from."""

    mask: Float[Tensor, "faces 1 size size"]
    """1 where the new face goes."""
    colour_source: Float[Tensor, "faces 1 size size"]
    """1 where the photo shows skin that continues into the new face; 0 on hair, on what is in front of the
    face, and behind it."""
    notes: tuple[str, ...]
    """For each face a sentence for people, or an empty one."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces cut from a stack of photos into one canonical frame, batch first."""

    crop: Crops
    mask: Float[Tensor, "faces 1 size size"]
    """1 where the new face goes, in the crop's frame."""
    colour_source: Float[Tensor, "faces 1 size size"]
    """1 where the new face may take its colours from: skin."""
    crop_from_photo: Matrices
    landmarks: Landmarks
    """In photo pixels."""
    photo: Int[Tensor, " faces"]
    """Which photo of the stack each face belongs to."""
    notes: tuple[str, ...]
    """For each face what people should know about its swap, in sentences; mostly empty."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Rectangles of the photos, all of one size, each with one face and the new face warped into it."""

    source: Float[Tensor, "faces 3 h w"]
    """The new face in the photo's frame, RGB in [0, 1]."""
    target: Float[Tensor, "faces 3 h w"]
    """The photo's pixels. Beyond its edge the nearest pixel is repeated."""
    mask: Float[Tensor, "faces 1 h w"]
    """1 where the new face goes; 0 beyond the photo's edge."""
    colour_source: Float[Tensor, "faces 1 h w"]
    """1 where the new face may take its colours from: visible skin."""
    corner: Int[Tensor, "faces 2"]
    """(x, y) of the rectangle's first pixel in the photo; can be negative."""
    photo: Int[Tensor, " faces"]
    """Which photo of the stack each rectangle belongs to."""
