"""What pairs are made of: the person's photos, other people's, and the frozen networks that judge."""

import dataclasses
import pathlib
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from facehub.errors import BadSetting
from facehub.training_progress import Progress, ProgressCallback

from . import landmarks
from .data.dataset import MIN_PHOTOS, held_out, style_photos
from .data.gallery import SUFFIX
from .data.pairs import cut
from .data.people import HELD_OUT, LEARNED, check_people
from .data.portraits import Portrait, gather_portraits
from .networks.sface import SFace
from .networks.vgg import vgg19
from .pair_loop import PairTeachers
from .pair_training import STRAIGHT
from .progress import count_photos

SAME_PERSON = 0.5
"""Cosine to the person's mean face, by SFace, from which a stranger is the person."""

MAX_COMPARED = 1500
"""Strangers that are compared with the person: one a folder, evenly chosen."""


@dataclass(frozen=True, slots=True)
class PairMaterial:
    """Whose photos are used for what."""

    identity: list[Portrait]
    """The person's photos, which are the targets."""
    left_out: dict[str, str]
    """Name -> reason of each of the person's photos that is not used."""
    strangers: list[Portrait]
    held_out: list[Portrait]
    """People of whom nothing is learned: they are shown and measured."""


def gather_material(
    photos: pathlib.Path,
    content: list[pathlib.Path],
    *,
    least_px: int,
    cache: pathlib.Path,
    folder: pathlib.Path,
    report: ProgressCallback,
) -> PairMaterial:
    """Inspect all photos. `folder` gets the report on the person's. Raises NoFace, BadPhoto, BadSetting."""
    identity, left_out = own_photos(photos, least_px=least_px, cache=cache, folder=folder, report=report)
    strangers, shown = other_people(content, photos, cache, report)
    return PairMaterial(identity, left_out, strangers, shown)


def own_photos(
    photos: pathlib.Path,
    *,
    least_px: int,
    cache: pathlib.Path,
    folder: pathlib.Path,
    report: ProgressCallback,
) -> tuple[list[Portrait], dict[str, str]]:
    """The photos that are targets, and why others are not. Where too few are large, all are taken, which is
    said. Raises BadSetting when fewer than `MIN_PHOTOS` remain."""
    style, left_out = style_photos(photos, size=128, cache=cache, report=folder, progress=report)
    faces = gather_portraits(photos, set(style.names), cache=cache, heard=count_photos(report))
    if len(faces) < MIN_PHOTOS:
        raise BadSetting(
            f"Only {len(faces)} photos in {photos} show the person alone, but {MIN_PHOTOS} is the least: add "
            "photos with nobody else in them."
        )
    large = [face for face in faces if face.width_px >= least_px]
    if len(large) < MIN_PHOTOS:
        what = f"Only {len(large)} photos show a face of {least_px} px or more"
        report(Progress(message=f"{what}: all {len(faces)} are used, and the result will be soft."))
        large = faces
    return large, left_out


def other_people(
    content: list[pathlib.Path], own: pathlib.Path, cache: pathlib.Path, report: ProgressCallback
) -> tuple[list[Portrait], list[Portrait]]:
    """Those that are learned from and those that are held out.

    Without folders of content both ship; of content a tenth of the people are held out
    (data.dataset.held_out), and the shipped ones stand in where nobody is.
    """
    if not content:
        people = check_people()
        learned, shown = (
            gather_portraits(people / half, cache=cache, heard=count_photos(report))
            for half in (LEARNED, HELD_OUT)
        )
        return learned, shown
    found, shown = [], []
    for folder in content:
        if folder.suffix == SUFFIX:
            raise BadSetting(
                f"{folder.name} holds crops, but pairs need whole photos: give the folder it was made from."
            )
        faces = gather_portraits(folder, cache=cache, heard=count_photos(report))
        for face in faces:
            if own.resolve() in (folder / face.name).resolve().parents:
                continue
            (shown if "/" in face.name and held_out(face.name) else found).append(face)
    if not found:
        raise BadSetting("The content holds nobody but the person: give photos of other people.")
    if not shown:
        shown = gather_portraits(check_people() / HELD_OUT, cache=cache, heard=count_photos(report))
    return found, shown


def teachers_for(
    identity: list[Portrait],
    vgg: pathlib.Path | None,
    scales: pathlib.Path | None,
    sface: pathlib.Path,
    device: torch.device,
) -> PairTeachers:
    """The frozen networks, and the person's mean face. Raises BadSetting when a file is none of them."""
    crop, _ = _crops(identity)
    recogniser = SFace(sface).to(device)
    found = _vectors(recogniser, identity, device)
    return PairTeachers(
        network=vgg19(vgg, scales, box=(crop * 255).to(torch.uint8), device=device),
        points=landmarks.read().to(device),
        sface=recogniser,
        face=F.normalize(found.mean(0), dim=0),
    )


def without_the_identity(
    material: PairMaterial, teachers: PairTeachers, report: ProgressCallback
) -> PairMaterial:
    """The material less the strangers who are the person. Raises BadSetting when most of them are."""
    people: dict[str, list[Portrait]] = {}
    for face in material.strangers:
        people.setdefault(face.name.rpartition("/")[0] or face.name, []).append(face)
    step = max(1, -(-len(people) // MAX_COMPARED))
    names = list(people)[::step]
    alike = (
        _vectors(teachers.sface, [people[name][0] for name in names], teachers.face.device) @ teachers.face
    )
    same = {name for name, cosine in zip(names, alike.tolist(), strict=True) if cosine >= SAME_PERSON}
    if not same:
        return material
    if 2 * len(same) >= len(names):
        raise BadSetting(
            f"{len(same)} of {len(names)} people in the content are the person whose face is learned: give "
            "photos of other people."
        )
    report(
        Progress(message=f"Left out of the content, because it is the person: {', '.join(sorted(same)[:5])}.")
    )
    kept = [face for name, faces in people.items() if name not in same for face in faces]
    return dataclasses.replace(material, strangers=kept)


def _crops(faces: list[Portrait]) -> tuple[Float[Tensor, "n 3 128 128"], Float[Tensor, "n 68 2"]]:
    crops = [
        torch.from_numpy(cut(face, STRAIGHT, 512)).permute(2, 0, 1)[None].float() / 255 for face in faces
    ]
    points = torch.tensor([face.landmarks.tolist() for face in faces]) * 128 - 0.5
    return torch.cat([F.avg_pool2d(some, 4) for some in crops]), points


@torch.no_grad()
def _vectors(recogniser, faces: list[Portrait], device: torch.device) -> Float[Tensor, "n k"]:
    """Unit vectors, 16 faces at a time."""
    found = []
    for start in range(0, len(faces), 16):
        crop, points = _crops(faces[start : start + 16])
        found.append(recogniser(crop.to(device), points.to(device)))
    return torch.cat(found)
