"""Folders of photos to aligned faces, and the cache between."""

import functools
import os
import shutil
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from facehub import image
from facehub.detection.finder import Finder
from facehub.detection.recogniser import Recogniser
from facehub.errors import BadPhoto, BadSetting, NoFace
from train.data import gallery as photos
from train.data.gallery import Gallery, gather, gather_person, joined, majority_embedding, nearest_to_majority


@pytest.fixture(autouse=True)
def loaded_once(monkeypatch):
    """dlib's models, for all tests here."""
    monkeypatch.setattr(photos, "Finder", finder)
    monkeypatch.setattr(photos, "Recogniser", recogniser)


finder, recogniser = functools.cache(Finder), functools.cache(Recogniser)


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


def again(folder, cache, **settings) -> tuple[Gallery, int]:
    """The faces and how many photos had to be looked at."""
    heard = []
    gallery = gather(folder, **{"size": 64} | settings, cache=cache, heard=lambda *told: heard.append(told))
    return gallery, len(heard)


def test_the_cache_serves_until_a_photo_or_a_setting_changes(folder, tmp_path, examples):
    first, _ = again(folder, tmp_path / "cache")
    second, looked_at = again(folder, tmp_path / "cache")
    assert looked_at == 0
    assert all(torch.equal(getattr(first, field), getattr(second, field)) for field in photos.FIELDS)
    assert first.names == second.names
    assert again(folder, tmp_path / "cache", size=72)[1] == 3
    os.utime(folder / "someone" / "astronaut.png", (0, 0))
    assert again(folder, tmp_path / "cache")[1] == 0
    damaged = (folder / "someone" / "broken.jpg").read_bytes()
    (folder / "someone" / "broken.jpg").write_bytes(damaged[::-1])
    assert again(folder, tmp_path / "cache")[1] == 3, "another photo of the same size and name"
    shutil.copy(examples / "london_025_08.jpg", folder)
    assert len(again(folder, tmp_path / "cache")[0]) == 3


def test_the_cache_is_small_and_near_the_crops(folder, tmp_path, monkeypatch):
    kept = []
    write = photos.write
    monkeypatch.setattr(
        photos, "write", lambda file, gallery, missing: (kept.append(gallery), write(file, gallery, missing))
    )
    gallery = gather(folder, size=128, cache=tmp_path / "cache")
    difference = (gallery.crop.float() - kept[0].crop.float()).abs()
    assert 0 < difference.mean() < 2.5
    assert torch.equal(gallery.landmarks, kept[0].landmarks)
    (file,) = (tmp_path / "cache").iterdir()
    assert file.stat().st_size < 2 * 40e6 / 5000 + 1000


