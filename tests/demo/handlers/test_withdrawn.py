"""A page that runs stops serving an installed identity as soon as the list says that it was withdrawn."""

import json
import time

import pytest

from demo.handlers.identities import IdentityHandlers
from demo.server.sessions import SessionFiles
from facehub import registry
from facehub.errors import Withdrawn
from facehub.files import sha256_of
from facehub.hub import withdrawals
from facehub.hub.api import Hub
from facehub.identity.folder import read
from tests.identities import make

LIST = "facehub/withdrawn"


def test_an_installed_identity_is_checked_at_each_use(loopback, tmp_path, monkeypatch):
    ada, bea = make(tmp_path / "ada"), make(tmp_path / "bea", title="Bea Random", size=32)
    hub = Hub(loopback.endpoint, False, tmp_path / "cache", LIST)
    monkeypatch.setattr(registry, "Hub", lambda: hub)
    monkeypatch.setenv(withdrawals.VARIABLE, LIST)
    publish(loopback, tmp_path)
    handlers = IdentityHandlers([read(ada), read(bea)], lambda one: None, SessionFiles(tmp_path / "visits"))
    assert handlers.find("ada").title == "Ada Random"
    publish(loopback, tmp_path, sha256_of(ada / "model.safetensors"))
    kept = hub.session.cached_repo(LIST).folder / withdrawals.CACHED
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"tried": time.time() - 4000}))
    with pytest.raises(Withdrawn, match="Ada Random was withdrawn"):
        handlers.find("ada")
    assert [one["name"] for one in handlers.list_identities()] == ["bea"]
    assert handlers.find("bea").title == "Bea Random"


def publish(loopback, tmp_path, *weights: str) -> None:
    entries = [{"repo": "", "sha256": [one], "date": "2026-11-25", "note": ""} for one in weights]
    data = json.dumps({"schema": 1, "withdrawn": entries}).encode()
    loopback.put(LIST, tmp_path / "none", extra={withdrawals.NAME: data})
