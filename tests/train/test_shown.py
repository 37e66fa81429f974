"""What a photo shows of a painted face, on made-up pictures; and what face networks are let see."""

import pytest
import torch

from facehub.blending.alignment import reference_face
from facehub.blending.filters import luma
from facehub.blending.masks import hull_mask
from train import shown
from train.data.gallery import MIRROR
from train.shown import as_shown, coarsened, glimpsed, shifted

SIZE = 128


@pytest.fixture
def landmarks() -> torch.Tensor:
    return (reference_face() * SIZE - 0.5)[None]


@pytest.fixture
def mask(landmarks: torch.Tensor) -> torch.Tensor:
    return hull_mask(torch.zeros(1, 3, SIZE, SIZE), landmarks)


def skin(level: float) -> torch.Tensor:
    return level * torch.tensor([1.0, 0.75, 0.6])[None, :, None, None].expand(1, 3, SIZE, SIZE)


def test_a_face_painted_like_its_photo_is_shown_as_it_is(landmarks, mask):
    photo = skin(0.7) + 0.05 * torch.rand(1, 1, SIZE, SIZE)
    assert (as_shown(photo, photo, mask, landmarks) - photo).abs().max() < 0.02


def test_outside_the_mask_the_photo_is_shown(landmarks, mask):
    photo, painted = torch.rand(2, 1, 3, SIZE, SIZE).split(1)
    away = (as_shown(painted[0], photo[0], mask, landmarks) - photo[0]).abs()
    assert (away * (mask == 0)).max() == 0 and away.max() > 0.1


def test_hue_and_light_of_painted_skin_are_not_shown(landmarks, mask):
    painted = skin(0.4).flip(1)
    result = as_shown(painted, skin(0.7), mask, landmarks)
    cheek = result[0, :, 75:80, 40:45].mean((1, 2))
    assert (painted[0, :, 77, 42] - skin(0.7)[0, :, 77, 42]).abs().max() > 0.3
    assert (cheek - skin(0.7)[0, :, 77, 42]).abs().max() < 0.05


def test_a_painted_line_is_shown_and_learns(landmarks, mask):
    painted = skin(0.7).clone()
    painted[:, :, 60:63, 56:72] = 0.1
    painted.requires_grad_(True)
    result = as_shown(painted, skin(0.7), mask, landmarks)
    assert (luma(result)[0, 0, 61, 64] < 0.5) and bool(result.isfinite().all())
    result[:, :, 61, 64].sum().backward()
    assert painted.grad is not None and painted.grad[0, :, 61, 64].abs().min() > 0


def test_within_lips_and_eyes_the_photo_decides_about_lines(landmarks, mask):
    photo = skin(0.7).clone()
    middles = [landmarks[0, part].mean(0).round().int().tolist() for part in (slice(36, 42), slice(48, 60))]
    for x, y in middles:
        photo[:, :, y, x - 2 : x + 3] = 0.0
    result = luma(as_shown(skin(0.7), photo, mask, landmarks))
    for x, y in middles:
        assert result[0, 0, y, x] < luma(skin(0.7))[0, 0, y, x] - 0.08


@pytest.mark.parametrize("chance", [0.0, 1.0], ids=["always", "never"])
def test_landmarks_follow_a_glimpse(landmarks, monkeypatch, chance):
    """A dot on the left corner of an eye is where the landmark of that corner is said to be: the same one, or
    its mirror image's."""
    monkeypatch.setattr(shown, "TURNED", 0.0)
    monkeypatch.setattr(shown, "SCALED", 0.0)
    monkeypatch.setattr(shown, "SHIFTED", 0.0)
    monkeypatch.setattr(shown, "NOISE", 0.0)
    monkeypatch.setattr(torch, "rand", lambda *size: torch.full(size, chance))
    crop = torch.zeros(1, 3, SIZE, SIZE)
    x, y = landmarks[0, 36].round().int().tolist()
    crop[:, :, y, x] = 1
    seen, points = glimpsed(crop, landmarks)
    row, column = divmod(int(luma(seen)[0, 0].argmax()), SIZE)
    corner = points[0, MIRROR.index(36) if chance == 0 else 36]
    assert (corner - torch.tensor([column, row])).abs().max() <= 1.5


def test_a_glimpse_is_no_further_off_than_it_may_be(landmarks):
    torch.manual_seed(0)
    for _ in range(20):
        moved = glimpsed(torch.zeros(1, 3, SIZE, SIZE), landmarks)[1]
        middle = (moved.mean(1) - landmarks.mean(1)).abs()
        far = (landmarks - landmarks.mean(1)).norm(dim=2).max()
        assert middle[0, 1] <= shown.SHIFTED * SIZE + 0.1
        assert (moved - moved.mean(1)).norm(dim=2).max() <= far * (1 + shown.SCALED) + 1e-3


def test_the_seed_decides(landmarks):
    crop = torch.rand(2, 3, SIZE, SIZE)
    points = landmarks.expand(2, 68, 2)
    made = []
    for _ in range(2):
        torch.manual_seed(5)
        made.append(glimpsed(crop, points))
    assert torch.equal(made[0][0], made[1][0]) and torch.equal(made[0][1], made[1][1])


def test_pictures_are_shifted_alike():
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 16, 20)
    one, other = shifted(picture, 2 * picture)
    assert torch.equal(2 * one, other)
    moves = {tuple((shifted(picture)[0] == picture.max()).nonzero()[0].tolist()) for _ in range(60)}
    assert len(moves) > 20


def test_coarse_pictures_keep_what_is_coarse():
    torch.manual_seed(0)
    flat = torch.full((1, 3, 32, 32), 0.5)
    found = [coarsened(flat) for _ in range(20)]
    assert all((one.mean() - 0.5).abs() < 0.01 and one.shape == flat.shape for one in found)
    noise = sorted(float(one.std()) for one in found)
    assert noise[0] < 0.7 * shown.NOISE and noise[-1] > 0.9 * shown.NOISE, "some at half the resolution"
