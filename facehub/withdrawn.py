"""Identities whose owners have withdrawn: a file in a repository of the hub, kept beside the cache, and asked at load, pull, push and in listings.

    withdrawn.json    {"schema": 1, "withdrawn": [{"repo": "user/name", "sha256": [], "date": "2026-11-25", "note": "at the person's wish"}]}

An entry names a repository (all its revisions), the sha256 of weights wherever they lie, or both, so that a copy under another name is met too.
"""

import json
import pathlib
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from . import store
from .errors import BadSetting, Withdrawn

SCHEMA = 1
NAME = "withdrawn.json"
KEPT = "withdrawn.kept.json"
MAX_BYTES = 4_000_000
KEYS = {"repo": str, "sha256": list, "date": str, "note": str}


@dataclass(frozen=True, slots=True)
class Entry:
    """One withdrawal."""

    repo: str
    """user/name, or empty."""
    sha256: tuple[str, ...]
    """Of model.safetensors of all its revisions that are known."""
    date: str
    """YYYY-MM-DD."""
    note: str
    """Untrusted text."""


@dataclass(frozen=True, slots=True)
class Withdrawals:
    """The list as it was at some time."""

    entries: tuple[Entry, ...] = ()
    fetched: float = 0.0
    """Seconds since 1970; 0 = never."""

    def age_s(self) -> float:
        return time.time() - self.fetched

    def of(self, repo: str = "", sha256: str = "") -> Entry | None:
        """The entry that meets a repository or weights, if there is one."""
        for entry in self.entries:
            if (repo and entry.repo.lower() == repo.lower()) or (sha256 and sha256 in entry.sha256):
                return entry
        return None

    def check(self, shown: str, repo: str = "", sha256: str = "") -> None:
        """Raises Withdrawn for an identity that stands on the list; `shown` is what the visitor calls it."""
        if entry := self.of(repo, sha256):
            raise Withdrawn(f"{shown} was withdrawn on {entry.date}, so it may not be used any more: delete your copies of it.")


def parse(text: str | bytes, where: str) -> tuple[Entry, ...]:
    """The entries of a list. Raises BadSetting when it is not one."""
    try:
        record = json.loads(text)
        if record["schema"] != SCHEMA or record.keys() != {"schema", "withdrawn"}:
            raise ValueError
        return tuple(map(_entry, record["withdrawn"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise BadSetting(f"{where} is no list of withdrawn identities (docs/hub.md): mend it, or name another in FACEHUB_WITHDRAWN.") from problem


def dump(entries: Iterable[Entry]) -> dict:
    """The record that `parse` reads."""
    listed = [{"repo": e.repo, "sha256": list(e.sha256), "date": e.date, "note": e.note} for e in entries]
    return {"schema": SCHEMA, "withdrawn": listed}


def kept(folder: pathlib.Path) -> tuple[Withdrawals, float]:
    """The list as it was kept, and when it was last asked for, in seconds since 1970; an empty one when there is none that can be read."""
    try:
        record = json.loads((folder / KEPT).read_text(encoding="utf-8"))
        return Withdrawals(parse(json.dumps(record["list"]), KEPT), float(record["fetched"])), float(record["tried"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError, BadSetting):
        return Withdrawals(), 0.0


def keep(folder: pathlib.Path, withdrawals: Withdrawals) -> None:
    """Writes down the list, and that it was asked for now. Raises OSError."""
    store.write(folder / KEPT, {"list": dump(withdrawals.entries), "fetched": withdrawals.fetched, "tried": time.time()})


def _entry(record: dict) -> Entry:
    if record.keys() != KEYS.keys() or any(not isinstance(record[key], kind) for key, kind in KEYS.items()):
        raise ValueError
    if not all(isinstance(h, str) and re.fullmatch(r"[0-9a-f]{64}", h) for h in record["sha256"]):
        raise ValueError
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", record["date"]):
        raise ValueError
    return Entry(record["repo"], tuple(record["sha256"]), record["date"], record["note"][:500])
