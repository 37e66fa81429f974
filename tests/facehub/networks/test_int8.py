"""Convolutions in 8-bit integers: what floating point gives, within the levels' rounding."""

import pytest
import torch
import torch.nn.functional as F

from facehub import registry
from facehub.networks import precision
from facehub.networks.folded import FoldedGenerator, for_inference
from facehub.networks.generator import Generator
from facehub.networks.int8 import Int8Conv2d, Int8Convolution, Units
from facehub.networks.precision import int8_pays
from facehub.networks.subpixel import SubpixelGenerator
from tests.facehub.networks.test_precision import psnr

CPU = torch.device("cpu")

pytestmark = pytest.mark.skipif(not int8_pays(CPU), reason="this processor has no instructions for it")


@pytest.fixture
def in_float32(monkeypatch):
    """Results without bfloat16's rounding."""
    monkeypatch.setattr(precision, "bf16_pays", lambda device: False)


@pytest.mark.parametrize("low, high", [(0.0, 1.0), (-0.5, 0.5), (-0.3, 7.0), (0.2, 3.0)])
def test_levels_stand_for_values_within_half_a_step(low, high):
    units, x = Units.of(low, high), torch.linspace(low, high, 1001)
    levels = units.levels(x)
    assert levels.dtype == torch.uint8
    assert ((levels.float() - units.zero) * units.step - x).abs().max() <= units.step * 0.501
    assert units.levels(torch.zeros(1)).item() == units.zero
    assert units.levels(torch.tensor([-1e9, 1e9])).tolist() == [0, 255]


def test_an_empty_range_divides_by_nothing():
    assert Units.of(0.0, 0.0).levels(torch.zeros(3)).tolist() == [0, 0, 0]


@pytest.mark.parametrize("low", [0.0, -0.6])
@pytest.mark.parametrize("side, padding", [(1, 0), (2, 0), (3, 0), (3, 1)])
def test_a_convolution_is_floating_points(in_float32, low, side, padding):
    """Beyond the picture's edge there is the value 0, whatever its level."""
    weight, bias = torch.randn(24, 16, side, side), torch.randn(24)
    x = torch.rand(2, 16, 20, 14) * (1 - low) + low
    wanted = F.conv2d(x, weight, bias, padding=padding)
    made = Int8Conv2d(weight, bias, Units.of(low, 1.0), padding=padding)(x)
    assert made.shape == wanted.shape and made.dtype == torch.float32
    assert (made - wanted).norm() < 0.01 * wanted.norm()


def test_levels_are_read_and_given(in_float32):
    weight, bias = torch.randn(24, 16, 3, 3), torch.randn(24)
    x, reads, into = torch.rand(1, 12, 12, 16), Units.of(0.0, 1.0), Units.of(-40.0, 40.0)
    plain = Int8Convolution(weight, bias, reads)
    assert torch.equal(plain(reads.levels(x)), plain(x))
    given = Int8Convolution(weight, bias, reads, into=into, rectified=True)(x)
    assert given.dtype == torch.uint8
    assert ((given.float() - into.zero) * into.step - plain(x).relu()).abs().max() <= into.step * 0.51


def test_what_lies_beyond_the_known_range_is_clipped():
    """A wrapped level would be a black hole in a bright place."""
    layer = Int8Convolution(torch.ones(8, 8, 1, 1), torch.zeros(8), Units.of(0.0, 1.0))
    bright = layer(torch.full((1, 4, 4, 8), 5.0))
    assert torch.allclose(bright.float(), torch.tensor(8.0), atol=0.1)
    assert Int8Convolution.read(torch.tensor([-3.0, 254.5, 255.5, 999.0])).tolist() == [0, 254, 255, 255]


@pytest.mark.parametrize("floats", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("name", ["tom_cruise", "london_042"])
def test_a_face_is_float32s(monkeypatch, name, floats):
    """At least 45 dB, with the results of layers in either floating-point type; and as bright."""
    monkeypatch.setattr(precision, "bf16_pays", lambda device: floats == torch.bfloat16)
    generator = registry.load(name).generator()
    exact, fast = (for_inference(generator, CPU, dtype) for dtype in (torch.float32, torch.int8))
    crop = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    crop = F.interpolate(crop, size=generator.size, mode="bicubic").clamp(0, 1) * 0.5 + 0.25
    with torch.no_grad():
        made = fast(crop)
        assert made.dtype == torch.float32
        assert float((made - exact(crop)).mean().abs()) < 7e-4
        assert psnr(exact(crop).clamp(0, 1), made.clamp(0, 1), peak=1) > 45


@pytest.mark.parametrize("network, size", [(Generator, 64), (SubpixelGenerator, 128)])
def test_networks_that_do_not_ship_are_served_too(network, size):
    torch.manual_seed(0)
    generator, crop = network(size), torch.rand(2, 3, size, size)
    with torch.no_grad():
        exact, fast = (for_inference(generator, CPU, dtype)(crop) for dtype in (torch.float32, torch.int8))
        assert psnr(exact, fast, peak=1) > 45


def test_windows_and_batches_are_the_wholes():
    """To 80 dB, as in bfloat16, and whatever is in the batch beside."""
    generator = registry.load("tom_cruise").generator()
    served, size = for_inference(generator, CPU, torch.int8), generator.size
    crop = F.interpolate(torch.rand(2, 3, 16, 16), size=size, mode="bicubic").clamp(0, 1)
    with torch.no_grad():
        whole = served(crop)
        for window in [(0, size, 0, size // 2), (size // 4, size * 7 // 8, size // 5, size * 4 // 5)]:
            top, bottom, left, right = window
            part = served(crop[:1], window)
            assert psnr(part, whole[:1, :, top:bottom, left:right], peak=1) > 80


def test_serving_leaves_the_generator_alone():
    generator = Generator(16)
    before = {name: values.clone() for name, values in generator.state_dict().items()}
    FoldedGenerator(generator, torch.int8)(torch.rand(1, 3, 16, 16))
    assert all(torch.equal(before[name], values) for name, values in generator.state_dict().items())


@pytest.mark.parametrize("size", [1e12, 1e25, 1e38])
def test_a_spoiled_network_is_served_without_a_crash(size):
    """Weights are finite, or they would not have been read; what they give need not be."""
    generator = Generator(16)
    with torch.no_grad():
        for values in generator.parameters():
            values.fill_(size)
        made = for_inference(generator, CPU, torch.int8)(torch.rand(1, 3, 16, 16))
    assert made.shape == (1, 3, 16, 16)
