"""Hubs and mirrors that mean harm, and a cache that somebody changed."""

import json

import pytest

from facehub.errors import BadIdentity, HubUnreachable
from facehub.hub.cache import write
from facehub.registry import load
from tests.identities import make

from .conftest import refused


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "samples/one.webp"])
def test_content_that_is_not_what_was_listed(loopback, hub, folder, name):
    """A mirror that changes a byte."""
    commit = loopback.put("ada/face", folder)
    where = commit.files[name].sha256 if commit.files[name].lfs else name
    loopback.fail(
        f"GET /ada/face/.*{where}$", change=lambda body: body[:-1] + bytes([body[-1] ^ 1]) if body else body
    )
    refused(
        hub,
        f"{name.replace('.', '[.]')} of ada/face is not what 127.0.0.1:.* listed \\(its hash differs\\)",
        fetched_weights=True,
    )
    loopback.faults.clear()
    assert hub.pull("ada/face").title == "Ada Random"


def listed(**changes):
    def change(body: bytes) -> bytes:
        record = json.loads(body)
        for sibling in record["siblings"]:
            sibling.update(changes)
        return json.dumps(record).encode()

    return change


@pytest.mark.parametrize(
    "changes, sentence",
    [
        ({"blobId": None, "lfs": None}, "gives no hash for"),
        ({"blobId": "../../../../x", "lfs": None}, "gives no hash for"),
        ({"size": None}, "bytes, but at most"),
        ({"size": -1}, "bytes, but at most"),
        ({"size": "1"}, "bytes, but at most"),
        ({"lfs": {"sha256": "../x", "size": 1, "pointerSize": 1}}, "gives no hash for"),
        ({"rfilename": "config.json"}, "twice"),
    ],
)
def test_listings_that_lie(loopback, hub, folder, changes, sentence):
    loopback.put("ada/face", folder)
    loopback.fail("GET /api/models/ada/face", change=listed(**changes))
    refused(hub, sentence, log=loopback.log)


@pytest.mark.parametrize("sha", ["f" * 40, "../../../../tmp", "main", None, "F" * 40, "0" * 39])
def test_a_revision_that_moves(loopback, hub, folder, sha):
    """Asked for a commit, a hub answers with another, or with none."""
    commit = loopback.put("ada/face", folder)
    loopback.fail(
        "GET /api/models/ada/face", change=lambda body: json.dumps(json.loads(body) | {"sha": sha}).encode()
    )
    with pytest.raises(BadIdentity, match="a commit must not move, so nothing is taken"):
        hub.pull(f"ada/face@{commit.oid}")
    assert loopback.asked("/resolve/") == []


ODD = [
    {"sha": 7},
    {"id": None},
    {"siblings": [{"rfilename": 7}]},
    {"siblings": "x"},
    {"tags": {"a": 1}},
    {"cardData": {"self": 1}},
]


@pytest.mark.parametrize("changes", ODD)
def test_answers_of_another_kind(loopback, hub, folder, changes):
    loopback.put("ada/face", folder)
    loopback.fail(
        "GET /api/models/ada/face", change=lambda body: json.dumps(json.loads(body) | changes).encode()
    )
    with pytest.raises(HubUnreachable, match="answered in a way that is not a hub's"):
        hub.pull("ada/face")
    loopback.fail(
        "GET /api/models$",
        change=lambda body: json.dumps([json.loads(body)[0] | changes, *json.loads(body)]).encode(),
    )
    assert "ada/face" in {record.repo for record in hub.search()}


def test_a_branch_that_moves_while_it_is_pulled(loopback, hub, folder):
    """All files come from the commit that was resolved at first."""
    first = loopback.put("ada/face", folder)
    newer = make(folder.parent / "mine" / "ada", title="Ada Again")
    loopback.fail("GET /ada/face/.*config.json", times=1, after=lambda: loopback.put("ada/face", newer))
    identity = hub.pull("ada/face")
    assert (identity.revision, identity.title) == (first.oid, "Ada Random")
    assert loopback.repositories["ada/face"].refs["main"] != first.oid


@pytest.mark.parametrize(
    "spoil, sentence",
    [
        (
            lambda f: (f / "config.json").write_text("{}"),
            r"config\.json of the pulled ada/face is not what was pulled \(its sha256 differs\)",
        ),
        (lambda f: (f / "model.safetensors").write_bytes(b""), "is not what was pulled"),
        (lambda f: (f / "extra.bin").write_bytes(b""), r"'extra\.bin' was added to or removed from"),
        (lambda f: (f / "metrics.json").unlink(), r"'metrics\.json' was added to or removed from"),
        (lambda f: (f.parent / "lock.json").write_text("{"), "lock.json is damaged: delete it"),
        (lambda f: (f.parent / "lock.json").write_text("[" * 100_000), "lock.json is damaged: delete it"),
        (
            lambda f: write(
                f.parent / "lock.json", {"schema": 2, "repo": "eve/face", "pins": {}, "commits": {}}
            ),
            "damaged",
        ),
        (
            lambda f: write(
                f.parent / "lock.json",
                {"schema": 2, "repo": "ada/face", "pins": {"main": "../../x"}, "commits": {}},
            ),
            "damaged",
        ),
        (
            lambda f: write(
                f.parent / "lock.json", {"schema": 2, "repo": "ada/face", "pins": {}, "commits": {"../x": {}}}
            ),
            "damaged",
        ),
    ],
)
def test_a_cache_that_was_changed(loopback, hub, folder, spoil, sentence):
    loopback.put("ada/face", folder)
    spoil(hub.pull("ada/face").folder)
    with pytest.raises(BadIdentity, match=sentence):
        load("ada/face", hub=hub)
    assert hub.pulled() == []
