"""Folders of photos -> aligned faces, kept in a cache.

One pass over a folder tree finds the largest face of every photo, aligns it as a swap would, and embeds it for telling people apart. Crops
are stored as bytes with their landmarks in crop pixels. The cache is one safetensors file, written whole or not at all, and rebuilt when the list
of files, their sizes or the crop's size change.
"""

import hashlib
import json
import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float, Int, UInt8
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from facehub import image
from facehub.alignment import align
from facehub.errors import BadPhoto, NoFace
from facehub.faces import Finder, Recogniser
from facehub.geometry import move
from facehub.types import Found

from .reference import MIRROR, SUFFIXES


@dataclass(frozen=True, slots=True)
class Gallery:
    """Aligned faces of many photos, one a photo."""

    names: tuple[str, ...]
    """Path of each photo below the folder it came from."""
    crop: UInt8[Tensor, "faces 3 size size"]
    landmarks: Float[Tensor, "faces 68 2"]
    """In crop pixels."""
    embedding: Float[Tensor, "faces 128"]
    """dlib's recogniser; nearer than 0.6 is one person."""
    found: Int[Tensor, " faces"]
    """How many faces the photo showed."""
    width_px: Float[Tensor, " faces"]
    """Width of the jaw in the photo: how much detail the crop really holds."""

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, keep: Bool[Tensor, " faces"] | Int[Tensor, " kept"]) -> "Gallery":
        """The faces that `keep` marks or lists."""
        indices = keep.nonzero()[:, 0] if keep.dtype == torch.bool else keep
        return Gallery(
            names=tuple(self.names[i] for i in indices.tolist()),
            crop=self.crop[indices],
            landmarks=self.landmarks[indices],
            embedding=self.embedding[indices],
            found=self.found[indices],
            width_px=self.width_px[indices],
        )

    def mirrored(self) -> "Gallery":
        """Every face followed by its mirror image: the reference face is symmetric, so a mirrored crop is a crop."""
        size = self.crop.shape[-1]
        flipped = self.landmarks[:, MIRROR] * self.landmarks.new_tensor([-1, 1]) + self.landmarks.new_tensor([size - 1, 0])
        both = {k: torch.cat([v, v]) for k, v in {"embedding": self.embedding, "found": self.found, "width_px": self.width_px}.items()}
        return replace(
            self, names=self.names * 2, crop=torch.cat([self.crop, self.crop.flip(-1)]), landmarks=torch.cat([self.landmarks, flipped]), **both
        )


def joined(galleries: list[Gallery]) -> Gallery:
    """One gallery after the other."""
    fields = ("crop", "landmarks", "embedding", "found", "width_px")
    return Gallery(sum((g.names for g in galleries), ()), *(torch.cat([getattr(g, k) for g in galleries]) for k in fields))


def gather(
    folder: pathlib.Path, *, size: int, cache: pathlib.Path, heard: Callable[[int, int, str], None] = lambda done, total, note: None
) -> Gallery:
    """All faces below `folder`, from the cache when it still holds. `heard(done, total, note)` is told of each photo."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES)
    if not paths:
        raise BadPhoto(f"{folder} holds no photos: give a folder with pictures ({', '.join(sorted(SUFFIXES))}).")
    names = [str(p.relative_to(folder)) for p in paths]
    key = hashlib.sha256(json.dumps([size, [(n, p.stat().st_size) for n, p in zip(names, paths, strict=True)]]).encode()).hexdigest()[:16]
    file = cache / f"{folder.name}-{size}-{key}.safetensors"
    if not file.exists():
        _write(file, _cut(folder, names, size, heard))
    return _read(file)


def _cut(folder, names, size, heard) -> Gallery:
    finder, recogniser = Finder(turn=False), Recogniser()
    rows = []
    for done, name in enumerate(names, 1):
        try:
            photos = image.read(folder / name).photo[None]
            found = finder(photos)
            if not len(found.photo):
                raise NoFace("no face")
            first = Found(landmarks=found.landmarks[:1], photo=found.photo[:1])
            faces = align(photos, first.landmarks, first.photo, size=size)
            points = move(faces.crop_from_photo, faces.landmarks)
            jaw = (first.landmarks[0, 16] - first.landmarks[0, 0]).norm()
            rows.append((name, (faces.crop[0] * 255).round().to(torch.uint8), points[0], recogniser(photos, first)[0], len(found.photo), jaw))
            heard(done, len(names), "")
        except (BadPhoto, NoFace) as problem:
            heard(done, len(names), f"{name}: {problem}")
    if not rows:
        raise NoFace(f"No photo in {folder} shows a face: give photos in which the face is upright and at least 80 pixels wide.")
    kept, crops, landmarks, embeddings, counts, widths = zip(*rows, strict=True)
    return Gallery(
        kept, torch.stack(crops), torch.stack(landmarks), torch.stack(embeddings), torch.tensor(counts), torch.stack(widths)
    )


def _write(file: pathlib.Path, gallery: Gallery) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    tensors = {k: getattr(gallery, k) for k in ("crop", "landmarks", "embedding", "found", "width_px")}
    save_file(tensors, part, metadata={"names": json.dumps(gallery.names)})
    os.replace(part, file)


def _read(file: pathlib.Path) -> Gallery:
    with safe_open(file, "pt") as f:
        names = tuple(json.loads(f.metadata()["names"]))
        return Gallery(names, *(f.get_tensor(k) for k in ("crop", "landmarks", "embedding", "found", "width_px")))
