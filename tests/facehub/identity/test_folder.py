"""An identity's folder: what is saved is what is read, and every way to spoil it has its sentence."""

import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from facehub.errors import BadIdentity
from facehub.identity.folder import read
from facehub.identity.schema import CONSENT as KEYS
from facehub.identity.schema import check_consent
from facehub.networks.generator import Generator
from tests.identities import CONSENT, make


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada")


def test_what_is_saved_is_what_is_read(folder):
    identity = read(folder)
    assert (identity.name, identity.title, identity.size, identity.consent) == (
        "ada",
        "Ada Random",
        16,
        CONSENT,
    )
    assert identity.metrics == {"nme_percent": 4.5, "faces": 100}
    assert [p.name for p in identity.samples] == ["one.webp"]
    torch.manual_seed(0)
    crop = torch.rand(1, 3, 16, 16)
    torch.manual_seed(0)
    assert torch.equal(identity.generator()(crop), Generator(16).eval()(crop))


def test_half_precision_weights_run_in_full(folder):
    weights = load_file(folder / "model.safetensors")
    save_file({k: v.half() for k, v in weights.items()}, folder / "model.safetensors")
    loaded = read(folder).generator().state_dict()
    assert all(
        v.dtype == torch.float32 and torch.allclose(v, weights[k], atol=1e-3) for k, v in loaded.items()
    )


@pytest.mark.parametrize("half", [False, True])
def test_weights_take_half_the_room_where_that_loses_nothing(tmp_path, half):
    torch.manual_seed(0)
    generator = Generator(16).eval()
    generator = generator.half().float() if half else generator
    folder = make(tmp_path / "ada", generator=generator)
    sizes = {value.dtype for value in load_file(folder / "model.safetensors").values()}
    assert sizes == {torch.float16 if half else torch.float32}
    loaded = read(folder).generator().state_dict()
    assert all(torch.equal(value, loaded[name]) for name, value in generator.state_dict().items())


def test_the_card_tells_what_matters(folder):
    card = read(folder).card
    for text in (
        "library_name: facehub",
        "arxiv:1611.09577",
        "Ada Random",
        "none@example.org",
        "synthetic",
        "nme percent | 4.5",
        "samples/one.webp",
    ):
        assert text in card


def test_saving_again_replaces_and_leaves_nothing_behind(folder):
    make(folder, title="Ada Again")
    assert read(folder).title == "Ada Again"
    assert [p.name for p in folder.parent.iterdir()] == ["ada"]


def test_a_save_that_fails_leaves_the_old_one(folder, monkeypatch):
    monkeypatch.setattr(
        "facehub.identity.folder._fill",
        lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")),
    )
    with pytest.raises(Exception, match="No space left"):
        make(folder, title="Ada Lost")
    assert read(folder).title == "Ada Random"
    assert [p.name for p in folder.parent.iterdir()] == ["ada"]


def test_a_folder_of_something_else_is_not_replaced(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "holiday.jpg").write_bytes(b"dear")
    with pytest.raises(BadIdentity, match="is no identity"):
        make(tmp_path / "photos")
    assert (tmp_path / "photos" / "holiday.jpg").exists()


@pytest.mark.parametrize("name", ["Ada", "a b", "..", ".ada", "a" * 65, "ada.pt"])
def test_names_that_cannot_be(tmp_path, name):
    with pytest.raises(BadIdentity, match="cannot name an identity"):
        make(tmp_path / name)


@pytest.mark.parametrize("key", KEYS)
def test_consent_must_be_whole(tmp_path, key):
    with pytest.raises(BadIdentity, match=key):
        make(tmp_path / "ada", consent={k: v for k, v in CONSENT.items() if k != key})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"basis": "because"}, "one of self"),
        ({"date": "yesterday"}, "YYYY-MM-DD"),
        ({"whose": "  "}, "whose face"),
        ({"extra": "x"}, "'extra'"),
        ({"contact": 7}, "contact"),
    ],
)
def test_consent_that_makes_no_sense(folder, change, sentence):
    (folder / "consent.json").write_text(json.dumps(CONSENT | change))
    with pytest.raises(BadIdentity, match=sentence):
        read(folder)


