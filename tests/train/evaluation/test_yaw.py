"""Photos turned to the side: what is near to the camera moves, what is far away does not."""

import math

import pytest
import torch

from train.evaluation import yaw


def head() -> torch.Tensor:
    """Points of a bulging face 60 px wide and 80 px high around (100, 90); depth is smaller in the middle."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 15), torch.linspace(-1, 1, 15), indexing="ij")
    inside = x.square() + y.square() < 1
    return torch.stack([100 + 30 * x, 90 + 40 * y, 20 * (x.square() + y.square())], dim=2)[inside]


def photo() -> torch.Tensor:
    """A bright dot on the nose over an even gray."""
    pixels = torch.full((3, 180, 200), 90, dtype=torch.uint8)
    pixels[:, 88:93, 98:103] = 250
    return pixels


def dot(pixels: torch.Tensor) -> tuple[float, float]:
    """Where the bright dot is, as x, y."""
    weight = (pixels.float().mean(0) - 90).clamp(min=0)
    y, x = torch.meshgrid(torch.arange(180.0), torch.arange(200.0), indexing="ij")
    return ((weight * x).sum() / weight.sum()).item(), ((weight * y).sum() / weight.sum()).item()


@pytest.mark.parametrize("angle", [-25.0, 15.0, 30.0])
def test_the_nose_goes_round_the_axis(angle):
    """By the sine of the angle times how far it stands before the axis."""
    points = head()
    before = (points[:, 2].amin() + points[:, 2].amax()) / 2 + yaw.BEHIND * 60 - points[:, 2].amin()
    x, y = dot(yaw.turned(photo(), points, angle))
    assert x == pytest.approx(100 + before.item() * math.sin(math.radians(angle)), abs=2.5)
    assert y == pytest.approx(90, abs=1.5)


def test_an_unturned_photo_stays_as_it_is():
    assert (yaw.turned(photo(), head(), 0.0).int() - photo().int()).abs().max() <= 2


def test_far_from_the_face_nothing_moves():
    noise = torch.randint(
        0, 256, (3, 400, 420), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    result = yaw.turned(noise, head() + torch.tensor([100.0, 100.0, 0.0]), 30.0)
    y, x = torch.meshgrid(torch.arange(400) - 190, torch.arange(420) - 200, indexing="ij")
    far = (x.square() + y.square()).sqrt() > yaw.STILL * 80 + 1
    assert far.any() and torch.equal(result[:, far], noise[:, far])


def test_the_spline_takes_points_to_points():
    random = torch.Generator().manual_seed(1)
    start = 100 * torch.rand(30, 2, generator=random)
    moved = start @ torch.tensor([[0.9, 0.1], [-0.2, 1.1]]) + torch.tensor([5.0, -3.0])
    torch.testing.assert_close(yaw.spline(start, moved, start), moved, atol=1e-3, rtol=0)
    elsewhere = 100 * torch.rand(10, 2, generator=random)
    torch.testing.assert_close(
        yaw.spline(start, moved, elsewhere),
        elsewhere @ torch.tensor([[0.9, 0.1], [-0.2, 1.1]]) + torch.tensor([5.0, -3.0]),
        atol=1e-3,
        rtol=0,
    )


def test_a_spline_at_every_fourth_pixel_gives_nearly_the_same_photo():
    y, x = torch.meshgrid(torch.linspace(-1, 1, 12), torch.linspace(-1, 1, 12), indexing="ij")
    points = torch.stack([60 + 30 * x, 55 + 30 * y, 20 * (x**2 + y**2)], dim=2).reshape(-1, 3)
    rows = 128 + 60 * torch.sin(torch.arange(110.0) / 9)[:, None] + 60 * torch.cos(torch.arange(121.0) / 7)
    photo = rows.clamp(0, 255).to(torch.uint8).expand(3, -1, -1)
    whole, coarse = (yaw.turned(photo, points, 20.0, stride_px=stride) for stride in (1, 4))
    assert (whole.int() - photo.int()).abs().float().mean() > 3
    assert (whole.int() - coarse.int()).abs().float().mean() < 0.5
