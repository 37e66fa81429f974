"""Repositories, hubs and mirrors that mean harm: each is refused with its own sentence, and nothing is written outside the cache."""

import hashlib
import json
import os
import pathlib
import pickle
import struct
import zlib

import pytest
import torch
from safetensors.torch import load_file, save_file

from facehub.errors import BadIdentity, HubUnreachable
from facehub.hub import Hub, load
from facehub.store import write
from tests.identities import CONSENT, make


class Bomb:
    """A pickle that leaves a trace when it is opened."""

    def __reduce__(self):
        return (os.system, ("touch /tmp/a-pickle-was-run",))


@pytest.fixture
def folder(tmp_path):
    return make(tmp_path / "ada")


@pytest.fixture
def hub(loopback, tmp_path) -> Hub:
    return Hub(loopback.endpoint, False, tmp_path / "cache")


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path):
    """Whatever a test does, the only new files are in the cache, which holds nothing that could be loaded."""
    before = snapshot(tmp_path)
    yield
    made = {path for path, data in snapshot(tmp_path).items() if before.get(path) != data}
    assert {path for path in made if not path.startswith(("cache/", "ada/", "mine/"))} == set()
    assert not pathlib.Path("/tmp/a-pickle-was-run").exists()
    for path in (tmp_path / "cache").rglob("*"):
        assert path.resolve().is_relative_to((tmp_path / "cache").resolve())


