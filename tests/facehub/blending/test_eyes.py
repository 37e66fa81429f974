"""An iris is found where it is, and becomes as light and as coloured as the painted one."""

import pytest
import torch

from facehub.blending.eyes import COLOURED, RADIUS, Opening, find_iris, renew_eyes
from facehub.blending.filters import luma

UNIT = 200.0
HEIGHT, WIDTH = 60, 120
BROWN, BLUE, WHITE = (0.25, 0.17, 0.12), (0.42, 0.5, 0.58), (0.85, 0.83, 0.82)


def disc(x: float, y: float, radius: float) -> torch.Tensor:
    rows = torch.arange(HEIGHT, dtype=torch.float32)[:, None]
    columns = torch.arange(WIDTH, dtype=torch.float32)
    return ((columns - x) ** 2 + (rows - y) ** 2).sqrt() <= radius


def plane(colour) -> torch.Tensor:
    return torch.tensor(colour)[None, :, None, None].expand(1, 3, HEIGHT, WIDTH)


def eye(iris, x: float = 60.0, white=WHITE, glint: bool = True) -> torch.Tensor:
    """A white eye with an iris, a pupil and a catchlight at x."""
    face = torch.where(disc(x, 30, RADIUS * UNIT), plane(iris), plane(white))
    face = torch.where(disc(x, 30, 0.3 * RADIUS * UNIT), plane((0.03, 0.03, 0.03)), face)
    return torch.where(disc(x + 6, 24, 2), plane((1.0, 1.0, 1.0)), face) if glint else face


@pytest.fixture
def opening() -> torch.Tensor:
    """The weight in an opening 100 px wide and 40 px high."""
    rows = torch.arange(HEIGHT, dtype=torch.float32)[:, None]
    columns = torch.arange(WIDTH, dtype=torch.float32)
    return (((columns - 60) / 50) ** 2 + ((rows - 30) / 20) ** 2 <= 1).float()[None, None]


def mean(picture: torch.Tensor, x: float) -> torch.Tensor:
    """Colour of the iris around x, without pupil and catchlight."""
    ring = disc(x, 30, 0.8 * RADIUS * UNIT) & ~disc(x, 30, 0.45 * RADIUS * UNIT) & ~disc(x + 6, 24, 4)
    return picture[0][:, ring].mean(1)


@pytest.mark.parametrize("x", [35.0, 60.0, 88.0])
@pytest.mark.parametrize("iris", [BROWN, BLUE])
def test_an_iris_is_found_wherever_the_eye_looks(opening, iris, x):
    found = find_iris(luma(eye(iris, x)), opening, UNIT)
    assert found.min() >= 0 and found.max() <= 1 and (found[opening == 0] == 0).all()
    columns = torch.arange(WIDTH, dtype=torch.float32)
    assert (found * columns).sum() / found.sum() == pytest.approx(x, abs=4)
    assert found[0, 0, 30, int(x)] == 1, "the pupil is part of it"
    assert found[0, 0, 24, int(x) + 6] < 0.1, "a catchlight is not"


@pytest.mark.parametrize(("painted", "photo"), [(BROWN, BLUE), (BLUE, BROWN)])
def test_the_iris_has_the_identitys_colour_where_the_photo_looks(opening, painted, photo):
    mine, theirs = eye(painted, 60.0, glint=False), eye(photo, 70.0)
    (renewed,) = renew_eyes([Opening(mine, theirs, opening, UNIT)])
    iris, was = mean(renewed, 70.0), mean(theirs, 70.0)
    wanted = torch.tensor(painted)
    assert luma(iris[None, :, None, None]).item() == pytest.approx(
        luma(wanted[None, :, None, None]).item(), rel=0.2
    )
    assert abs(luma(was[None, :, None, None]).item() / luma(wanted[None, :, None, None]).item() - 1) > 0.5
    assert (iris - iris.mean())[0].sign() == (wanted - wanted.mean())[0].sign(), "red or not, as painted"
    assert renewed[0, :, 24, 76].min() > 0.9, "the catchlight is the photo's"


def test_both_irises_are_alike_even_if_one_was_painted_badly(opening):
    good, bad, photo = eye(BROWN), eye((0.5, 0.2, 0.2)), eye(BLUE)
    right, left = renew_eyes([Opening(one, photo, opening, UNIT) for one in (good, bad)])
    assert torch.allclose(mean(right, 60.0), mean(left, 60.0), atol=0.05)
    alone = [renew_eyes([Opening(one, photo, opening, UNIT)])[0] for one in (good, bad)]
    dark, bright = (luma(one).amin() for one in (mean(some, 60.0)[None, :, None, None] for some in alone))
    assert dark + 0.02 < luma(mean(right, 60.0)[None, :, None, None]).amin() < bright - 0.02


def test_the_white_is_as_coloured_as_the_photos(opening):
    mine, theirs = eye(BROWN, white=(0.7, 0.75, 0.85)), eye(BLUE, white=(0.9, 0.8, 0.65))
    (renewed,) = renew_eyes([Opening(mine, theirs, opening, UNIT)])
    chroma = (renewed - luma(renewed))[0, :, 30, 20]
    assert torch.allclose(chroma, (theirs - luma(theirs))[0, :, 30, 20], atol=0.02)


def test_no_colour_is_louder_than_an_irises(opening):
    (renewed,) = renew_eyes([Opening(eye((0.6, 0.05, 0.05)), eye(BLUE), opening, UNIT)])
    iris = mean(renewed, 60.0)
    bright = luma(iris[None, :, None, None]).item()
    assert ((iris - bright) / bright).abs().max() <= COLOURED + 0.02


def test_no_eyes_are_no_trouble():
    assert renew_eyes([]) == []
