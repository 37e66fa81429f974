"""Closed eyes stay closed."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.blending.closed_eyes import OPEN, SHUT, close_eyes, eye_openness
from facehub.blending.features import feature_distances

SIZE = 96
RIGHT, LEFT = slice(36, 42), slice(42, 48)
MASK = torch.ones(1, 1, SIZE, SIZE)


def with_eyes(right: float, left: float) -> torch.Tensor:
    """The reference face with eyes that are open this far."""
    points = reference_landmarks(SIZE)[None].clone()
    for eye, wanted, now in zip((RIGHT, LEFT), (right, left), eye_openness(points)[0].tolist(), strict=True):
        middle = points[:, eye, 1].mean(1, keepdim=True)
        points[:, eye, 1] = middle + (points[:, eye, 1] - middle) * 0.5
        for _ in range(30):  # the corners do not lie on one height, so that it is no proportion
            now = eye_openness(points)[0, 0 if eye is RIGHT else 1].item()
            inner = [eye.start + i for i in (1, 2, 4, 5)]
            points[:, inner, 1] = middle + (points[:, inner, 1] - middle) * wanted / now
    return points


def closed(points: torch.Tensor, mask: torch.Tensor = MASK) -> torch.Tensor:
    """Black photo, white result: 0 where the photo was taken."""
    photo, result = torch.zeros(1, 3, SIZE, SIZE), torch.ones(1, 3, SIZE, SIZE)
    return close_eyes(result, photo, mask, points, feature_distances(points, (SIZE, SIZE)))


def at(picture: torch.Tensor, points: torch.Tensor, eye: slice) -> float:
    x, y = points[0, eye].mean(0).round().long().tolist()
    return picture[0, :, y, x].mean().item()


def test_how_far_an_eye_is_open_is_its_height_over_its_width():
    points = with_eyes(0.1, 0.3)
    assert eye_openness(points)[0].tolist() == pytest.approx([0.1, 0.3], abs=0.01)
    turn = torch.tensor([[0.8, -0.6], [0.6, 0.8]])
    assert torch.allclose(eye_openness(5 * points @ turn), eye_openness(points), atol=1e-5)


def test_closed_eyes_are_the_photos_and_open_ones_the_new_faces():
    shut, wide = with_eyes(SHUT - 0.02, SHUT - 0.02), with_eyes(OPEN + 0.02, OPEN + 0.02)
    assert all(at(closed(shut), shut, eye) < 0.01 for eye in (RIGHT, LEFT))
    assert torch.equal(closed(wide), torch.ones(1, 3, SIZE, SIZE))


def test_a_wink_closes_one_eye():
    wink = with_eyes(0.08, 0.3)
    made = closed(wink)
    assert at(made, wink, RIGHT) < 0.01 and at(made, wink, LEFT) == 1


def test_between_both_it_is_part_of_each():
    half = with_eyes((SHUT + OPEN) / 2, (SHUT + OPEN) / 2)
    assert at(closed(half), half, LEFT) == pytest.approx(0.5, abs=0.15)


def test_only_lids_and_only_inside_the_mask():
    shut = with_eyes(0.05, 0.05)
    made = closed(shut)
    for cheek in (2, 14, 33, 57, 19):  # jaw, nose, lip and brow
        x, y = shut[0, cheek].round().long().tolist()
        assert made[0, :, y, x].min() == 1
    assert torch.equal(closed(shut, torch.zeros_like(MASK)), torch.ones(1, 3, SIZE, SIZE))


def test_eyes_that_are_nearly_alike_are_treated_nearly_alike():
    """Otherwise one iris would be the photo's and the other the identity's."""
    points = with_eyes(0.16, 0.18)
    made = closed(points)
    assert abs(at(made, points, RIGHT) - at(made, points, LEFT)) < 0.25