def snapshot(folder: pathlib.Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def refused(hub: Hub, sentence: str, *, fetched_weights: bool = False, log: list[str] | None = None) -> None:
    with pytest.raises(BadIdentity, match=sentence) as raised:
        hub.pull("ada/face")
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 320
    assert hub.pulled() == []
    assert fetched_weights or not [line for line in log or [] if "/resolve/" in line and "safetensors" in line]


@pytest.mark.parametrize("name, sentence", [
    ("pytorch_model.bin", r"holds 'pytorch_model\.bin', which can run code when it is opened: only safetensors"),
    ("training.PKL", "can run code when it is opened"),
    ("samples/one.pt", "can run code when it is opened"),
    ("modeling.py", r"holds 'modeling\.py', which is code, and an identity needs none"),
    ("index.html", "which is code"),
    ("movie.mp4", r"holds 'movie\.mp4', which is no part of an identity"),
    ("samples/deep/one.png", "no part of an identity"),
    ("samples/one.svg", "no part of an identity"),
    ("../../escape.json", r"lists '\.\./\.\./escape\.json', a name that leads out of its folder"),
    ("samples/../../../escape.png", "leads out of its folder"),
    ("/etc/cron.d/evil", "leads out of its folder"),
    ("..\\..\\evil.json", "leads out of its folder"),
    ("C:\\evil.json", "leads out of its folder"),
    ("samples/one\n.png", "leads out of its folder"),
    ("config.json\x00.png", "leads out of its folder"),
    (".git/hooks/post-checkout", "no part of an identity"),
])  # fmt: skip
def test_names(loopback, hub, folder, name, sentence):
    loopback.put("ada/face", folder, extra={name: pickle.dumps(Bomb())})
    refused(hub, sentence, log=loopback.log)
    assert loopback.asked("/resolve/") == [], "something was fetched of a repository whose names alone condemn it"


@pytest.mark.parametrize("name", ["config.json", "consent.json", "README.md", "model.safetensors"])
def test_parts_that_are_missing(loopback, hub, folder, name):
    loopback.put("ada/face", folder, without=(name,))
    refused(hub, f"lacks {name}: it is no identity", log=loopback.log)


def test_symlinks(loopback, hub, folder, tmp_path):
    """Git keeps a link as a file with the target's name in it. A link in the cache is met when it is loaded."""
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


@pytest.mark.parametrize("data, sentence", [
    (struct.pack("<Q", 10 * 2**30) + b"{}" * 200, r"its header would have 10,737,418,240 bytes"),
    (struct.pack("<Q", 2**64 - 1) + b"{}", "its header would have 18,446,744,073,709,551,615 bytes"),
    (struct.pack("<Q", 2) + b"{}", "lacks "),
    (struct.pack("<Q", 2) + b"[]", "its header cannot be read"),
    (struct.pack("<Q", 200) + b'{"a":' * 40, "its header cannot be read"),
    (struct.pack("<Q", 90_000) + b'{"a":' * 18_000, "its header cannot be read"),
    (pickle.dumps(Bomb()), "is no safetensors file"),
    (b"\x00", "is no safetensors file"),
])  # fmt: skip
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


@pytest.mark.parametrize("change, sentence", [
    (lambda w: w.pop("to_rgb.bias"), r"model\.safetensors of ada/face lacks to_rgb\.bias"),
    (lambda w: w.update(extra=torch.zeros(1)), "holds 'extra', which the network does not have"),
    (lambda w: w.update({"to_rgb.bias": torch.zeros(4)}), r"is F32 \[4\], but the network needs \[3\]"),
    (lambda w: w.update({"to_rgb.bias": torch.zeros(3, dtype=torch.float64)}), r"is F64 \[3\]"),
    (lambda w: w["to_rgb.bias"].fill_(float("nan")), "holds values that are not finite"),
    (lambda w: w["to_rgb.bias"].fill_(-float("inf")), "holds values that are not finite"),
])  # fmt: skip
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
    loopback.put("ada/face", folder, extra={"model.safetensors": struct.pack("<Q", len(text)) + text + values})
    refused(hub, "model.safetensors of ada/face|but the network needs", fetched_weights=True)


def test_more_bytes_than_the_header_tells(loopback, hub, folder):
    data = (folder / "model.safetensors").read_bytes() + bytes(1000)
    loopback.put("ada/face", folder, extra={"model.safetensors": data})
    refused(hub, "but its header describes", fetched_weights=True)


@pytest.mark.parametrize("name, size, sentence", [
    ("model.safetensors", 64_000_001, r"'model\.safetensors' of ada/face has 64,000,001 bytes, but at most 64,000,000"),
    ("config.json", 1_000_001, "but at most 1,000,000 are taken"),
    ("README.md", 1_000_001, "but at most 1,000,000 are taken"),
    ("samples/huge.png", 4_000_001, "but at most 4,000,000 are taken"),
])  # fmt: skip
def test_sizes(loopback, hub, folder, name, size, sentence):
    loopback.put("ada/face", folder, extra={name: bytes(size)})
    refused(hub, sentence, log=loopback.log)
    assert loopback.asked("/resolve/") == []


def test_many_samples(loopback, hub, folder):
    loopback.put("ada/face", folder, extra={f"samples/{n}.png": b"x" for n in range(17)})
    refused(hub, "more than 16 sample pictures", log=loopback.log)


BOMBS = [
    b'{"a":' * 150_000,
    b"[" * 900_000,
    b"[]",
    b'"text"',
    b"\xff\xfe{}",
    b'{"schema": 1' + b"0" * 5000 + b"}",
    json.dumps({"schema": 1, "name": "x", "title": "x", "size": 16, "network": "korshunova2017", "code": "import os"}).encode(),
    json.dumps({"schema": 99}).encode(),
    json.dumps({"schema": 1, "name": "../../up", "title": "x", "size": 16, "network": "korshunova2017"}).encode(),
    json.dumps({"schema": 1, "name": "x", "title": "x" * 900_000, "size": 16, "network": "korshunova2017"}).encode(),
    json.dumps({"schema": 1, "name": "x", "title": "x", "size": 2**40, "network": "korshunova2017"}).encode(),
]


@pytest.mark.parametrize("bomb", BOMBS, ids=range(len(BOMBS)))
def test_schema_bombs(loopback, hub, folder, bomb):
    loopback.put("ada/face", folder, extra={"config.json": bomb})
    refused(hub, r"config\.json", log=loopback.log)


@pytest.mark.parametrize("name, value", [
    ("config.json", {"schema": [0] * 500}), ("config.json", {"name": "../" * 900}), ("config.json", {"size": "A" * 5000}),
    ("config.json", {"network": [[["x" * 900]]]}), ("config.json", {"k" * 900: 1}), ("consent.json", {"basis": "A" * 5000}),
    ("consent.json", {"date": "2026-11-24" * 500}), ("consent.json", {"k" * 900: "x"}),
])  # fmt: skip
def test_values_that_are_quoted_are_cut(loopback, hub, folder, name, value):
    """Found by scripts/fuzz: a refusal held the whole value."""
    record = json.loads((folder / name).read_text()) | value
    loopback.put("ada/face", folder, extra={name: json.dumps(record).encode()})
    refused(hub, name, log=loopback.log)


@pytest.mark.parametrize("card", ["text", 5, [], [1], True])
def test_a_listing_whose_card_is_none(loopback, hub, folder, card):
    """Found by scripts/fuzz: the client hands on what a hub sends there."""
    loopback.put("ada/face", folder)
    loopback.fail("GET /api/models/ada/face", change=lambda body: json.dumps(json.loads(body) | {"cardData": card}).encode())
    assert hub.look("ada/face").record.title == "face"


@pytest.mark.parametrize("name, data", [
    ("metrics.json", b'{"a":' * 150_000), ("training.json", b"[" * 900_000), ("consent.json", b"{}"), ("training.json", b"[]"),
    ("metrics.json", json.dumps({"table": "x"}).encode()), ("metrics.json", json.dumps({"table": {"blended": {"light": "x"}}}).encode()),
    ("metrics.json", b'{"nme_percent": NaN}'), ("metrics.json", b'{"a": {"b": {"c": {"d": {"e": 1}}}}}'),
])  # fmt: skip
def test_records(loopback, hub, folder, name, data):
    loopback.put("ada/face", folder, extra={name: data})
    refused(hub, name.replace(".", r"\."), log=loopback.log)


@pytest.mark.parametrize("card", [
    "<script>alert(1)</script>", "<SCRIPT src=//evil>", "< / script >", "<iframe src='x'>", '<img src=x onerror="alert(1)">',
    "[click](javascript:alert(1))", "<svg onload=alert(1)>", "[click]( JavaScript :alert(1))",
    "<style>*{display:none}</style>", "<meta http-equiv=refresh>", "<a href=x\nonclick=y>",
])  # fmt: skip
def test_cards_with_script(loopback, hub, folder, card):
    loopback.put("ada/face", folder, extra={"README.md": f"---\ntags: [facehub, per-identity]\n---\n# A face\n\n{card}\n".encode()})
    refused(hub, r"README\.md of ada/face holds '.*', which a browser could run", log=loopback.log)
    with pytest.raises(BadIdentity, match="a browser could run"):
        hub.look("ada/face")


def test_cards_that_only_speak_of_it(loopback, hub, folder):
    """Mathematics and arrows are no markup."""
    text = (folder / "README.md").read_text() + "\nFor x < y and on = 3, see <https://example.org> and `a<b>c`; script, style and links are words.\n"
    loopback.put("ada/face", folder, extra={"README.md": text.encode()})
    assert hub.pull("ada/face").card == text


FRONTS = ["self: x", "ignore_metadata_errors: true", "to_dict: x", "model-index: x", "eval_results: x", "model_name: [1, 2]", "tags: {a: b}"]


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
    text = f"---\nlibrary_name: facehub\n{tags}\nmodel_name: {json.dumps(evil)}\nlicense: {json.dumps(evil)}\n---\n"
    loopback.put("ada/face", folder, extra={"README.md": text.encode()})
    (record,) = hub.search()
    assert record.title == "evil <b>" + "x" * 72
    assert len(record.licence) <= 120
    assert all(len(tag) <= 80 for tag in record.tags)


@pytest.mark.parametrize("data, sentence", [
    (b"GIF89a" + bytes(100), "is no PNG file"),
    (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "is no PNG file"),
    (b"\x89PNG\r\n\x1a\n" + bytes(50), "A sample picture of ada/face cannot be shown"),
    ("huge", "cannot be shown. .* pixels"),
])  # fmt: skip
def test_sample_pictures(loopback, hub, folder, data, sentence, tmp_path):
    if data == "huge":  # 100 megapixels in 150 bytes
        parts = [(b"IHDR", struct.pack(">IIBBBBB", 10_000, 10_000, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(bytes(10_000))), (b"IEND", b"")]
        data = b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    commit = loopback.put("ada/face", folder, extra={"samples/one.png": data})
    refused(hub, sentence, fetched_weights=True)
    with pytest.raises(BadIdentity, match=sentence):
        hub.picture("ada/face", commit.oid, "samples/one.png")


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "samples/one.png"])
def test_content_that_is_not_what_was_listed(loopback, hub, folder, name):
    """A mirror that changes a byte."""
    commit = loopback.put("ada/face", folder)
    where = commit.files[name].sha256 if commit.files[name].lfs else name
    loopback.fail(f"GET /ada/face/.*{where}$", change=lambda body: body[:-1] + bytes([body[-1] ^ 1]) if body else body)
    refused(hub, f"{name.replace('.', '[.]')} of ada/face is not what 127.0.0.1:.* listed \\(its hash differs\\)", fetched_weights=True)
    loopback.faults.clear()
    assert hub.pull("ada/face").title == "Ada Random"


