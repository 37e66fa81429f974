"""The signed manifest: Content Credentials by the C2PA specification (https://spec.c2pa.org), written and read by c2pa-python.

It says that a photo was opened and edited with a trained network, by which version of this program, with which identity and on what basis of consent,
and is bound to every byte of the file: nothing may touch the file after `sign`. The input is the parent ingredient; a manifest that it brought is
kept, but for what could tell on the person.
"""

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import BadSetting
from .keys import Credential
from .provenance import SOURCE_TYPE, VERSION, Origin

if TYPE_CHECKING:
    from c2pa import Context

MEDIA = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "TIFF": "image/tiff", "AVIF": "image/avif"}
"""Formats that can hold a manifest, as C2PA calls them."""

FILMS = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
"""Video files that can hold one, by suffix."""

KINDS = ((b"\x89PNG", "image/png"), (b"\xff\xd8", "image/jpeg"), (b"II*\0", "image/tiff"), (b"MM\0*", "image/tiff"), (b"GIF8", "image/gif"))

LABEL = "org.facehub.swap"
"""Of our own assertion: identity, repository, revision, basis, watermark."""

PRIVATE = ("c2pa.thumbnail", "stds.exif", "stds.iptc", "c2pa.metadata", "cawg.metadata", "c2pa.location", "c2pa.depthmap")
"""What is taken out of a manifest that the input brought: what could show the person as they were, the place, or the camera's number."""

SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},  # one of the input would show the face that was replaced
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},  # a file must not make the server ask elsewhere
}


File = io.BufferedIOBase
"""An open file, or bytes that act as one."""


@dataclass(frozen=True, slots=True)
class Signed:
    """What the manifest of a file says."""

    state: str
    """"trusted": intact, by a certificate on a trust list; "valid": intact, by one that nobody vouches for; "broken": changed since, or malformed."""
    signer: str
    """The organisation that the certificate names: a claim, unless the state is "trusted"."""
    program: str
    generated: bool
    """Whether it says that a trained network took part."""
    details: dict[str, str]
    """Our own assertion, where there is one."""
    problems: tuple[str, ...] = ()
    """C2PA's codes for what is wrong, but for the unknown certificate."""


def sign(file: bytes, format: str, credential: Credential, origin: Origin, watermark: str = "") -> bytes:
    """The file with a manifest in it. `format` as in MEDIA, `watermark` the id in the invisible mark."""
    result = io.BytesIO()
    parent = None if origin.parent is None else io.BytesIO(origin.parent)
    sign_stream(io.BytesIO(file), result, MEDIA[format], credential, origin, watermark, parent=parent)
    return result.getvalue()


def sign_stream(
    source: File, target: File, media: str, credential: Credential, origin: Origin, watermark: str = "", *, parent: File | None = None
) -> None:
    """The same for open files of any length. `parent` is the file that came in, `media` what C2PA calls the source's kind."""
    import c2pa

    context = _context()
    details = {name: getattr(origin, name) for name in ("identity", "repository", "revision", "basis")} | {"watermark": watermark}
    definition = {
        "claim_generator_info": [{"name": "facehub", "version": VERSION}],
        "assertions": [{"label": LABEL, "data": {key: value for key, value in details.items() if value}}],
        "redactions": [],
    }
    edited = {"action": "c2pa.edited", "digitalSourceType": SOURCE_TYPE, "description": "A face was replaced by one that a trained network painted"}
    intent, source_type = c2pa.C2paBuilderIntent, c2pa.C2paDigitalSourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA
    try:
        if parent is not None:
            definition["redactions"] = redactions(parent)
        builder = c2pa.Builder(json.dumps(definition), context)
        if parent is None:
            builder.set_intent(intent.CREATE, source_type)
        else:
            builder.set_intent(intent.EDIT, source_type)
            _add_parent(builder, parent)
            builder.add_action(json.dumps(edited))
        if watermark:
            builder.add_action(json.dumps({"action": "c2pa.watermarked.unbound", "description": "An invisible watermark over the whole picture"}))
        signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(credential.algorithm, credential.chain, credential.key, None))
        builder.sign(signer, media, source, target)
    except c2pa.C2paError as problem:
        raise BadSetting(f"The result could not be signed ({problem}): check the key and certificate that FACEHUB_SIGNING names.") from problem


