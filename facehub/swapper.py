"""The pipeline of a swap: find, align, network, warp back, clone, match, blend (paper, section 3 and
Figure 2)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import UInt8
from torch import Tensor

from .blending.alignment import align, blend, visible_window, warp_to_photo
from .blending.finish import finish_patch
from .blending.masks import Masker, SegmentationMasker
from .blending.poisson import clone
from .blending.registration import register_features
from .blending.sharpness import match_sharpness
from .detection.finder import finder_by_name
from .detection.selection import FaceSelection, select_faces
from .errors import BadPhoto, BadSetting, FaceHubError
from .geometry import transform_points
from .networks.folded import WINDOWED, for_inference
from .networks.generator import FaceGenerator
from .networks.precision import inference_dtype
from .swapped import Swapped
from .types import Crops, Detections, Faces, Landmarks, Photos


@runtime_checkable
class FindsAgain(Protocol):
    """A finder that also finds the landmarks of a face that it knows in what a network painted of it."""

    def landmarks_near(self, crops: Crops, landmarks: Landmarks) -> Landmarks:
        """Both in the crops' pixels."""
        ...


class Swapper:
    """Gives faces the identity that `generator` was trained for. Deterministic; keeps no state between calls.

    All faces of all photos of a call share one network call and one Poisson solve.
    `finder` and `masker` are arguments: any callable of their type works. A finder that can tell where the
    painted eyes and mouth are (`FindsAgain`) has them laid where the photo's are.
    """

    at_once: int = 1
    """Calls that threads may make at the same time with profit."""

    def __init__(
        self,
        generator: FaceGenerator,
        *,
        finder: Callable[[Photos], Detections] | None = None,
        masker: Masker | None = None,
        detail: float = 1.0,
        device: torch.device | str = "cpu",
        precision: str | None = None,
    ):
        """`detail`: how much of the photo's own detail returns to the skin of large faces, from 0 to 1.
        `precision`: of the networks, one of choices.PRECISIONS; None: what `FACEHUB_PRECISION` says.

        Raises BadSetting when `detail` is not in [0, 1] or the precision is unknown.
        """
        if not 0 <= detail <= 1:
            raise BadSetting(f"Detail is {detail}, but must lie between 0 (none) and 1 (the photo's).")
        self.device = torch.device(device)
        dtype = inference_dtype(self.device, precision)
        self.generator = for_inference(generator, self.device, dtype)
        self.finder = finder or finder_by_name()
        self.masker = masker or SegmentationMasker(device=self.device, precision=dtype)
        self.detail = detail

    def __call__(
        self,
        photos: Photos,
        *,
        faces: FaceSelection = "all",
        strength: float = 1.0,
        detections: Detections | None = None,
        masker: Masker | None = None,
    ) -> Swapped:
        """Swap faces in a stack of photos of one size.

        `strength`: 0 returns the input, 1 is the full swap. `detections`: faces that are already known; the
        photos are not searched. `masker`: used instead of the swapper's own for this call.
        Raises NoFace when a photo shows no face or not the selected one, BadSetting when strength is not in
        [0, 1], BadPhoto when memory runs out.
        """
        known = None if detections is None else [detections]
        [result] = self.swap_stacks([photos], faces=faces, strength=strength, detections=known, masker=masker)
        if isinstance(result, FaceHubError):
            raise result
        return result

    @torch.inference_mode()
    def swap_stacks(
        self,
        stacks: Sequence[UInt8[Tensor, "_ 3 _ _"]],
        *,
        faces: FaceSelection = "all",
        strength: float = 1.0,
        detections: Sequence[Detections | None] | None = None,
        masker: Masker | None = None,
    ) -> list[Swapped | FaceHubError]:
        """Swap faces in stacks of different sizes with one network call.

        A stack that fails has its error in the list. `detections`: one entry per stack. The network's seconds
        are shared out among the stacks by their faces.
        """
        if not 0 <= strength <= 1:
            raise BadSetting(
                f"Strength is {strength}, but must lie between 0 (the input) and 1 (the full swap)."
            )
        results: dict[int, Swapped | FaceHubError] = {}
        aligned: list[_Aligned] = []
        for index, stack in enumerate(stacks):
            known = detections[index] if detections else None
            try:
                aligned.append(self._align(index, stack, faces, known, masker or self.masker))
            except FaceHubError as problem:
                results[index] = problem
            except (MemoryError, RuntimeError) as problem:
                results[index] = _as_bad_photo(problem)
        if aligned:
            for one, crops in zip(aligned, self._run_network(aligned), strict=True):
                try:
                    results[one.index] = self._finish(one, crops, strength)
                except (MemoryError, RuntimeError) as problem:
                    results[one.index] = _as_bad_photo(problem)
        return [results[index] for index in range(len(stacks))]

    def paint(self, crops: Crops) -> Crops:
        """The new faces, over the whole of each crop."""
        return self.generator(crops).clamp(0, 1)

    def _align(
        self, index: int, stack: Photos, faces: FaceSelection, known: Detections | None, masker: Masker
    ) -> "_Aligned":
        clock = Clock(self.device)
        photos = stack.to(self.device)
        found = select_faces(known or self.finder(photos), len(photos), faces)
        clock.lap("find")
        crops = align(photos, found.landmarks, found.photo, size=self.generator.size, masker=masker)
        clock.lap("align")
        return _Aligned(index, photos, crops, clock)

    def _run_network(self, stacks: "list[_Aligned]") -> Sequence[Crops]:
        """The new faces of each stack, by one network call."""
        clock, faces = Clock(self.device), _concatenate([one.faces for one in stacks])
        crops = self._paint_visible(faces)
        clock.lap("network")
        for one in stacks:
            one.clock.add("network", clock.seconds["network"] * len(one.faces.crop) / len(crops))
        return crops.split([len(one.faces.crop) for one in stacks])

    def _paint_visible(self, faces: Faces) -> Crops:
        """The crops with the new faces; a folded generator computes only the window that the photos show."""
        if not isinstance(self.generator, WINDOWED):
            return self.paint(faces.crop)
        top, bottom, left, right = window = visible_window(faces)
        painted = faces.crop.clone()
        painted[:, :, top:bottom, left:right] = self.generator(faces.crop, window).clamp(0, 1)
        return painted

    def _register(self, crops: Crops, faces: Faces) -> Crops:
        """The new faces with eyes and mouth where the photo's are, if the finder can tell."""
        if not isinstance(self.finder, FindsAgain):
            return crops
        wanted = transform_points(faces.crop_from_photo, faces.landmarks)
        return register_features(crops, self.finder.landmarks_near(crops, wanted), wanted)

    def _finish(self, one: "_Aligned", crops: Crops, strength: float) -> Swapped:
        """Warp the new faces into the photos, clone them, match them to the photos and blend them in."""
        photos, clock = one.photos, one.clock
        clock.start()
        laid = self._register(crops, one.faces)
        soft, sharpness = match_sharpness(laid, one.faces.crop, one.faces.mask)
        patch = warp_to_photo(replace(one.faces, crop=soft), photos)
        clock.lap("place")
        cloned = clone(patch.source, patch.target, patch.mask, patch.colour_source)
        clock.lap("clone")
        matched = finish_patch(cloned.result, patch, one.faces, sharpness=sharpness, detail=self.detail)
        clock.lap("detail")
        blended = blend(photos, patch, matched, strength=strength)
        clock.lap("paste")
        return Swapped(blended, one.faces, clock.seconds, photos, crops, patch, cloned, self.paint)


