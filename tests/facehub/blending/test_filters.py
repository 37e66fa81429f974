"""Low-pass filters against slow twins and known answers."""

import numpy as np
import pytest
import torch

from facehub.blending.filters import gaussian, lowpass, luma, masked_lowpass


def noise(height: int, width: int, faces: int = 2, channels: int = 3) -> torch.Tensor:
    return torch.rand(faces, channels, height, width)


def slow_gaussian(row: np.ndarray, sigma: float) -> np.ndarray:
    """A row, each pixel as the sum over its neighbours; the edge pixel goes on beyond the edge."""
    radius = int(np.ceil(3 * sigma))
    weights = [np.exp(-0.5 * (d / sigma) ** 2) for d in range(-radius, radius + 1)]
    return np.array(
        [
            sum(
                w * row[min(max(x + d, 0), len(row) - 1)]
                for d, w in zip(range(-radius, radius + 1), weights, strict=True)
            )
            / sum(weights)
            for x in range(len(row))
        ]
    )


def test_gaussian_is_the_slow_twins_along_both_axes():
    picture = noise(9, 31, 1, 1)
    rows = np.stack([slow_gaussian(row, 1.7) for row in picture[0, 0].numpy()])
    expected = np.stack([slow_gaussian(column, 1.7) for column in rows.T]).T
    assert np.allclose(gaussian(picture, torch.tensor([1.7]))[0, 0], expected, atol=1e-5)


def test_each_face_has_its_own_width():
    picture = noise(20, 33)
    both = gaussian(picture, torch.tensor([0.8, 3.0]))
    assert torch.allclose(both[:1], gaussian(picture[:1], torch.tensor([0.8])), atol=2e-3)
    assert torch.allclose(both[1:], gaussian(picture[1:], torch.tensor([3.0])), atol=1e-5)
    assert both[0].std() > 2 * both[1].std()


@pytest.mark.parametrize("sigma", [2.0, 4.0, 9.0, 17.0])
def test_lowpass_is_nearly_a_gaussian(sigma):
    """On a step, where the coarse grid matters most, and whatever the size."""
    step = torch.zeros(1, 1, 61, 83)
    step[..., 41:] = 1
    wide = torch.tensor([sigma])
    assert (lowpass(step, wide) - gaussian(step, wide)).abs().max() < 0.025


def test_luma_weighs_green_most_and_gray_is_itself():
    assert torch.allclose(luma(torch.full((1, 3, 4, 5), 0.37)), torch.tensor(0.37))
    red, green, blue = (luma(colour.view(1, 3, 1, 1)).item() for colour in torch.eye(3))
    assert green > red > blue and red + green + blue == pytest.approx(1)


def test_masked_lowpass_does_not_see_what_has_no_weight():
    picture, weight = torch.full((1, 3, 24, 40), 0.25), torch.ones(1, 1, 24, 40)
    picture[..., 20:], weight[..., 20:] = 1.0, 0.0
    assert torch.allclose(masked_lowpass(picture, weight, torch.tensor([4.0])), torch.tensor(0.25), atol=1e-3)


def test_nothing_writes_into_its_argument():
    picture, weight, wide = noise(12, 17), torch.rand(2, 1, 12, 17), torch.tensor([1.0, 4.0])
    before = picture.clone(), weight.clone(), wide.clone()
    gaussian(picture, wide), lowpass(picture, wide * 3), luma(picture), masked_lowpass(picture, weight, wide)
    assert all(torch.equal(a, b) for a, b in zip((picture, weight, wide), before, strict=True))
