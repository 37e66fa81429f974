"""Search, look, pull and load: what comes from a hub, what stays in the cache, and what needs no network."""

import dataclasses
import json
import threading
import time

import pytest
import torch

from facehub import registry
from facehub.errors import (
    BadIdentity,
    BadSetting,
    FaceHubError,
    HubRefused,
    HubUnreachable,
    Stopped,
    UnknownIdentity,
)
from facehub.hub.api import Hub
from facehub.identity.folder import read
from facehub.networks.generator import Generator
from facehub.registry import load
from tests.identities import CONSENT, make

COMMIT = "0123456789" * 4


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada", size=32)


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    """As somebody who is not logged in."""
    return Hub(loopback.endpoint, False, tmp_path / "cache")


@pytest.fixture
def face(loopback, folder):
    """The commit of ada/face."""
    return loopback.put("ada/face", folder)


def test_search_tells_what_a_card_says(loopback, hub, folder, tmp_path):
    loopback.put("ada/face", folder, downloads=7, likes=2)
    loopback.put("bob/cat", folder, without=("README.md",))
    loopback.put(
        "eve/face", make(tmp_path / "eve", consent=CONSENT | {"basis": "self"}), downloads=9, gated="manual"
    )
    loopback.put("eve/mine", folder, private=True)
    eve, ada = hub.search()
    assert (eve.repo, eve.basis, eve.size_px, eve.gated) == ("eve/face", "self", 16, True)
    assert dataclasses.asdict(ada) | {"tags": ()} == {
        "repo": "ada/face",
        "title": "Ada Random",
        "revision": loopback.repositories["ada/face"].refs["main"],
        "downloads": 7,
        "likes": 2,
        "licence": "see-consent",
        "basis": "synthetic",
        "size_px": 32,
        "bytes": sum(p.numel() * 4 for p in Generator(32).state_dict().values()),
        "gated": False,
        "private": False,
        "updated": "2026-11-25",
        "metrics": {"landmarks moved (% of eye distance)": 4.5},
        "samples": ("samples/one.webp",),
        "tags": (),
    }
    assert [r.repo for r in hub.search(tags=["consent-self"])] == ["eve/face"]
    assert [r.repo for r in hub.search("ADA")] == ["ada/face"]
    assert [r.repo for r in hub.search(author="ada")] == ["ada/face"]
    assert [r.repo for r in hub.search(sort="likes", limit=1)] == ["ada/face"]
    mine = Hub(loopback.endpoint, loopback.token("eve")).search(author="eve")
    assert {r.repo for r in mine if r.private} == {"eve/mine"}


def test_a_long_listing_goes_on_at_the_same_hub(loopback, hub, folder):
    """Whatever host the hub names for the next page: a token must not go there."""
    loopback.page, loopback.named = 2, "http://127.0.0.1:9"
    for name in "abcde":
        loopback.put(f"ada/{name}", folder)
    assert len(hub.search()) == 5
    assert len(hub.search(limit=3)) == 3
    assert len(loopback.asked("cursor=")) == 3


def test_look_fetches_everything_but_the_weights(loopback, hub, folder, face):
    seen = hub.details("ada/face")
    assert seen.card == (folder / "README.md").read_text()
    assert seen.consent == CONSENT
    assert seen.metrics == {"nme_percent": 4.5, "faces": 100}
    assert dict(seen.files) == {
        p.relative_to(folder).as_posix(): p.stat().st_size for p in folder.rglob("*") if p.is_file()
    }
    assert seen.entry.bytes == sum(size for _, size in seen.files)
    assert seen.closed == ""
    assert loopback.asked("safetensors") == []
    with pytest.raises(UnknownIdentity, match="was not pulled"):
        hub.load("ada/face")


def test_a_picture_is_fetched_once(loopback, hub, folder, face):
    path = hub.picture("ada/face", face.oid, "samples/one.webp")
    assert path.read_bytes() == (folder / "samples/one.webp").read_bytes()
    loopback.log.clear()
    assert hub.picture("ada/face", face.oid, "samples/one.webp") == path
    assert loopback.log == []
    hub.pull("ada/face")
    assert hub.picture("ada/face", "main", "samples/one.webp").is_file()
    for name in ("samples/two.png", "model.safetensors", "samples/../config.json", "/etc/passwd"):
        with pytest.raises(BadIdentity, match="has no sample picture"):
            hub.picture("ada/face", face.oid, name)


