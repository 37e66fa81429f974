"""Each reason for leaving a photo out, on pictures made so that it holds."""

import dataclasses

import torch

from facehub.alignment import reference_landmarks
from train.photos import Gallery
from train.weeding import weed


def gallery(n: int = 8) -> Gallery:
    """Skin-coloured, textured faces of one person."""
    random = torch.Generator().manual_seed(0)
    skin = torch.tensor([0.8, 0.6, 0.5])[None, :, None, None]
    crop = (skin + 0.15 * (torch.rand(n, 3, 16, 16, generator=random) - 0.5)).repeat_interleave(8, 2).repeat_interleave(8, 3)
    return Gallery(
        names=tuple(f"{i}.jpg" for i in range(n)),
        crop=(crop * 255).to(torch.uint8),
        landmarks=reference_landmarks(128).expand(n, -1, -1).clone(),
        embedding=0.01 * torch.rand(n, 128, generator=random),
        found=torch.ones(n, dtype=torch.long),
        width_px=torch.full((n,), 120.0),
    )


def changed(index: int, **fields) -> dict[str, str]:
    faces = gallery()
    copies = {k: getattr(faces, k).clone() for k in fields}
    for k, change in fields.items():
        copies[k][index] = change(copies[k][index])
    return weed(dataclasses.replace(faces, **copies))


def test_good_photos_stay():
    assert weed(gallery()) == {}


def test_another_person_is_left_out():
    assert "not the person" in changed(3, embedding=lambda e: e + 0.2)["3.jpg"]


def test_a_minority_does_not_win_by_coming_first():
    faces = gallery()
    embedding = faces.embedding.clone()
    embedding[:3] += 0.2
    assert set(weed(dataclasses.replace(faces, embedding=embedding))) == {"0.jpg", "1.jpg", "2.jpg"}


def test_small_faces_are_left_out():
    assert "56 pixels" in changed(2, width_px=lambda w: w * 0.4)["2.jpg"]


def test_gray_photos_are_left_out():
    assert "gray" in changed(5, crop=lambda c: c[:1].expand(3, -1, -1))["5.jpg"]


def test_sunglasses_are_left_out():
    def glasses(crop):
        crop = crop.clone()
        crop[:, 58:76, 36:92] = 10
        return crop

    assert "covered" in changed(1, crop=glasses)["1.jpg"]


def test_the_second_of_two_alike_is_left_out():
    faces = gallery()
    crop = faces.crop.clone()
    crop[6] = crop[2]
    assert weed(dataclasses.replace(faces, crop=crop)) == {"6.jpg": "the photo is nearly the same as an earlier one"}
