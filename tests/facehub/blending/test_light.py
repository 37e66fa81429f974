"""The photo's light on painted faces."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from facehub.blending.features import between_eyes, feature_distances
from facehub.blending.light import DARK, MOST, match_light

SIZE, BETWEEN = 96, 24.0
SKIN = torch.ones(1, 1, SIZE, SIZE)
NEAR, AWAY = torch.full((1, 4, 20, 20), 0.2), torch.full((1, 4, 20, 20), 2.0)
"""Distances of skin close to features, and of skin far from them."""


def lit(result, target, mask=SKIN, away=NEAR):
    return match_light(result, target, mask, away, torch.full((len(result),), BETWEEN))


def flat(bright: float) -> torch.Tensor:
    return torch.full((1, 3, SIZE, SIZE), bright)


def side_lit() -> torch.Tensor:
    return torch.linspace(0.3, 0.8, SIZE).expand(1, 3, SIZE, SIZE).clone()


@pytest.mark.parametrize("away", [NEAR, AWAY])
def test_flat_skin_is_lit_from_the_side_that_the_photo_is(away):
    made = lit(flat(0.5), side_lit(), away=away)
    inner = slice(SIZE // 5, -SIZE // 5)
    assert (made - side_lit())[..., inner].abs().max() < 0.03


def test_a_face_in_the_photos_light_stays_as_it_is():
    torch.manual_seed(0)
    photo = side_lit() + 0.1 * torch.rand(1, 1, SIZE, SIZE)
    assert torch.allclose(lit(photo, photo, away=AWAY), photo, atol=1e-6)


def blob(bright: float) -> torch.Tensor:
    """A soft spot of another brightness in the middle of a gray face."""
    x = torch.arange(SIZE) - SIZE / 2
    return flat(0.5) + (bright - 0.5) * torch.exp(-(x[:, None] ** 2 + x**2) / (2 * 5.0**2))


def test_a_shape_stays_near_features_and_goes_away_from_them():
    near, away = (lit(blob(0.3), flat(0.5), away=where) for where in (NEAR, AWAY))
    middle = (0, 0, SIZE // 2, SIZE // 2)
    assert near[middle] < 0.35 and away[middle] > 0.38


def test_what_is_no_skin_is_neither_measured_nor_left_in_another_light():
    """Dark hair that the mask leaves out darkens nothing; eyes are lit as the skin around them is."""
    photo, skin, eye = flat(0.6), SKIN.clone(), flat(0.3)
    photo[:, :, SIZE // 2 :] = 0.1
    skin[:, :, SIZE // 2 :] = 0
    assert lit(flat(0.5), photo, skin, AWAY)[:, :, : SIZE // 2].sub(0.6).abs().max() < 0.01
    eye[:, :, 40:50, 40:50] = 0.1
    skin = SKIN.clone()
    skin[:, :, 40:50, 40:50] = 0
    made = lit(eye, flat(0.6), skin)
    assert made[0, 0, 45, 45] == pytest.approx(0.1 * (0.6 + DARK) / (0.3 + DARK), abs=0.01)


def test_a_factor_has_limits_and_no_skin_changes_nothing():
    assert lit(flat(0.1), flat(0.9)).max() == pytest.approx(0.1 * MOST)
    assert torch.equal(lit(flat(0.4), flat(0.9), torch.zeros_like(SKIN), AWAY), flat(0.4))


def test_a_face_in_a_batch_is_the_face_alone():
    results, targets = torch.cat([flat(0.5), blob(0.3)]), torch.cat([side_lit(), flat(0.7)])
    two = lit(results, targets, *(torch.cat([weight] * 2) for weight in (SKIN, AWAY)))
    assert torch.allclose(two[:1], lit(flat(0.5), side_lit(), away=AWAY), atol=1e-6)


def test_light_of_a_large_face_is_measured_on_a_coarse_grid_to_the_same_end():
    large = torch.nn.functional.interpolate(side_lit(), scale_factor=4.0, mode="bilinear")
    ones = torch.ones(1, 1, 4 * SIZE, 4 * SIZE)
    made = match_light(torch.full_like(large, 0.5), large, ones, NEAR, torch.tensor([4 * BETWEEN]))
    small = lit(flat(0.5), side_lit())
    assert (torch.nn.functional.avg_pool2d(made, 4) - small).abs().max() < 0.01


def test_what_glows_around_a_brow_is_dimmed_and_nothing_elsewhere():
    """A bright spot beside a brow, one on a cheek, and a bright eye."""
    points = reference_landmarks(SIZE)[None]
    distances = feature_distances(points, (SIZE, SIZE))
    spots = {
        "brow": points[0, 19] - torch.tensor([0.0, 4.0]),
        "cheek": points[0, [3, 31]].mean(0),
        "eye": points[0, 37:39].mean(0),
    }
    painted = flat(0.5)
    for x, y in (spot.round().long().tolist() for spot in spots.values()):
        painted[:, :, y - 1 : y + 2, x - 1 : x + 2] = 0.8
    made = match_light(painted, flat(0.5), SKIN, distances, between_eyes(points))
    left = {n: made[0, 0, int(spot[1].round()), int(spot[0].round())].item() for n, spot in spots.items()}
    assert left["brow"] < 0.66 and left["cheek"] > 0.7 and left["eye"] > 0.75
