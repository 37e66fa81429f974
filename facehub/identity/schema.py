"""What the records of an identity may hold: config.json, consent.json, metrics.json.

Everything else is refused.

The files come from strangers. A record is read with a limit on its size, closed (no unknown keys) and
bounded: no number, text or nesting in it can crash or stall what reads it later. Quoted values are cut.
"""

import json
import pathlib
import re
import unicodedata

from ..errors import BadIdentity
from ..networks.generator import JOINT_CHANNELS

SCHEMA = 1
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

NETWORK = "korshunova2017"
"""The network of Korshunova et al. 2017, and the one that config.json means by default."""

SUBPIXEL = "subpixel2"
"""Its 128 px network with a sub-pixel head for 512 px (networks/subpixel.py)."""

DOUBLE = "double2"
"""Its 128 px network with a sub-pixel head for 256 px (networks/double.py)."""

UNFILTERED_DOUBLE = "double1"
"""The same without the low-pass of what the head unfolds: identities that were trained before there was one.
"""

SIZES = {NETWORK: tuple(JOINT_CHANNELS), SUBPIXEL: (512,), DOUBLE: (256,), UNFILTERED_DOUBLE: (256,)}
"""Networks that config.json may name, and the sides in pixels that each takes. weights.py builds them."""

BASES = ("self", "consented", "synthetic", "public-domain", "research")
"""Grounds on which a face may be used; what each allows is in docs/responsible-use.md."""

CONSENT = {
    "basis": f"one of {', '.join(BASES)}",
    "whose": "whose face it is",
    "scope": "what it may be used for",
    "date": "when that was settled, as YYYY-MM-DD",
    "contact": "whom to ask for withdrawal",
    "licence": "the licence of the weights",
}
"""Each key of consent.json, all required, and what it says."""

MAX_JSON_BYTES = 1_000_000

MAX_NUMBER = 1e15
"""Largest absolute value of a number in metrics.json.

A whole number of 400 digits is no float, and crashes what formats it.
"""

MAX_TEXT = 1000
"""Longest text in metrics.json, in characters."""

MAX_CONSENT_TEXT = 4000
"""Longest text in consent.json, in characters."""

MAX_VALUES = 5000
"""Most values in metrics.json."""


def is_number(value: object) -> bool:
    """Whether a value of a record is a finite number of at most MAX_NUMBER. Booleans are no numbers."""
    # NaN and the infinities fail the comparison; Python compares whole numbers of any length exactly.
    return type(value) in (int, float) and -MAX_NUMBER <= value <= MAX_NUMBER  # pyright: ignore[reportOperatorIssue]


def read_record(file: pathlib.Path, shown: str) -> dict:
    """A JSON object from a file; `shown` is what a sentence calls it.

    Raises BadIdentity; OSError when it cannot be read.
    """
    with open(file, "rb") as opened:
        data = opened.read(MAX_JSON_BYTES + 1)
    if len(data) > MAX_JSON_BYTES:
        size = max(file.stat().st_size, len(data))
        raise BadIdentity(f"{shown} has {size:,} bytes, but at most {MAX_JSON_BYTES:,} are read.")
    try:
        record = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as problem:
        raise BadIdentity(f"{shown} is not valid JSON: get the identity again.") from problem
    if not isinstance(record, dict):
        raise BadIdentity(f"{shown} must be a JSON object, not {type(record).__name__}.")
    return record


