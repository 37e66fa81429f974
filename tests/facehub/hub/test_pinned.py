"""A file of another repository: fetched once, known by its hash; what is missing is said."""

import dataclasses
import hashlib

import pytest

from facehub.errors import BadSetting, HubUnreachable
from facehub.hub.api import Hub
from facehub.hub.pinned import PinnedFile

DATA = bytes(range(256)) * 200
FILE = PinnedFile(
    what="The network",
    repo="opencv/faces",
    revision="0" * 40,
    name="net.onnx",
    size=len(DATA),
    sha256=hashlib.sha256(DATA).hexdigest(),
    flag="--net",
)


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "net.onnx").write_bytes(DATA)
    loopback.put("opencv/faces", tmp_path / "there")
    return Hub(loopback.endpoint, False, tmp_path / "cache")


def test_it_is_fetched_once(hub, loopback, tmp_path):
    told = []
    place = FILE.fetch(hub, on_progress=lambda *done: told.append(done))
    assert place == tmp_path / "cache" / "networks" / "net.onnx" and place.read_bytes() == DATA
    assert told[-1] == (len(DATA), len(DATA))
    asked = len(loopback.log)
    assert FILE.fetch(hub) == place and FILE.fetch(hub, offline=True) == place
    assert len(loopback.log) == asked


def test_it_comes_from_its_commit_whatever_the_newest_one_holds(hub, loopback, tmp_path):
    commit = loopback.repositories["opencv/faces"].refs["main"]
    (tmp_path / "there" / "net.onnx").write_bytes(DATA[::-1])
    loopback.put("opencv/faces", tmp_path / "there")
    pinned = dataclasses.replace(FILE, revision=commit)
    assert pinned.fetch(hub).read_bytes() == DATA


def test_a_mirror_without_the_commit_is_asked_for_its_newest_one(hub):
    assert FILE.revision != "main" and FILE.fetch(hub).read_bytes() == DATA


def test_what_was_cut_goes_on(hub, tmp_path):
    (tmp_path / "cache" / "networks").mkdir(parents=True)
    (tmp_path / "cache" / "networks" / "net.onnx.rest").write_bytes(DATA[:1000])
    told = []
    assert FILE.fetch(hub, on_progress=lambda *done: told.append(done)).read_bytes() == DATA
    assert told[0][0] > 1000


def test_offline_says_what_is_missing_and_where_to_put_it(hub, loopback, tmp_path):
    with pytest.raises(HubUnreachable) as found:
        FILE.fetch(hub, offline=True)
    sentence = str(found.value)
    for part in ("The network", "net.onnx of opencv/faces", str(tmp_path / "cache"), FILE.sha256, "--net"):
        assert part in sentence
    assert loopback.log == []


def test_another_file_is_never_used(hub, tmp_path):
    other = dataclasses.replace(FILE, sha256="0" * 64)
    with pytest.raises(BadSetting, match=r"sends another net\.onnx than is known"):
        other.fetch(hub)
    assert not other.place(hub).exists()
    FILE.fetch(hub).write_bytes(b"overwritten")
    assert FILE.fetch(hub).read_bytes() == DATA


def test_a_hub_that_does_not_have_it_is_a_sentence(hub):
    with pytest.raises(HubUnreachable, match=r"could not be fetched\. .* Or put gone\.onnx"):
        dataclasses.replace(FILE, name="gone.onnx").fetch(hub)
