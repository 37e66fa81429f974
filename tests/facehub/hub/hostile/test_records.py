"""Repositories that mean harm: records, cards and pictures are refused, each with its own sentence."""

import json
import struct
import zlib

import pytest

from facehub.errors import BadIdentity

from .conftest import refused

BOMBS = [
    b'{"a":' * 150_000,
    b"[" * 900_000,
    b"[]",
    b'"text"',
    b"\xff\xfe{}",
    b'{"schema": 1' + b"0" * 5000 + b"}",
    json.dumps(
        {"schema": 1, "name": "x", "title": "x", "size": 16, "network": "korshunova2017", "code": "import os"}
    ).encode(),
    json.dumps({"schema": 99}).encode(),
    json.dumps(
        {"schema": 1, "name": "../../up", "title": "x", "size": 16, "network": "korshunova2017"}
    ).encode(),
    json.dumps(
        {"schema": 1, "name": "x", "title": "x" * 900_000, "size": 16, "network": "korshunova2017"}
    ).encode(),
    json.dumps({"schema": 1, "name": "x", "title": "x", "size": 2**40, "network": "korshunova2017"}).encode(),
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_schema_bombs(loopback, hub, folder, bomb):
    loopback.put("ada/face", folder, extra={"config.json": bomb})
    refused(hub, r"config\.json", log=loopback.log)


@pytest.mark.parametrize(
    "name, value",
    [
        ("config.json", {"schema": [0] * 500}),
        ("config.json", {"name": "../" * 900}),
        ("config.json", {"size": "A" * 5000}),
        ("config.json", {"network": [[["x" * 900]]]}),
        ("config.json", {"k" * 900: 1}),
        ("consent.json", {"basis": "A" * 5000}),
        ("consent.json", {"date": "2026-11-24" * 500}),
        ("consent.json", {"k" * 900: "x"}),
    ],
)
def test_values_that_are_quoted_are_cut(loopback, hub, folder, name, value):
    """Found by scripts/fuzz: a refusal held the whole value."""
    record = json.loads((folder / name).read_text()) | value
    loopback.put("ada/face", folder, extra={name: json.dumps(record).encode()})
    refused(hub, name, log=loopback.log)


@pytest.mark.parametrize("card", ["text", 5, [], [1], True])
def test_a_listing_whose_card_is_none(loopback, hub, folder, card):
    """Found by scripts/fuzz: the client hands on what a hub sends there."""
    loopback.put("ada/face", folder)
    loopback.fail(
        "GET /api/models/ada/face",
        change=lambda body: json.dumps(json.loads(body) | {"cardData": card}).encode(),
    )
    assert hub.details("ada/face").entry.title == "face"


@pytest.mark.parametrize(
    "name, data",
    [
        ("metrics.json", b'{"a":' * 150_000),
        ("training.json", b"[" * 900_000),
        ("consent.json", b"{}"),
        ("training.json", b"[]"),
        ("metrics.json", json.dumps({"table": "x"}).encode()),
        ("metrics.json", json.dumps({"table": {"blended": {"light": "x"}}}).encode()),
        ("metrics.json", b'{"nme_percent": NaN}'),
        ("metrics.json", b'{"a": {"b": {"c": {"d": {"e": 1}}}}}'),
    ],
)
def test_records(loopback, hub, folder, name, data):
    loopback.put("ada/face", folder, extra={name: data})
    refused(hub, name.replace(".", r"\."), log=loopback.log)


@pytest.mark.parametrize(
    "card",
    [
        "<script>alert(1)</script>",
        "<SCRIPT src=//evil>",
        "< / script >",
        "<iframe src='x'>",
        '<img src=x onerror="alert(1)">',
        "[click](javascript:alert(1))",
        "<svg onload=alert(1)>",
        "[click]( JavaScript :alert(1))",
        "<style>*{display:none}</style>",
        "<meta http-equiv=refresh>",
        "<a href=x\nonclick=y>",
    ],
)
def test_cards_with_script(loopback, hub, folder, card):
    loopback.put(
        "ada/face",
        folder,
        extra={"README.md": f"---\ntags: [facehub, per-identity]\n---\n# A face\n\n{card}\n".encode()},
    )
    refused(hub, r"README\.md of ada/face holds '.*', which a browser could run", log=loopback.log)
    with pytest.raises(BadIdentity, match="a browser could run"):
        hub.details("ada/face")


def test_cards_that_only_speak_of_it(loopback, hub, folder):
    """Mathematics and arrows are no markup."""
    text = (
        (folder / "README.md").read_text()
        + "\nFor x < y and on = 3, see <https://example.org> and `a<b>c`; "
        + "script, style and links are words.\n"
    )
    loopback.put("ada/face", folder, extra={"README.md": text.encode()})
    assert hub.pull("ada/face").card == text


FRONTS = [
    "self: x",
    "ignore_metadata_errors: true",
    "to_dict: x",
    "model-index: x",
    "eval_results: x",
    "model_name: [1, 2]",
    "tags: {a: b}",
]


@pytest.mark.parametrize("front", FRONTS)
def test_front_matter_against_the_parser(loopback, hub, folder, front):
    """A card whose keys collide with the client's own hides itself at most, and nobody else."""
    loopback.put("bob/face", folder)
    text = f"---\nlibrary_name: facehub\ntags: [per-identity]\n{front}\n---\n# A face\n"
    loopback.put("ada/face", folder, extra={"README.md": text.encode()})
    found = {record.repo: record for record in hub.search()}
    assert found["bob/face"].title == "Ada Random"
    assert found["ada/face"].title == "face" if "ada/face" in found else True


def test_texts_of_a_listing_are_plain(loopback, hub, folder):
    evil = "\u202eevil\u200b\x00<b>" + "x" * 300
    tags = f"tags: [per-identity, {json.dumps('t' * 500)}]"
    named = f"model_name: {json.dumps(evil)}\nlicense: {json.dumps(evil)}"
    text = f"---\nlibrary_name: facehub\n{tags}\n{named}\n---\n"
    loopback.put("ada/face", folder, extra={"README.md": text.encode()})
    (record,) = hub.search()
    assert record.title == "evil <b>" + "x" * 72
    assert len(record.licence) <= 120
    assert all(len(tag) <= 80 for tag in record.tags)


@pytest.mark.parametrize(
    "data, sentence",
    [
        (b"GIF89a" + bytes(100), "is no WebP or PNG file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "is no WebP or PNG file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(50), "A sample picture of ada/face cannot be shown"),
        ("huge", "cannot be shown. .* pixels"),
    ],
)
def test_sample_pictures(loopback, hub, folder, data, sentence, tmp_path):
    if data == "huge":  # 100 megapixels in 150 bytes
        parts = [
            (b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)),
            (b"IDAT", zlib.compress(bytes(10_000))),
            (b"IEND", b""),
        ]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts
        )
    commit = loopback.put("ada/face", folder, extra={"samples/one.webp": data})
    refused(hub, sentence, fetched_weights=True)
    with pytest.raises(BadIdentity, match=sentence):
        hub.picture("ada/face", commit.oid, "samples/one.webp")
