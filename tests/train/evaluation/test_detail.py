"""Sharpness on pictures whose answer is known."""

import pytest
import torch

from facehub.blending.alignment import reference_landmarks
from train.evaluation.detail import OCTAVES, detail, energy, filled, octaves, regions

ONE = torch.ones(1)


def wave(length_px: float, amplitude: float = 20.0, height: int = 96, width: int = 128) -> torch.Tensor:
    """Gray stripes of one wavelength."""
    row = 128 + amplitude * torch.sin(2 * torch.pi * torch.arange(width) / length_px)
    return row.round().to(torch.uint8).expand(1, 3, height, width).contiguous()


def everywhere(height: int = 96, width: int = 128) -> torch.Tensor:
    return torch.ones(1, 1, height, width, dtype=torch.bool)


def test_half_the_amplitude_is_half_the_detail():
    assert detail(wave(4, 20), wave(4, 40), everywhere(), ONE).item() == pytest.approx(0.5, abs=0.02)


def test_energy_is_what_a_gaussian_leaves_of_a_sine():
    """exp(-2 (pi sigma / length)^2) of the amplitude goes through; the rest is detail."""
    left = 1 - torch.exp(torch.tensor(-2 * (torch.pi * 1.0 / 6) ** 2)).item()
    assert energy(wave(6, 40), everywhere(), ONE).item() == pytest.approx(40 * left / 2**0.5, rel=0.03)


def test_blur_is_seen_at_the_scale_that_it_took():
    """Stripes of 16 px are no detail at 1 px, and are at 6 px."""
    fine, coarse = (energy(wave(16), everywhere(), torch.tensor([sigma])).item() for sigma in (1.0, 6.0))
    assert fine < 0.15 * coarse


def test_only_the_region_counts():
    result, left = wave(4, 40), everywhere()
    result[..., 64:] = 128
    left[..., 60:] = False
    assert detail(result, wave(4, 40), left, ONE).item() == pytest.approx(1)
    assert detail(result, wave(4, 40), ~left, ONE).item() < 0.3


@pytest.mark.parametrize(("length_px", "octave"), [(2.5, 1), (6, 2), (12, 3), (24, 4)])
def test_octaves_tell_wavelengths_apart(length_px, octave):
    """Octave i lies between Gaussians of 2^(i-2) and 2^(i-1) px."""
    shares = octaves(wave(length_px, 40, width=192), everywhere(96, 192))[0]
    assert shares.sum() == pytest.approx(1) and len(shares) == OCTAVES
    assert shares.argmax() == octave


def test_a_square_is_filled_and_what_lies_beside_it_is_not():
    square = torch.tensor([[[2.0, 1.0], [6.0, 1.0], [6.0, 4.0], [2.0, 4.0]]]) - 0.5
    inside = filled(square, (7, 9))[0, 0]
    assert inside.sum() == 12 and inside[1:4, 2:6].all()


def test_regions_lie_where_the_landmarks_are_and_within_the_mask():
    points, inside = reference_landmarks(200)[None], torch.ones(1, 1, 210, 200, dtype=torch.bool)
    inside[..., :100] = False
    found = regions(points, inside)
    x, y = points[0, 45].round().long().tolist()
    assert found["eyes"][0, 0, y, x] and not found["mouth"][0, 0, y, x]
    x, y = points[0, [13, 13, 14, 54, 35]].mean(0).round().long().tolist()
    assert found["cheeks"][0, 0, y, x] and not found["eyes"][0, 0, y, x]
    assert all(not (region & ~inside).any() for region in found.values())
