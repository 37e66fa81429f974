"""The list of withdrawn identities: requested, kept, and honoured at each use; and what becomes of a broken
one.
"""

import dataclasses
import functools
import json
import pathlib
import threading
import time

import pytest

from facehub import registry
from facehub.errors import BadSetting, HubUnreachable, Withdrawn
from facehub.files import sha256_of as sha256
from facehub.hub import session, withdrawals
from facehub.hub.api import Hub
from facehub.registry import identities, load
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
    loopback.put(LIST, pathlib.Path("none"), extra={withdrawals.NAME: data})


def an_hour_later(hub: Hub) -> None:
    """The list was asked for an hour ago."""
    file = hub.session.cached_repo(LIST).folder / withdrawals.CACHED
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tried": time.time() - 3700}))


def test_honoured_everywhere(loopback, hub):
    assert hub.pull("ada/face").title == "Ada Random"
    assert {record.repo for record in hub.search()} == {"ada/face", "bob/face"}
    publish(loopback, ENTRY)
    assert hub.load("ada/face"), "the list is asked for once an hour"
    an_hour_later(hub)
    for call in (hub.load, hub.pull, hub.details, lambda name: load(name, hub=hub)):
        with pytest.raises(
            Withdrawn,
            match=r"ada/face was withdrawn on 2026-11-25, so it may not be used any more: delete your copies",
        ):
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
    assert loopback.asked("/resolve/" + loopback.repositories["eve/copy"].refs["main"] + "/model") == [], (
        "its weights were fetched"
    )
    with pytest.raises(Withdrawn, match="Ada Random was withdrawn"):
        load(tmp_path / "ada", hub=hub)
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "none")
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "ada"))
    monkeypatch.setattr(registry, "Hub", lambda: hub)
    assert identities() != []
    monkeypatch.setenv(withdrawals.VARIABLE, LIST)
    assert identities() == []
    assert isinstance(registry.broken()[0], Withdrawn)


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
    assert time.monotonic() - begun < 40, "and is not waited for, as the gate would be for a minute"


BROKEN = [
    b"{",
    b"[]",
    b'{"schema": 2, "withdrawn": []}',
    b'{"schema": 1, "withdrawn": [{"repo": "ada/face"}]}',
    b"[" * 100_000,
]


@pytest.mark.parametrize("text", BROKEN)
def test_a_broken_list_does_not_replace_a_good_one(loopback, hub, text, caplog):
    publish(loopback, ENTRY)
    assert hub.withdrawals().find("Ada/Face")
    publish(loopback, text=text)
    an_hour_later(hub)
    assert hub.withdrawals().find("ada/face")
    assert "is no list of withdrawn identities" in caplog.text


def test_a_list_that_is_not_there(loopback, hub, caplog, tmp_path):
    other = Hub(loopback.endpoint, False, tmp_path / "other", "nobody/nothing", "allow")
    assert other.withdrawals().entries == ()
    assert "nobody/nothing is not on" in caplog.text
    assert other.pull("ada/face").title == "Ada Random"
    with pytest.raises(BadSetting, match="write it as user/name"):
        Hub(loopback.endpoint, False, tmp_path / "other", "no repository").withdrawals()


def test_without_a_list_nobody_is_asked(loopback, tmp_path, hub):
    Hub(loopback.endpoint, False, tmp_path / "other").pull("ada/face")
    assert loopback.asked(LIST) == []


def test_what_is_written_is_what_is_read():
    entries = withdrawals.parse(
        json.dumps({"schema": 1, "withdrawn": [ENTRY | {"sha256": ["0" * 64]}]}), "here"
    )
    assert withdrawals.parse(json.dumps(withdrawals.dump(entries)), "here") == entries
    assert withdrawals.Withdrawals(entries).find(sha256="0" * 64) == entries[0]
    assert withdrawals.Withdrawals(entries).find("", "") is None


def slow(loopback) -> threading.Event:
    """The list's repository answers only once this is set."""
    gate = threading.Event()
    loopback.fail(f".*{LIST}.*", hold=gate)
    return gate


@pytest.fixture
def brief(monkeypatch):
    """Each use waits a moment instead of ten seconds."""
    monkeypatch.setattr(session, "FIRST_WAIT_S", 0.3)
    briefly = functools.partialmethod(session.Session.withdrawals, wait_s=0.3)
    monkeypatch.setattr(session.Session, "withdrawals", briefly)


def test_without_a_first_list_nothing_of_a_hub_is_used(loopback, hub):
    """A hub that was slow for half a second switched the list off for an hour."""
    Hub(loopback.endpoint, False, hub.cache).pull("bob/face")
    hub = dataclasses.replace(hub, deadline_s=0.5)
    publish(loopback, ENTRY)
    gate = slow(loopback)
    calls = (hub.pull, hub.load, hub.details, lambda name: hub.search())
    for call in (*calls, lambda name: hub.picture(name, "0" * 40, "samples/one.webp")):
        with pytest.raises(HubUnreachable, match=r"facehub/withdrawn, was never received.*=allow") as raised:
            call("bob/face")
        assert raised.value.retry_after_s == session.FIRST_RETRY_S
    asked = len(loopback.asked(LIST))
    gate.set()
    loopback.heal()
    assert len(loopback.asked(LIST)) <= asked + 1, "it is not waited for again at each call"
    later(hub, session.FIRST_RETRY_S + 1)
    hub = dataclasses.replace(hub, deadline_s=60.0)
    with pytest.raises(Withdrawn):
        hub.pull("ada/face")


