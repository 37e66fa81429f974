"""A run goes on from its own checkpoint only: other photos, another start or other settings are told."""

import dataclasses

import numpy as np
import pytest

from facehub.errors import BadSetting
from facehub.identity.folder import read
from facehub.networks.generator import Generator
from tests.identities import make
from tests.train.data.test_pairs import face
from train.checkpoint import CHECKPOINT
from train.config import PairConfig
from train.same_run import made_from, require_same_run

CONFIG = PairConfig()


@pytest.fixture
def start(tmp_path):
    return read(make(tmp_path / "ada"))


@pytest.fixture
def made(start):
    return made_from(start, [face(1), face(2)], [face(3)], CONFIG)


@pytest.fixture
def folder(tmp_path, made):
    folder = tmp_path / "run"
    folder.mkdir()
    require_same_run(folder, made)
    (folder / CHECKPOINT).write_bytes(b"state")
    return folder


def test_the_same_goes_on_with_more_steps_and_smaller_batches(folder, start, made):
    more = dataclasses.replace(CONFIG, steps=CONFIG.steps + 1, batch=1)
    require_same_run(folder, made)
    require_same_run(folder, made_from(start, [face(1), face(2)], [face(3)], more))


def moved(portrait):
    return dataclasses.replace(portrait, landmarks=(portrait.landmarks + 0.01).astype(np.float32))


@pytest.mark.parametrize(
    "photos, others, settings, named",
    [
        ([face(1)], [face(3)], {}, "photos"),
        ([face(1), moved(face(2))], [face(3)], {}, "photos"),
        ([face(1), face(2)], [face(4)], {}, "photos of other people"),
        ([face(1), face(2)], [face(3)], {"likeness": 9.0}, "settings"),
        ([face(2)], [face(3)], {"likeness": 9.0}, "photos and settings"),
    ],
)
def test_what_differs_is_named_and_nothing_is_lost(folder, start, photos, others, settings, named):
    other = made_from(start, photos, others, dataclasses.replace(CONFIG, **settings))
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(BadSetting, match=f"was made from other {named}: give another --out, or delete"):
        require_same_run(folder, other)
    assert before == {path.name: path.read_bytes() for path in folder.iterdir()}


def test_another_start_is_named(folder, made, tmp_path):
    other = read(make(tmp_path / "ben", generator=Generator(16).eval()))
    with pytest.raises(BadSetting, match="other identity to start from: "):
        require_same_run(folder, made_from(other, [face(1), face(2)], [face(3)], CONFIG))


@pytest.mark.parametrize("spoilt", [None, "no JSON", "[1]"])
def test_a_checkpoint_of_unknown_origin_is_not_gone_on_from(folder, made, spoilt):
    file = folder / "made_from.json"
    file.unlink() if spoilt is None else file.write_text(spoilt)
    with pytest.raises(BadSetting, match="was made from other"):
        require_same_run(folder, made)


def test_without_a_checkpoint_anything_begins(folder, start):
    (folder / CHECKPOINT).unlink()
    require_same_run(folder, made_from(start, [face(2)], [face(3)], CONFIG))
