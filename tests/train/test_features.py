"""VGG-19 by layer names, normalised; with random weights, because the real ones are not part of the project."""

import pytest
import torch
from safetensors.torch import save_file
from torchvision.models import vgg19 as torchvisions

from facehub.errors import BadSetting
from train.features import DEVIATION, MEAN, vgg19

LAYERS = {"relu3_1": 11, "relu4_1": 20, "relu4_2": 22}
"""Where the ReLUs of these names stand in torchvision's network."""


@pytest.fixture(scope="module")
def theirs():
    torch.manual_seed(0)
    return torchvisions(weights=None).features.eval()


@pytest.fixture(scope="module")
def weights(theirs, tmp_path_factory):
    file = tmp_path_factory.mktemp("vgg") / "vgg19.safetensors"
    save_file({f"features.{k}": v.half().contiguous() for k, v in theirs.state_dict().items()}, file)
    return file


def test_it_is_torchvisions_network(theirs, weights):
    """Half-precision weights, ours in [0, 1], theirs normalised by hand."""
    crop = torch.rand(2, 3, 48, 40)
    found = vgg19(weights)(crop)
    x = (crop - torch.tensor(MEAN)[:, None, None]) / torch.tensor(DEVIATION)[:, None, None]
    assert set(found) == set(LAYERS)
    for name, last in LAYERS.items():
        assert torch.allclose(found[name], theirs[: last + 1](x), rtol=0.02, atol=2e-3), name


def test_scales_divide_the_features_and_nothing_else(weights, tmp_path):
    network = vgg19(weights)
    scales = {f"features.{i}.scale": torch.full_like(network.get_buffer(f"scale_{i}"), 2.0) for i in network.names}
    save_file(scales, tmp_path / "scales.safetensors")
    crop = torch.rand(1, 3, 32, 32)
    plain, scaled = network(crop), vgg19(weights, tmp_path / "scales.safetensors")(crop)
    for name in LAYERS:
        assert torch.allclose(scaled[name] * 2, plain[name])


def test_it_is_frozen_but_lets_gradients_through(weights):
    network = vgg19(weights)
    crop = torch.rand(1, 3, 32, 32, requires_grad=True)
    network(crop)["relu4_2"].sum().backward()
    assert crop.grad is not None
    assert all(p.grad is None for p in network.parameters())


def test_another_network_is_refused(tmp_path):
    save_file({"conv1.weight": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(BadSetting, match=r"lacks features\.0\.bias"):
        vgg19(tmp_path / "other.safetensors")
