"""Photos are inspected once: what was found is found again, also after a stop, and is the same in several
processes."""

import pathlib

import pytest
import torch

from facehub import image
from facehub.errors import BadPhoto
from train.data import portrait_cache
from train.data.portrait_cache import inspect_photos
from train.data.portraits import gather_portraits


def photo(path: pathlib.Path, level: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.write(path, torch.full((3, 64, 70), level, dtype=torch.uint8), generated=False)


def brightness(path: pathlib.Path) -> dict | None:
    """A stand-in for a face: the mean level; black photos show none."""
    level = image.read(path).photo.float().mean()
    return {"level": level.round()} if level > 0 else None


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
    for number, level in enumerate((10, 0, 200)):
        photo(tmp_path / "photos" / f"person{number}" / "a.png", level)
    return tmp_path / "photos"


class Inspector:
    """Counts what it inspects, and may be stopped after some."""

    def __init__(self, stop_after: int = 99):
        self.seen: list[str] = []
        self.stop_after = stop_after

    def __call__(self, path: pathlib.Path) -> dict | None:
        if len(self.seen) == self.stop_after:
            raise KeyboardInterrupt
        self.seen.append(path.parent.name)
        return brightness(path)


def inspected(folder, inspect, tmp_path, names=None, **more) -> tuple[dict[str, float], list]:
    told = []
    rows = inspect_photos(
        folder, names, inspect, cache=tmp_path / "cache", heard=lambda *record: told.append(record), **more
    )
    return {name: float(row["level"]) for name, row in rows.items()}, told


def test_photos_are_inspected_once_and_again_when_they_change(folder, tmp_path):
    first, again, third = Inspector(), Inspector(), Inspector()
    expected = {"person0/a.png": 10.0, "person2/a.png": 200.0}
    rows, told = inspected(folder, first, tmp_path)
    assert rows == expected and told[0] == (0, 3, "") and told[-1][:2] == (3, 3)
    assert inspected(folder, again, tmp_path)[0] == expected and again.seen == []
    photo(folder / "person1" / "a.png", 90)
    assert inspected(folder, third, tmp_path)[0] == expected | {"person1/a.png": 90.0}
    assert third.seen == ["person1"]


def test_a_stop_keeps_what_was_found(folder, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        inspected(folder, Inspector(stop_after=1), tmp_path)
    again = Inspector()
    assert len(inspected(folder, again, tmp_path)[0]) == 2
    assert again.seen == ["person1", "person2"]


def test_only_the_photos_named(folder, tmp_path):
    assert inspected(folder, Inspector(), tmp_path, {"person2/a.png"})[0] == {"person2/a.png": 200.0}


def test_a_damaged_cache_is_made_anew(folder, tmp_path):
    rows, _ = inspected(folder, Inspector(), tmp_path)
    (file,) = (tmp_path / "cache").iterdir()
    file.write_bytes(file.read_bytes()[:40])
    assert inspected(folder, Inspector(), tmp_path)[0] == rows


def test_several_processes_find_the_same(folder, tmp_path):
    rows, told = inspected(folder, brightness, tmp_path, processes=2)
    assert rows == {"person0/a.png": 10.0, "person2/a.png": 200.0} and told[-1][:2] == (3, 3)


@pytest.mark.skipif(not pathlib.Path("/proc/self/fd").is_dir(), reason="open files are counted on Linux")
def test_rows_from_other_processes_hold_no_files_open(tmp_path):
    for number in range(40):
        photo(tmp_path / "photos" / f"person{number}" / "a.png", 5 + number)
    before = len(list(pathlib.Path("/proc/self/fd").iterdir()))
    rows = inspect_photos(
        tmp_path / "photos", None, brightness, cache=tmp_path, heard=lambda *_: None, processes=2
    )
    assert len(rows) == 40
    assert len(list(pathlib.Path("/proc/self/fd").iterdir())) < before + 20


def test_another_version_is_left_aside(folder, tmp_path, monkeypatch):
    inspected(folder, Inspector(), tmp_path)
    monkeypatch.setattr(portrait_cache, "VERSION", 99)
    again = Inspector()
    inspected(folder, again, tmp_path)
    assert len(again.seen) == 3


def test_no_photos(tmp_path):
    with pytest.raises(BadPhoto, match="holds no photos"):
        gather_portraits(tmp_path, cache=tmp_path)
