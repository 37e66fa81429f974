"""The signed manifest: what it says, which changes it notices, what it keeps of the input; and its key."""

import io
import json
import os
import stat

import c2pa
import pytest
import torch
from PIL import Image

from facehub import formats, image
from facehub.errors import BadSetting
from facehub.marks import manifest as credentials
from facehub.marks import signing_key
from facehub.marks.manifest import read
from facehub.marks.origin import VERSION, Marks, Origin
from facehub.marks.source_type import ADDRESS, SOURCE_TYPE

PHOTO = torch.full((3, 64, 80), 120, dtype=torch.uint8)
ORIGIN = Origin(b"no picture", "ada", "somebody/ada", "sha256:1234", "consented")


def manifest(file: bytes) -> dict:
    with c2pa.Reader(credentials.media(file), io.BytesIO(file)) as reader:
        store = json.loads(reader.json())
    return store["manifests"][store["active_manifest"]]


def data_of(file: bytes) -> dict:
    return {one["label"]: one["data"] for one in manifest(file)["assertions"]}


@pytest.mark.parametrize("format", [one.name for one in formats.FORMATS if one.writes and one.manifest])
def test_every_format_says_what_was_done_with_whose_face(format):
    file = image.encode(PHOTO, format=format, origin=ORIGIN)
    signed = read(file)
    assert (signed.state, signed.program, signed.generated, signed.problems) == (
        "valid",
        f"facehub {VERSION}",
        True,
        (),
    )
    named = {"identity": "ada", "repository": "somebody/ada", "revision": "sha256:1234", "basis": "consented"}
    assert named.items() <= signed.details.items()
    opened, edited, watermarked = data_of(file)["c2pa.actions.v2"]["actions"]
    assert (opened["action"], edited["action"], watermarked["action"]) == (
        "c2pa.opened",
        "c2pa.edited",
        "c2pa.watermarked.unbound",
    )
    assert edited["digitalSourceType"] == SOURCE_TYPE
    (parent,) = manifest(file)["ingredients"]
    assert parent["relationship"] == "parentOf"


def test_without_an_input_it_is_created_not_edited():
    actions = data_of(image.encode(PHOTO))["c2pa.actions.v2"]["actions"]
    assert actions[0]["action"] == "c2pa.created"
    assert actions[0]["digitalSourceType"] == SOURCE_TYPE


def test_bmp_has_none_and_unknown_files_have_none():
    assert read(image.encode(PHOTO, format="BMP")) is None
    assert read(image.encode(PHOTO, generated=False)) is None
    assert read(image.encode(PHOTO, marks=Marks(manifest=False))) is None
    assert read(b"no picture") is None


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_any_change_after_signing_is_noticed(format):
    file = bytearray(image.encode(PHOTO, format=format))
    file[-20] ^= 1
    assert read(bytes(file)).state == "broken"


def signed_by_another(*assertions: dict) -> bytes:
    """A picture whose manifest another program wrote, with these assertions."""
    definition = {"claim_generator_info": [{"name": "other\x1b[2J"}], "assertions": list(assertions)}
    builder, own, signed = (
        c2pa.Builder(json.dumps(definition)),
        signing_key.signing_credential(),
        io.BytesIO(),
    )
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(own.algorithm, own.chain, own.key, None))
    builder.sign(signer, "image/png", io.BytesIO(image.encode(PHOTO, generated=False)), signed)
    return signed.getvalue()


@pytest.mark.parametrize("term", ["trainedAlgorithmicMedia", "algorithmicMedia"])
def test_iptcs_other_terms_count(term):
    action = {"action": "c2pa.created", "digitalSourceType": ADDRESS + term}
    report = read(signed_by_another({"label": "c2pa.actions", "data": {"actions": [action]}}))
    assert report.generated
    assert report.program.startswith("other [2J"), "no terminal code"


def test_a_term_where_no_statement_stands_does_not_count():
    action = {"action": "c2pa.created", "digitalSourceType": ADDRESS + "digitalCapture"}
    camera = {"label": "c2pa.actions", "data": {"actions": [action]}}
    report = read(signed_by_another(camera, {"label": "org.other.note", "data": {"see": SOURCE_TYPE}}))
    assert report is not None and not report.generated
    action["description"] = SOURCE_TYPE
    assert not read(signed_by_another(camera)).generated


