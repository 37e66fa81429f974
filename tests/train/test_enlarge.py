"""Small photos become larger ones; the model itself is a stand-in unless it is installed."""

import importlib.util
import json
import pathlib

import pytest
import torch
import torch.nn.functional as F

from facehub import image
from facehub.detection.finder import finder_by_name
from facehub.errors import BadSetting
from train import enlarge

ASTRONAUT = pathlib.Path(__file__).parents[2] / "demo/examples/astronaut.png"


def four_times(picture: torch.Tensor) -> torch.Tensor:
    return F.interpolate(picture[None], scale_factor=enlarge.FACTOR)[0]


def width_in(file: pathlib.Path) -> float:
    return enlarge.face_px(finder_by_name()(image.read(file).photo[None]).landmarks[0])


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> pathlib.Path:
    """The astronaut, whose face is about 90 px wide, as it is, three times as large, and half as large; and
    no face."""
    folder = tmp_path_factory.mktemp("photos")
    photo = image.read(ASTRONAUT).photo[None].float()
    for name, scale in (("small", 1.0), ("large", 3.0), ("tiny", 0.5)):
        sized = F.interpolate(photo, scale_factor=scale, mode="bicubic", antialias=True).round().clamp(0, 255)
        image.write(folder / f"{name}.png", sized[0].byte(), generated=False)
    image.write(folder / "wall.png", torch.full((3, 200, 200), 90, dtype=torch.uint8), generated=False)
    return folder


def test_small_faces_are_enlarged_and_large_ones_copied(photos, tmp_path):
    became = enlarge.enlarge_folder(photos, tmp_path, lambda: four_times)
    assert {name: what.split()[0] for name, what in became.items()} == {
        "small.png": "enlarged",
        "large.png": "copied",
        "tiny.png": "left",
        "wall.png": "left",
    }
    assert "No face" in became["wall.png"] and "50 are needed" in became["tiny.png"]
    assert width_in(tmp_path / "small.png") == pytest.approx(enlarge.FACE_PX, rel=0.03)
    assert (tmp_path / "large.png").read_bytes() == (photos / "large.png").read_bytes()
    assert json.loads((tmp_path / "enlarged.json").read_text())["photos"] == became


def test_what_is_done_is_not_done_again(photos, tmp_path):
    enlarge.enlarge_folder(photos, tmp_path, lambda: four_times)

    def unwanted():
        raise AssertionError("the model is not needed")

    assert enlarge.enlarge_folder(photos, tmp_path, unwanted)["small.png"].startswith("enlarged")


def test_a_folder_without_photos_and_a_missing_package_are_said(tmp_path, monkeypatch, capsys):
    assert enlarge.main([str(tmp_path), str(tmp_path / "out")]) == 1
    assert "holds no photo" in capsys.readouterr().err
    monkeypatch.setitem(__import__("sys").modules, "ncnn", None)
    with pytest.raises(BadSetting, match="ncnn is not installed: pip install"):
        enlarge.real_esrgan()


@pytest.mark.skipif(not importlib.util.find_spec("ncnn"), reason="ncnn is not installed")
def test_the_model_enlarges_four_times_in_the_same_colours():
    photo = image.read(ASTRONAUT).photo[:, 60:124, 180:260]
    made = enlarge.real_esrgan()(photo)
    assert made.shape == (3, 256, 320)
    assert (F.avg_pool2d(made.float(), 4) - photo.float()).abs().mean() < 6