def test_what_is_pulled_is_what_was_pushed(loopback, hub, folder, face):
    seen = []
    identity = hub.pull("ada/face", progress=lambda done, total: seen.append((done, total)))
    assert (identity.repo, identity.revision, identity.handle) == (
        "ada/face",
        face.oid,
        f"ada/face@{face.oid}",
    )
    assert {
        p.relative_to(identity.folder).as_posix(): p.read_bytes()
        for p in identity.folder.rglob("*")
        if p.is_file()
    } == {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    torch.manual_seed(0)
    crop = torch.rand(1, 3, 32, 32)
    assert torch.equal(identity.generator()(crop), read(folder).generator()(crop))
    total = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    assert seen[-1] == (total, total)
    assert len(seen) > 10
    assert all(0 <= done <= total == wanted for done, wanted in seen)


def test_again_it_needs_no_network_and_no_second(loopback, hub, face):
    hub.pull("ada/face")
    loopback.log.clear()
    loopback.fail(".*", hold=threading.Event())
    seconds = []
    for name in ("ada/face", f"ada/face@{face.oid}", "ada/face@main"):
        begun = time.monotonic()
        assert hub.pull(name).revision == face.oid
        seconds.append(time.monotonic() - begun)
        assert hub.load(name).revision == load(name, hub=hub).revision == face.oid
    assert min(seconds) < 1
    assert [identity.handle for identity in hub.pulled()] == [f"ada/face@{face.oid}"]
    assert load(hub.pulled()[0].handle, hub=hub).title == "Ada Random"
    assert loopback.log == []


def test_a_pin_stays_until_it_is_renewed(loopback, hub, folder, face):
    """main moves: what was pulled stays, until somebody asks; the older commit can still be had."""
    hub.pull("ada/face")
    loopback.repositories["ada/face"].refs["v1"] = face.oid
    newer = loopback.put("ada/face", make(folder, title="Ada Again"))
    assert hub.pull("ada/face").revision == face.oid
    assert hub.pull("ada/face", update=True).title == "Ada Again"
    assert hub.pull("ada/face").revision == hub.load("ada/face").revision == newer.oid
    assert hub.pull("ada/face@v1").title == "Ada Random"
    assert {i.revision for i in hub.pulled()} == {face.oid, newer.oid}
    lock = json.loads((hub.session.cached_repo("ada/face").folder / "lock.json").read_text())
    assert lock["pins"] == {"main": newer.oid, "v1": face.oid}
    assert set(lock["commits"]) == {face.oid, newer.oid}


def test_only_identities_are_fetched(loopback, hub, folder):
    """What may lie beside an identity is left where it is."""
    loopback.put("ada/face", folder, extra={"LICENSE": b"mine"})
    hub.pull("ada/face")
    assert loopback.asked("LICENSE") == loopback.asked("gitattributes") == []


@pytest.mark.parametrize("cut", [1000, 200_000])
def test_a_download_that_breaks_off_goes_on_by_itself(loopback, hub, face, cut):
    weights = face.files["model.safetensors"]
    loopback.fail(f"GET /ada/face/{weights.sha256}", cut=cut, times=2)  # the first is the look at the header
    assert hub.pull("ada/face").revision == face.oid


def test_a_pull_that_was_stopped_goes_on_where_it_was(loopback, hub, face):
    weights = face.files["model.safetensors"]
    stop = threading.Event()
    half = len(weights.data) // 2

    def progress(done: int, total: int) -> None:
        if done > total - half:
            stop.set()

    with pytest.raises(Stopped, match="kept"):
        hub.pull("ada/face", progress=progress, stop=stop)
    with pytest.raises(UnknownIdentity):
        hub.load("ada/face")
    (rest,) = hub.session.cached_repo("ada/face").folder.glob("*safetensors.rest")
    there = rest.stat().st_size
    assert 0 < there < len(weights.data)
    loopback.log.clear()
    sizes = []
    loopback.fail(f"GET /ada/face/{weights.sha256}", change=lambda body: sizes.append(len(body)) or body)
    assert hub.pull("ada/face").revision == face.oid
    assert sizes[-1] == len(weights.data) - there
    assert loopback.asked("config.json") == [], "what was whole was fetched again"


def test_two_at_once_get_the_same(loopback, hub, face):
    found, threads = [], []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: found.append(hub.pull("ada/face").revision)))
        threads[-1].start()
    for thread in threads:
        thread.join(30)
    assert found == [face.oid] * 4
    assert len(loopback.asked("/resolve/" + face.oid + "/config.json")) == 1


