"""A short film of a face, and what paints its faces over."""

import pytest
import torch

from facehub.swapper import Swapper
from tests import clips

from .stand_ins import SIZE, Stripes


@pytest.fixture
def swapper() -> Swapper:
    return Swapper(Stripes(), finder=lambda photos: pytest.fail("the tracker looks for faces"))


@pytest.fixture
def frames(astronaut) -> list[torch.Tensor]:
    return [clips.frame(astronaut, clips.motion((160 + index, 120)), SIZE) for index in range(11)]


@pytest.fixture
def source(tmp_path, frames):
    (tmp_path / "in").mkdir()
    return clips.write(tmp_path / "in" / "film.mp4", frames, sound="aac")