def later(hub: Hub, seconds: float) -> None:
    """The list was requested so long ago."""
    file = hub.session.cached_repo(LIST).folder / withdrawals.CACHED
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tried": time.time() - seconds}))


def test_the_first_use_waits_for_the_list(loopback, hub):
    """A second, and more than a later use would."""
    hub_without = Hub(loopback.endpoint, False, hub.cache)
    hub_without.pull("ada/face")
    publish(loopback, ENTRY)
    gate = slow(loopback)
    threading.Timer(1.0, gate.set).start()
    with pytest.raises(Withdrawn):
        hub.load("ada/face")


def test_the_last_good_list_stays(loopback, hub):
    publish(loopback, ENTRY)
    assert hub.withdrawals().find("ada/face")
    gate = slow(loopback)
    for _ in range(3):
        later(hub, 10 * 24 * 3600)
        assert hub.withdrawals(wait_s=0.2).find("ada/face"), "however old it is"
    gate.set()


def test_the_operator_decides(loopback, hub, tmp_path, brief, caplog, monkeypatch):
    """Of a hub nothing is used without the list unless they say so; their own folders are, unless they say
    not.
    """
    folder, gate = tmp_path / "ada", slow(loopback)
    assert load(folder, hub=hub).title == "Ada Random"
    assert "could not be renewed" in caplog.text
    strict = dataclasses.replace(hub, withdrawn_unavailable="refuse", cache=tmp_path / "strict")
    with pytest.raises(HubUnreachable, match="was never received"):
        load(folder, hub=strict)
    lax = dataclasses.replace(hub, withdrawn_unavailable="allow", cache=tmp_path / "lax")
    assert lax.pull("ada/face").title == "Ada Random"
    monkeypatch.setenv(withdrawals.UNAVAILABLE, "allow")
    assert dataclasses.replace(hub, cache=tmp_path / "lax too").pull("ada/face").title == "Ada Random"
    monkeypatch.setenv(withdrawals.UNAVAILABLE, "perhaps")
    with pytest.raises(BadSetting, match="'perhaps': set it to refuse or allow"):
        dataclasses.replace(hub, cache=tmp_path / "none").pull("ada/face")
    gate.set()


def test_a_cache_that_cannot_be_written(loopback, hub, monkeypatch, caplog):
    """The list is kept in memory then, and asked for no more often."""
    hub.pull("ada/face")
    publish(loopback, ENTRY)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(withdrawals.cache, "write", refuse)
    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    later(hub, 4000)
    loopback.log.clear()
    for _ in range(3):
        with pytest.raises(Withdrawn):
            hub.load("ada/face")
    assert len(loopback.asked("/api/models/" + LIST)) == 1
    assert "could not be written to the cache" in caplog.text


def test_a_list_that_is_not_what_was_listed(loopback, hub, brief):
    loopback.fail(f"GET /{LIST}/resolve/.*", change=lambda body: body.replace(b"1", b"1 "))
    with pytest.raises(HubUnreachable, match="was never received"):
        hub.pull("bob/face")


def test_a_renamed_repository_is_met_by_its_new_name(loopback, hub, tmp_path):
    """And what was pulled under the old one, too."""
    other = Hub(loopback.endpoint, False, tmp_path / "cache")
    loopback.rename("bob/face", "ada/renamed")
    assert other.pull("bob/face").title == "Bob Random"
    publish(loopback, ENTRY | {"repo": "ada/renamed"})
    for call in (hub.pull, hub.details, hub.load):
        with pytest.raises(Withdrawn, match="bob/face was withdrawn"):
            call("bob/face")


def test_a_copy_is_met_before_its_card_is_shown(loopback, hub, tmp_path):
    weights = sha256(tmp_path / "ada" / "model.safetensors")
    publish(loopback, ENTRY | {"repo": "", "sha256": [weights]})
    loopback.put("eve/copy", tmp_path / "ada")
    with pytest.raises(Withdrawn, match="eve/copy was withdrawn"):
        hub.details("eve/copy")


def test_checked_at_each_use(loopback, hub, tmp_path):
    """An identity that stays loaded: from the moment on when the list is renewed, it is refused."""
    one = load(tmp_path / "ada", hub=hub)
    registry.check_withdrawn(one, hub)
    weights = sha256(tmp_path / "ada" / "model.safetensors")
    publish(loopback, ENTRY | {"repo": "", "sha256": [weights]})
    loopback.log.clear()
    begun = time.process_time()
    for _ in range(50):
        registry.check_withdrawn(one, hub)
    assert time.process_time() - begun < 2, "it costs next to nothing"
    assert loopback.log == []
    an_hour_later(hub)
    with pytest.raises(Withdrawn, match="Ada Random was withdrawn"):
        registry.check_withdrawn(one, hub)
