"""Photos in which people marked hair, skin and the rest -> aligned crops with, for every pixel, the classes
it may belong to.

Two kinds of folder are read. LFW Part Labels (Kae et al., CVPR 2013): `train.txt` and `validation.txt` name
photos of Labeled Faces in the Wild, `masks/NAME.png` is red for hair, green for skin, blue for the rest.
CelebAMask-HQ (Lee et al., CVPR 2020): `train/` and `validation/` hold photos and, under the same name, PNGs
of 19 classes.

No two sets mark the same things: LFW's skin may be a face, a neck or glasses, and its beards are hair or
skin by whim. So a label is not a class but the set of those that it allows, as bits, and the loss asks for
no more than that the class be among them.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Callable

import torch
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from facehub import image
from facehub.blending.alignment import reference_landmarks
from facehub.blending.masks import hull_mask, signed_distance
from facehub.detection.finder import Finder
from facehub.errors import BadPhoto, BadSetting
from facehub.geometry import fit_affine, invert, transform_points, warp
from facehub.networks.segmentation import BACKGROUND, BEARD, COVER, FACE, GLASSES, HAIR, INPUT_PX, SKIN

from .gallery import write_atomic

MARGIN = 32
"""Pixels kept around the crop, for faces that are shown smaller, shifted or turned."""

WIDE = INPUT_PX + 2 * MARGIN


def allowing(*classes: int) -> int:
    """The set of classes as bits."""
    return sum(1 << c for c in classes)


UNKNOWN = allowing(*range(7))
"""A label that says nothing."""

CELEBA = {
    allowing(BACKGROUND): (16, 18),
    allowing(BACKGROUND, COVER): (0, 15),
    allowing(FACE, BEARD): (1,),
    allowing(FACE): (2, 4, 5, 6, 7, 10, 11, 12),
    allowing(GLASSES): (3,),
    allowing(SKIN): (8, 9, 17),
    allowing(HAIR): (13,),
    allowing(COVER): (14,),
}
"""What CelebAMask-HQ's ids allow. Earrings and the unmarked rest can be hands and other things before the
face."""


@dataclasses.dataclass(frozen=True, slots=True)
class Parts:
    """Marked faces: the aligned crop with `MARGIN` px around it."""

    names: tuple[str, ...]
    wide: UInt8[Tensor, "n 3 wide wide"]
    allowed: UInt8[Tensor, "n 1 wide wide"]
    """Bits of the classes each pixel may belong to."""
    landmarks: Float[Tensor, "n 68 2"]
    """In the pixels of `wide`."""

    def __len__(self) -> int:
        return len(self.names)


def joined(several: list[Parts]) -> Parts:
    """One after the other."""
    names = tuple(name for one in several for name in one.names)
    return Parts(
        names,
        *(torch.cat([getattr(one, field) for one in several]) for field in ("wide", "allowed", "landmarks")),
    )


@dataclasses.dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and what people marked in it."""

    name: str
    photo: pathlib.Path
    mask: pathlib.Path


def labelled_photos(folder: pathlib.Path, split: str) -> list[LabelledPhoto]:
    """The marked photos of a folder of either kind; `split` is "train" or "validation". Raises BadSetting
    where the folder is of neither."""
    if (folder / f"{split}.txt").is_file():
        names = (folder / f"{split}.txt").read_text(encoding="utf-8").split()
        return [LabelledPhoto(name, lfw(folder, name), folder / "masks" / f"{name}.png") for name in names]
    if (folder / split).is_dir():
        masks = sorted((folder / split).glob("*.png"))
        return [LabelledPhoto(mask.stem, mask.with_suffix(".jpg"), mask) for mask in masks]
    raise BadSetting(
        f"{folder} has neither {split}.txt (as LFW Part Labels) nor a folder {split} (as CelebAMask-HQ): "
        "give a folder of one of these."
    )


def lfw(folder: pathlib.Path, name: str) -> pathlib.Path:
    """The photo that a mask of LFW Part Labels belongs to: `images/NAME.jpg` in the folder itself, or LFW
    in a folder `lfw` beside it."""
    beside = folder.parent / "lfw" / name.rsplit("_", 1)[0]
    candidates = [folder / "images" / name, beside / name]
    for path in (c.with_name(c.name + suffix) for c in candidates for suffix in (".jpg", ".webp", ".png")):
        if path.is_file():
            return path
    raise BadSetting(
        f"The photo of {name} is neither in {folder / 'images'} nor in {beside}: put LFW's folders in "
        f"{folder.parent / 'lfw'}."
    )


def pixels(path: pathlib.Path, kind: str) -> UInt8[Tensor, "1 channels h w"]:
    """A mask as it is stored: RGB of LFW's, numbers of CelebAMask's classes."""
    return (image.read(path).photo if kind == "lfw" else image.read_labels(path))[None]


def kind(folder: pathlib.Path) -> str:
    return "lfw" if (folder / "train.txt").is_file() or (folder / "validation.txt").is_file() else "celeba"


