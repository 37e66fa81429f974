"""Marked photos: which classes a label allows, in the frame of the crop."""

import pathlib

import pytest
import torch
from PIL import Image

from facehub import image
from facehub.errors import BadPhoto, BadSetting
from facehub.networks.segmentation import BACKGROUND, BEARD, COVER, FACE, GLASSES, HAIR, SKIN
from train.data import parts
from train.data.parts import MARGIN, UNKNOWN, WIDE, allowing


@pytest.fixture(scope="module")
def folders(tmp_path_factory, examples) -> dict[str, pathlib.Path]:
    """A folder of each kind, with the astronaut: hair above the 75th row, skin below, the rest from the
    400th on; glasses and a hat besides."""
    root = tmp_path_factory.mktemp("marked")
    astronaut = Image.open(examples / "astronaut.png").convert("RGB")
    lfw, celeba = root / "lfw_parts", root / "celebamask"
    for folder in (lfw / "masks", lfw / "images", celeba / "train", celeba / "validation"):
        folder.mkdir(parents=True)
    colour = Image.new("RGB", astronaut.size, (0, 0, 255))
    colour.paste((255, 0, 0), (0, 0, 512, 75))
    colour.paste((0, 255, 0), (0, 75, 512, 400))
    colour.paste((255, 0, 0), (200, 141, 248, 149))  # a moustache
    colour.save(lfw / "masks" / "Ada_0001.png")
    astronaut.save(lfw / "images" / "Ada_0001.png")
    (lfw / "train.txt").write_text("Ada_0001\n")
    (lfw / "validation.txt").write_text("Ada_0001\n")
    ids = Image.new("P", astronaut.size, 0)
    ids.putpalette([v for k in range(19) for v in (k * 3, 0, 255 - k)])
    ids.paste(1, (0, 75, 512, 400))
    ids.paste(13, (0, 50, 512, 75))
    ids.paste(14, (0, 0, 512, 50))
    ids.paste(3, (180, 90, 270, 112))
    ids.paste(17, (0, 200, 512, 400))
    for split in ("train", "validation"):
        ids.save(celeba / split / "ada.png")
        astronaut.save(celeba / split / "ada.jpg", quality=95)
    return {"lfw": lfw, "celeba": celeba, "cache": root / "cache"}


def at(faces: parts.Parts, folders, kind: str, x: int, y: int) -> int:
    """What is allowed at a pixel of the photo."""
    points = torch.tensor(parts.find(folders[kind], "train", cache=folders["cache"])[faces.names[0]])[None]
    column, row = (
        parts.transform_points(parts.wide_from_photo(points), torch.tensor([[[x, y]]], dtype=torch.float32))[
            0, 0
        ]
        .round()
        .long()
        .tolist()
    )
    return int(faces.allowed[0, 0, row, column])


def test_lfws_colours_are_told_apart_by_where_the_face_is(folders):
    faces = parts.load(folders["lfw"], "train", cache=folders["cache"])
    assert faces.wide.shape == (1, 3, WIDE, WIDE) and len(faces) == 1
    assert at(faces, folders, "lfw", 222, 40) == allowing(HAIR)
    assert at(faces, folders, "lfw", 222, 110) == allowing(FACE, GLASSES)
    assert at(faces, folders, "lfw", 222, 230) == allowing(FACE, SKIN, GLASSES)
    assert at(faces, folders, "lfw", 222, 145) == allowing(BEARD)


def test_celebamasks_numbers(folders):
    faces = parts.load(folders["celeba"], "train", cache=folders["cache"])
    assert at(faces, folders, "celeba", 222, 62) == allowing(HAIR)
    assert at(faces, folders, "celeba", 222, 30) == allowing(COVER)
    assert at(faces, folders, "celeba", 222, 100) == allowing(GLASSES)
    assert at(faces, folders, "celeba", 222, 120) == allowing(FACE)
    assert at(faces, folders, "celeba", 222, 165) == allowing(FACE, BEARD)
    assert at(faces, folders, "celeba", 222, 230) == allowing(SKIN)
    assert BACKGROUND == 0


def test_beyond_the_photo_nothing_is_known(folders):
    faces = parts.load(folders["lfw"], "train", cache=folders["cache"])
    assert (faces.allowed[0, 0, 0] == UNKNOWN).all(), "the astronaut's head reaches the photo's upper edge"


def test_the_crop_in_the_middle_is_that_of_a_swap(folders, astronaut):
    from facehub.blending.alignment import align
    from facehub.detection.finder import Finder

    faces = parts.load(folders["lfw"], "train", cache=folders["cache"])
    found = Finder()(astronaut[None])
    crop = align(astronaut[None], found.landmarks, found.photo, size=128).crop
    middle = faces.wide[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].float() / 255
    assert (middle - crop).abs().mean() < 0.02


def test_what_was_found_is_found_in_the_cache(folders, monkeypatch):
    first = parts.find(folders["lfw"], "train", cache=folders["cache"])
    monkeypatch.setattr(parts, "Finder", None)
    assert parts.find(folders["lfw"], "train", cache=folders["cache"]) == first


def test_other_folders_and_missing_photos_are_told(tmp_path, folders):
    with pytest.raises(BadSetting, match="as LFW Part Labels"):
        parts.labelled_photos(tmp_path, "train")
    (tmp_path / "train.txt").write_text("Bob_0001")
    with pytest.raises(BadSetting, match="put LFW's folders in"):
        parts.labelled_photos(tmp_path, "train")
    empty = tmp_path / "celeba"
    (empty / "train").mkdir(parents=True)
    with pytest.raises(BadPhoto, match="shows a face"):
        parts.load(empty, "train", cache=tmp_path)


def test_labels_are_numbers_not_colours(tmp_path, folders):
    assert image.read_labels(folders["celeba"] / "train" / "ada.png").unique().tolist() == [
        0,
        1,
        3,
        13,
        14,
        17,
    ]
    with pytest.raises(BadPhoto, match="number of a class"):
        image.read_labels(folders["lfw"] / "masks" / "Ada_0001.png")
    (tmp_path / "mask.png").write_bytes(b"no picture")
    with pytest.raises(BadPhoto, match="no PNG"):
        image.read_labels(tmp_path / "mask.png")
