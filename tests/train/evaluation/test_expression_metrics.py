"""Lips and gaze of meshes whose answer is known."""

import pytest
import torch

from train.evaluation.expression_metrics import EYES, LIPS, gaze, lip_gap


def face(*, gap: float = 0.0, look: float = 0.5, turn: float = 0.0, scale: float = 1.0) -> torch.Tensor:
    """Eyes 20 units wide, 60 apart; lips `gap` apart; pupils at `look` of the way along their eyes."""
    mesh = torch.zeros(1, 478, 3)
    for (first, second, pupil), x in zip(EYES, (0.0, 60.0), strict=True):
        outward = -1 if x == 0 else 1
        mesh[0, first, :2] = torch.tensor([x + 10 * outward, 0.0])
        mesh[0, second, :2] = torch.tensor([x - 10 * outward, 0.0])
        mesh[0, pupil, :2] = torch.lerp(mesh[0, first, :2], mesh[0, second, :2], look) + torch.tensor(
            [0.0, 1.5]
        )
    for index, (upper, lower) in enumerate(LIPS):
        mesh[0, upper, :2] = torch.tensor([20.0 + 10 * index, 50.0])
        mesh[0, lower, :2] = torch.tensor([20.0 + 10 * index, 50.0 + gap])
    angle = torch.tensor(turn)
    rotation = torch.stack(
        [torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])]
    )
    mesh[..., :2] = mesh[..., :2] @ rotation.T * scale + 7
    return mesh


def test_a_closed_mouth_has_no_gap_and_an_open_one_its_share_of_the_eyes_distance():
    assert lip_gap(face()).item() == pytest.approx(0, abs=1e-6)
    assert lip_gap(face(gap=6)).item() == pytest.approx(0.1, abs=1e-5)


@pytest.mark.parametrize("look", [0.2, 0.5, 0.7])
def test_gaze_is_the_pupils_share_of_the_way(look):
    assert gaze(face(look=look))[0].tolist() == pytest.approx([look, look], abs=1e-5)


def test_neither_turning_nor_scaling_the_picture_changes_them():
    turned = face(gap=6, look=0.3, turn=0.5, scale=3.0)
    assert lip_gap(turned).item() == pytest.approx(0.1, abs=1e-5)
    assert gaze(turned)[0].tolist() == pytest.approx([0.3, 0.3], abs=1e-5)
