"""Where eyes, brows, mouth and nostrils are."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.blending.features import BROWS, EYES, FADE, MOUTH, NOSTRILS, feature_distances, feature_mask

SIZE = (220, 180)


def points() -> torch.Tensor:
    return reference_landmarks(180)[None]


def only(feature: int, reach: float = 0.1) -> torch.Tensor:
    reaches = tuple(reach if i == feature else 0.0 for i in range(4))
    return feature_mask(feature_distances(points(), SIZE), reaches, SIZE)


def at(picture: torch.Tensor, point: torch.Tensor) -> float:
    x, y = point.round().long().tolist()
    return picture[0, 0, y, x].item()


def test_each_feature_is_where_its_landmarks_are():
    middles = {
        EYES: points()[0, 36:42].mean(0),
        BROWS: points()[0, 19],
        MOUTH: points()[0, 66],
        NOSTRILS: points()[0, 33],
    }
    for feature in middles:
        there = {other: at(only(feature), point) for other, point in middles.items()}
        assert there.pop(feature) > 0.9
        assert max(there.values()) < 0.2


def test_a_wide_open_mouth_is_the_mouths_all_over():
    open_wide = points().clone()
    open_wide[0, [65, 66, 67, 56, 57, 58], 1] += 12
    inside = feature_mask(feature_distances(open_wide, SIZE), (0.0, 0.0, 0.08, 0.0), SIZE)
    assert at(inside, open_wide[0, [62, 66]].mean(0)) > 0.9


def test_it_falls_to_zero_at_the_faded_reach():
    distance = torch.tensor([0.0, 0.1, 0.1 * FADE + 1e-3]).view(1, 1, 1, 3).expand(1, 4, 1, 3)
    assert feature_mask(distance, (0.1, 0.0, 0.0, 0.0), (1, 3)).flatten().tolist() == pytest.approx([1, 1, 0])


def test_it_is_measured_in_distances_between_the_eyes():
    """A face of twice the size in a rectangle of twice the size has the same map."""
    larger = feature_mask(feature_distances(points() * 2 + 0.5, (440, 360)), (0.1, 0.1, 0.1, 0.1), (440, 360))
    smaller = feature_mask(feature_distances(points(), SIZE), (0.1, 0.1, 0.1, 0.1), SIZE)
    assert (torch.nn.functional.avg_pool2d(larger, 2) - smaller).abs().mean() < 0.01
