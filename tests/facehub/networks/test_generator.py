"""The paper's network: its size, its start, its growth, and that a window of it is the same network."""

import pytest
import torch

from facehub.errors import BadSetting
from facehub.networks.generator import Generator, grow


@pytest.mark.parametrize("size, parameters", [(128, 1_108_451), (256, 1_820_739), (512, 2_786_051)])
def test_parameters_are_the_papers(size, parameters):
    assert sum(p.numel() for p in Generator(size).parameters()) == parameters


def test_unknown_size_names_the_choices():
    with pytest.raises(BadSetting, match="128, 256, 512"):
        Generator(100)


@pytest.mark.parametrize("size", [16, 64, 128])
@pytest.mark.parametrize(
    "window", [(0.25, 1, 0.2, 0.8), (0, 1, 0, 1), (0.1, 0.2, 0.4, 0.9), (0.9, 1, 0, 0.05)]
)
def test_window_holds_the_same_values(size, window):
    torch.manual_seed(0)
    generator = Generator(size).double()
    crop = torch.rand(2, 3, size, size, dtype=torch.float64)
    top, bottom, left, right = (round(edge * size) for edge in window)
    part = generator(crop, (top, bottom, left, right))
    assert torch.allclose(part, generator(crop)[:, :, top:bottom, left:right], atol=1e-12)


def test_batch_is_singles_and_order_does_not_matter():
    torch.manual_seed(0)
    generator, crop = Generator(16).double(), torch.rand(3, 3, 16, 16, dtype=torch.float64)
    together = generator(crop)
    assert torch.allclose(together, torch.cat([generator(c[None]) for c in crop]))
    assert torch.allclose(together.flip(0), generator(crop.flip(0)))


def test_growth_keeps_all_but_the_last_layer():
    torch.manual_seed(0)
    small = Generator(64)
    large = grow(small)
    assert large.size == 128
    new = {k for k in large.state_dict() if k not in small.state_dict()}
    assert {k.rsplit(".", 2)[0] for k in new} == {"branches.4", "joints.3"}
    for name, weight in small.state_dict().items():
        assert name.startswith("to_rgb.") or torch.equal(weight, large.state_dict()[name])


def test_start_is_orthogonal():
    weight = Generator(128).joints[3][2].weight.flatten(1)
    assert torch.allclose(weight @ weight.T, torch.eye(160), atol=1e-5)


def test_every_weight_is_used():
    generator = Generator(32)
    generator(torch.rand(1, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in generator.parameters())


@pytest.mark.gpu
def test_cuda_agrees_with_cpu():
    """Float32 on both, without TF32: to 1e-4 of the range."""
    torch.manual_seed(0)
    generator, crop = Generator(128), torch.rand(2, 3, 128, 128)
    torch.backends.cudnn.allow_tf32 = False
    assert torch.allclose(generator.cuda()(crop.cuda()).cpu(), generator.cpu()(crop), atol=1e-4)