def read(file: bytes | File) -> Signed | None:
    """What a file's manifest says; None where it has none. Takes the bytes of a picture, or a video as an open file."""
    import c2pa

    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        with c2pa.Reader(media(_start(stream)), stream, context=_context()) as reader:
            store, state = json.loads(reader.json()), reader.get_validation_state()
    except c2pa.C2paError as problem:
        if "ManifestNotFound" in str(problem) or "no JUMBF" in str(problem) or "NotSupported" in str(problem):
            return None
        generated = isinstance(file, bytes) and b"rainedAlgorithmicMedia" in file
        return Signed("broken", "", "", generated, {}, (str(problem).split(":")[0],))
    active = store.get("manifests", {}).get(store.get("active_manifest"), {})
    assertions = {one.get("label", ""): one.get("data") for one in active.get("assertions", [])}
    details = assertions.get(LABEL)
    made = active.get("claim_generator_info") or [{}]
    problems = tuple(sorted({one["code"] for one in store.get("validation_status", [])} - {"signingCredential.untrusted"}))
    return Signed(
        state={"Trusted": "trusted", "Valid": "valid"}.get(state or "", "broken"),
        signer=str(active.get("signature_info", {}).get("issuer", ""))[:100],
        program=f"{made[0].get('name', 'an unnamed program')} {made[0].get('version', '')}".strip()[:100],
        generated="rainedAlgorithmicMedia" in json.dumps([one.get("assertions") for one in store.get("manifests", {}).values()]),  # ingredients too
        details={str(k)[:40]: str(v)[:200] for k, v in details.items()} if isinstance(details, dict) else {},
        problems=problems,
    )


def redactions(file: File) -> list[str]:
    """Addresses of the assertions in a file's manifests that are private."""
    import c2pa

    try:
        with c2pa.Reader(media(_start(file)), file, context=_context()) as reader:
            manifests = json.loads(reader.detailed_json()).get("manifests", {})
    except c2pa.C2paError:
        return []  # no manifest, or none that can be kept
    return [
        f"self#jumbf=/c2pa/{manifest}/c2pa.assertions/{label}"
        for manifest, content in manifests.items()
        for label in content.get("assertion_store", {})
        if label.startswith(PRIVATE)
    ]


def media(file: bytes) -> str | None:
    """The kind of a picture or video file by its first bytes, as C2PA calls it; None where it is none that can hold a manifest."""
    if file[:4] == b"RIFF" and file[8:12] == b"WEBP":
        return "image/webp"
    if file[4:12] in (b"ftypavif", b"ftypavis"):
        return "image/avif"
    if file[4:8] == b"ftyp":
        return "video/quicktime" if file[8:12] == b"qt  " else "video/mp4"
    return next((kind for start, kind in KINDS if file.startswith(start)), None)


def _start(file: File) -> bytes:
    """The first bytes of an open file, which is left at its beginning."""
    file.seek(0)
    start = file.read(16)
    file.seek(0)
    return start


def _add_parent(builder, parent: File) -> None:
    """The input as ingredient, under no name of its own: a file's name can be a person's."""
    import c2pa

    kind = media(_start(parent))
    title = f"the {'video' if kind in FILMS.values() else 'photo'} that came in"
    about = {"title": title, "relationship": "parentOf", "instance_id": title}
    if kind:
        try:
            return builder.add_ingredient(json.dumps(about | {"format": kind}), kind, parent)
        except c2pa.C2paError:
            pass  # a file with a manifest that cannot be read: the input is named without it
    return builder.add_ingredient(json.dumps(about), "image/png", io.BytesIO(_BLANK))


def _context() -> "Context":
    import c2pa

    return c2pa.Context(c2pa.Settings.from_dict(SETTINGS))


_BLANK = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c636000000002000148afa4710000000049454e44ae426082"
)
"""A PNG of one pixel: stands for an input of which only that there was one can be told."""
