"""Optimised pixels, stitched like a swap: what is promised without training."""

import pytest
import torch

from facehub import image
from facehub.blending.alignment import align
from facehub.detection.finder import Finder
from facehub.geometry import transform_points
from facehub.swapper import Swapper
from train import preview
from train.config import Config
from train.data.face_box import boxed
from train.data.gallery import Gallery
from train.networks.vgg import VGG19
from train.pixel_optimisation import PixelPainter, optimise, terms
from train.style_bank import style_bank

CPU = torch.device("cpu")
CONFIG = Config(size=64, styles=2, target_steps=6)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return VGG19().eval()


@pytest.fixture(scope="module")
def someone():
    """Faces of a blue person."""
    n, random = 3, torch.Generator().manual_seed(0)
    crop = torch.randint(0, 256, (n, 3, 64, 64), dtype=torch.uint8, generator=random)
    crop[:, 0] //= 8
    points = 64 * torch.rand(n, 68, 2, generator=random)
    return Gallery(
        ("a", "b", "c"),
        crop,
        points,
        torch.rand(n, 128),
        torch.ones(n, dtype=torch.long),
        torch.full((n,), 99.0),
    )


def test_optimising_lowers_the_sum_of_the_losses_and_only_the_box_changes(network, someone):
    bank = style_bank(someone, network, device=CPU)
    crop, points = torch.rand(2, 3, 64, 64), someone.landmarks[:2]

    def total(pixels):
        with torch.no_grad():
            parts = terms(boxed(pixels), network(boxed(crop)), bank.best(points, 2), network)
        return (parts["content"] + 50 * parts["style"] + 20 * parts["variation"]).mean().item()

    result = optimise(crop, points, bank, network, alpha=50.0, gamma=20.0, styles=2, steps=8, rate=0.03)
    assert total(result) < total(crop)
    assert torch.equal(result[:, :, :16], crop[:, :, :16])
    assert ((result >= 0) & (result <= 1)).all()


def test_in_a_swap_it_paints_the_face_and_nothing_else(network, someone, astronaut):
    found = Finder()(astronaut[None])
    cut = align(astronaut[None], found.landmarks, found.photo, size=64)
    painter = PixelPainter(
        transform_points(cut.crop_from_photo, found.landmarks),
        style_bank(someone, network, device=CPU),
        network,
        CONFIG,
    )
    swapped = Swapper(painter, finder=lambda _: found)(astronaut[None])
    kept = (swapped.mask == 0).expand_as(swapped.blended)
    assert torch.equal(swapped.blended[kept], astronaut[None][kept])
    assert not torch.equal(swapped.blended, astronaut[None])


def test_the_command_tells_what_is_wrong(monkeypatch, capsys, tmp_path, examples):
    """Too few photos: a sentence, exit code 1, and nothing written."""
    arguments = [
        "preview",
        str(examples),
        str(examples / "astronaut.png"),
        "--out",
        str(tmp_path / "x.png"),
        "--cache",
        str(tmp_path),
    ]
    monkeypatch.setattr("sys.argv", arguments)
    assert preview.main() == 1
    assert "16 is the least" in capsys.readouterr().err
    assert not (tmp_path / "x.png").exists()


def test_the_command_writes_a_marked_picture(monkeypatch, capsys, tmp_path, examples, network, someone):
    monkeypatch.setattr(preview, "style_photos", lambda *_, **__: (someone, {}))
    monkeypatch.setattr(preview, "vgg19", lambda *_, **__: network)
    out, raw = tmp_path / "x.png", tmp_path / "raw.png"
    arguments = [
        "preview",
        str(examples),
        str(examples / "astronaut.png"),
        "--out",
        str(out),
        "--raw",
        str(raw),
        "--size",
        "64",
        "--steps",
        "2",
    ]
    monkeypatch.setattr("sys.argv", arguments)
    assert preview.main() == 0
    assert image.read(out).photo.shape == image.read(examples / "astronaut.png").photo.shape
    assert (
        b"trainedAlgorithmicMedia" in out.read_bytes()
        or b"compositeWithTrainedAlgorithmicMedia" in out.read_bytes()
    )
    assert not torch.equal(image.read(out).photo, image.read(raw).photo)