def private_input() -> bytes:
    """A camera's signed JPEG: EXIF and manifest name a place and a serial number, and hold thumbnails."""
    exif = Image.Exif()
    exif[0x010F] = "SERIAL-4711"
    exif.get_ifd(0x8825)[1] = "N"
    buffer = io.BytesIO()
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/" a="XMPSECRET"/>'
    Image.effect_noise((96, 96), 60).convert("RGB").save(
        buffer, "JPEG", exif=exif, xmp=xmp, comment=b"COMMENTSECRET"
    )
    metadata = {
        "@context": {"exif": "http://ns.adobe.com/exif/1.0/"},
        "exif:GPSLatitude": "47,11.77N",
        "exif:BodySerialNumber": "SERIAL-4711",
    }
    definition = {
        "claim_generator_info": [{"name": "camera"}],
        "assertions": [
            {"label": "c2pa.metadata", "kind": "Json", "data": metadata},
            {"label": "org.camera.mode", "data": {"mode": "portrait"}},
        ],
    }
    builder = c2pa.Builder(json.dumps(definition))
    builder.set_intent(c2pa.C2paBuilderIntent.CREATE, c2pa.C2paDigitalSourceType.DIGITAL_CAPTURE)
    own = signing_key.signing_credential()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(own.algorithm, own.chain, own.key, None))
    signed = io.BytesIO()
    builder.sign(signer, "image/jpeg", io.BytesIO(buffer.getvalue()), signed)
    return signed.getvalue()


def test_the_inputs_manifest_is_kept_and_nothing_that_tells_on_the_person():
    source = private_input()
    for secret in (b"SERIAL-4711", b"47,11.77N", b"XMPSECRET", b"COMMENTSECRET", b"c2pa.thumbnail"):
        assert secret in source
    picture = image.read(source)
    result = image.encode(picture.photo, format="JPEG", origin=Origin(picture.file, "ada"))
    assert read(result).state == "valid"
    with c2pa.Reader("image/jpeg", io.BytesIO(result)) as reader:
        manifests = json.loads(reader.json())["manifests"]
    assert len(manifests) == 2
    assert any("portrait" in json.dumps(one) for one in manifests.values()), (
        "what the input's manifest says else is kept"
    )
    for secret in (b"SERIAL-4711", b"47,11.77N", b"XMPSECRET", b"COMMENTSECRET"):
        assert secret not in result
    with c2pa.Reader("image/jpeg", io.BytesIO(result)) as reader:
        stored = json.loads(reader.detailed_json())["manifests"]
    assert not [
        label
        for one in stored.values()
        for label in one["assertion_store"]
        if label.startswith(credentials.PRIVATE)
    ]


def test_an_output_that_comes_back_as_input_keeps_its_story():
    first = image.encode(PHOTO, origin=Origin(None, "ada"))
    second = image.encode(PHOTO, format="JPEG", origin=Origin(first, "ben"))
    assert read(second).state == "valid"
    assert read(second).details["identity"] == "ben"
    with c2pa.Reader("image/jpeg", io.BytesIO(second)) as reader:
        assert "ada" in reader.json()


def test_a_tampered_input_does_not_stop_the_work():
    broken = bytearray(image.encode(PHOTO, format="JPEG"))
    for place in range(300, 2000, 7):
        broken[place] ^= 0x55
    assert read(image.encode(PHOTO, origin=Origin(bytes(broken)))).generated


def test_the_key_is_made_once_and_only_its_owner_may_read_it(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first = signing_key.signing_credential()
    file = tmp_path / "facehub" / "signing.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert [path.name for path in file.parent.iterdir()] == ["signing.pem"]
    signing_key._own.cache_clear()
    signing_key.read.cache_clear()
    assert signing_key.signing_credential() == first
    assert b"PRIVATE" not in repr(first).encode()
    file.chmod(0o644)
    signing_key._own.cache_clear()
    signing_key.read.cache_clear()
    with pytest.raises(BadSetting, match="chmod 600"):
        signing_key.signing_credential()


def test_the_operators_key_is_used(tmp_path, monkeypatch):
    file = tmp_path / "operator.pem"
    file.write_bytes(signing_key.create_self_signed())
    file.chmod(0o600)
    monkeypatch.setenv(signing_key.VARIABLE, str(file))
    assert signing_key.signing_credential() == signing_key.parse_pem(file.read_bytes())
    assert read(image.encode(PHOTO)).state == "valid"


KEY, CERTIFICATE = signing_key.create_self_signed().split(b"-----BEGIN CERT")
OTHER_KEY, _ = signing_key.create_self_signed().split(b"-----BEGIN CERT")


@pytest.mark.parametrize(
    "content, sentence",
    [
        (b"", "is no PEM file"),
        (KEY, "is no PEM file"),
        (OTHER_KEY + b"-----BEGIN CERT" + CERTIFICATE, "belongs to another key"),
    ],
)
def test_a_wrong_key_file_is_a_sentence(tmp_path, monkeypatch, content, sentence):
    file = tmp_path / "operator.pem"
    file.write_bytes(content)
    file.chmod(0o600)
    monkeypatch.setenv(signing_key.VARIABLE, str(file))
    with pytest.raises(BadSetting, match=sentence):
        image.encode(PHOTO)
    monkeypatch.setenv(signing_key.VARIABLE, str(tmp_path / "absent.pem"))
    with pytest.raises(BadSetting, match="cannot be read"):
        image.encode(PHOTO)


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() != 0, reason="needs a folder that root cannot write either"
)
def test_where_no_key_can_be_kept_the_process_has_its_own(monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", "/proc/nowhere")
    assert read(image.encode(PHOTO)).state == "valid"
