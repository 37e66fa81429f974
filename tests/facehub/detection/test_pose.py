"""How far a face is turned."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.detection import pose


def turned(degrees: float) -> torch.Tensor:
    """The reference face with its nose, which stands out, moved as a turn about the upright axis moves it."""
    points = reference_landmarks(128)[None].clone()
    half = (points[0, 15, 0] - points[0, 1, 0]) / 2
    points[:, 27:36, 0] -= half * degrees / pose.YAW_AT_JAW_DEG
    return points


@pytest.mark.parametrize("degrees", [-40, -20, 0, 15, 44])
def test_the_nose_tells_how_far(degrees):
    assert pose.yaw_deg(turned(degrees)).item() == pytest.approx(degrees, abs=0.5)


def test_only_faces_turned_far_get_a_sentence_with_the_next_step():
    near, far = pose.pose_notes(torch.cat([turned(20), turned(-38)]))
    assert near == "" and "38 degrees" in far and "photo from nearer the front" in far


def test_a_turn_counts_alike_to_both_sides():
    assert torch.allclose(pose.profile_share(turned(35)), pose.profile_share(turned(-35)), atol=1e-4)
    assert pose.profile_share(turned(0)) == 0 and pose.profile_share(turned(60)) == 1
