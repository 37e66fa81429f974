"""VGG-19 by layer names, normalised; with random weights, because the real ones are not part of the
project."""

from urllib.error import URLError

import pytest
import torch
from safetensors.torch import load_file, save_file

from facehub.errors import BadSetting
from train.networks.vgg import DEVIATION, MEAN, vgg19

LAYERS = {"relu3_1": 11, "relu4_1": 20, "relu4_2": 22}
"""Where the ReLUs of these names stand in torchvision's network."""


@pytest.fixture(scope="module")
def theirs():
    from torchvision.models import vgg19 as torchvisions  # takes seconds

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
    scales = {
        f"features.{i}.scale": torch.full_like(network.get_buffer(f"scale_{i}"), 2.0) for i in network.names
    }
    save_file(scales, tmp_path / "scales.safetensors")
    crop = torch.rand(1, 3, 32, 32)
    plain, scaled = network(crop), vgg19(weights, tmp_path / "scales.safetensors")(crop)
    for name in LAYERS:
        assert torch.allclose(scaled[name] * 2, plain[name])


def boxes(n: int = 6):
    return torch.randint(
        0, 256, (n, 3, 32, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(4)
    )


def test_measured_scales_bring_each_channel_to_a_mean_of_one(weights):
    """Over the faces they were measured on; channels that are silent on all of them stay silent."""
    box = boxes()
    for found in vgg19(weights, box=box)(box.float() / 255).values():
        mean = found.mean((0, 2, 3))
        assert ((mean - 1).abs() < 1e-3).logical_or(mean < 0.02).all()
        assert (mean > 0.5).any()


def test_any_scale_of_weights_gives_the_same_features(weights, tmp_path):
    """The first layer a hundred times stronger, as between Caffe's VGG-19 and torchvision's: all the same
    once measured."""
    plain = {k: v.float() for k, v in load_file(weights).items()}
    louder = plain | {f"features.0.{kind}": plain[f"features.0.{kind}"] * 100 for kind in ("weight", "bias")}
    louder |= {k: v * 100 for k, v in plain.items() if k.endswith(".bias") and k != "features.0.bias"}
    save_file(louder, tmp_path / "louder.safetensors")
    box = boxes()
    one, other = (
        vgg19(file, box=box)(box.float() / 255) for file in (weights, tmp_path / "louder.safetensors")
    )
    for name in LAYERS:
        torch.testing.assert_close(one[name], other[name], rtol=1e-2, atol=1e-2)


def test_a_file_of_scales_comes_before_measuring(weights, tmp_path):
    network = vgg19(weights)
    save_file(
        {
            f"features.{i}.scale": torch.full_like(network.get_buffer(f"scale_{i}"), 3.0)
            for i in network.names
        },
        tmp_path / "scales.safetensors",
    )
    assert (vgg19(weights, tmp_path / "scales.safetensors", box=boxes()).get_buffer("scale_21") == 3).all()


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


def test_a_download_that_fails_is_a_sentence(monkeypatch):
    def unreachable(*_, **__):
        raise URLError("no network")

    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", unreachable)
    with pytest.raises(BadSetting, match=r"VGG-19 could not be downloaded .*no network.* --vgg19"):
        vgg19()
