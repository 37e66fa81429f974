"""Identities whose owners have withdrawn: a file in a repository of the hub, cached, and checked at each use.

    withdrawn.json    {"schema": 1, "withdrawn": [{"repo": "user/name", "sha256": [],
                                                   "date": "2026-11-25", "note": "at the person's wish"}]}

An entry names a repository (all its revisions), the sha256 of weights wherever they lie, or both, so that a
copy under another name is found too.

The last good list stays in use until a newer one arrives, however old it is. When there never was one, what
happens is the operator's setting: `UNAVAILABLE`.
"""

import json
import pathlib
import re
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass

from ..errors import BadSetting, Withdrawn
from . import cache

VARIABLE = "FACEHUB_WITHDRAWN"
"""Environment variable: the repository with the list of withdrawn identities, user/name[@revision]."""

UNAVAILABLE = "FACEHUB_WITHDRAWN_UNAVAILABLE"
"""Environment variable: what to do when no list was ever received.

`refuse`: use no identity. `allow`: use all, with a warning in the log. Not set: refuse what comes from a
hub, allow the operator's own folders.
"""

SCHEMA = 1
NAME = "withdrawn.json"
CACHED = "withdrawn.kept.json"
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
    """When it was received, in seconds since 1970; 0: never."""

    def find(self, repo: str = "", sha256: str = "") -> Entry | None:
        """The entry that names the repository or the weights, if there is one."""
        for entry in self.entries:
            if (repo and entry.repo.lower() == repo.lower()) or (sha256 and sha256 in entry.sha256):
                return entry
        return None

    def check(self, shown: str, repo: str = "", sha256: str = "") -> None:
        """Raise Withdrawn for an identity on the list; `shown` is the name that the visitor knows."""
        if entry := self.find(repo, sha256):
            raise Withdrawn(
                f"{shown} was withdrawn on {entry.date}, so it may not be used any more: "
                "delete your copies of it."
            )


def parse(text: str | bytes, where: str) -> tuple[Entry, ...]:
    """The entries of a list. Raises BadSetting when it is not one."""
    try:
        record = json.loads(text)
        if record["schema"] != SCHEMA or record.keys() != {"schema", "withdrawn"}:
            raise ValueError
        return tuple(map(_entry, record["withdrawn"]))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as problem:
        raise BadSetting(
            f"{where} is no list of withdrawn identities (docs/hub.md): "
            "mend it, or name another in FACEHUB_WITHDRAWN."
        ) from problem


def dump(entries: Iterable[Entry]) -> dict:
    """The record that `parse` reads."""
    listed = [{"repo": e.repo, "sha256": list(e.sha256), "date": e.date, "note": e.note} for e in entries]
    return {"schema": SCHEMA, "withdrawn": listed}


@dataclass(frozen=True, slots=True)
class Cached:
    """The list as it was kept, and when it was last requested."""

    withdrawals: Withdrawals = Withdrawals()
    tried: float = 0.0
    """Seconds since 1970; 0: never."""

    def age_s(self) -> float:
        """Seconds since the last request; infinite when that lies in the future, after the clock was set
        back."""
        age = time.time() - self.tried
        return age if age >= 0 else float("inf")


_lock = threading.Lock()
_parsed: dict[pathlib.Path, tuple[tuple[int, int, int] | None, Cached]] = {}
"""For each cache folder: the stamp of the file that was parsed, None when it could not be written, and its
content."""


def read_cached(folder: pathlib.Path) -> Cached:
    """The kept list; an empty one when there is none that can be read. The file is parsed only when it
    changed."""
    stamp = _stamp(folder / CACHED)
    with _lock:
        known = _parsed.get(folder)
    if known is not None and known[0] in (stamp, None):
        return known[1]
    try:
        record = json.loads((folder / CACHED).read_text(encoding="utf-8"))
        found = Cached(
            Withdrawals(parse(json.dumps(record["list"]), CACHED), float(record["fetched"])),
            float(record["tried"]),
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError, BadSetting):
        found = Cached()
    with _lock:
        _parsed[folder] = (stamp, found)
    return found


def write_cached(folder: pathlib.Path, withdrawals: Withdrawals, tried: float) -> None:
    """Keep the list, and when it was last requested: on disk, or only in memory when that raises OSError."""
    kept = Cached(withdrawals, tried)
    record = {"list": dump(withdrawals.entries), "fetched": withdrawals.fetched, "tried": kept.tried}
    stamp = None
    try:
        cache.write(folder / CACHED, record)
        stamp = _stamp(folder / CACHED)
    finally:
        with _lock:
            _parsed[folder] = (stamp, kept)


def _stamp(file: pathlib.Path) -> tuple[int, int, int]:
    """What changes when a file is replaced or rewritten."""
    try:
        status = file.stat()
    except OSError:
        return -1, -1, -1
    return status.st_ino, status.st_size, status.st_mtime_ns


def _entry(record: dict) -> Entry:
    if record.keys() != KEYS.keys() or any(not isinstance(record[key], kind) for key, kind in KEYS.items()):
        raise ValueError
    if not all(isinstance(h, str) and re.fullmatch(r"[0-9a-f]{64}", h) for h in record["sha256"]):
        raise ValueError
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", record["date"]):
        raise ValueError
    return Entry(record["repo"], tuple(record["sha256"]), record["date"], record["note"][:500])
