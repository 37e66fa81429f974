"""What the train tab shows: records of a run's photos and progress, and thumbnails."""

from pathlib import Path
from typing import NamedTuple

import torch

from facehub import image
from facehub.errors import BadPhoto
from facehub.geometry import resize
from facehub.identity.schema import CONSENT

from ..training.records import PhotoVerdict

THUMBNAIL_PX = 160
"""Side of a thumbnail."""

FIELD_MEANINGS = CONSENT | {
    "basis": "on what basis the face is used",
    "date": "when that was settled",
    "licence": "the licence of the result",
}
"""Meaning of each field of the consent record, for the person who fills it in."""


class Photos(NamedTuple):
    """Which photos of a run are used, and which are not."""

    key: str
    summary: str
    kept: list[tuple[Path, str]]
    left_out: list[tuple[Path, str]]


class TrainView(NamedTuple):
    """A run's progress as the page shows it."""

    key: str
    status: str
    curves: str
    preview: Path | None
    measures: str
    download: Path | None
    """The identity's folder as one ZIP file."""
    at_work: bool


class TrainPage(NamedTuple):
    """A run's photos and its progress."""

    key: str
    photos_summary: str
    kept: list[tuple[Path, str]]
    left_out: list[tuple[Path, str]]
    keep: str
    status: str
    curves: str
    preview: Path | None
    measures: str
    download: Path | None
    """The identity's folder as one ZIP file."""
    at_work: bool


EMPTY_PAGE = TrainPage("", "", [], [], "", "", "", None, "", None, False)


def thumbnail(photo: PhotoVerdict, folder: Path) -> Path:
    """Write a small square of the photo's middle into `folder`; gray where the photo cannot be opened."""
    small = folder / f"{photo.file.stem}.webp"
    try:
        pixels = image.read(photo.file).photo
    except BadPhoto:
        pixels = torch.full((3, THUMBNAIL_PX, THUMBNAIL_PX), 200, dtype=torch.uint8)
    side = min(pixels.shape[1:])
    top, left = (pixels.shape[1] - side) // 2, (pixels.shape[2] - side) // 2
    square = pixels[:, top : top + side, left : left + side]
    image.write(small, resize(square, (THUMBNAIL_PX, THUMBNAIL_PX)), generated=False)
    return small
