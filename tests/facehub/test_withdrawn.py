"""The list of the withdrawn: asked for, kept, honoured at load, pull, push and in listings; and what becomes of one that is broken."""

import json
import pathlib
import threading
import time

import pytest

from facehub import hub as places
from facehub import withdrawn
from facehub.errors import BadSetting, Withdrawn
from facehub.hub import Hub, identities, load
from facehub.store import sha256
from tests.identities import make

LIST = "facehub/withdrawn"
ENTRY = {"repo": "ada/face", "sha256": [], "date": "2026-11-25", "note": "at her wish"}


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    loopback.put("ada/face", make(tmp_path / "ada"))
    loopback.put("bob/face", make(tmp_path / "bob", title="Bob Random"))
    publish(loopback)
    return Hub(loopback.endpoint, False, tmp_path / "cache", LIST)


def publish(loopback, *entries: dict, text: bytes | None = None) -> None:
    data = json.dumps({"schema": 1, "withdrawn": entries}).encode() if text is None else text
    loopback.put(LIST, pathlib.Path("none"), extra={withdrawn.NAME: data})


def an_hour_later(hub: Hub) -> None:
    """The list was asked for an hour ago."""
    file = hub.shelf(LIST).folder / withdrawn.KEPT
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tried": time.time() - 3700}))


def test_honoured_everywhere(loopback, hub):
    assert hub.pull("ada/face").title == "Ada Random"
    assert {record.repo for record in hub.search()} == {"ada/face", "bob/face"}
    publish(loopback, ENTRY)
    assert hub.load("ada/face"), "the list is asked for once an hour"
    an_hour_later(hub)
    for call in (hub.load, hub.pull, hub.look, lambda name: load(name, hub=hub)):
        with pytest.raises(Withdrawn, match=r"ada/face was withdrawn on 2026-11-25, so it may not be used any more: delete your copies"):
            call("ada/face")
    assert {record.repo for record in hub.search()} == {"bob/face"}
    assert hub.pulled() == []
    assert hub.pull("bob/face").title == "Bob Random"


def test_copies_are_met_by_their_weights(loopback, hub, tmp_path, monkeypatch):
    """Under another name, and in a folder."""
    weights = sha256(tmp_path / "ada" / "model.safetensors")
    publish(loopback, ENTRY | {"repo": "", "sha256": [weights]})
    loopback.put("eve/copy", tmp_path / "ada")
    with pytest.raises(Withdrawn, match="eve/copy was withdrawn"):
        hub.pull("eve/copy")
    assert loopback.asked("/resolve/" + loopback.repositories["eve/copy"].refs["main"] + "/model") == [], "its weights were fetched"
    with pytest.raises(Withdrawn, match="Ada Random was withdrawn"):
        load(tmp_path / "ada", hub=hub)
    monkeypatch.setattr(places, "SHIPPED", tmp_path / "none")
    monkeypatch.setenv(places.VARIABLE, str(tmp_path / "ada"))
    monkeypatch.setattr(places, "Hub", lambda: hub)
    assert identities() != []
    monkeypatch.setenv(places.WITHDRAWN, LIST)
    assert identities() == []
    assert isinstance(places.broken()[0], Withdrawn)


def test_kept_for_when_there_is_no_network(loopback, hub):
    hub.pull("ada/face")
    publish(loopback, ENTRY)
    an_hour_later(hub)
    assert len(hub.withdrawals().entries) == 1
    an_hour_later(hub)
    silent = loopback.fail(f".*{LIST}.*", hold=threading.Event(), times=100)
    begun = time.monotonic()
    with pytest.raises(Withdrawn):
        hub.load("ada/face")
    with pytest.raises(Withdrawn):
        hub.load("ada/face")
    assert silent.times == 99, "a hub that does not answer is asked once an hour"
    assert time.monotonic() - begun < 10, "and is not waited for"


BROKEN = [b"{", b"[]", b'{"schema": 2, "withdrawn": []}', b'{"schema": 1, "withdrawn": [{"repo": "ada/face"}]}', b"[" * 100_000]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_list_does_not_replace_a_good_one(loopback, hub, text, caplog):
    publish(loopback, ENTRY)
    assert hub.withdrawals().of("Ada/Face")
    publish(loopback, text=text)
    an_hour_later(hub)
    assert hub.withdrawals().of("ada/face")
    assert "is no list of withdrawn identities" in caplog.text


def test_a_list_that_is_not_there(loopback, hub, caplog, tmp_path):
    other = Hub(loopback.endpoint, False, tmp_path / "other", "nobody/nothing")
    assert other.withdrawals().entries == ()
    assert "nobody/nothing is not on" in caplog.text
    assert other.pull("ada/face").title == "Ada Random"
    with pytest.raises(BadSetting, match="write it as user/name"):
        Hub(loopback.endpoint, False, tmp_path / "other", "no repository").withdrawals()


def test_without_a_list_nobody_is_asked(loopback, tmp_path, hub):
    Hub(loopback.endpoint, False, tmp_path / "other").pull("ada/face")
    assert loopback.asked(LIST) == []


def test_what_is_written_is_what_is_read():
    entries = withdrawn.parse(json.dumps({"schema": 1, "withdrawn": [ENTRY | {"sha256": ["0" * 64]}]}), "here")
    assert withdrawn.parse(json.dumps(withdrawn.dump(entries)), "here") == entries
    assert withdrawn.Withdrawals(entries).of(sha256="0" * 64) == entries[0]
    assert withdrawn.Withdrawals(entries).of("", "") is None
