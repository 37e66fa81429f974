"""The whole way of a photo: find, align, swap, place, clone, paste (paper, section 3 and Figure 2). The one composition of all stages."""

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace

import torch
from jaxtyping import UInt8
from torch import Tensor

from .alignment import Masker, align, changed, paste, place, seen
from .errors import BadPhoto, BadSetting, FaceHubError, NoFace
from .faces import finder as finder_called
from .generators import Painter
from .masks import Learned
from .poisson import Cloned, clone
from .serving import Served, prepared
from .types import Crops, Faces, Found, Later, Patch, Photos, Swapped

Which = str | int
"""All faces of each photo ("all"), its largest ("largest"), or the one at this place in the order of size, from 0."""


class Swapper:
    """Gives the faces of photos the identity that `generator` was trained for. Deterministic; holds no state between calls.

    All faces of all photos of a call share one network call and one Poisson solve. `finder`, `masker` and `generator` are handed in, so
    that another detector or a learned mask drops in.
    """

    def __init__(
        self,
        generator: Painter,
        *,
        finder: Callable[[Photos], Found] | None = None,
        masker: Masker | None = None,
        device: torch.device | str = "cpu",
    ):
        self.device = torch.device(device)
        self.generator = prepared(generator, self.device)
        self.finder = finder or finder_called()
        self.masker = masker or Learned(device=self.device)

    @torch.inference_mode()
    def __call__(
        self, photos: Photos, *, faces: Which = "all", strength: float = 1.0, found: Found | None = None, masker: Masker | None = None
    ) -> Swapped:
        """Swaps faces in a stack of photos of one size.

        `strength` 0 gives the input back, 1 the full swap. `found` saves the search when the faces are known; `masker` stands in for this call.
        Raises NoFace when a photo of the stack shows no face, or not the one asked for, and BadSetting when strength is not in [0, 1].
        """
        _check(strength)
        clock = Clock(self.device)
        photos = photos.to(self.device)
        aligned = self._aligned(photos, faces, found, clock, masker)
        painted = self._painted(aligned)
        clock.lap("network")
        return self._finished(photos, aligned, painted, strength, clock)

    @torch.inference_mode()
    def each(self, stacks: Sequence[UInt8[Tensor, "_ 3 _ _"]], *, faces: Which = "all", strength: float = 1.0) -> list[Swapped | FaceHubError]:
        """Swaps in stacks of different sizes, with one network call for all of them; where one cannot be done, its error stands in the list.

        Each stack's seconds hold its share of the network's, by faces.
        """
        _check(strength)
        results: list[Swapped | FaceHubError | None] = [None] * len(stacks)
        begun: list[tuple[int, Photos, Faces, Clock]] = []
        for index, stack in enumerate(stacks):
            clock = Clock(self.device)
            try:
                photos = stack.to(self.device)
                begun.append((index, photos, self._aligned(photos, faces, None, clock), clock))
            except FaceHubError as problem:
                results[index] = problem
            except (MemoryError, RuntimeError) as problem:
                results[index] = _broken(problem)
        if not begun:
            return [result for result in results if result is not None]
        clock, together = Clock(self.device), _joined([aligned for _, _, aligned, _ in begun])
        painted = self._painted(together).split([len(aligned.crop) for _, _, aligned, _ in begun])
        clock.lap("network")
        for (index, photos, aligned, own), output in zip(begun, painted, strict=True):
            own.share("network", clock.seconds["network"] * len(aligned.crop) / len(together.crop))
            try:
                results[index] = self._finished(photos, aligned, output, strength, own)
            except (MemoryError, RuntimeError) as problem:
                results[index] = _broken(problem)
        return [result for result in results if result is not None]

    def _aligned(self, photos: Photos, faces: Which, found: Found | None, clock: "Clock", masker: Masker | None = None) -> Faces:
        found = chosen(found or self.finder(photos), len(photos), faces)
        clock.lap("find")
        aligned = align(photos, found.landmarks, found.photo, size=self.generator.size, masker=masker or self.masker)
        clock.lap("align")
        return aligned

    def _finished(self, photos: Photos, aligned: Faces, painted: Crops, strength: float, clock: "Clock") -> Swapped:
        patch = place(replace(aligned, crop=painted), photos)
        clock.lap("place")
        cloned = clone(patch.source, patch.target, patch.mask, patch.hold)
        clock.lap("clone")
        blended = paste(photos, patch, cloned.result, strength=strength)
        clock.lap("paste")
        return Swapped(blended=blended, faces=aligned, seconds=clock.seconds, later=self._later(photos, aligned, patch, cloned))

    def _painted(self, faces: Faces) -> Crops:
        """The crops with the new faces in them: of a network that can, only the window that the photos will show is asked for."""
        if not isinstance(self.generator, Served):
            return self.generator(faces.crop).clamp(0, 1)
        top, bottom, left, right = window = seen(faces)
        painted = faces.crop.clone()
        painted[:, :, top:bottom, left:right] = self.generator(faces.crop, window).clamp(0, 1)
        return painted

    def _later(self, photos: Photos, faces: Faces, patch: Patch, cloned: Cloned) -> Later:
        def once(make):
            return functools.cache(torch.inference_mode()(make))

        return Later(
            raw=once(lambda: paste(photos, patch, patch.source)),
            mask=once(lambda: changed(photos, patch)),
            output=once(lambda: self.generator(faces.crop).clamp(0, 1)),
            residual=once(lambda: cloned.residual),
        )


