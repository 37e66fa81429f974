"""What a run learns from and what it is measured on."""

import dataclasses
import hashlib
import json
import pathlib

import torch

from facehub.errors import BadSetting

from .photos import Gallery, gather, gather_person, joined
from .report import write
from .weeding import weed

LEAST = 16
"""Style photos without which there is nothing to choose from: the paper's N_best."""


def held_out(name: str) -> bool:
    """One person in ten is kept for measuring: by the photo's top folder, where there is one, so that no one is on both sides."""
    return int(hashlib.sha256(name.split("/")[0].encode()).hexdigest(), 16) % 10 == 0


@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from and is measured on."""

    style: Gallery
    content: Gallery
    held_out: Gallery
    weeded: dict[str, str]
    """Name -> reason of each photo of the identity that was left out."""


def prepare(
    photos: pathlib.Path, content: list[pathlib.Path], *, size: int, cache: pathlib.Path, seed: int, report: pathlib.Path | None = None
) -> Material:
    """The people measured on come from the first content folder. `report`: a folder for what was kept of the photos and why not (report.py).

    Raises NoFace or BadPhoto when a folder holds nothing to use, BadSetting when too few photos of the identity remain.
    """
    style, weeded = style_photos(photos, size=size, cache=cache, report=report)
    first, *others = [others_than(photos, folder, gather(folder, size=size, cache=cache)) for folder in content]
    kept = torch.tensor([held_out(name) for name in first.names])
    faces, measured = joined([first[~kept], *others]), first[kept]
    shuffle = torch.Generator().manual_seed(seed)
    faces = faces[torch.randperm(len(faces), generator=shuffle)]
    measured = measured[torch.randperm(len(measured), generator=shuffle)]
    return Material(style=style, content=faces, held_out=measured, weeded=weeded)


def style_photos(photos: pathlib.Path, *, size: int, cache: pathlib.Path, report: pathlib.Path | None = None) -> tuple[Gallery, dict[str, str]]:
    """The photos that teach the identity, and the reason for each that does not. Raises BadSetting when fewer than 16 remain."""
    everything, missing = gather_person(photos, size=size, cache=cache)
    weeded = missing | weed(everything)
    if report is not None and photos.is_dir():
        for sentence in write(report, photos, everything, weeded):
            print(sentence, flush=True)
    style = everything[torch.tensor([name not in weeded for name in everything.names])]
    if len(style) < LEAST:
        raise BadSetting(f"Only {len(style)} of the photos in {photos} can be used, but {LEAST} is the least: {json.dumps(weeded, indent=1)}")
    return style, weeded


def others_than(photos: pathlib.Path, folder: pathlib.Path, gallery: Gallery) -> Gallery:
    """The gallery of `folder` without the identity's own photos, where they lie in the same tree: nobody is swapped with themselves."""
    own = photos.resolve()
    return gallery[torch.tensor([own not in (folder / name).resolve().parents for name in gallery.names])]
