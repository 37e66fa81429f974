"""The paper's figures: each column holds what its title says."""

import pytest
import torch

from facehub import image
from facehub.detection.finder import Finder
from facehub.networks.generator import Generator
from facehub.sheets import face_crop
from facehub.swapper import Swapper
from train import figures
from train.data.gallery import gather
from train.evaluation import paper_figures
from train.evaluation.yaw import turned
from train.networks.vgg import VGG19
from train.style_bank import style_bank

BAR = 28
"""Height of the line of titles."""


@pytest.fixture(scope="module")
def photo():
    from ..conftest import ROOT

    return image.read(ROOT / "demo" / "examples" / "astronaut.png").photo


@pytest.fixture(scope="module")
def found(photo):
    return Finder()(photo[None])


@pytest.fixture(scope="module")
def swapper(found):
    torch.manual_seed(0)
    return Swapper(Generator(64), finder=lambda _: found)


def tile(sheet, row: int, column: int, side: int = paper_figures.SIDE):
    return sheet[:, BAR + row * side : BAR + (row + 1) * side, column * side : (column + 1) * side]


def test_swaps_have_input_raw_and_result(swapper, photo):
    sheet = paper_figures.swaps(swapper, [photo], pairs=1)
    swapped = swapper(photo[None])
    wanted = face_crop(
        torch.stack([photo, swapped.raw[0], swapped.blended[0]]), swapped.faces.landmarks, side=256
    )
    for column in range(3):
        assert torch.equal(tile(sheet, 0, column, 256), wanted[column])
    assert (sheet[:, :BAR].amin(0) < 128).any()