def find(
    folder: pathlib.Path,
    split: str,
    *,
    cache: pathlib.Path,
    heard: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, list]:
    """Name -> landmarks (68, 2) in the photo of the face that was marked, the one nearest to the photo's
    middle; nothing where none is found.

    Looking takes a tenth of a second a photo, so what was found is kept in the cache.
    """
    photos = labelled_photos(folder, split)
    key = hashlib.sha256(json.dumps([p.name for p in photos]).encode()).hexdigest()[:16]
    file = cache / f"{folder.resolve().name}-{split}-{key}.landmarks.json"
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))
    finder, found = Finder(turn=False, retry_px=1000), {}
    for done, one in enumerate(photos, 1):
        photo = image.read(one.photo).photo
        faces = finder(photo[None]).landmarks
        if len(faces):
            middle = torch.tensor([photo.shape[2] / 2, photo.shape[1] / 2])
            points = faces[(faces.mean(1) - middle).norm(dim=1).argmin()]
            if (points.mean(0) - middle).norm() < 0.3 * max(photo.shape):  # not somebody else's
                found[one.name] = points.round(decimals=2).tolist()
        heard(done, len(photos))
    write_atomic(file, json.dumps(found).encode())
    return found


def load(
    folder: pathlib.Path,
    split: str,
    *,
    cache: pathlib.Path,
    heard: Callable[[int, int], None] = lambda done, total: None,
) -> Parts:
    """All marked faces of a folder that dlib finds. Raises BadPhoto when there are none."""
    landmarks = find(folder, split, cache=cache, heard=heard)
    rows = [one for one in labelled_photos(folder, split) if one.name in landmarks]
    if not rows:
        raise BadPhoto(
            f"{folder} has no photo for {split} that shows a face: give a folder of marked photos."
        )
    wide, allowed, moved = [], [], []
    for one in rows:
        points = torch.tensor(landmarks[one.name])[None]
        to_wide = wide_from_photo(points)
        photo = image.read(one.photo).photo[None]
        moved.append(transform_points(to_wide, points))
        wide.append(
            (warp(photo, torch.zeros(1, dtype=torch.long), invert(to_wide), (WIDE, WIDE)) * 255)
            .round()
            .to(torch.uint8)
        )
        allowed.append(labels(pixels(one.mask, kind(folder)), kind(folder), to_wide, moved[-1]))
    return Parts(tuple(one.name for one in rows), torch.cat(wide), torch.cat(allowed), torch.cat(moved))


def wide_from_photo(landmarks: Float[Tensor, "n 68 2"]) -> Float[Tensor, "n 2 3"]:
    """The alignment of a swap, with the margin around the crop."""
    return fit_affine(landmarks, reference_landmarks(INPUT_PX).to(landmarks)[None] + MARGIN)


def labels(
    mask: UInt8[Tensor, "1 channels h w"],
    kind: str,
    to_wide: Float[Tensor, "1 2 3"],
    landmarks: Float[Tensor, "1 68 2"],
) -> Tensor:
    """Bits of the allowed classes, (1, 1, wide, wide), from the nearest pixel of the mask; nothing is known
    beyond the photo's edge."""
    height, width = mask.shape[-2:]
    y, x = torch.meshgrid(torch.arange(WIDE), torch.arange(WIDE), indexing="ij")
    at = transform_points(invert(to_wide), torch.stack([x, y], -1).reshape(1, -1, 2).float()).reshape(
        WIDE, WIDE, 2
    )
    inside = ((at >= -0.5) & (at <= at.new_tensor([width, height]) - 0.5)).all(-1)
    column, row = (at[..., k].round().long().clamp(0, side - 1) for k, side in ((0, width), (1, height)))
    seen = mask[:, :, row, column]
    within = hull_mask(seen.new_zeros(1, 3, WIDE, WIDE, dtype=torch.float32), landmarks) > 0.5
    allowed = (
        lfw_classes(seen.argmax(1, keepdim=True), within, landmarks)
        if kind == "lfw"
        else celeba_classes(seen, within, landmarks)
    )
    return torch.where(inside, allowed, UNKNOWN).to(torch.uint8)


def lfw_classes(
    colour: Tensor, within: Bool[Tensor, "1 1 wide wide"], landmarks: Float[Tensor, "1 68 2"]
) -> Tensor:
    """LFW's red, green and blue, told apart further by where the face is: hair under the nose is beard,
    skin within the face no neck, and what is neither hair nor skin lies behind the head, unless it is
    within the face's outline."""
    hair = torch.where(within & under_nose(landmarks), allowing(BEARD), allowing(HAIR))
    skin = torch.where(within, allowing(FACE, GLASSES), allowing(FACE, SKIN, GLASSES))
    rest = torch.where(within, allowing(BACKGROUND, COVER), allowing(BACKGROUND))
    return torch.where(colour == 0, hair, torch.where(colour == 1, skin, rest))


def celeba_classes(
    ids: Tensor, within: Bool[Tensor, "1 1 wide wide"], landmarks: Float[Tensor, "1 68 2"]
) -> Tensor:
    """CELEBA, told apart further by where the face is: beards grow under the nose, and what is unmarked
    lies behind the head unless it is within."""
    table = torch.zeros(256, dtype=torch.long)
    for allowed, some in CELEBA.items():
        table[list(some)] = allowed
    allowed = table[ids.long()]
    allowed = torch.where(
        (allowed == allowing(FACE, BEARD)) & ~under_nose(landmarks), allowing(FACE), allowed
    )
    return torch.where((allowed == allowing(BACKGROUND, COVER)) & ~within, allowing(BACKGROUND), allowed)


def under_nose(landmarks: Float[Tensor, "n 68 2"]) -> Bool[Tensor, "n 1 wide wide"]:
    """Between the nose and the chin, within the jaw."""
    polygon = torch.cat([landmarks[:, 2:15], landmarks[:, 33:34]], 1)
    return signed_distance(polygon, WIDE) > 0
