"""What all tests share: the photos that ship, the assets where they are at hand, and calm threads."""

import pathlib

import pytest
import torch

from facehub import image

ROOT = pathlib.Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def seeded():
    torch.manual_seed(0)


@pytest.fixture(autouse=True, scope="session")
def own_key(tmp_path_factory):
    """The key that signs what tests write, and what programs they start write: not the developer's."""
    home = tmp_path_factory.mktemp("config")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(home))
        patch.delenv("FACEHUB_SIGNING", raising=False)
        yield home


@pytest.fixture(scope="session")
def examples() -> pathlib.Path:
    return ROOT / "demo" / "examples"


@pytest.fixture(scope="session")
def astronaut(examples) -> torch.Tensor:
    """(3, 512, 512) bytes, one face."""
    return image.read(examples / "astronaut.png").photo


@pytest.fixture(scope="session")
def london(examples) -> torch.Tensor:
    """(3, 720, 720) bytes or so, one face, of another person."""
    return image.read(examples / "london_012_03.jpg").photo


@pytest.fixture(scope="session")
def assets() -> pathlib.Path:
    """Photos for development that are not part of the project."""
    folder = ROOT.parent / "shared" / "assets"
    if not folder.is_dir():
        pytest.skip("the development photos (../shared/assets) are not here")
    return folder
