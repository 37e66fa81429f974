"""The sub-pixel head: windows are exact, a new head changes nothing, what is served is what was trained."""

import pytest
import torch
import torch.nn.functional as F

from facehub.errors import BadSetting
from facehub.identity import weights
from facehub.identity.schema import SIZES
from facehub.networks.double import DoubleGenerator, UnfilteredDoubleGenerator
from facehub.networks.folded import FoldedSubpixelGenerator, for_inference
from facehub.networks.subpixel import SubpixelGenerator, enlarged, shapiro_filter


def trained(size: int = 64, network=SubpixelGenerator):
    """As after training: no value is zero."""
    torch.manual_seed(0)
    generator = network(size).double()
    for values in generator.parameters():
        torch.nn.init.normal_(values, std=0.1 if values.ndim == 1 else 0.05)
    return generator


@pytest.mark.parametrize("network", [SubpixelGenerator, DoubleGenerator, UnfilteredDoubleGenerator])
@pytest.mark.parametrize("window", [(0, 64, 0, 64), (3, 50, 7, 33), (20, 21, 63, 64), (17, 40, 0, 9)])
def test_windows_and_what_is_served_are_exact(window, network):
    generator, crop = trained(network=network), torch.rand(2, 3, 64, 64, dtype=torch.float64)
    top, bottom, left, right = window
    with torch.no_grad():
        part = generator(crop)[:, :, top:bottom, left:right]
        assert torch.allclose(generator(crop, window), part, atol=1e-12)
        assert torch.allclose(FoldedSubpixelGenerator(generator)(crop, window), part, atol=1e-12)


def test_a_new_head_gives_the_bases_picture_enlarged():
    generator, crop = SubpixelGenerator(64), torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        wanted = enlarged(enlarged(generator.base(F.avg_pool2d(crop, 4))))
        assert torch.allclose(generator(crop), wanted, atol=1e-5)


def test_the_head_sees_the_finer_crop():
    """Two crops that are equal at the base's resolution, and not above it."""
    generator, crop = trained(), torch.rand(1, 3, 64, 64, dtype=torch.float64)
    board = (torch.arange(64)[:, None] + torch.arange(64)) % 2 * 0.2 - 0.1
    with torch.no_grad():
        assert not torch.allclose(generator(crop), generator(crop + board), atol=1e-3)


def test_serving_shares_nothing_with_the_generator():
    generator, crop = trained(), torch.rand(1, 3, 64, 64, dtype=torch.float64)
    served = for_inference(generator, torch.device("cpu"))
    assert isinstance(served, FoldedSubpixelGenerator)
    with torch.no_grad():
        before = served(crop.float())
        for values in generator.parameters():
            values.zero_()
        assert torch.equal(served(crop.float()), before)


def test_networks_by_name():
    for network, sizes in SIZES.items():
        built = weights.build(sizes[-1], network)
        assert weights.network_of(built) == network and built.size == sizes[-1]
        assert weights.shapes(sizes[-1], network).keys() == built.state_dict().keys()
    with pytest.raises(BadSetting, match="30 px is not known"):
        SubpixelGenerator(30)


def test_what_alternates_from_pixel_to_pixel_is_gone_and_what_is_wide_stays():
    columns = torch.arange(32.0)
    for board in (columns % 2, (columns[:, None] + columns) % 2):
        filtered = shapiro_filter(board.expand(1, 1, 32, 32))
        assert torch.allclose(filtered[..., 2:-2, 2:-2], torch.tensor(0.5), atol=1e-6)
    wave = torch.sin(columns * torch.pi / 8).expand(1, 1, 32, 32)
    assert torch.allclose(shapiro_filter(wave)[..., 2:-2], wave[..., 2:-2], atol=0.01)


@pytest.mark.parametrize(
    ("network", "alternates"), [(DoubleGenerator, False), (UnfilteredDoubleGenerator, True)]
)
def test_a_head_whose_channels_disagree(network, alternates):
    """The four places of a base pixel get four values."""
    generator = network(64)
    torch.nn.init.constant_(generator.head.leave.bias, 0.0)
    generator.head.leave.bias.data[::4] = 0.4
    with torch.no_grad():
        added = generator(torch.full((1, 3, 64, 64), 0.5)) - enlarged(
            generator.base(torch.full((1, 3, 32, 32), 0.5))
        )
    inside = added[..., 4:-4, 4:-4]
    assert (inside.std() > 0.1) == alternates
