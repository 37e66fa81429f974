"""A cache that several people share: what is private or gated is there for those alone whom the hub let read
it.
"""

import json

import pytest

from facehub.errors import HubRefused, UnknownIdentity
from facehub.hub.api import Hub
from tests.identities import make


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada")


@pytest.fixture
def as_(loopback, tmp_path):
    """A hub with the common cache, for somebody by name; without one, for nobody in particular."""
    tokens = {}

    def made(name: str = "") -> Hub:
        token = tokens.setdefault(name, loopback.token(name, "read")) if name else False
        return Hub(loopback.endpoint, token, tmp_path / "cache")

    return made


@pytest.mark.parametrize("closed", [{"private": True}, {"gated": "manual"}, {"gated": "auto"}])
def test_what_the_operator_pulled_is_not_for_visitors(loopback, folder, as_, closed):
    commit = loopback.put("ada/face", folder, **closed)
    identity = as_("ada").pull("ada/face")
    for hub in (as_(), as_("eve")):
        for name in ("ada/face", f"ada/face@{commit.oid}", identity.handle):
            with pytest.raises(UnknownIdentity):
                hub.load(name)
        assert hub.pulled() == []
        with pytest.raises(HubRefused):
            hub.pull("ada/face")
        with pytest.raises(HubRefused):
            hub.picture("ada/face", commit.oid, "samples/one.webp")
    assert as_("ada").load("ada/face").title == "Ada Random"
    assert [one.handle for one in as_("ada").pulled()] == [identity.handle]


def test_what_the_operator_looked_at_is_not_for_visitors(loopback, folder, as_):
    """Card, consent and pictures of a gated repository lie in the cache before a pull, too."""
    commit = loopback.put("ada/face", folder, gated="manual")
    ada = as_("ada")
    assert ada.details("ada/face").consent
    assert ada.picture("ada/face", commit.oid, "samples/one.webp").is_file()
    seen = as_().details("ada/face")
    assert (seen.card, seen.consent, seen.metrics) == ("", {}, {})
    with pytest.raises(HubRefused):
        as_().picture("ada/face", commit.oid, "samples/one.webp")


def test_who_gets_access_later_asks_the_hub(loopback, folder, as_):
    commit = loopback.put("ada/face", folder, gated="manual")
    as_("ada").pull("ada/face")
    loopback.repositories["ada/face"].granted.add("eve")
    loopback.log.clear()
    assert as_("eve").pull("ada/face").revision == commit.oid
    assert loopback.asked("/resolve/"), "access is proven at the hub, not by what lies here"
    assert as_("eve").load("ada/face").title == as_("ada").load("ada/face").title == "Ada Random"


def test_what_is_public_is_everybodys(loopback, folder, as_):
    loopback.put("ada/face", folder)
    as_("ada").pull("ada/face")
    loopback.log.clear()
    assert as_().load("ada/face").title == as_("eve").pull("ada/face").title == "Ada Random"
    assert loopback.log == []


def test_the_lock_file_holds_no_token(loopback, folder, as_):
    loopback.put("ada/face", folder, private=True)
    hub = as_("ada")
    hub.pull("ada/face")
    text = (hub.session.cached_repo("ada/face").folder / "lock.json").read_text()
    assert str(hub.token) not in text
    (entry,) = json.loads(text)["commits"].values()
    assert entry["readers"] == [hub.session.client.token_hash()]
    assert len(hub.session.client.token_hash()) == 64


def test_a_cache_from_before_is_fetched_again(loopback, folder, as_):
    """It does not say who may read what it holds."""
    commit = loopback.put("ada/face", folder)
    place = as_().pull("ada/face").folder.parent
    old = {"schema": 1, "repo": "ada/face", "pins": {"main": commit.oid}, "commits": {commit.oid: {}}}
    (place / "lock.json").write_text(json.dumps(old))
    with pytest.raises(UnknownIdentity, match="was not pulled"):
        as_().load("ada/face")
    assert as_().pull("ada/face").revision == commit.oid
    assert as_().load("ada/face").title == "Ada Random"
