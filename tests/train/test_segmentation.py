"""What the network for parts learns from, how it is led, and that it learns."""

import math

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.networks.segmentation import BACKGROUND, COVER, FACE, GLASSES, HAIR, SKIN
from train import segmentation
from train.data.occluders import (
    RandomSource,
    capsule,
    cloth,
    covered,
    glasses,
    hand,
    masked,
    mouth_mask,
    spectacled,
    stick,
)
from train.data.parts import MARGIN, UNKNOWN, WIDE, Parts, allowing
from train.evaluation import mask_metrics
from train.segmentation import SegmentationConfig, loss, moved, tinted


def chance(n: int, seed: int = 0) -> RandomSource:
    return RandomSource(n, torch.Generator().manual_seed(seed))


def drawn(n: int = 8) -> Parts:
    """Faces as plain as can be: a bright disc is the face, a red ring around it hair, the rest is dark."""
    y, x = torch.meshgrid(torch.arange(WIDE), torch.arange(WIDE), indexing="ij")
    radius = ((x - WIDE / 2) ** 2 + (y - WIDE * 0.58) ** 2).sqrt()
    face, hair = radius < 34, (radius >= 34) & (radius < 48)
    tone = torch.linspace(120, 230, n)[:, None, None, None]
    colour = torch.where(
        hair, torch.tensor([150.0, 30, 30])[:, None, None], torch.tensor([40.0, 60, 60])[:, None, None]
    )
    wide = (
        torch.where(face, tone, colour[None])
        + torch.randn(n, 3, WIDE, WIDE, generator=torch.Generator().manual_seed(0)) * 6
    )
    allowed = torch.where(face, allowing(FACE), torch.where(hair, allowing(HAIR), allowing(BACKGROUND)))
    points = (reference_landmarks(128) + MARGIN).expand(n, -1, -1).contiguous()
    names = tuple(f"{k}" for k in range(n))
    return Parts(
        names,
        wide.clamp(0, 255).to(torch.uint8),
        allowed.to(torch.uint8).expand(n, 1, -1, -1).contiguous(),
        points,
    )


def test_the_loss_asks_for_one_of_the_allowed_classes():
    logits = torch.zeros(1, 7, 4, 4)
    logits[:, FACE] = 3
    sure = loss(logits, torch.full((1, 1, 4, 4), allowing(FACE), dtype=torch.uint8))
    either = loss(logits, torch.full((1, 1, 4, 4), allowing(FACE, SKIN), dtype=torch.uint8))
    wrong = loss(logits, torch.full((1, 1, 4, 4), allowing(HAIR), dtype=torch.uint8))
    total = math.exp(3) + 6
    assert sure.item() == pytest.approx(-math.log(math.exp(3) / total), abs=1e-5)
    assert either.item() == pytest.approx(-math.log((math.exp(3) + 1) / total), abs=1e-5)
    assert wrong.item() == pytest.approx(math.log(total), abs=1e-5)


def test_where_nothing_is_known_nothing_is_asked():
    logits = torch.randn(2, 7, 4, 4, requires_grad=True)
    allowed = torch.full((2, 1, 4, 4), UNKNOWN, dtype=torch.uint8)
    allowed[0, 0, 0, 0] = allowing(FACE)
    value = loss(logits, allowed)
    value.sum().backward()
    assert value[1] == 0 and value[0] > 0
    assert (
        (logits.grad[1] == 0).all()
        and (logits.grad[0, :, 1:] == 0).all()
        and (logits.grad[0, :, 0, 0] != 0).all()
    )


def test_crop_label_and_landmarks_move_together():
    """A white dot and a label of its own on the nose's tip end up where the landmark says."""
    faces = drawn(16)
    wide, allowed = torch.zeros_like(faces.wide), faces.allowed.clone()
    x, y = faces.landmarks[0, 30].round().long().tolist()
    wide[:, :, y - 2 : y + 3, x - 2 : x + 3] = 255
    allowed[:, :, y - 2 : y + 3, x - 2 : x + 3] = allowing(COVER)
    crop, label, points = moved(wide, allowed, faces.landmarks, chance(16))
    assert crop.shape == (16, 3, 128, 128) and label.shape == (16, 1, 128, 128)
    for one, marks, landmarks in zip(crop, label, points, strict=True):
        place = landmarks[30]
        for where in ((one[0] > 0.5).nonzero(), (marks[0] == allowing(COVER)).nonzero()):
            assert (where.float().mean(0).flip(0) - place).norm() < 1.5
    mirrored = points[:, 0, 0] > points[:, 16, 0]
    assert not mirrored.any(), "a mirrored face's landmarks keep their order"


def test_unknown_comes_in_from_beyond_the_picture():
    faces = drawn(32)
    _, label, _ = moved(faces.wide, faces.allowed, faces.landmarks, chance(32))
    assert (label == UNKNOWN).any() and (label[:, :, 64, 64] != UNKNOWN).all()


@pytest.mark.parametrize("draw", [hand, stick, cloth])
def test_what_lies_before_a_face_is_seen_and_labelled(draw):
    distance = draw(chance(24), 128)
    assert distance.shape == (24, 1, 128, 128)
    share = (distance[:, :, 40:120, 32:96] > 0).float().mean((1, 2, 3))
    assert (share > 0.002).float().mean() > 0.7 and (share < 0.9).all()


