"""The signed manifest: Content Credentials by C2PA (https://spec.c2pa.org), through c2pa-python.

It says that a photo was opened and edited with a trained network, by which version of this program, with
which identity and on what basis of consent. It is bound to every byte of the file: nothing may touch the file
after `sign`. The input is the parent ingredient; a manifest that it brought is kept, except for what could
identify the person.
"""

import io
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import formats
from ..errors import BadSetting
from ..text import one_line
from .origin import VERSION, Origin
from .signing_key import SigningCredential
from .source_type import SOURCE_TYPE, generated_term

if TYPE_CHECKING:
    from c2pa import Context

VIDEO_MEDIA = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime"}
"""The MIME types of the video files that can hold a manifest, by suffix."""

LABEL = "org.facehub.swap"
"""The name of our own assertion: identity, repository, revision, basis, watermark."""

PRIVATE = (
    "c2pa.thumbnail",
    "stds.exif",
    "stds.iptc",
    "c2pa.metadata",
    "cawg.metadata",
    "c2pa.location",
    "c2pa.depthmap",
)
"""Assertions that are taken out of the input's manifest: they could show the person, the place or the
camera."""

METADATA_LABELS = ("c2pa.metadata", "cawg.metadata", "stds.iptc")
"""Assertions that can hold IPTC's digital source type."""

MAX_NAME_LETTERS = 100
"""Of a name in a manifest that are shown."""

MAX_VALUE_LETTERS = 200
"""Of a value in our assertion that are shown."""

SETTINGS = {
    "builder": {"thumbnail": {"enabled": False}},  # one of the input would show the face that was replaced
    "verify": {
        "verify_after_sign": False,
        "remote_manifest_fetch": False,
        "ocsp_fetch": False,
    },  # a file must not make the server ask elsewhere
}


File = io.BufferedIOBase
"""An open file, or bytes that behave like one."""


@dataclass(frozen=True, slots=True)
class ManifestReport:
    """What the manifest of a file says."""

    state: str
    """"trusted": intact, by a certificate on a trust list; "valid": intact, by one that nobody vouches for;
    "broken": changed since, or malformed."""
    signer: str
    """The organisation that the certificate names: a claim, unless the state is "trusted"."""
    program: str
    generated: bool
    """Whether it says that a trained network took part."""
    details: dict[str, str]
    """Our own assertion, if there is one."""
    problems: tuple[str, ...] = ()
    """C2PA's codes for what is wrong, except for the unknown certificate."""


def sign(
    file: bytes, media: str, credential: SigningCredential, origin: Origin, watermark: str = ""
) -> bytes:
    """The file with a manifest in it. `media`: its MIME type; `watermark`: the id in the invisible mark.

    Raises BadSetting when it cannot be signed.
    """
    result = io.BytesIO()
    parent = None if origin.parent is None else io.BytesIO(origin.parent)
    sign_stream(io.BytesIO(file), result, media, credential, origin, watermark, parent=parent)
    return result.getvalue()


def sign_stream(
    source: File,
    target: File,
    media: str,
    credential: SigningCredential,
    origin: Origin,
    watermark: str = "",
    *,
    parent: File | None = None,
) -> None:
    """The same for open files of any length. `parent` is the file that came in."""
    import c2pa

    context = _context()
    details = {name: getattr(origin, name) for name in ("identity", "repository", "revision", "basis")} | {
        "watermark": watermark
    }
    definition = {
        "claim_generator_info": [{"name": "facehub", "version": VERSION}],
        "assertions": [{"label": LABEL, "data": {key: value for key, value in details.items() if value}}],
        "redactions": [],
    }
    edited = {
        "action": "c2pa.edited",
        "digitalSourceType": SOURCE_TYPE,
        "description": "A face was replaced by one that a trained network painted",
    }
    intent, source_type = (
        c2pa.C2paBuilderIntent,
        c2pa.C2paDigitalSourceType.COMPOSITE_WITH_TRAINED_ALGORITHMIC_MEDIA,
    )
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
            builder.add_action(
                json.dumps(
                    {
                        "action": "c2pa.watermarked.unbound",
                        "description": "An invisible watermark over the whole picture",
                    }
                )
            )
        signer = c2pa.Signer.from_info(
            c2pa.C2paSignerInfo(credential.algorithm, credential.chain, credential.key, None)
        )
        builder.sign(signer, media, source, target)
    except c2pa.C2paError as problem:
        raise BadSetting(
            f"The result could not be signed ({problem}): check the key and certificate that FACEHUB_SIGNING "
            "names."
        ) from problem


