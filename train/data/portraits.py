"""Photos with one face each, for pairs: whole photos, because a face that is moved brings its surroundings
along.

A stranger whose face something covers teaches to paint that something away; glasses, hands and long fringes
are left out.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8

from facehub import image
from facehub.blending.alignment import align
from facehub.blending.masks import SegmentationMasker, hull_mask, soft_threshold
from facehub.detection.finder import Finder
from facehub.errors import BadPhoto, NoFace
from facehub.geometry import transform_points
from facehub.networks.segmentation import BEARD, COVER, FACE, GLASSES, HAIR

from .gallery import MIRROR
from .portrait_cache import Row, inspect_photos

CROP_PX = 128
"""Side of the crop in which the parts of the face are segmented."""

MAX_WIDTH_PX = 320
"""Jaws wider than this are shrunk: crops of 512 px show a jaw of 256 px."""

MAX_COVERED = {GLASSES: 0.06, COVER: 0.02, HAIR: 0.25}
"""Share of the face's outline that each may cover. Dark eyes are taken for glasses up to a share of 0.05."""

Pixels = UInt8[np.ndarray, "height width 3"]


@dataclass(frozen=True, slots=True)
class Portrait:
    """One face in its photo, which is read anew each time: thousands of photos need not be held."""

    name: str
    """Path of the photo below its folder."""
    read: Callable[[], Pixels]
    """Reads the photo, shrunk so that the jaw has at most `MAX_WIDTH_PX`."""
    landmarks: Float[np.ndarray, "68 2"]
    """In units of the crop, as aligned."""
    photo_from_unit: Float[np.ndarray, "2 3"]
    """Units of the crop to pixels of what `read` gives."""
    face: Float[np.ndarray, "side side"]
    """1 where the crop shows this face, 0 where hair or something else lies in front of it."""
    width_px: float
    """Width of the jaw there: how much detail the photo holds."""
    covered: bool
    """Whether glasses, hair or something else covers more of it than `MAX_COVERED`."""

    def mirrored(self) -> "Portrait":
        """The mirror image: sides change, and with them the landmarks' order."""
        flip = np.array([[-1, 0], [0, 1]], np.float32)
        photo_width = self.read().shape[1]
        linear, shift = self.photo_from_unit[:, :2], self.photo_from_unit[:, 2]
        moved = flip @ (linear @ np.array([1, 0], np.float32) + shift) + np.array([photo_width - 1, 0])
        return replace(
            self,
            read=functools.partial(_read_mirrored, self.read),
            landmarks=self.landmarks[MIRROR] * flip.diagonal() + np.array([1, 0], np.float32),
            photo_from_unit=np.concatenate([flip @ linear @ flip, moved[:, None]], 1).astype(np.float32),
            face=np.ascontiguousarray(self.face[:, ::-1]),
        )


def _read_mirrored(read: Callable[[], Pixels]) -> Pixels:
    return np.ascontiguousarray(read()[:, ::-1])


def _read_shrunk(path: pathlib.Path, shrink: float) -> Pixels:
    pixels = image.read(path).photo.permute(1, 2, 0).numpy()
    if shrink < 1:
        pixels = cv2.resize(pixels, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(pixels)


@functools.cache
def _finder() -> Finder:
    return Finder(turn=False)


@functools.cache
def _masker() -> SegmentationMasker:
    return SegmentationMasker()


def inspect_photo(path: pathlib.Path) -> Row | None:
    """The largest face of a photo, as a swap would align it; None where no face is found or the file is no
    photo."""
    try:
        photo = image.read(path).photo
    except BadPhoto:
        return None
    found = _finder()(photo[None])
    if not len(found.photo):
        return None
    faces = align(photo[None], found.landmarks[:1], torch.zeros(1, dtype=torch.long), size=CROP_PX)
    points = transform_points(faces.crop_from_photo, faces.landmarks)
    parts, outline = _masker().parts(faces.crop), hull_mask(faces.crop, points)
    share = (parts * outline).sum((0, 2, 3)) / outline.sum()
    width = float((found.landmarks[0, 16] - found.landmarks[0, 0]).norm())
    shrink = min(1.0, MAX_WIDTH_PX / width)
    one = torch.tensor([[0, 0, 1.0]])
    photo_from_crop = torch.linalg.inv(torch.cat([faces.crop_from_photo[0], one]))
    crop_from_unit = torch.tensor([[CROP_PX, 0, -0.5], [0, CROP_PX, -0.5], [0, 0, 1.0]])
    photo_from_unit = (photo_from_crop @ crop_from_unit)[:2]
    photo_from_unit[:, 2] += 0.5
    photo_from_unit *= shrink
    photo_from_unit[:, 2] -= 0.5
    face = F.avg_pool2d(soft_threshold(parts[:, [FACE, BEARD]].sum(1, keepdim=True)), 2)[0, 0]
    return {
        "landmarks": (points[0] + 0.5) / CROP_PX,
        "photo_from_unit": photo_from_unit,
        "face": (face * 255).round().byte(),
        "shrink": torch.tensor(shrink),
        "width_px": torch.tensor(width * shrink),
        "covered": torch.tensor(any(float(share[part]) > most for part, most in MAX_COVERED.items())),
        "people": torch.tensor(len(found.photo)),
    }


def gather_portraits(
    folder: pathlib.Path,
    names: set[str] | None = None,
    *,
    cache: pathlib.Path,
    heard: Callable[[int, int, str], None] = lambda done, total, note: None,
) -> list[Portrait]:
    """The largest face of each photo below the folder, or only of the photos named. Raises NoFace when there
    is none.

    A photo of several people is left out where names are given: its largest face need not be the one meant.
    """
    rows = inspect_photos(folder, names, inspect_photo, cache=cache, heard=heard)
    kept = {name: row for name, row in rows.items() if names is None or int(row["people"]) == 1}
    if not kept:
        raise NoFace(
            f"No photo in {folder} shows a face to make pairs of: give photos with faces in the open."
        )
    return [_portrait(folder, name, row) for name, row in kept.items()]


def evenly(faces: Sequence[Portrait], count: int) -> list[Portrait]:
    """At most `count` of them, evenly chosen."""
    count = min(count, len(faces))
    return [faces[index * len(faces) // count] for index in range(count)]


def _portrait(folder: pathlib.Path, name: str, row: Row) -> Portrait:
    return Portrait(
        name=name,
        read=functools.partial(_read_shrunk, folder / name, float(row["shrink"])),
        landmarks=row["landmarks"].numpy(),
        photo_from_unit=row["photo_from_unit"].numpy(),
        face=row["face"].numpy().astype(np.float32) / 255,
        width_px=float(row["width_px"]),
        covered=bool(row["covered"]),
    )
