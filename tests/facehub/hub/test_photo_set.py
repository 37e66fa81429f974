"""Photos of a dataset on a hub: which files are taken, that each is the listed one, and what is kept."""

import dataclasses
import re

import pytest

from facehub.errors import BadSetting, HubRefused, HubUnreachable
from facehub.hub import photo_set
from facehub.hub.allowed_files import File
from facehub.hub.api import Hub
from facehub.hub.client import Client

PHOTOS = {f"{person}/{number}.jpg": f"{person}{number}".encode() * 50 for person in "ab" for number in (1, 2)}
NAME = "hub:ada/faces"


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    (tmp_path / "empty").mkdir()
    others = {"README.md": b"Faces", "data.parquet": b"table", "load.py": b"import os"}
    loopback.put("datasets/ada/faces", tmp_path / "empty", extra=PHOTOS | others)
    return Hub(loopback.endpoint, False, tmp_path / "cache")


def files_of(photos: photo_set.PhotoSet) -> dict[str, bytes]:
    return {
        path.relative_to(photos.folder).as_posix(): path.read_bytes()
        for path in photos.folder.rglob("*")
        if path.is_file()
    }


def test_only_photos_are_fetched_and_once(hub, loopback):
    told = []
    photos = hub.photo_set(NAME, on_progress=lambda *done: told.append(done))
    assert files_of(photos) == PHOTOS and photos.repo == "ada/faces"
    assert photos.commit == loopback.repositories["datasets/ada/faces"].refs["main"]
    assert told == [(n, 4) for n in range(5)]
    assert not loopback.asked("parquet") and not loopback.asked("load.py")
    before = len(loopback.asked("/resolve/"))
    assert hub.photo_set(NAME) == photos and len(loopback.asked("/resolve/")) == before


def test_offline_the_last_commit_is_used(hub, loopback):
    with pytest.raises(HubUnreachable, match="photos of ada/faces are not here"):
        hub.photo_set(NAME, offline=True)
    assert loopback.log == []
    photos = hub.photo_set(NAME)
    asked = len(loopback.log)
    assert hub.photo_set(NAME, offline=True) == photos
    assert hub.photo_set(f"{NAME}@{photos.commit}", offline=True) == photos
    assert len(loopback.log) == asked


def test_another_commit_has_a_folder_of_its_own(hub, loopback, tmp_path):
    first = hub.photo_set(NAME)
    loopback.put("datasets/ada/faces", tmp_path / "empty", extra={"a/1.jpg": b"new"})
    second = hub.photo_set(NAME)
    assert files_of(second) == {"a/1.jpg": b"new"} and files_of(first) == PHOTOS
    assert hub.photo_set(f"{NAME}@{first.commit}") == first


def test_what_broke_off_goes_on(hub, loopback):
    loopback.fail(r"/resolve/.*/b/2\.jpg", status=503)
    with pytest.raises(HubUnreachable):
        hub.photo_set(NAME)
    with pytest.raises(HubUnreachable):
        hub.photo_set(NAME, offline=True)
    loopback.heal()
    asked = len(loopback.log)
    assert files_of(hub.photo_set(NAME)) == PHOTOS
    assert len(loopback.log) - asked < 1 + len(PHOTOS), "what had arrived was fetched again"


def test_another_content_is_never_used(hub, loopback, monkeypatch):
    info = hub.session.client.dataset("ada/faces", "main")
    monkeypatch.setattr(Client, "dataset", lambda *_: info)
    files = loopback.repositories["datasets/ada/faces"].at("main").files
    files["a/1.jpg"] = dataclasses.replace(files["a/1.jpg"], data=b"x" * len(PHOTOS["a/1.jpg"]))
    with pytest.raises(BadSetting, match=r"'a/1\.jpg' of ada/faces is not what .* listed"):
        hub.photo_set(NAME)
    kept = [path.read_bytes() for path in hub.session.cache_dir.rglob("*.jpg*")]
    assert files["a/1.jpg"].data not in kept


def test_a_commit_does_not_move(hub, loopback, tmp_path, monkeypatch):
    asked = loopback.repositories["datasets/ada/faces"].refs["main"]
    loopback.put("datasets/ada/faces", tmp_path / "empty", extra={"a/1.jpg": b"new"})
    info = hub.session.client.dataset("ada/faces", "main")
    monkeypatch.setattr(Client, "dataset", lambda *_: info)
    with pytest.raises(BadSetting, match="a commit must not move"):
        hub.photo_set(f"{NAME}@{asked}")
    assert not loopback.asked("/resolve/")


def test_a_private_dataset_needs_its_owner(loopback, tmp_path):
    (tmp_path / "empty").mkdir()
    loopback.put("datasets/ada/own", tmp_path / "empty", extra=PHOTOS, private=True)
    with pytest.raises(HubRefused):
        Hub(loopback.endpoint, False, tmp_path / "cache").photo_set("hub:ada/own")
    ada = Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache")
    assert files_of(ada.photo_set("hub:ada/own")) == PHOTOS


@pytest.mark.parametrize(
    "name", ["hub:", "hub:faces", "hub:a/../b", "hub:ada/faces@", "hub:ada/b/c", "hub:/etc"]
)
def test_a_name_that_is_none(hub, name, loopback):
    with pytest.raises(BadSetting, match="write it as hub:user/dataset"):
        hub.photo_set(name)
    assert loopback.log == []


def listed(name: str = "a.jpg", size: int = 5, sha256: str | None = "0" * 64) -> File:
    return File(name, size, sha256, None)


@pytest.mark.parametrize(
    ("files", "sentence"),
    [
        ([], "holds no picture files"),
        ([listed("faces.parquet")], "tables of pictures"),
        ([listed("../a.jpg")], "leads out of its folder"),
        ([listed("a/../../b.py")], "leads out of its folder"),
        ([listed("C:/a.jpg")], "leads out of its folder"),
        ([listed(size=0)], "has 0 bytes"),
        ([listed(size=photo_set.MAX_PHOTO_BYTES + 1)], "has 25,000,001 bytes"),
        ([listed(sha256=None)], "gives no hash"),
        ([listed(f"{n}.jpg") for n in range(photo_set.MAX_PHOTOS + 1)], "holds 20,001 photos"),
    ],
)
def test_a_listing_that_is_not_taken(files, sentence):
    with pytest.raises(BadSetting, match=re.escape(sentence)):
        photo_set.photos_in("ada/faces", files)
