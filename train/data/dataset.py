"""What a run learns from and what it is measured on."""

import dataclasses
import hashlib
import pathlib

import torch

from facehub.errors import BadSetting
from facehub.training_progress import Progress, ProgressCallback

from ..progress import count_photos
from .filtering import check_one_person, filter_photos
from .gallery import Gallery, gather, gather_person, joined
from .report import summary, write

MIN_PHOTOS = 16
"""Style photos without which there is nothing to choose from: the paper's N_best."""


def held_out(name: str) -> bool:
    """One person in ten is kept for measuring: by the photo's top folder, where there is one, so that no
    one is on both sides."""
    return int(hashlib.sha256(name.split("/")[0].encode()).hexdigest(), 16) % 10 == 0


@dataclasses.dataclass(frozen=True, slots=True)
class Dataset:
    """What a run learns from and is measured on."""

    style: Gallery
    content: Gallery
    held_out: Gallery
    weeded: dict[str, str]
    """Name -> reason of each photo of the identity that was left out."""


def prepare(
    photos: pathlib.Path,
    content: list[pathlib.Path],
    *,
    size: int,
    cache: pathlib.Path,
    seed: int,
    report: pathlib.Path | None = None,
    progress: ProgressCallback = lambda record: None,
) -> Dataset:
    """Gather and split all faces. The people measured on come from the first content folder.

    `report`: a folder for what was kept of the photos and why not (report.py). `progress` receives a record
    per photo.

    Raises NoFace or BadPhoto when a folder holds nothing to use, BadSetting when too few photos of the
    identity remain.
    """
    style, weeded = style_photos(photos, size=size, cache=cache, report=report, progress=progress)
    first, *others = [
        others_than(photos, folder, gather(folder, size=size, cache=cache, heard=count_photos(progress)))
        for folder in content
    ]
    kept = torch.tensor([held_out(name) for name in first.names])
    faces, measured = joined([first[~kept], *others]), first[kept]
    shuffle = torch.Generator().manual_seed(seed)
    faces = faces[torch.randperm(len(faces), generator=shuffle)]
    measured = measured[torch.randperm(len(measured), generator=shuffle)]
    return Dataset(style=style, content=faces, held_out=measured, weeded=weeded)


def style_photos(
    photos: pathlib.Path,
    *,
    size: int,
    cache: pathlib.Path,
    report: pathlib.Path | None = None,
    progress: ProgressCallback = lambda record: None,
) -> tuple[Gallery, dict[str, str]]:
    """The photos that teach the identity, and the reason for each that does not. Raises BadSetting when
    fewer than 16 remain."""
    everything, missing = gather_person(photos, size=size, cache=cache, heard=count_photos(progress))
    weeded = missing | filter_photos(everything)
    check_one_person(photos, everything, weeded)
    if report is not None and photos.is_dir():
        for sentence in write(report, photos, everything, weeded):
            progress(Progress(message=sentence))
    style = everything[torch.tensor([name not in weeded for name in everything.names])]
    if len(style) < MIN_PHOTOS:
        raise BadSetting(
            f"Only {len(style)} of the photos in {photos} can be used, but {MIN_PHOTOS} is the least: add "
            f"photos. {' '.join(summary(everything, weeded)[1:])}".strip()
        )
    return style, weeded


def others_than(photos: pathlib.Path, folder: pathlib.Path, gallery: Gallery) -> Gallery:
    """The gallery of `folder` without the identity's own photos, where they lie in the same tree: nobody is
    swapped with themselves."""
    own = photos.resolve()
    return gallery[torch.tensor([own not in (folder / name).resolve().parents for name in gallery.names])]