def listed(**changes):
    def change(body: bytes) -> bytes:
        record = json.loads(body)
        for sibling in record["siblings"]:
            sibling.update(changes)
        return json.dumps(record).encode()

    return change


@pytest.mark.parametrize("changes, sentence", [
    ({"blobId": None, "lfs": None}, "gives no hash for"), ({"blobId": "../../../../x", "lfs": None}, "gives no hash for"),
    ({"size": None}, "bytes, but at most"), ({"size": -1}, "bytes, but at most"), ({"size": "1"}, "bytes, but at most"),
    ({"lfs": {"sha256": "../x", "size": 1, "pointerSize": 1}}, "gives no hash for"), ({"rfilename": "config.json"}, "twice"),
])  # fmt: skip
def test_listings_that_lie(loopback, hub, folder, changes, sentence):
    loopback.put("ada/face", folder)
    loopback.fail("GET /api/models/ada/face", change=listed(**changes))
    refused(hub, sentence, log=loopback.log)


@pytest.mark.parametrize("sha", ["f" * 40, "../../../../tmp", "main", None, "F" * 40, "0" * 39])
def test_a_revision_that_moves(loopback, hub, folder, sha):
    """Asked for a commit, a hub answers with another, or with none."""
    commit = loopback.put("ada/face", folder)
    loopback.fail("GET /api/models/ada/face", change=lambda body: json.dumps(json.loads(body) | {"sha": sha}).encode())
    with pytest.raises(BadIdentity, match="a commit must not move, so nothing is taken"):
        hub.pull(f"ada/face@{commit.oid}")
    assert loopback.asked("/resolve/") == []