def _check(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise BadSetting(f"Strength is {strength}, but must lie between 0 (the input) and 1 (the full swap).")


def _joined(parts: list[Faces]) -> Faces:
    """Faces of several stacks as one; which photo they belong to is told of each stack by itself."""
    tensors = {field.name: torch.cat([getattr(part, field.name) for part in parts]) for field in fields(Faces) if field.name != "notes"}
    return Faces(**tensors, notes=tuple(note for part in parts for note in part.notes))


def _broken(problem: Exception) -> FaceHubError:
    """What PyTorch says when memory runs out is a RuntimeError, among others."""
    said = (str(problem).splitlines() or ["out of memory"])[0][:120]
    error = BadPhoto(f"The photo could not be worked on ({said}): make it smaller, or take fewer at once.")
    error.__cause__ = problem
    return error


def chosen(found: Found, photos: int, which: Which) -> Found:
    """The faces asked for, of every photo. Raises NoFace when a photo has none, and BadSetting when `which` is no choice."""
    counts = torch.bincount(found.photo, minlength=photos).tolist()
    for index, count in enumerate(counts):
        name = "the photo" if photos == 1 else f"photo {index + 1} of {photos}"
        if count == 0:
            raise NoFace(f"No face was found in {name}: use one in which a face is at least 80 pixels wide and looks roughly at the camera.")
        if isinstance(which, int) and not 0 <= which < count:
            raise NoFace(f"Face {which} was asked for, but {name} shows {count}: choose from 0 (the largest) to {count - 1}.")
    if which == "all":
        return found
    if which != "largest" and not isinstance(which, int):
        raise BadSetting(f'Faces "{which}" is no choice: use "all", "largest" or a number from 0.')
    starts = torch.tensor([sum(counts[:i]) for i in range(photos)], device=found.photo.device)
    rows = starts + (0 if which == "largest" else which)
    return Found(landmarks=found.landmarks[rows], photo=found.photo[rows])


class Clock:
    """Seconds per stage; waits for the device at each lap, so that a stage is charged with its own work."""

    def __init__(self, device: torch.device):
        self.device, self.seconds, self._last = device, {}, time.perf_counter()

    def share(self, stage: str, seconds: float) -> None:
        """Charges a stage with part of what was done for several, and starts anew."""
        self.seconds[stage], self._last = seconds, time.perf_counter()

    def lap(self, stage: str) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[stage], self._last = now - self._last, now
