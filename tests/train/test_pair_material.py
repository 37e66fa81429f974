"""Whose photos become pairs, and what is said about photos that will not do."""

import dataclasses

import pytest
import torch
from torch import nn

from facehub.errors import BadSetting
from tests.train.data.test_pairs import face
from train import pair_material
from train.data.dataset import held_out
from train.data.people import HELD_OUT, LEARNED
from train.landmarks import LandmarkNet
from train.networks.vgg import VGG19
from train.pair_loop import PairTeachers
from train.pair_material import PairMaterial, other_people, own_photos, without_the_identity


@pytest.fixture
def folders(monkeypatch, tmp_path):
    """Made-up faces by the folder's name, in place of inspected photos."""
    known = {}

    def gathered(folder, names=None, *, cache, heard):
        return [one for one in known[folder.name] if names is None or one.name in names]

    monkeypatch.setattr(pair_material, "gather_portraits", gathered)
    monkeypatch.setattr(pair_material, "check_people", lambda: tmp_path / "people")
    known[LEARNED], known[HELD_OUT] = [face(1), face(2)], [face(3)]
    return known


def of(count: int, width_px: float, start: int = 0) -> list:
    return [face(seed, width_px=width_px) for seed in range(start, start + count)]


def taken(folders, faces, monkeypatch, tmp_path):
    folders["ada"] = faces
    style = type("Style", (), {"names": tuple(one.name for one in faces)})()
    monkeypatch.setattr(pair_material, "style_photos", lambda *_, **__: (style, {"a.jpg": "gray"}))
    told = []
    kept = own_photos(
        tmp_path / "ada",
        least_px=100,
        cache=tmp_path,
        folder=tmp_path,
        report=lambda one: told.append(one.message),
    )
    return kept, told


def test_large_photos_are_targets(folders, monkeypatch, tmp_path):
    (kept, left_out), told = taken(folders, of(20, 150.0) + of(9, 60.0, 20), monkeypatch, tmp_path)
    assert len(kept) == 20 and left_out == {"a.jpg": "gray"} and told == []


def test_with_few_large_photos_all_are_used_and_that_is_said(folders, monkeypatch, tmp_path):
    (kept, _), told = taken(folders, of(9, 150.0) + of(9, 60.0, 9), monkeypatch, tmp_path)
    assert len(kept) == 18
    assert told == [
        "Only 9 photos show a face of 100 px or more: all 18 are used, and the result will be soft."
    ]


def test_few_photos_of_the_person_alone_are_a_sentence(folders, monkeypatch, tmp_path):
    with pytest.raises(BadSetting, match=r"Only 15 photos in .* show the person alone, but 16 is the least"):
        taken(folders, of(15, 150.0), monkeypatch, tmp_path)


def silent(record) -> None:
    return None


def test_without_content_those_who_ship_are_taken(folders, tmp_path):
    learned, shown = other_people([], tmp_path, tmp_path, silent)
    assert (learned, shown) == (folders[LEARNED], folders[HELD_OUT])


def test_of_content_a_tenth_of_the_people_is_held_out(folders, tmp_path):
    folders["lfw"] = of(60, 100.0)
    learned, shown = other_people([tmp_path / "lfw"], tmp_path / "ada", tmp_path, silent)
    assert shown and all(held_out(one.name) for one in shown)
    assert len(learned) + len(shown) == 60 and not any(held_out(one.name) for one in learned)


def test_where_nobody_is_held_out_those_who_ship_stand_in(folders, tmp_path):
    folders["flat"] = [dataclasses.replace(one, name=f"{one.name[6]}.png") for one in of(5, 100.0)]
    learned, shown = other_people([tmp_path / "flat"], tmp_path / "ada", tmp_path, silent)
    assert len(learned) == 5 and shown == folders[HELD_OUT]


def test_the_person_s_own_photos_in_the_same_tree_are_no_strangers(folders, tmp_path):
    folders["all"] = of(4, 100.0)
    learned, _ = other_people([tmp_path / "all"], tmp_path / "all" / "person2", tmp_path, silent)
    assert "person2/photo.png" not in [one.name for one in learned]
    folders["all"] = of(1, 100.0, 2)
    with pytest.raises(BadSetting, match="holds nobody but the person"):
        other_people([tmp_path / "all"], tmp_path / "all" / "person2", tmp_path, silent)


def test_a_file_of_crops_is_a_sentence(tmp_path):
    with pytest.raises(BadSetting, match=r"lfw\.faces holds crops, but pairs need whole photos"):
        other_people([tmp_path / "lfw.faces"], tmp_path, tmp_path, silent)


class ByColour(nn.Module):
    """Faces are one person where their mean colours are alike."""

    def forward(self, crop, landmarks):
        return nn.functional.normalize(crop.mean((2, 3)) - 0.5, dim=1)


def mixed(monkeypatch, same: list[int]) -> PairMaterial:
    """Five people; those listed have the colours of the person."""
    person = face(50)
    others = [
        dataclasses.replace(face(50), name=f"person{n}/photo.png") if n in same else face(n) for n in range(5)
    ]
    vectors = {
        one.name: torch.tensor([1.0, 0.0] if n in same else [0.0, 1.0]) for n, one in enumerate(others)
    }
    monkeypatch.setattr(
        pair_material, "_vectors", lambda _, faces, device: torch.stack([vectors[one.name] for one in faces])
    )
    return PairMaterial([person], {}, others, [face(9)])


@pytest.fixture(scope="module")
def judges() -> PairTeachers:
    return PairTeachers(VGG19().eval(), LandmarkNet().eval(), ByColour(), torch.tensor([1.0, 0.0]))


def test_strangers_who_are_the_person_are_left_out(judges, monkeypatch):
    told = []
    kept = without_the_identity(mixed(monkeypatch, [3]), judges, lambda one: told.append(one.message))
    assert len(kept.strangers) == 4 and "person3" in told[0]
    material = mixed(monkeypatch, [])
    assert without_the_identity(material, judges, silent) is material


def test_content_that_is_mostly_the_person_is_a_sentence(judges, monkeypatch):
    with pytest.raises(BadSetting, match="3 of 5 people in the content are the person"):
        without_the_identity(mixed(monkeypatch, [0, 1, 2]), judges, silent)


def test_vectors_come_in_order_whatever_the_batch():
    faces = of(18, 100.0)
    found = pair_material._vectors(ByColour(), faces, torch.device("cpu"))
    assert found.shape == (18, 3)
    assert torch.allclose(found[17], pair_material._vectors(ByColour(), faces[17:], torch.device("cpu"))[0])
