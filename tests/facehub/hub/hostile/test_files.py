"""Files in repositories that mean harm: each is refused with its own sentence, by name, size or header."""

import hashlib
import json
import pickle
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from facehub.errors import BadIdentity
from tests.identities import CONSENT

from .conftest import Bomb, refused


@pytest.mark.parametrize(
    "name, sentence",
    [
        (
            "pytorch_model.bin",
            r"holds 'pytorch_model\.bin', which can run code when it is opened: only safetensors",
        ),
        ("training.PKL", "can run code when it is opened"),
        ("samples/one.pt", "can run code when it is opened"),
        ("modeling.py", r"holds 'modeling\.py', which is code, and an identity needs none"),
        ("index.html", "which is code"),
        ("movie.mp4", r"holds 'movie\.mp4', which is no part of an identity"),
        ("samples/deep/one.webp", "no part of an identity"),
        ("samples/one.svg", "no part of an identity"),
        ("../../escape.json", r"lists '\.\./\.\./escape\.json', a name that leads out of its folder"),
        ("samples/../../../escape.png", "leads out of its folder"),
        ("/etc/cron.d/evil", "leads out of its folder"),
        ("..\\..\\evil.json", "leads out of its folder"),
        ("C:\\evil.json", "leads out of its folder"),
        ("samples/one\n.png", "leads out of its folder"),
        ("config.json\x00.png", "leads out of its folder"),
        (".git/hooks/post-checkout", "no part of an identity"),
    ],
)
def test_names(loopback, hub, folder, name, sentence):
    loopback.put("ada/face", folder, extra={name: pickle.dumps(Bomb())})
    refused(hub, sentence, log=loopback.log)
    assert loopback.asked("/resolve/") == [], (
        "something was fetched of a repository whose names alone condemn it"
    )


@pytest.mark.parametrize("name", ["config.json", "consent.json", "README.md", "model.safetensors"])
def test_parts_that_are_missing(loopback, hub, folder, name):
    loopback.put("ada/face", folder, without=(name,))
    refused(hub, f"lacks {name}: it is no identity", log=loopback.log)


def test_symlinks(loopback, hub, folder, tmp_path):
    """Git keeps a link as a file with the target's name in it.

    A link in the cache is met when it is loaded.
    """
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "secret.json").write_text(json.dumps(CONSENT))
    loopback.put("ada/face", folder, extra={"config.json": b"../../../mine/secret.json"})
    refused(hub, r"config\.json of ada/face is not valid JSON", log=loopback.log)
    loopback.put("ada/face", folder)
    identity = hub.pull("ada/face")
    (identity.folder / "consent.json").unlink()
    (identity.folder / "consent.json").symlink_to(tmp_path / "mine" / "secret.json")
    with pytest.raises(BadIdentity, match=r"consent\.json of the pulled ada/face is not what was pulled"):
        hub.load("ada/face")
    (identity.folder / "consent.json").unlink()  # for the check of what leads out of the cache


@pytest.mark.parametrize(
    "data, sentence",
    [
        (struct.pack("<Q", 10 * 2**30) + b"{}" * 200, r"its header would have 10,737,418,240 bytes"),
        (struct.pack("<Q", 2**64 - 1) + b"{}", "its header would have 18,446,744,073,709,551,615 bytes"),
        (struct.pack("<Q", 2) + b"{}", "lacks "),
        (struct.pack("<Q", 2) + b"[]", "its header cannot be read"),
        (struct.pack("<Q", 200) + b'{"a":' * 40, "its header cannot be read"),
        (struct.pack("<Q", 90_000) + b'{"a":' * 18_000, "its header cannot be read"),
        (pickle.dumps(Bomb()), "is no safetensors file"),
        (b"\x00", "is no safetensors file"),
    ],
)
def test_headers(loopback, hub, folder, data, sentence):
    """The header decides, before the rest is fetched."""
    loopback.put("ada/face", folder, extra={"model.safetensors": data + bytes(300_000)})
    refused(hub, sentence, fetched_weights=True)
    (asked,) = loopback.asked(f"/ada/face/{hashlib.sha256(data + bytes(300_000)).hexdigest()}")
    assert asked.endswith("206")


def changed(folder, change) -> dict[str, bytes]:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors")
    return {}


@pytest.mark.parametrize(
    "change, sentence",
    [
        (lambda w: w.pop("to_rgb.bias"), r"model\.safetensors of ada/face lacks to_rgb\.bias"),
        (lambda w: w.update(extra=torch.zeros(1)), "holds 'extra', which the network does not have"),
        (lambda w: w.update({"to_rgb.bias": torch.zeros(4)}), r"is F32 \[4\], but the network needs \[3\]"),
        (lambda w: w.update({"to_rgb.bias": torch.zeros(3, dtype=torch.float64)}), r"is F64 \[3\]"),
        (lambda w: w["to_rgb.bias"].fill_(float("nan")), "holds values that are not finite"),
        (lambda w: w["to_rgb.bias"].fill_(-float("inf")), "holds values that are not finite"),
    ],
)
def test_weights(loopback, hub, folder, change, sentence):
    changed(folder, change)
    loopback.put("ada/face", folder)
    refused(hub, sentence, fetched_weights=True)


def header_of(folder) -> tuple[dict, bytes]:
    data = (folder / "model.safetensors").read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    return json.loads(data[8 : 8 + length]), data[8 + length :]


@pytest.mark.parametrize("shape", [[10**9, 10**9, 3], [-3], ["3"], [[3]], 3, None, [3.0], [True]])
def test_shapes_that_make_no_sense(loopback, hub, folder, shape):
    """Nothing is allocated by a number in a header."""
    header, values = header_of(folder)
    header["to_rgb.bias"]["shape"] = shape
    text = json.dumps(header).encode()
    loopback.put(
        "ada/face", folder, extra={"model.safetensors": struct.pack("<Q", len(text)) + text + values}
    )
    refused(hub, "model.safetensors of ada/face|but the network needs", fetched_weights=True)


def test_more_bytes_than_the_header_tells(loopback, hub, folder):
    data = (folder / "model.safetensors").read_bytes() + bytes(1000)
    loopback.put("ada/face", folder, extra={"model.safetensors": data})
    refused(hub, "but its header describes", fetched_weights=True)


@pytest.mark.parametrize(
    "name, size, sentence",
    [
        (
            "model.safetensors",
            64_000_001,
            r"'model\.safetensors' of ada/face has 64,000,001 bytes, but at most 64,000,000",
        ),
        ("config.json", 1_000_001, "but at most 1,000,000 are taken"),
        ("README.md", 1_000_001, "but at most 1,000,000 are taken"),
        ("samples/huge.png", 4_000_001, "but at most 4,000,000 are taken"),
    ],
)
def test_sizes(loopback, hub, folder, name, size, sentence):
    loopback.put("ada/face", folder, extra={name: bytes(size)})
    refused(hub, sentence, log=loopback.log)
    assert loopback.asked("/resolve/") == []


def test_many_samples(loopback, hub, folder):
    loopback.put("ada/face", folder, extra={f"samples/{n}.png": b"x" for n in range(17)})
    refused(hub, "more than 16 sample pictures", log=loopback.log)
