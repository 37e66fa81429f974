"""Photos of every kind, all the way through a swap. They stay outside; without them this is skipped."""

import pytest
import torch

from facehub import image
from facehub.detection.finder import Finder
from facehub.errors import NoFace
from facehub.networks.generator import Generator
from facehub.swapper import Swapper


@pytest.fixture(scope="module")
def swapper():
    torch.manual_seed(0)
    return Swapper(Generator(64), finder=Finder())


@pytest.mark.parametrize(
    "folder, least, most",
    [
        ("multi_face", 2, 20),
        ("occluded", 1, 1),
        ("old_degraded", 1, 10),
        ("rotated", 1, 2),
        ("public_domain", 1, 3),
    ],
)
def test_faces_are_found_and_only_they_change(assets, swapper, folder, least, most):
    for path in sorted((assets / "photos" / folder).iterdir()):
        photo = image.read(path).photo[None]
        swapped = swapper(photo)
        assert least <= len(swapped.faces.photo) <= most, path.name
        assert ((swapped.blended == photo) | (swapped.mask > 0)).all(), path.name
        assert swapped.residual.max() < 1 / 255, path.name


def test_where_there_is_no_face(assets, swapper):
    for path in sorted((assets / "photos" / "no_face").iterdir()):
        with pytest.raises(NoFace, match="No face was found"):
            swapper(image.read(path).photo[None])


def test_profiles_swap_or_are_refused(assets, swapper):
    """dlib's detector is a frontal one: a profile is found or not, but nothing outside the mask changes."""
    found = 0
    for path in sorted((assets / "photos" / "profile_pose").iterdir()):
        photo = image.read(path).photo[None]
        try:
            swapped = swapper(photo)
        except NoFace:
            continue
        found += 1
        assert ((swapped.blended == photo) | (swapped.mask > 0)).all(), path.name
    assert found >= 2
