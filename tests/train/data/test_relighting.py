"""One face in another's light, on pictures where the right answer is known."""

import cv2
import numpy as np
import pytest

from facehub.blending.alignment import reference_face
from train.data.relighting import feature_mask, relit

SIZE = 96
POINTS = reference_face().numpy() * SIZE - 0.5


def smooth(seed: int) -> np.ndarray:
    colours = np.random.default_rng(seed).uniform(40, 210, (6, 5, 3)).astype(np.float32)
    return cv2.resize(colours, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 255).astype(np.uint8)


def flat(level: int) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), level, np.uint8)


@pytest.fixture
def mask() -> np.ndarray:
    inside = np.zeros((SIZE, SIZE), np.float32)
    cv2.circle(inside, (SIZE // 2, SIZE // 2), SIZE // 2 - 8, 1, -1)
    return inside


@pytest.fixture
def inner(mask) -> np.ndarray:
    """Skin well inside the mask."""
    return cv2.erode(mask * (1 - feature_mask(POINTS, SIZE)), np.ones((5, 5))) > 0


def test_light_is_taken_inside_and_the_rest_stays(mask, inner):
    light, face = smooth(5), smooth(6)
    made = relit(face, light, mask, POINTS)
    assert np.array_equal(made[mask == 0], light[mask == 0])
    assert np.abs(relit(light, light, mask, POINTS).astype(int) - light).max() <= 1
    before, after = (np.abs(some[inner].mean(0) - light[inner].mean(0)).max() for some in (face, made))
    assert after < before / 3


def test_shading_takes_the_hue_of_the_light():
    shade = np.where(np.arange(SIZE) % 12 < 6, 1.0, 0.8)[None, :, None]
    dark = np.broadcast_to(shade * np.array([80, 90, 120]), (SIZE, SIZE, 3)).round().astype(np.uint8)
    pale = np.broadcast_to(np.array([230, 180, 150], np.uint8), dark.shape)
    made = relit(dark, pale, np.ones((SIZE, SIZE), np.float32), POINTS).astype(float)[-4]
    assert made[:, 1].max() - made[:, 1].min() > 8, "the shading is there"
    hue = made / made.mean(1, keepdims=True)
    assert np.abs(hue - hue.mean(0)).max() < 0.02


def test_features_are_the_marked_ones():
    found = feature_mask(POINTS, SIZE)
    for part in (slice(17, 27), slice(31, 36), slice(36, 48), slice(48, 68)):
        at = POINTS[part].round().astype(int)
        assert found[at[:, 1], at[:, 0]].min() == 1
    cheek, chin = (POINTS[[2, 31]].mean(0), POINTS[[8, 57]].mean(0))
    assert all(found[int(y), int(x)] == 0 for x, y in (cheek, chin))


def test_make_up_is_no_light(mask, inner):
    made_up = flat(180)
    made_up[feature_mask(POINTS, SIZE) == 1] = 20
    made = relit(flat(120), made_up, mask, POINTS)
    assert np.abs(made[mask == 1].astype(int) - 180).max() <= 2


def test_an_eye_of_a_dark_face_is_as_dark_on_a_pale_one(mask):
    face, eye = flat(60), feature_mask(POINTS, SIZE) == 1
    face[eye] = 20
    made = relit(face, flat(200), mask, POINTS)
    middle = POINTS[36:42].mean(0).round().astype(int)
    assert 20 < made[middle[1], middle[0]].mean() < 80, "a third of skin before, and no more of it now"
    faint = 200 - 40 * 1.3**0.6
    assert made[middle[1], middle[0]].mean() < faint - 30, "much darker than shading would be"


def test_glints_stay_apart_from_pale_skin(mask):
    """Two bright spots on dark skin, 60 levels apart, neither of which may be lost in white."""
    face = flat(60)
    at = [(SIZE // 2, y) for y in (16, 22)]
    for (x, y), level in zip(at, (140, 200), strict=True):
        face[y - 1 : y + 2, x - 1 : x + 2] = level
    made = relit(face, flat(215), mask, POINTS)
    less, more = (float(made[y, x].mean()) for x, y in at)
    assert 215 < less < more - 5 and more < 250