def test_light_comes_from_the_left(photo, found):
    """Left of the face nothing changes, right of it a quarter is left, in between it falls."""
    lit = paper_figures.relit(photo, found.landmarks)
    left, right = int(found.landmarks[0, :, 0].min()), int(found.landmarks[0, :, 0].max()) + 1
    assert torch.equal(lit[..., :left], photo[..., :left])
    torch.testing.assert_close(lit[..., right:].float(), photo[..., right:].float() * 0.25, atol=0.6, rtol=0)
    ratio = (lit.float() / photo.clamp(min=32).float()).mean((0, 1))
    assert ratio[left + 10] > ratio[(left + right) // 2] > ratio[right - 10]


def test_two_identities_are_compared_under_both_lights(swapper, photo, found):
    class Copy(torch.nn.Module):
        size = 64

        def forward(self, crop):
            return crop

    sheet, distance = paper_figures.light(Swapper(Copy(), finder=lambda _: found), swapper, [photo])
    assert sheet.shape == (3, BAR + paper_figures.SIDE, 6 * paper_figures.SIDE)
    assert distance["with"] < 1e-9 < distance["without"]
    relit = face_crop(
        paper_figures.relit(photo, found.landmarks)[None], found.landmarks, side=paper_figures.SIDE
    )[0]
    assert torch.equal(tile(sheet, 0, 3), relit)


def test_the_baseline_column_is_the_style_photo(swapper, photo, tmp_path, examples):
    """When the input itself is among the style photos, its nearest pose is itself, and stitching gives the
    input back, nearly."""
    style = gather(examples, size=128, cache=tmp_path)
    sheet = paper_figures.baseline(swapper, style, [photo])
    assert (tile(sheet, 0, 0).float() - tile(sheet, 0, 2).float()).abs().mean() < 3
    assert (tile(sheet, 0, 0).float() - tile(sheet, 0, 1).float()).abs().mean() > 2


def test_each_weight_has_its_column(photo, found, tmp_path, examples):
    """The input first, then what optimising under each weight gives by itself."""
    torch.manual_seed(0)
    network, cpu = VGG19().eval(), torch.device("cpu")
    bank = style_bank(gather(examples, size=64, cache=tmp_path), network, device=cpu)
    sheet = paper_figures.weight([photo], bank, network, [1.0, 1000.0], size=64, steps=3)
    assert sheet.shape == (3, BAR + paper_figures.SIDE, 3 * paper_figures.SIDE)
    assert torch.equal(tile(sheet, 0, 0), face_crop(photo[None], found.landmarks, side=paper_figures.SIDE)[0])
    alone = paper_figures.weight([photo], bank, network, [1000.0], size=64, steps=3)
    assert torch.equal(tile(sheet, 0, 2), tile(alone, 0, 1))
    assert not torch.equal(tile(sheet, 0, 1), tile(sheet, 0, 2))


def test_bins_are_by_yaw_and_lose_nobody():
    yaw = torch.tensor([-35.0, 3.0, 20.0, -9.9, 60.0, 10.0])
    bins = {name: index.tolist() for name, index in paper_figures.by_yaw(yaw, [10.0, 20.0, 40.0]).items()}
    assert bins == {"0 to 10": [1, 3], "10 to 20": [5], "20 to 40": [0, 2], "40 to inf": [4]}


def test_hard_inputs_are_hard_where_they_say(photo, found):
    cases = paper_figures.hard_inputs(photo, found.landmarks)
    mouth, eye = (
        found.landmarks[0, rows].mean(0).round().int().tolist() for rows in (slice(48, 68), slice(36, 42))
    )
    assert torch.equal(cases["easy"], photo)
    assert cases["sunglasses"][:, eye[1], eye[0]].tolist() == [20, 20, 20]
    assert torch.equal(cases["sunglasses"][:, mouth[1], mouth[0]], photo[:, mouth[1], mouth[0]])
    assert cases["in front of the mouth"][:, mouth[1], mouth[0]].tolist() == [205, 160, 135]
    assert torch.equal(cases["in front of the mouth"][:, eye[1], eye[0]], photo[:, eye[1], eye[0]])
    assert cases["dark"].float().mean() < 0.1 * photo.float().mean()
    assert cases["blurred"].float().diff(dim=2).abs().mean() < 0.5 * photo.float().diff(dim=2).abs().mean()


def test_failures_stand_below_their_inputs(swapper, photo, found):
    sheet = paper_figures.failures(swapper, [photo])
    assert sheet.shape == (3, BAR + 2 * paper_figures.SIDE, 6 * paper_figures.SIDE)
    easy = face_crop(swapper(photo[None]).blended, found.landmarks, side=paper_figures.SIDE)[0]
    assert torch.equal(tile(sheet, 1, 0), easy)


def test_the_command_tells_what_is_wrong(monkeypatch, capsys, tmp_path, examples):
    monkeypatch.setattr(
        "sys.argv",
        [
            "figures",
            "swaps",
            "nobody-here",
            str(examples / "astronaut.png"),
            "--out",
            str(tmp_path / "x.png"),
        ],
    )
    assert figures.main() == 1
    assert "nobody-here" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_each_angle_has_its_photo_above_its_swap(photo, found, swapper):
    """A flat face in the middle of the photo: turned by nothing it is the photo, and below each stands what
    the swapper makes of it."""
    low, high = found.landmarks[0].amin(0), found.landmarks[0].amax(0)
    flat = torch.cat(
        [
            low + (high - low) * torch.rand(60, 2, generator=torch.Generator().manual_seed(0)),
            torch.zeros(60, 1),
        ],
        dim=1,
    )
    sheet = paper_figures.profile(swapper, lambda photos, landmarks: flat[None], [photo], [0.0, 20.0])
    case = face_crop(turned(photo, flat, 20.0)[None], found.landmarks, side=paper_figures.SIDE)[0]
    swapped = face_crop(
        swapper(turned(photo, flat, 20.0)[None]).blended, found.landmarks, side=paper_figures.SIDE
    )[0]
    assert torch.equal(tile(sheet, 0, 1), case)
    assert torch.equal(tile(sheet, 1, 1), swapped)
    assert not torch.equal(case, swapped)
    straight = face_crop(photo[None], found.landmarks, side=paper_figures.SIDE)[0]
    assert (tile(sheet, 0, 0).int() - straight.int()).abs().float().mean() < 1