@pytest.mark.parametrize("record", [[], [CONSENT], "self", 7, None, True])
def test_consent_that_is_no_record(folder, record):
    with pytest.raises(BadIdentity, match=r"consent\.json must be a JSON object"):
        check_consent(record)
    (folder / "consent.json").write_text(json.dumps(record))
    with pytest.raises(BadIdentity, match=r"consent\.json of ada must be a JSON object"):
        read(folder)


@pytest.mark.parametrize(
    "metrics",
    [
        {"n": 10**400},
        {"n": -(10**400)},
        {"n": 1e308},
        {"table": {"blended": {"light": 10**400}}},
        {"n": [{"m": 10**400}]},
    ],
)
def test_numbers_are_bounded(folder, metrics):
    """What formats them later need not look."""
    (folder / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(BadIdentity, match=r"metrics\.json"):
        read(folder)


@pytest.mark.parametrize(
    "change, sentence",
    [
        ({"schema": 2}, "reads 1"),
        ({"size": 100}, "one of 16"),
        ({"size": "128"}, "whole number"),
        ({"size": True}, "whole number"),
        ({"network": "os.system"}, "knows 'korshunova2017' and 'subpixel2'"),
        ({"name": "../up"}, "small letters"),
        ({"title": "a\nb"}, "cannot be shown"),
        ({"code": "import os"}, "does not know"),
        ({"size": 10**400}, "one of 16"),
    ],
)
def test_config_is_closed(folder, change, sentence):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(BadIdentity, match=sentence):
        read(folder)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":' * 100_000, "\x00", '"config"'])
def test_config_that_is_no_object(folder, text):
    (folder / "config.json").write_text(text)
    with pytest.raises(BadIdentity, match=r"config\.json"):
        read(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "consent.json", "README.md"])
def test_every_file_is_needed(folder, name):
    (folder / name).unlink()
    with pytest.raises(BadIdentity, match=name):
        read(folder)


def test_links_that_lead_out_are_not_followed(folder, tmp_path):
    (tmp_path / "secret.md").write_text("secret")
    (folder / "README.md").unlink()
    (folder / "README.md").symlink_to(tmp_path / "secret.md")
    with pytest.raises(BadIdentity, match=r"lacks README\.md"):
        read(folder)


def spoiled(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda w: w.pop("to_rgb.bias"), "lacks to_rgb.bias"),
        (lambda w: w.update(extra=torch.zeros(1)), "'extra'"),
        (lambda w: w.update({"to_rgb.bias": torch.zeros(4)}), "network needs"),
        (lambda w: w.update({"to_rgb.bias": torch.zeros(3, dtype=torch.int64)}), "16 or 32 bit floats"),
        (lambda w: w["to_rgb.bias"].fill_(float("nan")), "not finite"),
        (lambda w: w["to_rgb.bias"].fill_(float("inf")), "not finite"),
    ],
)
def test_weights_must_be_just_the_networks(folder, change, sentence):
    spoiled(folder, change)
    with pytest.raises(BadIdentity, match=sentence):
        read(folder).generator()


class Bomb:
    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


@pytest.mark.parametrize(
    "data",
    [
        pickle.dumps(Bomb()),
        b"",
        b"\x00" * 9,
        struct.pack("<Q", 10 * 2**30) + b"{}",
        struct.pack("<Q", 2) + b"{}",
        struct.pack("<Q", 2) + b"[]",
    ],
)
def test_weights_that_are_no_safetensors(folder, data):
    (folder / "model.safetensors").write_bytes(data)
    with pytest.raises(BadIdentity, match=r"safetensors"):
        read(folder).generator()


def test_weights_too_large_to_be_true(folder):
    with open(folder / "model.safetensors", "r+b") as file:
        file.truncate(10 * 2**30)
    with pytest.raises(BadIdentity, match="bytes, but at most"):
        read(folder)
