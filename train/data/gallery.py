"""Folders of photos -> aligned faces, kept in a cache. `python -m train.photos PHOTOS --report FOLDER` says
what training would keep.

One pass over a folder tree finds the faces of every photo, aligns one a photo as a swap would, and embeds
it for telling people apart. Of other people's photos that is the largest face; of an identity's own, the
one nearest to the person whom most of the photos show.

The cache is one file, written whole or not at all, and rebuilt when it is damaged or when a photo, the
crop's size or the reference face changes. Crops are kept in it as WebP (quality 95: on average 1.3 of 255
away from the crop as cut, a tenth of its bytes), so that 5,000 faces are 28 MB. The file can travel without
the photos: it is taken wherever their folder is.
"""

import hashlib
import json
import pathlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Bool, Float, Int, UInt8
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from facehub import files, image
from facehub.blending.alignment import align, reference_face
from facehub.choices import MIN_TRAINING_FACE_PX
from facehub.detection.finder import Finder
from facehub.detection.recogniser import Recogniser
from facehub.errors import BadPhoto, BadSetting, NoFace
from facehub.formats import READ_SUFFIXES, photo_files
from facehub.geometry import transform_points
from facehub.types import Detections

ONE_PERSON = 0.6
"""dlib's threshold on the distance of two embeddings; here also on the distance to a folder's majority."""

SUFFIX = ".faces"
"""Of cache files: safetensors inside."""

JAW_AND_BROWS = [*range(16, -1, -1), *range(26, 16, -1)]
NOSE_AND_EYES = [*range(27, 31), *range(35, 30, -1), 45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
MOUTH = [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), 67, 66, 65]
MIRROR = JAW_AND_BROWS + NOSE_AND_EYES + MOUTH
"""Index of each landmark's mirror image."""

FaceChoice = Literal["largest", "person"]
ProgressCallback = Callable[[int, int, str], None]
"""Told of each photo: how many are done, of how many, and what was wrong with this one, if anything."""


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
            tuple(self.names[i] for i in indices.tolist()),
            *(getattr(self, field)[indices] for field in FIELDS),
        )

    def mirrored(self) -> "Gallery":
        """Every face followed by its mirror image: the reference face is symmetric, so a mirrored crop is a
        crop."""
        flipped = mirror_points(self.landmarks, self.crop.shape[-1])
        return joined([self, replace(self, crop=self.crop.flip(-1), landmarks=flipped)])


FIELDS = ("crop", "landmarks", "embedding", "found", "width_px")


def mirror_points(landmarks: Float[Tensor, "faces 68 2"], size: int) -> Float[Tensor, "faces 68 2"]:
    """Landmarks in pixels of a crop of this size, in those of its mirror image."""
    return landmarks[:, MIRROR] * landmarks.new_tensor([-1, 1]) + landmarks.new_tensor([size - 1, 0])


def joined(galleries: list[Gallery]) -> Gallery:
    """One gallery after the other."""
    names = tuple(name for gallery in galleries for name in gallery.names)
    return Gallery(
        names, *(torch.cat([getattr(gallery, field) for gallery in galleries]) for field in FIELDS)
    )


def gather(
    folder: pathlib.Path,
    *,
    size: int,
    cache: pathlib.Path,
    heard: ProgressCallback = lambda done, total, note: None,
) -> Gallery:
    """The largest face of each photo below `folder`, from the cache when it still holds.

    `folder` may also be one of the cache's files. Raises BadPhoto when there are no photos, NoFace when
    none shows a face.
    """
    return _cached(folder, size, "largest", cache, heard)[0]


def gather_person(
    folder: pathlib.Path,
    *,
    size: int,
    cache: pathlib.Path,
    heard: ProgressCallback = lambda done, total, note: None,
) -> tuple[Gallery, dict[str, str]]:
    """For a folder of photos of one person: of each photo the face nearest to whom most of them show, and
    name -> reason where there is no face.

    A photo that shows only others is among the faces all the same; filtering.py leaves it out. Raises what
    `gather` does.
    """
    return _cached(folder, size, "person", cache, heard)


def nearest_to_majority(gallery: Gallery) -> Gallery:
    """From all faces of each photo the one nearest to the person most photos show; photos stay in order."""
    photos = {name: index for index, name in enumerate(dict.fromkeys(gallery.names))}
    photo = torch.tensor([photos[name] for name in gallery.names])
    distance = (gallery.embedding - majority_embedding(gallery.embedding, photo)).norm(dim=1)
    return gallery[
        torch.stack([torch.where(photo == index, distance, torch.inf).argmin() for index in photos.values()])
    ]


def majority_embedding(
    embedding: Float[Tensor, "faces 128"], photo: Int[Tensor, " faces"] | None = None
) -> Float[Tensor, "128"]:
    """Mean of the largest group: those near the face that has neighbours in most photos. Without `photo`
    each face is one of its own."""
    photo = torch.arange(len(embedding)) if photo is None else photo
    near = torch.cdist(embedding, embedding) < ONE_PERSON
    photos = (near.float() @ torch.nn.functional.one_hot(photo).float() > 0).sum(1)
    return embedding[near[photos.argmax()]].mean(0)


