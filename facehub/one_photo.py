"""Swap one photo in one line: `facehub.swap("photo.jpg", "tom_cruise").save("out.jpg")`."""

import functools
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from . import image, registry
from .blending.masks import masker_by_name
from .detection.finder import Finder, finder_by_name
from .detection.selection import FaceSelection
from .errors import BadPhoto
from .face_plan import PlannedIdentities, SwappedFaces, swap_faces
from .identity.folder import Identity
from .image import Picture
from .marks.origin import Marks
from .swapped import Swapped
from .swapper import Swapper


@dataclass(frozen=True)
class SwappedPhoto:
    """One photo with new faces."""

    details: Swapped | SwappedFaces
    """The result as a batch of one: raw output, mask, crops, notes, residual and seconds."""
    picture: Picture = field(repr=False)
    """The input."""
    identity: Identity | PlannedIdentities
    """Whose faces were put in."""

    @property
    def photo(self) -> UInt8[Tensor, "3 height width"]:
        """The result: RGB bytes on the CPU, exact outside the mask, without marks."""
        return self.details.blended[0].cpu()

    @property
    def array(self) -> UInt8[np.ndarray, "height width 3"]:
        """The same as a NumPy array."""
        return self.photo.permute(1, 2, 0).contiguous().numpy()

    def save(self, file: str | os.PathLike, *, label: bool = False) -> None:
        """Write the result, marked as generated; the suffix chooses the format. `label`: also the visible
        mark.

        Raises BadSetting when it cannot be written.
        """
        origin = self.identity.origin(self.picture.file)
        image.write(file, self.photo, alpha=self.picture.alpha, origin=origin, marks=Marks(label=label))


def swap(
    photo: Any,
    identity: str | os.PathLike | Identity | Mapping[int, str],
    *,
    faces: FaceSelection = "all",
    strength: float = 1.0,
    detail: float = 1.0,
    masker: str = "learned",
    device: torch.device | str = "cpu",
) -> SwappedPhoto:
    """Swap the faces in one photo. For many photos use `Swapper`, which loads its networks once.

    `photo`: a path, a PIL picture, a uint8 array (height, width, 3) or uint8 tensor (3, height, width), RGB.
    `identity`: a short name, a title, a folder, or user/name of one that was pulled. For an identity per face
    give a mapping from the face's number, such as {0: "tom_cruise", 2: "will_smith"}; `faces` is unused then.
    `faces`: "all", "largest", or a number from 0, the largest.
    `strength`: 0 returns the input, 1 is the full swap.
    `detail`: how much of the photo's own detail returns to the skin of large faces, from 0 to 1.
    `masker`: "learned", which keeps what is in front of the face, or "landmarks", all within the outline.
    Raises BadPhoto, NoFace, UnknownIdentity, BadIdentity, Withdrawn or BadSetting.
    """
    picture = read(photo)

    def swapper(one: Identity) -> Swapper:
        network, mask = one.generator(device), masker_by_name(masker, str(device))
        return Swapper(network, finder=_finder(), masker=mask, detail=detail, device=device)

    if isinstance(identity, Mapping):
        chosen = {number: registry.load(name) for number, name in identity.items()}
        plan = {number: swapper(one) for number, one in chosen.items()}
        details = swap_faces(picture.photo[None], plan, strength=strength)
        return SwappedPhoto(details, picture, PlannedIdentities(chosen))
    loaded = identity if isinstance(identity, Identity) else registry.load(identity)
    details = swapper(loaded)(picture.photo[None], faces=faces, strength=strength)
    return SwappedPhoto(details, picture, loaded)


def read(photo: Any) -> Picture:
    """A photo in any form that `swap` takes. Raises BadPhoto."""
    if isinstance(photo, (str, os.PathLike)):
        return image.read(photo)
    if isinstance(photo, Tensor):
        pixels = photo.detach().cpu()
        if pixels.dtype == torch.uint8 and pixels.ndim == 3 and len(pixels) == 3:
            return Picture(pixels)
    elif isinstance(photo, np.ndarray):
        if photo.dtype == np.uint8 and photo.ndim == 3 and photo.shape[2] == 3:
            return Picture(torch.from_numpy(np.ascontiguousarray(photo.transpose(2, 0, 1))))
    elif hasattr(photo, "getbands"):  # a PIL picture; PIL itself stays in image.py
        return image.from_pil(photo)
    shape = f" of {photo.dtype} {tuple(photo.shape)}" if hasattr(photo, "shape") else ""
    raise BadPhoto(
        f"A {type(photo).__name__}{shape} is no photo: give a path, a PIL picture, "
        "a uint8 array (height, width, 3) or a uint8 tensor (3, height, width)."
    )


@functools.cache
def _finder() -> Finder:
    return finder_by_name()
