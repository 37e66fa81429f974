"""What the loopback hub keeps: users, and repositories as git sees them. No HTTP here."""

import fnmatch
import hashlib
import itertools
import json
import struct
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

import yaml

ATTRIBUTES = "".join(
    f"{pattern} filter=lfs diff=lfs merge=lfs -text\n"
    for pattern in ("*.bin", "*.pt", "*.pkl", "*.safetensors", "*.zip")
)
"""The .gitattributes of a new repository, in short."""

_clock = itertools.count()


@dataclass(frozen=True)
class Blob:
    """A file's content, in git or in LFS. Git's hash of an LFS file is that of its pointer."""

    data: bytes
    lfs: bool

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.data).hexdigest()

    @property
    def pointer(self) -> bytes:
        head = "version https://git-lfs.github.com/spec/v1"
        return f"{head}\noid sha256:{self.sha256}\nsize {len(self.data)}\n".encode()

    @property
    def oid(self) -> str:
        data = self.pointer if self.lfs else self.data
        return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Commit:
    oid: str
    parent: str | None
    files: dict[str, Blob]
    summary: str
    date: datetime


@dataclass
class Repository:
    """One repository: of a model, or of a dataset where its name begins with `datasets/`."""

    id: str
    private: bool = False
    gated: str | bool = False
    granted: set[str] = field(default_factory=set)
    """Who got access to the files of a gated one."""
    disabled: bool = False
    downloads: int = 0
    likes: int = 0
    refs: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    lfs: dict[str, bytes] = field(default_factory=dict)
    """By sha256: what was uploaded, in a commit or not."""

    @property
    def owner(self) -> str:
        return self.id.removeprefix("datasets/").partition("/")[0]

    def at(self, revision: str) -> Commit | None:
        return self.commits.get(self.refs.get(revision, revision))

    def commit(
        self, files: dict[str, Blob], summary: str, ref: str = "main", parent: str | None = None
    ) -> Commit:
        number = next(_clock)
        oid = hashlib.sha1(f"{self.id} {ref} {number} {summary}".encode()).hexdigest()
        date = datetime(2026, 11, 25, tzinfo=timezone.utc) + timedelta(minutes=number)
        made = Commit(oid, parent or self.refs.get(ref), dict(files), summary, date)
        self.commits[oid] = made
        self.refs[ref] = oid
        for blob in files.values():
            if blob.lfs:
                self.lfs[blob.sha256] = blob.data
        return made

    def is_lfs(self, path: str, sample: bytes, size: int) -> bool:
        """As .gitattributes says; besides, what is large or no text."""
        attributes = self.commits[self.refs["main"]].files.get(".gitattributes")
        patterns = [
            line.split()[0]
            for line in (attributes.data.decode() if attributes else "").splitlines()
            if "filter=lfs" in line
        ]
        if (
            any(fnmatch.fnmatch(path.rpartition("/")[2], pattern) for pattern in patterns)
            or size > 10_000_000
        ):
            return True
        try:
            sample.decode("utf-8")
        except UnicodeDecodeError as problem:
            return problem.end < len(sample)  # a character that the sample cuts is none that is broken
        return b"\0" in sample

    def card_data(self, commit: Commit) -> dict | None:
        card = commit.files.get("README.md")
        parts = card.data.decode("utf-8", "replace").split("---\n", 2) if card else []
        if len(parts) < 3 or parts[0]:
            return None
        try:
            data = yaml.safe_load(parts[1])
        except yaml.YAMLError:
            return None
        return data if isinstance(data, dict) else None

    def tags(self, commit: Commit) -> list[str]:
        card = self.card_data(commit) or {}
        tags = [str(tag) for tag in card.get("tags") or []] if isinstance(card.get("tags"), list) else []
        tags += [str(card[key]) for key in ("library_name", "pipeline_tag") if card.get(key)]
        tags += [
            f"{prefix}:{card[key]}"
            for key, prefix in (("license", "license"), ("base_model", "base_model"))
            if card.get(key)
        ]
        return [*dict.fromkeys(tags), "region:us"]

    def safetensors(self, commit: Commit) -> dict | None:
        """Parameters by type, as the hub counts them from the header."""
        blob = commit.files.get("model.safetensors")
        try:
            length = struct.unpack("<Q", blob.data[:8])[0]  # type: ignore[union-attr]
            counts: dict[str, int] = {}
            for name, entry in json.loads(blob.data[8 : 8 + length]).items():  # type: ignore[union-attr]
                if name != "__metadata__":
                    number = 1
                    for side in entry["shape"]:
                        number *= side
                    counts[entry["dtype"]] = counts.get(entry["dtype"], 0) + number
            return {"parameters": counts, "total": sum(counts.values())}
        except (AttributeError, struct.error, ValueError, KeyError, TypeError, RecursionError):
            return None


@dataclass(frozen=True)
class Account:
    """What a token stands for."""

    name: str
    role: str
    """read or write."""
