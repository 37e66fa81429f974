"""Colours on pictures whose answer is known."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from train.evaluation.colour import lab, largest_chroma, mean_colour, ring, sclera_chroma, skin


def flat(red: float, green: float, blue: float, height: int = 8, width: int = 9) -> torch.Tensor:
    return (
        torch.tensor([red, green, blue], dtype=torch.float32)
        .view(1, 3, 1, 1)
        .expand(1, 3, height, width)
        .clone()
    )


@pytest.mark.parametrize(
    ("rgb", "expected"),
    [
        ((1, 1, 1), (100, 0, 0)),
        ((0, 0, 0), (0, 0, 0)),
        ((1, 0, 0), (53.24, 80.09, 67.20)),
        ((0, 0, 1), (32.30, 79.19, -107.86)),
        ((0.5, 0.5, 0.5), (53.39, 0, 0)),
    ],
)
def test_known_colours(rgb, expected):
    assert lab(flat(*rgb))[0, :, 0, 0].tolist() == pytest.approx(list(expected), abs=0.05)


def test_mean_colour_sees_its_region():
    picture, left = flat(0.5, 0.5, 0.5), torch.zeros(1, 1, 8, 9, dtype=torch.bool)
    picture[..., 4:] = torch.tensor([1.0, 0, 0]).view(3, 1, 1)
    left[..., :4] = True
    assert mean_colour(picture, left)[0].tolist() == pytest.approx([53.39, 0, 0], abs=0.05)


def test_ring_is_skin_just_outside_the_mask():
    mask, hold = torch.zeros(1, 1, 64, 64), torch.ones(1, 1, 64, 64)
    mask[..., 20:44, 20:44] = 1
    hold[..., :32, :] = 0
    found = ring(mask, hold)[0, 0]
    assert found[45, 32] and found[40, 15]
    assert not found[40, 30] and not found[18, 32] and not found[60, 32]


def test_skin_is_off_the_eyes_and_the_mouth():
    points = reference_landmarks(128)[None]
    found = skin(torch.ones(1, 1, 128, 128), points)[0, 0]
    for landmark, expected in ((37, False), (62, False), (19, False), (2, True)):
        x, y = points[0, landmark].round().long().tolist()
        assert found[y, x].item() is expected


def test_gray_has_no_chroma_and_one_coloured_pixel_counts():
    photo = torch.full((2, 3, 5, 7), 90, dtype=torch.uint8)
    photo[1, 0, 2, 3] = 97
    assert largest_chroma(photo).tolist() == [0, 7]


def eyes(white: tuple[int, int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """A face of 200 px with whites of this colour, dark blue irises, and skin around."""
    points = reference_landmarks(200)[None]
    photo = torch.tensor([200, 150, 130], dtype=torch.uint8).view(1, 3, 1, 1).repeat(1, 1, 200, 200)
    for eye in (points[0, 36:42], points[0, 42:48]):
        (left, top), (right, bottom) = (
            eye.amin(0).round().long().tolist(),
            eye.amax(0).round().long().tolist(),
        )
        photo[0, :, top : bottom + 1, left : right + 1] = torch.tensor(white, dtype=torch.uint8)[
            :, None, None
        ]
        middle = (left + right) // 2
        photo[0, :, top : bottom + 1, middle - 3 : middle + 3] = torch.tensor([20, 30, 90])[:, None, None]
    return photo, points


def test_whites_of_eyes_are_told_from_irises_and_skin():
    white, cyan = (sclera_chroma(*eyes(colour)).item() for colour in ((235, 235, 235), (190, 240, 240)))
    assert white < 1
    assert cyan == pytest.approx(
        lab(flat(190 / 255, 240 / 255, 240 / 255))[0, 1:, 0, 0].norm().item(), rel=0.05
    )


def test_eyes_too_small_to_tell_are_not_told():
    assert (
        sclera_chroma(torch.zeros(1, 3, 40, 40, dtype=torch.uint8), reference_landmarks(20)[None])
        .isnan()
        .all()
    )
