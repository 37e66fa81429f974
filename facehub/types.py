"""The records that travel through the pipeline. Imports nothing of ours.

Photos stay bytes, as they were decoded, because most of a photo is never touched; whatever is cut out of one is float in [0, 1].
Points are (x, y) in pixels with (0, 0) at the centre of the first pixel; sizes are (height, width).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

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
"""Affine maps of points, named by their ends: `crop_from_photo @ [x, y, 1]` takes photo pixels to crop pixels."""


@dataclass(frozen=True, slots=True)
class Found:
    """The faces that a finder saw in a stack of photos; those of one photo stand together, largest first."""

    landmarks: Landmarks
    """In the pixels of the photo as it was given, also when the photo had to be turned to find the face."""
    photo: Int[Tensor, " faces"]
    """Which photo of the stack each face belongs to."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where in each crop the new face goes, and what it may take its colours from."""

    mask: Float[Tensor, "faces 1 size size"]
    """1 where the new face goes."""
    hold: Float[Tensor, "faces 1 size size"]
    """1 where the photo shows skin that the new face should run on into; 0 on hair, on what lies before the face, and behind it."""
    notes: tuple[str, ...]
    """For each face a sentence for people, or nothing."""


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces cut from a stack of photos into one canonical frame, batch first."""

    crop: Crops
    mask: Float[Tensor, "faces 1 size size"]
    """1 where the new face goes, in the crop's frame."""
    hold: Float[Tensor, "faces 1 size size"]
    """1 where the new face may take its colours from: skin."""
    crop_from_photo: Matrices
    landmarks: Landmarks
    """In photo pixels."""
    photo: Int[Tensor, " faces"]
    """Which photo of the stack each face belongs to."""
    notes: tuple[str, ...]
    """For each face what a person should know about its swap, in sentences; mostly nothing."""


@dataclass(frozen=True, slots=True)
class Patch:
    """Rectangles of the photos that hold one face each, all of one size, with the new face warped into them."""

    source: Float[Tensor, "faces 3 h w"]
    """The new face in the photo's frame, RGB in [0, 1]."""
    target: Float[Tensor, "faces 3 h w"]
    """What the photo shows there. Beyond the photo's edge: its nearest pixel."""
    mask: Float[Tensor, "faces 1 h w"]
    """1 where the new face goes; 0 beyond the photo's edge."""
    hold: Float[Tensor, "faces 1 h w"]
    """1 where the new face may take its colours from: skin that the photo shows."""
    corner: Int[Tensor, "faces 2"]
    """(x, y) of the rectangle's first pixel in the photo; can be negative."""
    photo: Int[Tensor, " faces"]
    """Which photo of the stack each rectangle belongs to."""


@dataclass(frozen=True, slots=True)
class Swapped:
    """What a swap returns: the results, and all that is needed to see how they came about. What not everybody wants is made when first asked for."""

    blended: Photos
    """The photos with the new faces cloned in; outside the masks bit for bit the input."""
    faces: Faces
    """The aligned input faces: crop, mask, crop_from_photo, landmarks, photo, notes."""
    seconds: dict[str, float]
    """Wall-clock per stage: find, align, network, place, clone, paste."""
    later: "Later" = field(repr=False)
    """How the rest is made. It looks at the photos that were given: leave them as they are for so long."""

    @property
    def raw(self) -> Photos:
        """The photos with the network's output pasted in as it is, before cloning."""
        return self.later.raw()

    @property
    def mask(self) -> UInt8[Tensor, "photos 1 height width"]:
        """Where the photos may have changed, 255 = new face."""
        return self.later.mask()

    @property
    def residual(self) -> Float[Tensor, " faces"]:
        """The Poisson solve's largest error per face, in units of [0, 1] intensity."""
        return self.later.residual()

    @property
    def output(self) -> Crops:
        """What the network makes of each crop, all of it; a swap itself has only those pixels made that its mask lets through."""
        return self.later.output()


@dataclass(frozen=True, slots=True)
class Later:
    """Functions that make a result when it is first asked for, and remember it."""

    raw: Callable[[], Photos]
    mask: Callable[[], UInt8[Tensor, "photos 1 height width"]]
    output: Callable[[], Crops]
    residual: Callable[[], Float[Tensor, " faces"]]
