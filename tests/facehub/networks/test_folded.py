"""The network as it is served is the network that was trained, and what a swap leaves out of it reaches no
photo."""

from dataclasses import replace

import pytest
import torch

from facehub.blending.alignment import visible_window, warp_to_photo
from facehub.blending.poisson import clone
from facehub.networks.folded import FoldedGenerator, for_inference
from facehub.networks.generator import Generator
from facehub.types import Faces


def trained(size: int) -> Generator:
    """With biases too, which a new generator has none of."""
    generator = Generator(size).double()
    for parameter in generator.parameters():
        if parameter.ndim == 1:
            torch.nn.init.normal_(parameter)
    return generator


@pytest.mark.parametrize("size", [16, 32, 64])
@pytest.mark.parametrize(
    "window",
    [(0, 1, 0, 1), (0.25, 0.75, 0.25, 0.75), (0.3, 0.9, 0.2, 0.8), (0.1, 0.2, 0.4, 1), (0.9, 1, 0, 0.05)],
)
def test_served_is_trained(size, window):
    """Each window, at the crop's edges too, in double precision, where the two differ by rounding alone."""
    generator, crop = trained(size), torch.rand(2, 3, size, size, dtype=torch.float64)
    top, bottom, left, right = (round(edge * size) for edge in window)
    with torch.no_grad():
        part = FoldedGenerator(generator)(crop, (top, bottom, left, right))
        assert torch.allclose(part, generator(crop)[:, :, top:bottom, left:right], atol=1e-11)


def test_float32_stays_far_above_45_db():
    generator, crop = trained(128).float(), torch.rand(1, 3, 128, 128)
    with torch.no_grad():
        error = (FoldedGenerator(generator)(crop) - generator(crop)).square().mean()
    assert -10 * error.log10() > 100


def test_serving_leaves_the_generator_alone():
    generator = trained(16)
    before = {name: values.clone() for name, values in generator.state_dict().items()}
    FoldedGenerator(generator)(torch.rand(1, 3, 16, 16, dtype=torch.float64))
    assert all(torch.equal(before[name], values) for name, values in generator.state_dict().items())


def test_what_is_no_plain_generator_is_served_as_it_is():
    class Other(Generator):
        pass

    other = Other(16)
    assert for_inference(other, torch.device("cpu")) is other
    assert isinstance(for_inference(Generator(16), torch.device("cpu")), FoldedGenerator)


@pytest.mark.parametrize("scale", [0.3, 0.8, 1.7, 3.1])
@pytest.mark.parametrize("turn", [0.0, 0.6])
def test_nothing_beyond_the_seen_window_reaches_a_photo(scale, turn):
    """Whatever the crop holds there, the cloned face is the same, bit for bit. `scale` is crop pixels a photo
    pixel."""
    size, angle = 96, torch.tensor(turn)
    linear = (
        torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
        * scale
    )
    crop_from_photo = torch.cat([linear, (size / 2 - linear @ torch.full((2, 1), 150.0))], 1)[None]
    mask = torch.zeros(1, 1, size, size)
    mask[..., 40:60, 37:52] = 1
    photo, results = (torch.rand(1, 3, 300, 300) * 255).byte(), []
    for beyond in (0.0, 1.0):
        hold, whose = torch.ones_like(mask), torch.tensor([0])
        faces = Faces(
            torch.full((1, 3, size, size), 0.5),
            mask,
            hold,
            crop_from_photo,
            torch.zeros(1, 68, 2),
            whose,
            ("",),
        )
        top, bottom, left, right = visible_window(faces)
        assert bottom - top < size
        crop = torch.full_like(faces.crop, beyond)
        crop[:, :, top:bottom, left:right] = torch.rand(
            1, 3, size, size, generator=torch.Generator().manual_seed(1)
        )[:, :, top:bottom, left:right]
        patch = warp_to_photo(replace(faces, crop=crop), photo)
        results.append(clone(patch.source, patch.target, patch.mask).result)
        assert not torch.equal(results[-1], patch.target)
    assert torch.equal(*results)


@pytest.mark.parametrize("precision, least", [(torch.float16, 60), (torch.bfloat16, 40)])
def test_half_precision_is_the_same_picture(precision, least):
    """Float16 serves on CUDA; bfloat16 is held too, at what its eight bits allow."""
    torch.manual_seed(0)
    generator, crop = Generator(32), torch.rand(2, 3, 32, 32)
    with torch.no_grad():
        served = FoldedGenerator(generator, precision)(crop)
        error = (served - generator(crop)).square().mean()
    assert served.dtype == torch.float32
    assert -10 * error.log10() > least


@pytest.mark.gpu
@pytest.mark.parametrize("size", [128, 256])
def test_what_cuda_serves_is_the_cpus_to_45_db(size):
    torch.manual_seed(0)
    generator, crop, window = (
        Generator(size),
        torch.rand(4, 3, size, size),
        (size // 4 + 1, size - 9, 11, size * 3 // 4),
    )
    with torch.no_grad():
        expected = FoldedGenerator(generator)(crop, window)
        served = for_inference(generator, torch.device("cuda"))
        error = (served(crop.cuda(), window).cpu() - expected).square().mean()
    assert served.precision == torch.float16
    assert -10 * error.log10() > 45