def test_covered_faces_change_where_they_are_labelled():
    crop, allowed = (
        torch.rand(24, 3, 128, 128),
        torch.full((24, 1, 128, 128), allowing(FACE), dtype=torch.uint8),
    )
    seen, label = covered(crop, allowed, torch.Generator().manual_seed(0), share=0.5)
    there = (label == allowing(COVER)).flatten(1).any(1)
    assert 4 < there.sum() < 20
    assert torch.equal(seen[~there], crop[~there]) and torch.equal(label[~there], allowed[~there])
    assert ((seen - crop).abs().mean(1, keepdim=True)[there] > 0.01)[
        label[there] == allowing(COVER)
    ].float().mean() > 0.9
    assert seen.min() >= 0 and seen.max() <= 1


def test_eyes_behind_clear_glasses_stay_the_face_and_behind_dark_ones_do_not():
    n = 40
    crop, allowed = (
        torch.rand(n, 3, 128, 128) * 0.2 + 0.5,
        torch.full((n, 1, 128, 128), allowing(FACE), dtype=torch.uint8),
    )
    landmarks = reference_landmarks(128).expand(n, -1, -1)
    seen, label = glasses(crop, allowed, landmarks, chance(n))
    x, y = landmarks[0, 36:42].mean(0).round().long().tolist()
    eye, dark = label[:, 0, y, x], (seen - crop)[:, :, y, x].mean(1) < -0.25
    assert (eye[dark] == allowing(GLASSES)).all() and dark.any()
    assert (eye[~dark] == allowing(FACE)).float().mean() > 0.8 and (~dark).any()
    assert ((label == allowing(GLASSES)).flatten(1).sum(1) > 60).all()
    assert (label[:, 0, 110] == allowing(FACE)).all(), "the chin has no glasses"
    some, _ = spectacled(crop, allowed, landmarks, torch.Generator().manual_seed(0), share=0.2)
    assert 2 < (some != crop).flatten(1).any(1).sum() < 20


def test_a_mask_covers_mouth_and_nose_and_leaves_the_eyes():
    n = 40
    crop, allowed = (
        torch.rand(n, 3, 128, 128),
        torch.full((n, 1, 128, 128), allowing(FACE), dtype=torch.uint8),
    )
    landmarks = reference_landmarks(128).expand(n, -1, -1)
    seen, label = mouth_mask(crop, allowed, landmarks, chance(n))
    there = label[:, 0] == allowing(COVER)
    for points, wanted in (((33, 51, 57), 1.0), ((37, 44, 19, 24), 0.0)):
        x, y = landmarks[0, list(points)].round().long().T
        assert (there[:, y, x].float().mean() == wanted).all(), points
    assert torch.equal(seen[..., :30, :], crop[..., :30, :]) and seen.min() >= 0 and seen.max() <= 1
    assert ((seen - crop).abs().mean(1) > 0.01)[there].float().mean() > 0.95
    some, _ = masked(crop, allowed, landmarks, torch.Generator().manual_seed(0), share=0.2)
    assert 2 < (some != crop).flatten(1).any(1).sum() < 20


def test_capsules_are_rods_with_round_ends():
    distance = capsule(torch.tensor([[20.0, 30.0]]), torch.tensor([[60.0, 30.0]]), torch.tensor([5.0]), 80)[
        0, 0
    ]
    assert (
        distance[30, 40] == 5
        and distance[35, 40] == 0
        and distance[30, 15] == pytest.approx(0)
        and distance[30, 70] == pytest.approx(-5)
    )


def test_tints_stay_pictures_and_differ():
    crop = torch.rand(8, 3, 128, 128)
    one, other = tinted(crop, chance(8, 0)), tinted(crop, chance(8, 1))
    assert one.min() >= 0 and one.max() <= 1 and not torch.equal(one, other)
    assert torch.equal(one, tinted(crop, chance(8, 0))), "the seed decides"


def test_it_learns_the_parts_of_plain_faces_and_the_seed_decides():
    faces, told = drawn(), []
    setting = SegmentationConfig(steps=60, batch=4, rate=1e-2, mean_over=5.0)
    network = segmentation.train(faces, setting, told.append)
    crop = faces.wide[:, :, MARGIN:-MARGIN, MARGIN:-MARGIN].float() / 255
    label = faces.allowed[:, 0, MARGIN:-MARGIN, MARGIN:-MARGIN]
    right = (1 << network(crop).argmax(1)) == label
    assert right.float().mean() > 0.85
    assert not network.training and not any(p.requires_grad for p in network.parameters())
    short = SegmentationConfig(steps=2, batch=4)
    once, twice = (segmentation.train(faces, short, told.append) for _ in range(2))
    assert all(
        torch.equal(a, b)
        for a, b in zip(once.state_dict().values(), twice.state_dict().values(), strict=True)
    )


def test_accuracy_and_f1_of_a_table():
    table = mask_metrics.confusion(torch.tensor([0, 0, 1, 2, 2, 2]), torch.tensor([0, 1, 1, 2, 2, 0]))
    assert table.tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 2]]
    assert mask_metrics.accuracy(table) == pytest.approx(4 / 6)
    assert mask_metrics.f1(table) == pytest.approx([2 / 4, 2 / 3, 4 / 5])
