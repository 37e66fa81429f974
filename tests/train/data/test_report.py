"""The report on a folder: what it writes, in which order, and each warning on faces made for it."""

import dataclasses
import json
import os

import pytest
import torch

from facehub import image
from facehub.errors import BadSetting
from tests.train.data.test_filtering import gallery
from train.data import report
from train.data.report import light, opening, summary, turn, warnings, write


def varied(n: int = 48):
    """Turned to all sides, mouths open and closed, light from everywhere."""
    faces = gallery(n)
    landmarks = faces.landmarks.clone()
    landmarks[:, 30, 0] += torch.tensor([-14.0, 0.0, 14.0]).repeat(n)[:n]
    landmarks[::2, 65:68, 1] += 8
    slope = torch.linspace(-1, 1, 128)
    strength = torch.linspace(-1, 1, n)[:, None, None, None]
    shade = 1 + 0.5 * strength * slope - 0.5 * strength.roll(n // 4, 0) * slope[:, None]
    return dataclasses.replace(
        faces, landmarks=landmarks, crop=(faces.crop * shade).clamp(0, 255).to(torch.uint8)
    )


def test_varied_photos_need_no_warning():
    assert warnings(varied()) == []


def test_other_people_in_the_photos():
    faces = varied()
    together = dataclasses.replace(faces, found=torch.where(torch.arange(len(faces)) < 3, 2, faces.found))
    (sentence,) = warnings(together)
    assert sentence.startswith(f"3 of {len(faces)} photos show other people too")


def test_too_few():
    assert warnings(varied()[torch.arange(39)]) == [
        "Only 39 of the photos can be used, but at least 40 are wanted: add photos."
    ]
    assert len(warnings(varied()[torch.arange(1)])) == 1
    assert len(warnings(varied()[torch.arange(0)])) == 1


@pytest.mark.parametrize(
    ("shift", "words"),
    [(0.0, "look straight ahead"), (-14.0, "to the picture's left"), (14.0, "to the picture's right")],
)
def test_one_sided_poses(shift, words):
    faces = varied()
    landmarks = faces.landmarks.clone()
    landmarks[4:, 30, 0] = gallery(1).landmarks[0, 30, 0] + shift
    (sentence,) = warnings(dataclasses.replace(faces, landmarks=landmarks))
    assert words in sentence
    assert ": add photos" in sentence


@pytest.mark.parametrize(("gap", "words"), [(0.0, "closed mouth"), (8.0, "open mouth")])
def test_one_sided_expressions(gap, words):
    faces = varied()
    landmarks = faces.landmarks.clone()
    landmarks[2:, 65:68, 1] = gallery(1).landmarks[0, 65:68, 1] + gap
    (sentence,) = warnings(dataclasses.replace(faces, landmarks=landmarks))
    assert f"have a{'n' * (words[0] == 'o')} {words}: add" in sentence


def test_lit_alike():
    faces = varied()
    (sentence,) = warnings(dataclasses.replace(faces, crop=gallery(48).crop))
    assert "lit alike" in sentence


def test_turn_changes_its_sign_in_the_mirror_and_opening_does_not():
    faces = varied()
    mirrored = faces.mirrored()[torch.arange(len(faces), 2 * len(faces))]
    assert torch.allclose(turn(mirrored.landmarks), -turn(faces.landmarks), atol=1e-5)
    assert torch.allclose(opening(mirrored.landmarks), opening(faces.landmarks), atol=1e-5)
    assert torch.allclose(light(mirrored) * torch.tensor([-1, 1]), light(faces), atol=1e-5)


def test_light_knows_its_sides():
    faces = gallery(2)
    crop = torch.full_like(faces.crop, 100)
    crop[0, :, :, 64:] = 200
    crop[1, :, :80] = 200
    sides = light(dataclasses.replace(faces, crop=crop))
    assert torch.allclose(sides, torch.tensor([[-1 / 3, 0.0], [0.0, 1 / 3]]), atol=0.02)


@pytest.fixture
def written(tmp_path):
    """Three faces of which one is left out, and two files without one."""
    place = tmp_path / "photos"
    place.mkdir()
    image.write(
        place / "lawn.png", torch.tensor([0, 200, 0], dtype=torch.uint8)[:, None, None].expand(3, 100, 200)
    )
    faces = gallery(3)
    left_out = {
        "1.jpg": "the face is blurred",
        "lawn.png": "no face was found",
        "gone.jpg": "gone.jpg does not exist: check the path",
    }
    told = write(tmp_path / "report", place, faces, left_out)
    return tmp_path / "report", faces, left_out, told


def test_the_record_names_every_photo(written):
    folder, _, left_out, told = written
    record = json.loads((folder / "photos.json").read_text())
    assert {row["name"]: row["reason"] for row in record["photos"]} == {
        "0.jpg": None,
        "2.jpg": None,
    } | left_out
    assert [row["kept"] for row in record["photos"]] == [True, False, True, False, False]
    assert record["photos"][0] | {"turn": 0, "mouth": 0} == {
        "name": "0.jpg",
        "kept": True,
        "reason": None,
        "faces": 1,
        "width_px": 120.0,
        "turn": 0,
        "mouth": 0,
    }
    assert record["photos"][3]["faces"] == 0
    assert (record["kept"], record["left_out"]) == (2, 3)
    assert told[:2] == ["2 of 5 photos are kept.", "Left out 1: the face is blurred."]
    assert [f"Warning: {sentence}" for sentence in record["warnings"]] == told[4:]


def test_the_sheet_shows_the_kept_first_and_reasons_in_red(written):
    folder, faces, _, _ = written
    sheet = image.read(folder / "photos.webp").photo.float()
    assert sheet.shape == (3, report.TILE, report.TILE * report.COLUMNS)
    tiles = sheet.unflatten(2, (report.COLUMNS, report.TILE)).permute(2, 0, 1, 3)
    left = (report.TILE - report.SIDE) // 2
    pictures, captions = tiles[:, :, : report.SIDE, left:-left], tiles[:, :, report.SIDE :]
    shown = torch.nn.functional.interpolate(pictures, size=128, mode="bilinear", antialias=True)
    for place, index in enumerate([0, 2]):
        near = [(shown[place] - face.float()).abs().mean().item() for face in faces.crop]
        assert min(range(3), key=near.__getitem__) == index
    red = (captions[:, 0] - captions[:, 1] > 60).sum((1, 2))
    black = (captions.amax(1) < 100).sum((1, 2))
    assert (red[:5] > 0).tolist() == [False, False, True, True, True]
    assert (black[:5] > 0).all()
    green = (pictures[:, 1] - pictures[:, 0] > 100).flatten(1).float().mean(1)
    assert green[:5].argmax() == 3, "a photo without a face is shown whole: reasons in order of the alphabet"
    assert 0.4 < green[3] < 0.6
    assert (tiles[5:] > 250).all()


def test_words_are_broken_to_the_tile():
    lines = report._wrapped("a reason " * 12 + "x" * 120 + " \udcff")
    assert all(report._fits(line) for line in lines)
    assert "".join(lines).count("x") == 120


def test_an_interruption_leaves_the_earlier_report(written, monkeypatch, tmp_path):
    folder, faces, left_out, _ = written
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write(folder, tmp_path / "photos", faces[torch.arange(2)], left_out)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_report_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(BadSetting, match="cannot be written"):
        write(tmp_path / "file" / "report", tmp_path, gallery(2), {})


def test_the_summary_counts_reasons_most_frequent_first():
    assert summary(gallery(4), {"1.jpg": "b", "2.jpg": "a", "x.jpg": "b"}) == [
        "2 of 5 photos are kept.",
        "Left out 2: b.",
        "Left out 1: a.",
    ]