@pytest.mark.parametrize("stop", ["looking", "writing", "renaming"])
def test_an_interruption_leaves_no_cache(folder, tmp_path, monkeypatch, stop):
    def interrupted(*_):
        raise KeyboardInterrupt

    cache = tmp_path / "cache"
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        if stop == "writing":
            patched.setattr(os, "fsync", interrupted)
        if stop == "renaming":
            patched.setattr(os, "replace", interrupted)
        gather(folder, size=64, cache=cache, heard=interrupted if stop == "looking" else lambda *told: None)
    assert not cache.exists() or not list(cache.iterdir())
    assert len(again(folder, cache)[0]) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda data: data[: len(data) // 2],
        lambda data: b"",
        lambda data: data[:-4000] + bytes(4000),
        lambda data: data[1:],
    ],
    ids=["half", "empty", "zeros at the end", "shifted"],
)
def test_a_damaged_cache_is_made_anew(folder, tmp_path, spoil):
    first, _ = again(folder, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(spoil(file.read_bytes()))
    second, looked_at = again(folder, tmp_path / "cache")
    assert looked_at == 3
    assert torch.equal(first.crop, second.crop)
    assert again(folder, tmp_path / "cache")[1] == 0


def test_a_cache_file_serves_without_its_folder(folder, tmp_path):
    first, _ = again(folder, tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    shutil.rmtree(folder)
    assert torch.equal(gather(file, size=64, cache=tmp_path / "other").crop, first.crop)
    assert not (tmp_path / "other").exists()
    with pytest.raises(BadSetting, match="crops of 64 px, but 128"):
        gather(file, size=128, cache=tmp_path / "other")
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(BadPhoto, match="is damaged"):
        gather(file, size=64, cache=tmp_path / "other")


def test_mirror_images_have_mirrored_landmarks(folder, tmp_path):
    """The finder agrees: what is said of the mirror image is what would be found there."""
    gallery = gather(folder, size=256, cache=tmp_path / "cache")
    both = gallery.mirrored()
    assert len(both) == 4
    assert torch.equal(both.crop[2], gallery.crop[0].flip(-1))
    found = Finder()(both.crop[2:3])
    eyes = (both.landmarks[2, 36:42].mean(0) - both.landmarks[2, 42:48].mean(0)).norm()
    assert (found.landmarks[0] - both.landmarks[2]).norm(dim=1).mean() < 0.06 * eyes


def test_choosing_and_joining(folder, tmp_path):
    gallery = gather(folder, size=64, cache=tmp_path / "cache")
    one = gallery[torch.tensor([False, True])]
    assert one.names == ("someone/london_012_03.jpg",)
    assert joined([one, gallery]).names == (*one.names, *gallery.names)


def test_of_several_faces_the_folder_s_person_is_taken(tmp_path, examples):
    """A larger face stands beside the person, and a photo shows only somebody else."""
    place = tmp_path / "person"
    place.mkdir()
    person, other = (
        image.read(examples / "london_012_03.jpg").photo,
        image.read(examples / "astronaut.png").photo,
    )
    image.write(place / "a.png", person)
    image.write(place / "b.png", (person.float() * 0.8).to(torch.uint8))
    small = F.interpolate(person[None].float(), scale_factor=0.28, antialias=True, mode="bilinear")[0].to(
        torch.uint8
    )
    beside = other.new_full((3, other.shape[1], other.shape[2] + small.shape[2]), 128)
    beside[:, :, : other.shape[2]] = other
    beside[:, : small.shape[1], other.shape[2] :] = small
    image.write(place / "c.png", beside)
    image.write(place / "d.png", other)
    (place / "e.jpg").write_bytes(b"no picture")
    image.write(place / "f.png", torch.zeros(3, 80, 80, dtype=torch.uint8))
    largest = gather(place, size=64, cache=tmp_path / "cache")
    gallery, missing = gather_person(place, size=64, cache=tmp_path / "cache")
    assert largest.names == gallery.names == ("a.png", "b.png", "c.png", "d.png")
    assert torch.equal(largest.found, gallery.found)
    assert gallery.found[2] >= 2
    assert largest.width_px[2] > 1.2 * gallery.width_px[2]
    distance = (gallery.embedding - gallery.embedding[0]).norm(dim=1)
    assert (distance[:3] < 0.5).all()
    assert distance[3] > 0.6
    assert missing["f.png"] == "no face was found"
    assert "not a picture" in missing["e.jpg"]
    assert gather_person(place, size=64, cache=tmp_path / "cache")[1] == missing, "from the cache"


def faces(*people: tuple[str, float]) -> Gallery:
    """One face for each (photo, person); people differ by more than 0.6 where their numbers differ by 1."""
    n = len(people)
    return Gallery(
        names=tuple(photo for photo, _ in people),
        crop=torch.zeros(n, 3, 64, 64, dtype=torch.uint8),
        landmarks=torch.zeros(n, 68, 2),
        embedding=torch.tensor([[person] + [0.0] * 127 for _, person in people]),
        found=torch.ones(n, dtype=torch.long),
        width_px=torch.arange(n).float(),
    )


def test_the_majority_counts_photos_and_not_faces():
    crowd = [("crowd", 3.4 + i / 100) for i in range(9)]
    gallery = faces(("a", 2.7), ("a", 2.0), ("b", 2.05), ("c", 1.95), ("c", 2.75), *crowd)
    chosen = nearest_to_majority(gallery)
    assert chosen.names == ("a", "b", "c", "crowd")
    assert chosen.width_px.tolist()[:3] == [1, 2, 3]
    assert majority_embedding(chosen.embedding[:3])[0].item() == pytest.approx(2.0)


def test_folders_with_nothing_to_use(tmp_path):
    with pytest.raises(BadPhoto, match="holds no photos"):
        gather(tmp_path, size=64, cache=tmp_path / "cache")
    with pytest.raises(BadPhoto, match="is no folder"):
        gather(tmp_path / "nowhere", size=64, cache=tmp_path / "cache")
    with pytest.raises(BadSetting, match="at least 64"):
        gather(tmp_path, size=32, cache=tmp_path / "cache")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(NoFace, match="No photo in"):
        gather(tmp_path, size=64, cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written(folder, tmp_path):
    (tmp_path / "cache").write_text("a file, not a folder")
    with pytest.raises(BadSetting, match="cannot be written"):
        gather(folder, size=64, cache=tmp_path / "cache")


def test_the_data_step_alone_on_the_command_line(folder, tmp_path):
    def run(*arguments):
        command = [
            sys.executable,
            "-m",
            "train.photos",
            *map(str, arguments),
            "--cache",
            tmp_path / "cache",
        ]
        return subprocess.run(command, capture_output=True, text=True)

    done = run(folder, "--report", tmp_path / "report", "--size", 64)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 photos are kept." in done.stdout
    assert "Left out 1: broken.jpg is not a picture" in done.stdout
    assert "Warning: Only 1 of the photos can be used, but at least 40 are wanted" in done.stdout
    assert {path.name for path in (tmp_path / "report").iterdir()} == {"photos.json", "photos.webp"}
    refused = run(tmp_path / "nowhere", "--report", tmp_path / "report")
    assert refused.returncode == 1
    assert "is no folder" in refused.stderr
    assert "Traceback" not in refused.stderr