@dataclass(frozen=True, slots=True)
class _Aligned:
    """A stack whose faces are aligned: what the network and the stages after it need."""

    index: int
    """Place of the stack in the call."""
    photos: Photos
    """On the swapper's device."""
    faces: Faces
    clock: "Clock" = field(repr=False)


class Clock:
    """Seconds per stage. Waits for the device at each lap, so that a stage is charged with its own work."""

    def __init__(self, device: torch.device):
        self.device, self.seconds = device, {}
        self.start()

    def start(self) -> None:
        """Begin a lap."""
        self._started = time.perf_counter()

    def lap(self, stage: str) -> None:
        """Charge a stage with the time since the last lap, and begin the next."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        now = time.perf_counter()
        self.seconds[stage], self._started = now - self._started, now

    def add(self, stage: str, seconds: float) -> None:
        """Charge a stage with time that was measured elsewhere."""
        self.seconds[stage] = seconds


def _concatenate(parts: list[Faces]) -> Faces:
    """The faces of several stacks as one record; `photo` still indexes into each face's own stack."""
    if len(parts) == 1:
        return parts[0]
    tensors = {
        part.name: torch.cat([getattr(faces, part.name) for faces in parts])
        for part in fields(Faces)
        if part.name != "notes"
    }
    return Faces(**tensors, notes=tuple(note for faces in parts for note in faces.notes))


def _as_bad_photo(problem: Exception) -> FaceHubError:
    """The error as a sentence. PyTorch raises RuntimeError, among others, when memory runs out."""
    reason = (str(problem).splitlines() or ["out of memory"])[0][:120]
    error = BadPhoto(f"The photo could not be processed ({reason}): make it smaller, or take fewer at once.")
    error.__cause__ = problem
    return error
