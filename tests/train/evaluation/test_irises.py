"""Colours of irises on made-up eyes where they are known."""

import math

import pytest
import torch

from train.evaluation.irises import EYES, iris_colour

SIZE = 240
CENTRES, RADIUS = ((70.0, 120.0), (170.0, 120.0)), 14.0


def mesh() -> torch.Tensor:
    """Openings 80 px wide and 24 px high, with the irises in their middles."""
    points = torch.zeros(1, 478, 3)
    for (lids, iris), (x, y) in zip(EYES, CENTRES, strict=True):
        for index, lid in enumerate(lids):
            angle = 2 * math.pi * index / len(lids)
            points[0, lid, :2] = torch.tensor([x + 40 * math.cos(angle), y + 12 * math.sin(angle)])
        points[0, iris[0], :2] = torch.tensor([x, y])
        for index, edge in enumerate(iris[1:]):
            angle = math.pi / 2 * index
            points[0, edge, :2] = torch.tensor([x + RADIUS * math.cos(angle), y + RADIUS * math.sin(angle)])
    return points


def photo(iris, *, white=200.0, light=1.0) -> torch.Tensor:
    """Gray whites, irises with a black pupil and a catchlight, skin around the openings."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    face = torch.tensor([230.0, 60.0, 40.0])[:, None, None].expand(3, SIZE, SIZE).clone()
    for cx, cy in CENTRES:
        away = ((x - cx) ** 2 + (y - cy) ** 2).sqrt()
        face[:, (((x - cx) / 40) ** 2 + ((y - cy) / 12) ** 2) <= 1] = white
        face[:, away <= RADIUS] = torch.tensor(iris)[:, None]
        face[:, away <= 0.35 * RADIUS] = 0
        face[:, ((x - cx - 6) ** 2 + (y - cy + 4) ** 2).sqrt() <= 2] = 255
    return (face * light).round().to(torch.uint8)[None]


@pytest.mark.parametrize("iris", [(60.0, 40.0, 20.0), (90.0, 120.0, 150.0)])
@pytest.mark.parametrize("light", [1.0, 0.5])
def test_an_iris_is_told_by_its_share_of_the_white_in_any_light(iris, light):
    assert iris_colour(photo(iris, light=light), mesh()).tolist() == pytest.approx(
        [level / 200 for level in iris], abs=0.01
    )


def test_skin_pupils_and_catchlights_are_no_part_of_it():
    dark = photo((60.0, 40.0, 20.0))
    dark[:, 1] = dark[:, 1].where(dark[:, 0] != 230, 255)  # other skin
    assert iris_colour(dark, mesh())[1].item() == pytest.approx(0.2, abs=0.01)


def test_eyes_that_show_no_white_have_none():
    narrow = mesh()
    for (lids, _), (x, _) in zip(EYES, CENTRES, strict=True):
        narrow[0, list(lids), 0] = x + (narrow[0, list(lids), 0] - x) * 0.3
    assert iris_colour(photo((60.0, 40.0, 20.0)), narrow).isnan().all()


def test_closed_eyes_have_none():
    shut = mesh()
    for lids, _ in EYES:
        shut[0, list(lids), 1] = 120.0
    assert iris_colour(photo((60.0, 40.0, 20.0)), shut).isnan().all()
