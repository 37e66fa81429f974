"""Every answer of a hub is read with a bound, counted after decompression."""

import functools
import gzip
import json
import resource
import zlib

import httpx2
import pytest
from huggingface_hub.utils import get_session

from facehub.errors import FaceHubError, HubRefused
from facehub.hub.api import Hub
from facehub.hub.bounded import LIMIT, MAX_ANSWER_BYTES, bounded_session
from tests.identities import make


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    loopback.put("ada/face", make(tmp_path / "ada"))
    return Hub(loopback.endpoint, loopback.token("ada"), tmp_path / "cache")


@functools.cache
def bomb(megabytes: int, *, layers: int = 1) -> bytes:
    """A few kB that become megabytes of spaces, which JSON skips."""
    packer = zlib.compressobj(1, zlib.DEFLATED, 16 + zlib.MAX_WBITS)
    data = b"".join(packer.compress(b" " * 1_000_000) for _ in range(megabytes))
    data += packer.flush()
    for _ in range(layers - 1):
        data = gzip.compress(data)
    return data


CALLS = {
    "GET /api/models$": lambda hub, folder: hub.search(),
    "GET /api/models/ada/face": lambda hub, folder: hub.details("ada/face"),
    "GET /api/whoami-v2": lambda hub, folder: hub.whoami(),
    "GET /ada/face/resolve/.*config.json": lambda hub, folder: hub.pull("ada/face"),
    "POST /api/repos/create": lambda hub, folder: hub.push(folder, "ada/new"),
    "POST .*/preupload/": lambda hub, folder: hub.push(folder, "ada/face"),
    "PUT /ada/": lambda hub, folder: hub.push(folder, "ada/another"),
    "POST .*/commit/": lambda hub, folder: hub.push(folder, "ada/face"),
}


@pytest.mark.parametrize("where", CALLS)
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "identity"])
def test_too_large_an_answer(loopback, hub, tmp_path, where, encoding):
    """4.8 kB became 3.25 GB: now it is refused, and next to nothing of it is held."""
    layers = encoding.count("gzip")
    body = bomb(300, layers=layers) if layers else b" " * (MAX_ANSWER_BYTES + 1)
    loopback.fail(where, status=200, body=body, headers={"Content-Encoding": encoding})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(HubRefused, match="answers with more than|was not asked for|sends more than"):
        CALLS[where](hub, tmp_path / "ada")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000, "kB"


@pytest.mark.parametrize("encoding", ["br", "zstd", "made-up"])
def test_an_encoding_that_was_not_asked_for(loopback, hub, encoding):
    loopback.fail("GET /api/models$", status=200, body=b"[]", headers={"Content-Encoding": encoding})
    with pytest.raises(HubRefused, match="in an encoding that was not asked for"):
        hub.search()


def test_one_layer_of_gzip_is_read(loopback, hub):
    """A mirror that compresses although it was asked not to."""
    fault = loopback.fail("GET /api/models$", change=gzip.compress, headers={"Content-Encoding": "gzip"})
    listing = get_session().get(f"{loopback.endpoint}/api/models").content
    assert fault.reached.is_set()
    loopback.heal()
    body = gzip.compress(json.dumps([]).encode())
    loopback.fail("GET /api/models$", status=200, body=body, headers={"Content-Encoding": "gzip"})
    assert hub.search() == []
    assert listing


def test_a_damaged_one_is_a_sentence(loopback, hub):
    loopback.fail("GET /api/models$", status=200, body=b"no gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(FaceHubError, match="a compressed answer that is damaged"):
        hub.search()


def test_nothing_is_asked_for_compressed(loopback, hub, tmp_path):
    """Sizes and hashes are those of the files."""
    assert hub.session.client.headers()["Accept-Encoding"] == "identity"
    assert hub.session.client.api.headers == {"Accept-Encoding": "identity"}


def test_others_who_use_the_client_are_not_bounded(loopback):
    client = bounded_session()
    assert bounded_session() is client, "and the hook is there once"
    assert len(client.event_hooks["response"]) == len(set(client.event_hooks["response"]))
    loopback.fail("GET /api/models$", status=200, body=b" " * (MAX_ANSWER_BYTES + 1))
    assert len(client.get(f"{loopback.endpoint}/api/models").content) > MAX_ANSWER_BYTES
    with pytest.raises(HubRefused):
        client.get(f"{loopback.endpoint}/api/models", extensions={LIMIT: 10})
    assert isinstance(client, httpx2.Client)