def test_gated(loopback, hub, folder, tmp_path):
    loopback.put("ada/face", folder, gated="manual")
    seen = hub.details("ada/face")
    assert seen.entry.gated
    assert seen.entry.title == "Ada Random"
    assert "is gated: log in, ask for access at" in seen.closed
    with pytest.raises(HubRefused, match="ada/face is gated"):
        hub.pull("ada/face")
    eve = Hub(loopback.endpoint, loopback.token("eve", "read"), tmp_path / "eve")
    with pytest.raises(HubRefused, match="ada/face is gated"):
        eve.pull("ada/face")
    loopback.repositories["ada/face"].granted.add("eve")
    assert eve.pull("ada/face").title == "Ada Random"
    assert eve.details("ada/face").closed == ""


def test_private(loopback, hub, folder, tmp_path):
    loopback.put("ada/face", folder, private=True)
    with pytest.raises(HubRefused, match="is not on 127.0.0.1:.*, or is private"):
        hub.pull("ada/face")
    assert (
        Hub(loopback.endpoint, loopback.token("ada", "read"), tmp_path / "ada's").pull("ada/face").title
        == "Ada Random"
    )


def test_hubs_do_not_share_a_cache(loopback, hub, face, tmp_path):
    """The same name elsewhere is another identity."""
    hub.pull("ada/face")
    with pytest.raises(UnknownIdentity):
        Hub("http://127.0.0.1:9", False, hub.cache).load("ada/face")


def test_a_stored_token_goes_to_the_usual_hub_only(loopback, monkeypatch, tmp_path):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    assert Hub(loopback.endpoint).session.client.token is False
    assert Hub().session.client.token is None
    assert Hub().session.client.has_token()


def test_names_and_places(hub, folder, monkeypatch, tmp_path):
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "none")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "user").mkdir()
    make(tmp_path / "user" / "ada")
    assert load("user/ada", hub=hub).repo == "", "a folder that is there goes first"
    with pytest.raises(
        UnknownIdentity,
        match="user/eve is no folder here and was not pulled: run `python -m facehub pull user/eve`",
    ):
        load("user/eve", hub=hub)
    with pytest.raises(UnknownIdentity, match="write it as user/name"):
        hub.pull("a/b/c")
    with pytest.raises(BadSetting, match="no address of a hub"):
        Hub("ftp://example.org").search()


def test_a_cache_that_cannot_be_written(loopback, face, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FaceHubError, match="cannot be written"):
        Hub(loopback.endpoint, False, tmp_path / "file").pull("ada/face")


def test_offline_what_was_pulled_still_works(loopback, hub, face, monkeypatch, tmp_path):
    hub.pull("ada/face")
    loopback.log.clear()
    monkeypatch.setattr(
        "huggingface_hub.constants.HF_HUB_OFFLINE", True
    )  # read when it is imported; test_sharing.py sets the variable
    assert hub.pull("ada/face").revision == hub.load("ada/face").revision == face.oid
    for call in (
        hub.search,
        lambda: hub.details("ada/face"),
        lambda: hub.pull("ada/face", update=True),
        lambda: hub.pull("eve/face"),
    ):
        with pytest.raises(HubUnreachable, match="HF_HUB_OFFLINE is set"):
            call()
    assert loopback.log == []