def _cached(
    folder: pathlib.Path, size: int, whose: FaceChoice, cache: pathlib.Path, heard: ProgressCallback
) -> tuple[Gallery, dict[str, str]]:
    if size < image.MIN_SIDE_PX:
        raise BadSetting(f"Crops of {size} px are too small to be kept: take at least {image.MIN_SIDE_PX}.")
    if folder.suffix == SUFFIX and folder.is_file():
        return _of_file(folder, size)
    if not folder.is_dir():
        raise BadPhoto(
            f"{folder} is no folder: give one with pictures ({', '.join(READ_SUFFIXES)}), or a {SUFFIX} "
            "file made from one."
        )
    paths = photo_files(folder)
    if not paths:
        raise BadPhoto(f"{folder} holds no photos: give a folder with pictures ({', '.join(READ_SUFFIXES)}).")
    names = [str(p.relative_to(folder)) for p in paths]
    file = cache / f"{folder.resolve().name}-{whose}-{size}-{_key(names, paths)}{SUFFIX}"
    if file.is_file():
        try:
            return _read(file)
        except DAMAGE:
            pass  # cut off or overwritten: made anew below
    gallery, missing = _cut(folder, names, size, whose, heard)
    write(file, gallery, missing)
    return _read(file)


def _of_file(file: pathlib.Path, size: int) -> tuple[Gallery, dict[str, str]]:
    try:
        gallery, missing = _read(file)
    except DAMAGE as problem:
        raise BadPhoto(
            f"{file} is damaged or was made by another version: copy it again, or give the folder of photos."
        ) from problem
    if gallery.crop.shape[-1] != size:
        raise BadSetting(
            f"{file} holds crops of {gallery.crop.shape[-1]} px, but {size} px are wanted: give the folder "
            "of photos."
        )
    return gallery, missing


def _key(names: list[str], paths: list[pathlib.Path]) -> str:
    """Changes with any photo's name or bytes, and with the reference face."""
    key = hashlib.sha256(json.dumps(reference_face().tolist()).encode())
    for name, path in zip(names, paths, strict=True):
        try:
            content = path.read_bytes()
        except OSError:
            content = b""
        key.update(name.encode(errors="surrogateescape") + b"\0" + hashlib.sha256(content).digest())
    return key.hexdigest()[:16]


def _cut(
    folder: pathlib.Path, names: list[str], size: int, whose: FaceChoice, heard: ProgressCallback
) -> tuple[Gallery, dict[str, str]]:
    finder, recogniser = Finder(turn=False), Recogniser()
    rows, missing = [], {}
    for done, name in enumerate(names, 1):
        try:
            rows.append(_faces(folder, name, size, whose, finder, recogniser))
        except (BadPhoto, NoFace) as problem:
            missing[name] = str(problem).rstrip(".")
        heard(done, len(names), f"{name}: {missing[name]}" if name in missing else "")
    if not rows:
        raise NoFace(
            f"No photo in {folder} shows a face: give photos in which the face is upright and at least "
            f"{MIN_TRAINING_FACE_PX} pixels wide."
        )
    return (nearest_to_majority(joined(rows)) if whose == "person" else joined(rows)), missing


def _faces(
    folder: pathlib.Path, name: str, size: int, whose: FaceChoice, finder: Finder, recogniser: Recogniser
) -> Gallery:
    """The faces of one photo: the largest, or all."""
    photos = image.read(folder / name).photo[None]
    found = finder(photos)
    if not len(found.photo):
        raise NoFace("no face was found")
    count = 1 if whose == "largest" else len(found.photo)
    looked_at = Detections(landmarks=found.landmarks[:count], photo=found.photo[:count])
    faces = align(photos, looked_at.landmarks, looked_at.photo, size=size)
    return Gallery(
        names=(name,) * count,
        crop=(faces.crop * 255).round().to(torch.uint8),
        landmarks=transform_points(faces.crop_from_photo, faces.landmarks),
        embedding=recogniser(photos, looked_at),
        found=torch.full((count,), len(found.photo)),
        width_px=(looked_at.landmarks[:, 16] - looked_at.landmarks[:, 0]).norm(dim=1),
    )


def write_atomic(file: pathlib.Path, data: bytes) -> None:
    """files.write_atomic, which raises BadSetting where the file cannot be written."""
    try:
        files.write_atomic(file, data)
    except OSError as problem:
        raise BadSetting(
            f"{file} cannot be written ({problem.strerror or problem}): choose another folder."
        ) from problem


DAMAGE = (SafetensorError, BadPhoto, KeyError, ValueError, TypeError, RuntimeError)
"""What reading a cache file raises that was cut off, overwritten, or written by another version."""


def write(file: pathlib.Path, gallery: Gallery, missing: dict[str, str]) -> None:
    """A file that can be given in place of the folder; whole or not at all. Raises BadSetting where it
    cannot be written."""
    pictures = [image.encode(crop, format="WEBP", generated=False) for crop in gallery.crop]
    tensors = {field: getattr(gallery, field) for field in FIELDS if field != "crop"}
    tensors["webp"] = torch.frombuffer(bytearray(b"".join(pictures)), dtype=torch.uint8)
    tensors["webp_bytes"] = torch.tensor([len(picture) for picture in pictures])
    write_atomic(
        file, save(tensors, metadata={"names": json.dumps(gallery.names), "missing": json.dumps(missing)})
    )


def _read(file: pathlib.Path) -> tuple[Gallery, dict[str, str]]:
    data = file.read_bytes()
    tensors = load(data)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    names, missing = json.loads(header["names"]), json.loads(header["missing"])
    pictures = tensors.pop("webp").split(tensors.pop("webp_bytes").tolist())
    crop = torch.stack([image.read(picture.numpy().tobytes()).photo for picture in pictures])
    return Gallery(names=tuple(names), crop=crop, **tensors), missing
