"""The result of a swap. What not every caller wants is computed on first access."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .blending.alignment import blend, changed_mask, warp_to_photo
from .blending.poisson import Cloned
from .types import Crops, Faces, Landmarks, Patch, Photos


@dataclass(frozen=True)
class Swapped:
    """What a swap returns: the result, and all that is needed to see how it came about.

    `raw`, `mask`, `output` and `residual` are computed on first access and kept. They read the input photos,
    so do not modify those meanwhile.
    """

    blended: Photos
    """The photos with the new faces cloned in; outside the masks bit for bit the input."""
    faces: Faces
    """The aligned input faces: crop, mask, crop_from_photo, landmarks, photo, notes."""
    seconds: dict[str, float]
    """Wall-clock time per stage: find, align, network, place, clone, detail, paste."""
    photos: Photos = field(repr=False)
    """The input, on the device of the swap."""
    painted: Crops = field(repr=False)
    """The network's output, at least where the masks show it."""
    patch: Patch = field(repr=False)
    """The network's output with crisp eyes and mouth, warped into the photos."""
    cloned: Cloned = field(repr=False)
    """The Poisson solution for each patch."""
    network: Callable[[Crops], Crops] = field(repr=False)
    """Computes `output` from the crops."""

    @cached_property
    @torch.inference_mode()
    def raw(self) -> Photos:
        """The photos with the network's output pasted in unchanged, before cloning."""
        return blend(
            self.photos, self.patch, warp_to_photo(replace(self.faces, crop=self.painted), self.photos).source
        )

    @cached_property
    @torch.inference_mode()
    def mask(self) -> UInt8[Tensor, "photos 1 height width"]:
        """Where the photos may have changed, 255 = new face."""
        return changed_mask(self.photos, self.patch)

    @cached_property
    @torch.inference_mode()
    def output(self) -> Crops:
        """The network's output for the whole of each crop. A swap computes only what its mask shows."""
        return self.network(self.faces.crop)

    @property
    def landmarks(self) -> Landmarks:
        """Of the swapped faces, in photo pixels."""
        return self.faces.landmarks

    @property
    def notes(self) -> tuple[str, ...]:
        """For each face what a person should know about its swap, in sentences; mostly nothing."""
        return self.faces.notes

    @property
    def residual(self) -> Float[Tensor, " faces"]:
        """The Poisson solver's largest error per face, in units of [0, 1] intensity."""
        return self.cloned.residual