def check_config(config: dict) -> None:
    """Raise BadIdentity unless config.json describes a network that this program can build."""
    kinds = {"schema": int, "name": str, "title": str, "size": int, "network": str}
    if config.get("schema") != SCHEMA:
        raise BadIdentity(
            f"config.json has schema {quoted(config.get('schema'))}, but this program reads {SCHEMA}: "
            "get a newer one."
        )
    if missing := sorted(kinds.keys() - config.keys()):
        raise BadIdentity(f"config.json lacks {missing[0]!r}.")
    if unknown := sorted(config.keys() - kinds.keys()):
        raise BadIdentity(
            f"config.json has the key {quoted(unknown[0])}, which schema {SCHEMA} does not know."
        )
    for key, kind in kinds.items():
        if type(config[key]) is not kind:
            wanted = "a whole number" if kind is int else "a text"
            raise BadIdentity(f"config.json says {key} {quoted(config[key])}, but it must be {wanted}.")
    if not NAME.fullmatch(config["name"]):
        raise BadIdentity(
            f"config.json says name {quoted(config['name'])}: it must be up to 64 small letters, digits, - "
            "and _."
        )
    if not 1 <= len(config["title"]) <= 80 or not config["title"].isprintable():
        raise BadIdentity(
            "config.json says a title that cannot be shown: it must be 1 to 80 printable characters."
        )
    if config["network"] not in SIZES:
        known = " and ".join(map(repr, SIZES))
        raise BadIdentity(
            f"config.json says network {quoted(config['network'])}, but this program knows {known}."
        )
    if config["size"] not in SIZES[config["network"]]:
        sizes = ", ".join(map(str, SIZES[config["network"]]))
        raise BadIdentity(f"config.json says size {quoted(config['size'])}: it must be one of {sizes}.")


def check_consent(consent: object) -> None:
    """Raise BadIdentity, naming all that is missing, unless the record is whole."""
    if not isinstance(consent, dict):
        raise BadIdentity(
            f"consent.json must be a JSON object with {', '.join(CONSENT)}, not {type(consent).__name__}."
        )
    missing = [
        f"{key} ({meaning})"
        for key, meaning in CONSENT.items()
        if not isinstance(consent.get(key), str) or not consent[key].strip()
    ]
    if missing:
        raise BadIdentity(f"consent.json lacks {'; '.join(missing)}: without it a face may not be used.")
    if unknown := sorted(map(str, consent.keys() - CONSENT.keys())):
        raise BadIdentity(
            f"consent.json has the key {quoted(unknown[0])}, which is not known: use {', '.join(CONSENT)}."
        )
    if long := [key for key in CONSENT if len(consent[key]) > MAX_CONSENT_TEXT]:
        raise BadIdentity(
            f"consent.json says {long[0]} in more than {MAX_CONSENT_TEXT} characters: shorten it."
        )
    if consent["basis"] not in BASES:
        raise BadIdentity(
            f"consent.json says basis {quoted(consent['basis'])}: it must be {CONSENT['basis']}."
        )
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", consent["date"]):
        raise BadIdentity(f"consent.json says date {quoted(consent['date'])}: write it as YYYY-MM-DD.")


def check_metrics(metrics: dict) -> None:
    """Raise BadIdentity unless all values are bounded numbers and short texts, at most three groups deep.

    `table`, if there is one, holds numbers by measure, by method.
    """
    table = metrics.get("table", {})
    if not isinstance(table, dict) or not all(
        isinstance(row, dict) and all(map(is_number, row.values())) for row in table.values()
    ):
        raise BadIdentity(
            "metrics.json has a table that is none: it must hold numbers by measure, by method."
        )
    left = [(metrics, 0)]
    for value, depth in left:
        if isinstance(value, (dict, list)) and depth < 4 and len(left) < MAX_VALUES:
            left += [(part, depth + 1) for part in (value.values() if isinstance(value, dict) else value)]
        elif not (
            is_number(value)
            or value is None
            or isinstance(value, bool)
            or (isinstance(value, str) and len(value) <= MAX_TEXT)
        ):
            raise BadIdentity(
                f"metrics.json holds {quoted(value)}, but finite numbers of at most {MAX_NUMBER:.0e} and "
                "short "
                "texts are all it may hold: measure the identity again."
            )


def quoted(value: object) -> str:
    """A value as a sentence can hold it: 60 characters at most, escaped."""
    if isinstance(value, (dict, list)):
        return "a group of values"
    if type(value) is int and abs(value) > MAX_NUMBER:
        return "a number too large to write"
    return repr(value)[:60]


def short_name(title: str) -> str:
    """An identity's short name, made of the person's name: small letters, digits and _."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:64] or "identity"
