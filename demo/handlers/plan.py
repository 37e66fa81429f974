"""Which face gets which identity: from a text such as "all", "largest", "1" or
"0=tom_cruise,2=will_smith"."""

import copy
import re
from collections.abc import Callable, Mapping

from facehub.blending.masks import Masker
from facehub.detection.selection import select_faces
from facehub.errors import BadSetting
from facehub.face_plan import SwappedFaces, swap_faces
from facehub.swapper import Swapper
from facehub.types import Detections, Photos

from ..server.limits import Limits
from ..server.validators import parse_faces

Plan = Mapping[int, str]
"""Name of the identity for each face, by the face's number: 0 is the largest. A face without a number
stays."""

NUMBER = re.compile(r"\d{1,3}")


def make_plan(faces: str, identity: str, detections: Detections, limits: Limits) -> Plan:
    """The identity of each selected face in one photo.

    `faces`: "all", "largest", or numbers separated by commas. A number may name its own identity after "=";
    the others get `identity`. Raises NoFace when the photo lacks a face, BadSetting when the text is no
    selection.
    """
    if faces == "none":
        raise BadSetting("No face is chosen: click at least one of those below the photo.")
    if "," not in faces and "=" not in faces:
        which = parse_faces(faces)
        select_faces(detections, 1, which)
        limits.check_faces(len(detections.photo), which)
        if which == "all":
            return dict.fromkeys(range(len(detections.photo)), identity)
        return {0 if which == "largest" else int(which): identity}
    plan = {}
    for part in faces.split(","):
        number, equals, name = (text.strip() for text in part.partition("="))
        if not NUMBER.fullmatch(number) or bool(equals) != bool(name):
            raise BadSetting(
                f'Faces "{faces[:60]}" is no choice: use "all", "largest", or numbers and names, '
                "as in 0=tom_cruise,2=will_smith."
            )
        select_faces(detections, 1, int(number))
        plan[int(number)] = name or identity
    limits.check_faces(len(plan), "all")
    return plan


def run_plan(
    photos: Photos,
    plan: Plan,
    detections: Detections,
    load: Callable[[str], Swapper],
    *,
    strength: float = 1.0,
    masker: Masker | None = None,
) -> SwappedFaces:
    """Swap each face of a plan. `masker` is used in place of the swappers' own."""
    swappers = {name: load(name) for name in dict.fromkeys(plan.values())}
    if masker is not None:
        swappers = {name: with_masker(swapper, masker) for name, swapper in swappers.items()}
    numbers = {number: swappers[name] for number, name in plan.items()}
    return swap_faces(photos, numbers, strength=strength, detections=detections)


def with_masker(swapper: Swapper, masker: Masker) -> Swapper:
    """The same swapper with another masker."""
    other = copy.copy(swapper)
    other.masker = masker
    return other
