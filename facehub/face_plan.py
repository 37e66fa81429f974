"""Several identities in one photo: a plan names the swapper of each face by the face's number."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from .detection.selection import select_numbers
from .errors import BadSetting, FaceHubError
from .identity.folder import Identity
from .marks.origin import Origin
from .swapped import Swapped
from .swapper import Swapper
from .types import Detections, Landmarks, Photos

FacePlan = Mapping[int, Swapper]
"""The swapper of each face. Faces are numbered by size, 0 is the largest; a face without a number stays."""


@dataclass(frozen=True)
class SwappedFaces:
    """The result of `swap_faces`. Lists per face are in the order of the numbers."""

    blended: Photos
    """The photos with all new faces cloned in; outside the masks bit for bit the input."""
    parts: tuple[Swapped, ...] = field(repr=False)
    """The swap of each swapper. The input of one is the result of the one before."""
    numbers: tuple[tuple[int, ...], ...]
    """The numbers of the faces in each part."""

    @cached_property
    def raw(self) -> Photos:
        """The photos with the networks' outputs pasted in unchanged, before cloning."""
        photos = self.parts[0].raw
        for part in self.parts[1:]:
            photos = torch.where(part.mask > 0, part.raw, photos)
        return photos

    @cached_property
    def mask(self) -> UInt8[Tensor, "photos 1 height width"]:
        """Where the photos may have changed, 255 = new face."""
        return torch.stack([part.mask for part in self.parts]).amax(0)

    @cached_property
    def seconds(self) -> dict[str, float]:
        """Wall-clock time per stage, over all parts."""
        return {stage: sum(part.seconds[stage] for part in self.parts) for stage in self.parts[0].seconds}

    @property
    def landmarks(self) -> Landmarks:
        """In photo pixels."""
        return torch.cat([part.faces.landmarks for part in self.parts])[self._order]

    @property
    def residual(self) -> Float[Tensor, " faces"]:
        """As `Swapped.residual`."""
        return torch.cat([part.residual for part in self.parts])[self._order]

    @property
    def notes(self) -> tuple[str, ...]:
        """As `Faces.notes`."""
        notes = [note for part in self.parts for note in part.faces.notes]
        return tuple(notes[row] for row in self._order)

    @property
    def _order(self) -> list[int]:
        """The rows of the parts' faces by photo and number."""
        keys = []
        for part, numbers in zip(self.parts, self.numbers, strict=True):
            keys += [(photo, number) for photo in part.faces.photo.unique().tolist() for number in numbers]
        return sorted(range(len(keys)), key=keys.__getitem__)


def swap_faces(
    photos: Photos, plan: FacePlan, *, strength: float = 1.0, detections: Detections | None = None
) -> SwappedFaces:
    """Swap the faces that `plan` names in each photo of a stack, one swapper after the other.

    The photos are searched once, by the first swapper's finder, or not at all when `detections` are given.
    Raises NoFace when a photo lacks a face of the plan, BadSetting for an empty plan, and as Swapper does.
    """
    if not plan:
        raise BadSetting("No face was given an identity: name at least one, such as 0=tom_cruise.")
    faces_of: dict[Swapper, list[int]] = {}
    for number in sorted(plan):
        faces_of.setdefault(plan[number], []).append(number)
    first = next(iter(faces_of))
    found = detections or first.finder(photos.to(first.device))
    chosen = {swapper: select_numbers(found, len(photos), numbers) for swapper, numbers in faces_of.items()}
    parts: list[Swapped] = []
    for swapper, faces in chosen.items():
        stack = parts[-1].blended if parts else photos
        parts.append(swapper(stack, strength=strength, detections=faces))
    return SwappedFaces(parts[-1].blended, tuple(parts), tuple(map(tuple, faces_of.values())))


class PlanSwapper:
    """A plan as batch.py runs it: photos of different sizes, each with the same plan."""

    def __init__(self, plan: FacePlan):
        self.plan = plan

    def swap_stacks(
        self, stacks: Sequence[UInt8[Tensor, "_ 3 _ _"]], *, strength: float = 1.0
    ) -> list[SwappedFaces | FaceHubError]:
        """As `Swapper.swap_stacks`: a stack that fails has its error in the list."""
        results: list[SwappedFaces | FaceHubError] = []
        for stack in stacks:
            try:
                results.append(swap_faces(stack, self.plan, strength=strength))
            except FaceHubError as problem:
                results.append(problem)
        return results


class PlannedIdentities:
    """The identities of a plan, as records and marks name them."""

    def __init__(self, identities: Mapping[int, Identity]):
        self._identities = dict(sorted(identities.items()))

    @property
    def handle(self) -> str:
        """Such as 0=tom_cruise,2=will_smith."""
        return ",".join(f"{number}={identity.handle}" for number, identity in self._identities.items())

    def origin(self, parent: bytes | None = None) -> Origin:
        """What the manifest says: all identities, repositories, revisions and bases, each once."""
        origins = [identity.origin() for identity in self._identities.values()]

        def joined(values: Iterable[str]) -> str:
            return ", ".join(filter(None, dict.fromkeys(values)))

        return Origin(
            parent,
            identity=joined(origin.identity for origin in origins),
            repository=joined(origin.repository for origin in origins),
            revision=joined(origin.revision for origin in origins),
            basis=joined(origin.basis for origin in origins),
        )