def read(file: bytes | File) -> ManifestReport | None:
    """What a file's manifest says; None if it has none.

    Takes the bytes of a picture, or an open video file.
    """
    import c2pa

    stream = io.BytesIO(file) if isinstance(file, bytes) else file
    try:
        with c2pa.Reader(media(_start(stream)), stream, context=_context()) as reader:
            store, state = json.loads(reader.json()), reader.get_validation_state()
    except c2pa.C2paError as problem:
        if "ManifestNotFound" in str(problem) or "no JUMBF" in str(problem) or "NotSupported" in str(problem):
            return None
        code = one_line(str(problem).split(":")[0], MAX_NAME_LETTERS)
        return ManifestReport("broken", "", "", False, {}, (code,))
    manifests = store.get("manifests", {})  # of the file and of its ingredients
    active = manifests.get(store.get("active_manifest"), {})
    details = dict(_assertions(active)).get(LABEL)
    program = (active.get("claim_generator_info") or [{}])[0]
    problems = {one["code"] for one in store.get("validation_status", [])} - {"signingCredential.untrusted"}
    name = f"{program.get('name', 'an unnamed program')} {program.get('version', '')}"
    return ManifestReport(
        state={"Trusted": "trusted", "Valid": "valid"}.get(state or "", "broken"),
        signer=one_line(active.get("signature_info", {}).get("issuer"), MAX_NAME_LETTERS),
        program=one_line(name, MAX_NAME_LETTERS),
        generated=any(
            generated_term(term)
            for manifest in manifests.values()
            for label, data in _assertions(manifest)
            for term in _source_types(label, data)
        ),
        details={
            one_line(str(key), 40): one_line(str(value), MAX_VALUE_LETTERS) for key, value in details.items()
        }
        if isinstance(details, dict)
        else {},
        problems=tuple(sorted(one_line(code, MAX_NAME_LETTERS) for code in problems)),
    )


def _assertions(manifest: dict) -> list[tuple[str, object]]:
    """The labels of a manifest's assertions, and what they say."""
    return [(str(one.get("label", "")), one.get("data")) for one in manifest.get("assertions", [])]


def _source_types(label: str, data: object) -> list[object]:
    """The digital source types that an assertion states: of its actions, or in IPTC's metadata."""
    if not isinstance(data, dict):
        return []
    if label.startswith("c2pa.actions"):
        actions = data.get("actions")
        return [one.get("digitalSourceType") for one in actions or [] if isinstance(one, dict)]
    return [data.get("Iptc4xmpExt:DigitalSourceType")] if label.startswith(METADATA_LABELS) else []


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
    """The MIME type of a picture or video file by its first bytes; None if it cannot hold a manifest."""
    if format := formats.by_content(file):
        return format.media if format.manifest else None
    if file[4:8] == b"ftyp":
        return "video/quicktime" if file[8:12] == b"qt  " else "video/mp4"
    return None


def _start(file: File) -> bytes:
    """The first bytes of an open file, which is left at its beginning."""
    file.seek(0)
    start = file.read(16)
    file.seek(0)
    return start


def _add_parent(builder, parent: File) -> None:
    """Add the input as ingredient, without its file name, which can be a person's name."""
    import c2pa

    kind = media(_start(parent))
    title = f"the {'video' if kind in VIDEO_MEDIA.values() else 'photo'} that came in"
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
"""A PNG of one pixel: stands for an input whose kind cannot hold a manifest."""
