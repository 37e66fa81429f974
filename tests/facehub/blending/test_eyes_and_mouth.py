"""Eyes and mouth: the photo's light and dark, the identity's colours, nothing elsewhere."""

import pytest
import torch

from facehub.blending.alignment import reference_face
from facehub.blending.eyes_and_mouth import EYES, MOUTH, inside_polygon, keep_eyes_and_mouth
from facehub.blending.features import between_eyes
from facehub.blending.filters import luma

SIZE = 320
SKIN = (0.8, 0.6, 0.5)


def flat(colour: tuple[float, float, float]) -> torch.Tensor:
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, SIZE, SIZE).clone()


@pytest.fixture
def landmarks() -> torch.Tensor:
    return reference_face()[None] * SIZE


@pytest.fixture
def whole() -> torch.Tensor:
    return torch.ones(1, 1, SIZE, SIZE)


def polygon(landmarks: torch.Tensor, part: tuple[int, ...], inset_px: float = 1.0) -> torch.Tensor:
    return inside_polygon(landmarks[0, list(part)], slice(0, SIZE), slice(0, SIZE), inset_px)


def with_eyes(face: torch.Tensor, landmarks: torch.Tensor, iris: tuple, white: tuple) -> torch.Tensor:
    """White openings with an iris of 0.1 of the distance between the eyes in the middle."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    for eye in EYES:
        opening = polygon(landmarks, eye) > 0
        face = torch.where(opening, flat(white), face)
        middle = landmarks[0, list(eye)].mean(0)
        near = ((x - middle[0]) ** 2 + (y - middle[1]) ** 2).sqrt() < 0.1 * between_eyes(landmarks)
        face = torch.where(opening & near, flat(iris), face)
    return face


def test_how_deep_a_pixel_lies_in_a_square():
    square = torch.tensor([[2.0, 2.0], [12.0, 2.0], [12.0, 12.0], [2.0, 12.0]])
    inside = inside_polygon(square, slice(0, 16), slice(0, 20), 4.0)[0, 0]
    assert inside.shape == (16, 20)
    assert inside[7, 7] == 1 and inside[4, 7] == 0.5 and inside[7, 11] == 0.25
    assert inside[2, 7] == 0 and inside[7, 12] == 0 and inside[:, 13:].sum() == 0 and inside[14:].sum() == 0
    window = inside_polygon(square, slice(5, 9), slice(6, 15), 4.0)[0, 0]
    assert torch.equal(window, inside[5:9, 6:15])


def test_where_both_are_alike_nothing_changes(landmarks, whole):
    torch.manual_seed(0)
    face = torch.rand(1, 3, SIZE, SIZE) * 0.2 + 0.4
    gray = luma(face).expand(-1, 3, -1, -1)
    kept = keep_eyes_and_mouth(gray, gray, whole, landmarks)
    assert (kept - gray).abs().max() < 1e-5


def test_a_hazy_eye_gets_the_photos_edges_and_keeps_its_own_colour(landmarks, whole):
    """A brown eye of the photo, a hazy blue one painted."""
    photo = with_eyes(flat(SKIN), landmarks, iris=(0.3, 0.2, 0.1), white=(0.9, 0.9, 0.9))
    painted = with_eyes(flat(SKIN), landmarks, iris=(0.42, 0.5, 0.62), white=(0.55, 0.6, 0.7))
    kept = keep_eyes_and_mouth(painted, photo, whole, landmarks)
    x, y = landmarks[0, list(EYES[0])].mean(0).round().long().tolist()
    deep = polygon(landmarks, EYES[0], 3.0)[0, 0] >= 1
    white = deep & (luma(photo)[0, 0] > 0.85)
    iris, sclera = kept[0, :, y, x], kept[0, :, white].mean(1)
    contrast = (luma(kept)[0, 0, white].mean() - luma(kept)[0, 0, y, x]).item()
    assert contrast > 2 * (luma(painted)[0, 0, white].mean() - luma(painted)[0, 0, y, x]).item()
    assert iris[2] > 1.1 * iris[0], "the iris is blue, as painted"
    assert (sclera.amax() - sclera.amin()) < 0.02, "the white is as gray as the photo's"


def test_an_eye_behind_dark_glass_stays_as_it_was_painted(landmarks, whole):
    painted = with_eyes(flat(SKIN), landmarks, iris=(0.2, 0.2, 0.2), white=(0.9, 0.9, 0.9))
    photo = with_eyes(flat(SKIN), landmarks, iris=(0.1, 0.1, 0.1), white=(0.1, 0.1, 0.1))
    inner = polygon(landmarks, EYES[0], 3.0) >= 1
    blank = flat((0.1, 0.1, 0.1))
    kept = keep_eyes_and_mouth(painted, blank, whole, landmarks)
    assert torch.equal(kept[:, :, inner[0, 0]], painted[:, :, inner[0, 0]])
    assert not torch.equal(keep_eyes_and_mouth(painted, photo * 0 + painted * 0.9, whole, landmarks), painted)


def test_painted_lips_that_part_are_closed_as_the_photos_in_a_colour_between_the_two(landmarks, whole):
    lips = polygon(landmarks, MOUTH) > 0
    middle = landmarks[0, list(MOUTH)].mean(0)[1]
    height = 0.03 * between_eyes(landmarks).item()
    gap = lips & ((torch.arange(SIZE) - middle).abs() < height)[:, None]
    red, pale = flat((0.8, 0.2, 0.3)), flat((0.6, 0.4, 0.4))
    photo = torch.where(lips, pale, flat(SKIN))
    painted = torch.where(gap, flat((0.95, 0.95, 0.95)), torch.where(lips, red, flat(SKIN)))
    kept = keep_eyes_and_mouth(painted, photo, whole, landmarks)
    deep = (gap & (polygon(landmarks, MOUTH, 5.0) >= 1))[0, 0]
    was, now = (luma(face)[0, 0, deep].mean() - luma(red)[0, 0, 0, 0] for face in (painted, kept))
    assert now < 0.5 * was
    lip = ((polygon(landmarks, MOUTH, 5.0) >= 1) & ~gap)[0, 0]
    colour = kept[0, :, lip].mean(1)
    assert 0.27 < colour[0] - colour[1] < 0.33, (
        "halfway to the photo's 0.2 from 0.4, what is left beside teeth"
    )


def test_elsewhere_not_a_bit_changes(landmarks, whole):
    torch.manual_seed(0)
    painted, photo = torch.rand(1, 3, SIZE, SIZE), torch.rand(1, 3, SIZE, SIZE)
    parts = sum(polygon(landmarks, part) for part in (*EYES, MOUTH)) > 0
    before = painted.clone()
    kept = keep_eyes_and_mouth(painted, photo, whole, landmarks)
    assert torch.equal(painted, before), "the argument was written into"
    outside = (~parts).expand_as(kept)
    assert torch.equal(kept[outside], painted[outside])
    assert not torch.equal(kept, painted)
    covered = whole.clone()
    covered[..., SIZE // 2 :, :] = 0  # a hand over the mouth
    half = keep_eyes_and_mouth(painted, photo, covered, landmarks)
    assert torch.equal(half[:, :, SIZE // 2 :], painted[:, :, SIZE // 2 :])


def test_detail_scales_it(landmarks, whole):
    torch.manual_seed(0)
    painted, photo = torch.rand(1, 3, SIZE, SIZE), torch.rand(1, 3, SIZE, SIZE)
    none, half, full = (
        keep_eyes_and_mouth(painted, photo, whole, landmarks, detail=amount) for amount in (0.0, 0.5, 1.0)
    )
    assert torch.equal(none, painted)
    lips = polygon(landmarks, MOUTH) > 0
    changes = [(kept - painted)[lips.expand_as(painted)].abs().mean().item() for kept in (half, full)]
    assert 0.4 * changes[1] < changes[0] < 0.6 * changes[1]


@pytest.mark.parametrize("shift", [(-800.0, 0.0), (0.0, 800.0), (-140.0, -140.0), (180.0, 120.0)])
def test_landmarks_beyond_the_rectangle_are_no_trouble(landmarks, whole, shift):
    torch.manual_seed(0)
    painted, photo = torch.rand(1, 3, SIZE, SIZE), torch.rand(1, 3, SIZE, SIZE)
    kept = keep_eyes_and_mouth(painted, photo, whole, landmarks + torch.tensor(shift))
    assert kept.shape == painted.shape and kept.isfinite().all()
