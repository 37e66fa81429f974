"""Where identities come from."""

import pytest

from facehub import hub
from facehub.errors import BadIdentity, UnknownIdentity
from tests.identities import make


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder of identities, instead of those that ship."""
    monkeypatch.setattr(hub, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv(hub.VARIABLE, str(tmp_path / "mine"))
    return tmp_path


def test_none_at_all(place):
    assert hub.identities() == []
    with pytest.raises(UnknownIdentity, match="known are none"):
        hub.load("ada")


def test_both_places_by_title_and_name(place):
    make(place / "shipped" / "zoe", title="Ada Z")
    make(place / "mine" / "ada", title="Zoe A")
    assert [i.name for i in hub.identities()] == ["zoe", "ada"]
    assert hub.load("zoe").title == "Ada Z"
    with pytest.raises(UnknownIdentity, match="known are ada, zoe"):
        hub.load("eve")


def test_ones_own_goes_before_what_ships(place):
    make(place / "shipped" / "ada", title="Shipped")
    make(place / "mine" / "ada", title="Mine")
    assert [i.title for i in hub.identities()] == ["Mine"]


def test_a_variable_may_name_an_identity_itself_and_several_places(place, monkeypatch):
    make(place / "one" / "ada")
    make(place / "two" / "bea")
    monkeypatch.setenv(hub.VARIABLE, f"{place / 'one' / 'ada'}:{place / 'two'}:{place / 'absent'}")
    assert sorted(i.name for i in hub.identities()) == ["ada", "bea"]


def test_a_folder_is_taken_as_it_is(place):
    folder = make(place / "elsewhere" / "ada")
    assert hub.load(folder).name == hub.load(str(folder)).name == "ada"
    with pytest.raises(BadIdentity, match="is no folder"):
        hub.load(place / "absent" / "ada")


def test_a_broken_one_does_not_hide_the_others(place):
    make(place / "mine" / "ada")
    (make(place / "mine" / "bea") / "consent.json").unlink()
    assert [i.name for i in hub.identities()] == ["ada"]
    assert "consent.json" in str(hub.broken()[0])


def test_what_ships_can_be_read():
    for folder in hub.SHIPPED.iterdir():
        assert hub.read(folder).generator().size >= 128
