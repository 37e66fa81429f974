"""Where identities come from."""

import pytest

from facehub import registry
from facehub.errors import BadIdentity, UnknownIdentity
from tests.identities import make


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty folder of identities, instead of those that ship."""
    monkeypatch.setattr(registry, "SHIPPED", tmp_path / "shipped")
    monkeypatch.setenv(registry.VARIABLE, str(tmp_path / "mine"))
    return tmp_path


def test_none_at_all(place):
    assert registry.identities() == []
    with pytest.raises(UnknownIdentity, match="known are none"):
        registry.load("ada")


def test_both_places_by_title_and_name(place):
    make(place / "shipped" / "zoe", title="Ada Z")
    make(place / "mine" / "ada", title="Zoe A")
    assert [i.name for i in registry.identities()] == ["zoe", "ada"]
    assert registry.load("zoe").title == "Ada Z"
    with pytest.raises(UnknownIdentity, match="known are ada, zoe"):
        registry.load("eve")


def test_ones_own_goes_before_what_ships(place):
    make(place / "shipped" / "ada", title="Shipped")
    make(place / "mine" / "ada", title="Mine")
    assert [i.title for i in registry.identities()] == ["Mine"]


def test_a_variable_may_name_an_identity_itself_and_several_places(place, monkeypatch):
    make(place / "one" / "ada")
    make(place / "two" / "bea")
    monkeypatch.setenv(registry.VARIABLE, f"{place / 'one' / 'ada'}:{place / 'two'}:{place / 'absent'}")
    assert sorted(i.name for i in registry.identities()) == ["ada", "bea"]


SPELLINGS = ["tom_cruise", "Tom Cruise", "TOM CRUISE", "tom-cruise", "Tom_Cruise", "Thomas C."]


@pytest.mark.parametrize("text", SPELLINGS)
def test_a_title_or_a_name_written_otherwise_is_found(place, text):
    make(place / "mine" / "tom_cruise", title="Thomas C.")
    assert registry.load(text).name == "tom_cruise"


@pytest.mark.parametrize("text", ["tom_cruse", "Tom Cruse", "tomcruise"])
def test_the_nearest_name_is_suggested(place, text):
    make(place / "mine" / "tom_cruise")
    make(place / "mine" / "ada")
    sentence = f"'{text}': did you mean tom_cruise\\? Known are ada, tom_cruise;"
    with pytest.raises(UnknownIdentity, match=sentence):
        registry.load(text)
    with pytest.raises(UnknownIdentity, match="'zzz': known are ada, tom_cruise;"):
        registry.load("zzz")


def test_a_folder_is_taken_as_it_is(place):
    folder = make(place / "elsewhere" / "ada")
    assert registry.load(folder).name == registry.load(str(folder)).name == "ada"
    with pytest.raises(BadIdentity, match="is no folder"):
        registry.load(place / "absent" / "ada")


def test_a_broken_one_does_not_hide_the_others(place):
    make(place / "mine" / "ada")
    (make(place / "mine" / "bea") / "consent.json").unlink()
    assert [i.name for i in registry.identities()] == ["ada"]
    assert "consent.json" in str(registry.broken()[0])


@pytest.mark.parametrize(
    "name, text",
    [
        ("metrics.json", '{"faces": 1' + "0" * 400 + "}"),
        ("metrics.json", '{"table": {"blended": {"light": 1e308}}}'),
        ("consent.json", "[" * 100_000),
        ("consent.json", "[]"),
        ("config.json", "\x1b[2J"),
        ("README.md", None),
    ],
)
def test_a_broken_one_is_told_and_left_out(place, name, text, caplog):
    """At the start of a page; one huge integer kept it from starting."""
    make(place / "mine" / "ada")
    file = make(place / "mine" / "bea") / name
    file.unlink() if text is None else file.write_text(text)
    assert [i.name for i in registry.identities()] == ["ada"]
    assert "An identity is left out: " in caplog.text
    assert name in caplog.text
    assert "\x1b" not in caplog.text
    assert len(registry.broken()) == 1


def test_one_that_cannot_be_opened(place, monkeypatch, caplog):
    make(place / "mine" / "ada")
    bea = make(place / "mine" / "bea")
    real = open

    def failing(file, *arguments, **options):
        if str(file) == str(bea / "config.json"):
            raise PermissionError(13, "Permission denied", str(file))
        return real(file, *arguments, **options)

    monkeypatch.setattr("builtins.open", failing)
    assert [i.name for i in registry.identities()] == ["ada"]
    assert "config.json of bea cannot be read (Permission denied)" in caplog.text


def test_what_ships_can_be_read():
    for folder in registry.SHIPPED.iterdir():
        assert registry.read(folder).generator().size >= 128
