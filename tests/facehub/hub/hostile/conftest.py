"""Common to the tests of repositories, hubs and mirrors that mean harm."""

import os
import pathlib

import pytest

from facehub.errors import BadIdentity
from facehub.hub.api import Hub
from tests.identities import make


class Bomb:
    """A pickle that leaves a trace when it is opened."""

    def __reduce__(self):
        return (os.system, ("touch /tmp/a-pickle-was-run",))


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada")


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    return Hub(loopback.endpoint, False, tmp_path / "cache")


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path):
    """Whatever a test does, the only new files are in the cache, which holds nothing that could be loaded."""
    before = snapshot(tmp_path)
    yield
    made = {path for path, data in snapshot(tmp_path).items() if before.get(path) != data}
    assert {path for path in made if not path.startswith(("cache/", "ada/", "mine/"))} == set()
    assert not pathlib.Path("/tmp/a-pickle-was-run").exists()
    for path in (tmp_path / "cache").rglob("*"):
        assert path.resolve().is_relative_to((tmp_path / "cache").resolve())


def snapshot(folder: pathlib.Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(hub: Hub, sentence: str, *, fetched_weights: bool = False, log: list[str] | None = None) -> None:
    with pytest.raises(BadIdentity, match=sentence) as raised:
        hub.pull("ada/face")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 320
    assert hub.pulled() == []
    assert fetched_weights or not [
        line for line in log or [] if "/resolve/" in line and "safetensors" in line
    ]