ODD = [{"sha": 7}, {"id": None}, {"siblings": [{"rfilename": 7}]}, {"siblings": "x"}, {"tags": {"a": 1}}, {"cardData": {"self": 1}}]


@pytest.mark.parametrize("changes", ODD)
def test_answers_of_another_kind(loopback, hub, folder, changes):
    loopback.put("ada/face", folder)
    loopback.fail("GET /api/models/ada/face", change=lambda body: json.dumps(json.loads(body) | changes).encode())
    with pytest.raises(HubUnreachable, match="answered in a way that is not a hub's"):
        hub.pull("ada/face")
    loopback.fail("GET /api/models$", change=lambda body: json.dumps([json.loads(body)[0] | changes, *json.loads(body)]).encode())
    assert "ada/face" in {record.repo for record in hub.search()}


def test_a_branch_that_moves_while_it_is_pulled(loopback, hub, folder):
    """All files come from the commit that was resolved at first."""
    first = loopback.put("ada/face", folder)
    newer = make(folder.parent / "mine" / "ada", title="Ada Again")
    loopback.fail("GET /ada/face/.*config.json", times=1, after=lambda: loopback.put("ada/face", newer))
    identity = hub.pull("ada/face")
    assert (identity.revision, identity.title) == (first.oid, "Ada Random")
    assert loopback.repositories["ada/face"].refs["main"] != first.oid


@pytest.mark.parametrize("spoil, sentence", [
    (lambda f: (f / "config.json").write_text("{}"), r"config\.json of the pulled ada/face is not what was pulled \(its sha256 differs\)"),
    (lambda f: (f / "model.safetensors").write_bytes(b""), "is not what was pulled"),
    (lambda f: (f / "extra.bin").write_bytes(b""), r"'extra\.bin' was added to or removed from"),
    (lambda f: (f / "metrics.json").unlink(), r"'metrics\.json' was added to or removed from"),
    (lambda f: (f.parent / "lock.json").write_text("{"), "lock.json is damaged: delete it"),
    (lambda f: (f.parent / "lock.json").write_text("[" * 100_000), "lock.json is damaged: delete it"),
    (lambda f: write(f.parent / "lock.json", {"schema": 1, "repo": "eve/face", "pins": {}, "commits": {}}), "damaged"),
    (lambda f: write(f.parent / "lock.json", {"schema": 1, "repo": "ada/face", "pins": {"main": "../../x"}, "commits": {}}), "damaged"),
    (lambda f: write(f.parent / "lock.json", {"schema": 1, "repo": "ada/face", "pins": {}, "commits": {"../x": {}}}), "damaged"),
])  # fmt: skip
def test_a_cache_that_was_changed(loopback, hub, folder, spoil, sentence):
    loopback.put("ada/face", folder)
    spoil(hub.pull("ada/face").folder)
    with pytest.raises(BadIdentity, match=sentence):
        load("ada/face", hub=hub)
    assert hub.pulled() == []
