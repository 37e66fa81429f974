"""The landmark network as it ships, and the parts that trained it."""

import json

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import load_file, save_file

from facehub.blending.alignment import align, reference_landmarks
from facehub.detection.finder import Finder
from facehub.errors import BadSetting
from facehub.geometry import transform_points
from train import landmarks, losses
from train.data.face_box import BOX, boxed


@pytest.fixture(scope="module")
def aligned(astronaut):
    """The astronaut's crop and landmarks in crop pixels."""
    found = Finder()(astronaut[None])
    faces = align(astronaut[None], found.landmarks, found.photo, size=128)
    return faces.crop, transform_points(faces.crop_from_photo, faces.landmarks)


def error(found, points) -> float:
    return losses.landmarks(found, points).item()


def test_what_ships_agrees_with_dlib(aligned):
    crop, points = aligned
    assert error(landmarks.read()(boxed(crop)), points) < 0.05


def test_it_follows_a_face_that_moves(aligned):
    """Six pixels to the right and four down: the landmarks go along, to within a pixel."""
    crop, _ = aligned
    network = landmarks.read()
    moved = network(boxed(crop.roll((4, 6), (-2, -1)))) - network(boxed(crop))
    assert (moved.mean(1) - torch.tensor([6.0, 4.0])).abs().max() < 1


def test_one_network_serves_all_sizes(aligned):
    crop, _ = aligned
    network = landmarks.read()
    larger = F.interpolate(crop, scale_factor=2, mode="bicubic").clamp(0, 1)
    assert error(network(boxed(larger)), network(boxed(crop))) < 0.01


def test_what_ships_was_near_dlib_on_strangers():
    report = json.loads(landmarks.WEIGHTS.with_suffix(".json").read_text())
    assert report["percent_of_the_distance_between_the_eyes_from_dlib_on_strangers"]["all"] < 5
    assert report["faces"]["strangers"] > 400


def test_landmarks_move_with_the_face():
    """The brightest spot of a face that is dark but for one dot is where `varied` says that the dot's
    landmark went."""
    points, choice = reference_landmarks(128)[None].round(), torch.Generator().manual_seed(3)
    top, _, left, _ = BOX
    for index in (
        27,
        30,
        33,
        51,
        57,
    ):  # on the middle line: a mirror image of the face has them at the same place in the list
        dots = torch.zeros(8, 3, 128, 128, dtype=torch.uint8)
        x, y = points[0, index].int().tolist()
        dots[:, :, y - 1 : y + 2, x - 1 : x + 2] = 255
        box, moved = landmarks.varied(dots, points.expand(8, -1, -1), choice)
        seen = box.mean(1) - box.mean((1, 2, 3))[:, None, None]
        at = ((moved[:, index] - torch.tensor([left, top]) + 0.5) / 2 - 0.5).round().long()
        near = [
            face[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].max() / face.max()
            for face, (x, y) in zip(seen, at.tolist(), strict=True)
        ]
        assert sum(ratio > 0.9 for ratio in near) >= 5  # a patch may cover the dot, or outshine it


def test_it_learns(aligned):
    """In a few steps it is nearer to one face's landmarks than the mean face is."""
    crop, points = aligned
    from tests.train.tiny import gallery

    face = gallery(1)
    face = type(face)(
        face.names,
        (crop * 255).round().to(torch.uint8),
        points,
        *(getattr(face, f) for f in ("embedding", "found", "width_px")),
    )
    network = landmarks.train(face, steps=60, seed=0, batch=8)
    usual = network.get_buffer("usual")[None]
    assert landmarks.measure(network, face)["all"] < 100 * error(usual, points)
    assert not any(p.requires_grad for p in network.parameters())


def test_gradients_reach_the_picture(aligned):
    crop, points = aligned
    box = boxed(crop).clone().requires_grad_()
    losses.landmarks(landmarks.read()(box), points + 1).sum().backward()
    assert box.grad is not None and box.grad.abs().sum() > 0


DAMAGED = {
    "one missing": lambda w: {k: v for k, v in w.items() if k != "layers.0.weight"},
    "one too many": lambda w: w | {"more": torch.zeros(1)},
    "another shape": lambda w: w | {"layers.0.weight": torch.zeros(8)},
    "not finite": lambda w: w | {"layers.0.weight": torch.full_like(w["layers.0.weight"], torch.nan)},
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_weights_that_do_not_fit_are_refused(damage, tmp_path):
    file = tmp_path / "x.safetensors"
    save_file(DAMAGED[damage](load_file(landmarks.WEIGHTS)), file)
    with pytest.raises(BadSetting, match="train.landmarks"):
        landmarks.read(file)


def test_other_weights_are_refused(tmp_path):
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(BadSetting, match="train.landmarks"):
        landmarks.read(tmp_path / "x.safetensors")
