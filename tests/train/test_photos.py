"""Folders of photos to aligned faces, and the cache between."""

import shutil

import pytest
import torch

from facehub.errors import BadPhoto, NoFace
from train.photos import gather, joined


@pytest.fixture
def folder(tmp_path, examples):
    place = tmp_path / "photos" / "someone"
    place.mkdir(parents=True)
    for name in ("astronaut.png", "london_012_03.jpg"):
        shutil.copy(examples / name, place / name)
    (place / "notes.txt").write_text("no photo")
    (place / "broken.jpg").write_bytes(b"no picture")
    return tmp_path / "photos"


def test_faces_come_aligned_and_problems_are_told(folder, tmp_path):
    heard = []
    gallery = gather(folder, size=64, cache=tmp_path / "cache", heard=lambda *told: heard.append(told))
    assert gallery.names == ("someone/astronaut.png", "someone/london_012_03.jpg")
    assert gallery.crop.shape == (2, 3, 64, 64)
    assert gallery.found.tolist() == [1, 1]
    assert (gallery.landmarks > 0).all()
    assert (gallery.landmarks < 64).all()
    assert [(done, total) for done, total, _ in heard] == [(1, 3), (2, 3), (3, 3)]
    assert "broken.jpg" in heard[1][2]


def test_the_cache_serves_until_the_folder_changes(folder, tmp_path, examples):
    first = gather(folder, size=64, cache=tmp_path / "cache")
    heard = []
    again = gather(folder, size=64, cache=tmp_path / "cache", heard=lambda *told: heard.append(told))
    assert heard == []
    assert torch.equal(first.crop, again.crop)
    assert first.names == again.names
    shutil.copy(examples / "london_025_08.jpg", folder)
    assert len(gather(folder, size=64, cache=tmp_path / "cache")) == 3
    assert not list((tmp_path / "cache").glob("*.part"))


def test_mirror_images_have_mirrored_landmarks(folder, tmp_path):
    """The finder agrees: what is said of the mirror image is what would be found there."""
    gallery = gather(folder, size=256, cache=tmp_path / "cache")
    both = gallery.mirrored()
    assert len(both) == 4
    assert torch.equal(both.crop[2], gallery.crop[0].flip(-1))
    from facehub.faces import Finder

    found = Finder()(both.crop[2:3])
    eyes = (both.landmarks[2, 36:42].mean(0) - both.landmarks[2, 42:48].mean(0)).norm()
    assert (found.landmarks[0] - both.landmarks[2]).norm(dim=1).mean() < 0.06 * eyes


def test_choosing_and_joining(folder, tmp_path):
    gallery = gather(folder, size=64, cache=tmp_path / "cache")
    one = gallery[torch.tensor([False, True])]
    assert one.names == ("someone/london_012_03.jpg",)
    assert joined([one, gallery]).names == (*one.names, *gallery.names)


def test_folders_with_nothing_to_use(tmp_path):
    with pytest.raises(BadPhoto, match="holds no photos"):
        gather(tmp_path, size=64, cache=tmp_path / "cache")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(NoFace, match="No photo in"):
        gather(tmp_path, size=64, cache=tmp_path / "cache")
