"""Which of the faces in a photo are swapped."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from ..errors import BadSetting, NoFace
from ..types import Detections

FaceSelection = str | int
"""All faces of each photo ("all"), its largest ("largest"), or one by its number: 0 is the largest."""


def select_faces(detections: Detections, photos: int, faces: FaceSelection) -> Detections:
    """The selected faces of every photo in a stack of `photos`.

    Raises NoFace when a photo has no such face, and BadSetting when `faces` is not a selection.
    """
    if faces not in ("all", "largest") and not isinstance(faces, int):
        raise BadSetting(f'Faces "{faces}" is no choice: use "all", "largest" or a number from 0.')
    numbers = [faces] if isinstance(faces, int) else [0]
    selected = select_numbers(detections, photos, numbers)
    return detections if faces == "all" else selected


def select_numbers(detections: Detections, photos: int, numbers: Sequence[int]) -> Detections:
    """The faces of these numbers in every photo, in the order of the numbers.

    Raises NoFace when a photo lacks one.
    """
    counts = torch.bincount(detections.photo, minlength=photos).tolist()
    rows, first = [], 0
    for index, count in enumerate(counts):
        for number in numbers:
            _check_number(number, count, "the photo" if photos == 1 else f"photo {index + 1} of {photos}")
        rows += [first + number for number in numbers]
        first += count
    return Detections(landmarks=detections.landmarks[rows], photo=detections.photo[rows])


def _check_number(number: int, count: int, photo: str) -> None:
    """Raise NoFace unless a photo with `count` faces has this one. `photo`: its name in the sentence."""
    if count == 0:
        raise NoFace(
            f"No face was found in {photo}: use one in which a face is at least 80 pixels wide "
            "and looks roughly at the camera."
        )
    if not 0 <= number < count:
        choice = "choose it" if count == 1 else f"choose from 0 (the largest) to {count - 1}"
        faces = "one face, number 0" if count == 1 else f"{count} faces"
        raise NoFace(f"Face {number} was asked for, but {photo} shows {faces}: {choice}.")


def central_face(detections: Detections, size: tuple[int, int]) -> Float[Tensor, "1 68 2"]:
    """The landmarks of the face nearest to the middle of a photo of this (height, width)."""
    middle = detections.landmarks.new_tensor([size[1] / 2, size[0] / 2])
    distance = (detections.landmarks.mean(1) - middle).norm(dim=1)
    return detections.landmarks[distance.argmin()][None]
