"""Pulled identities on disk: one folder per commit, and a lock file with the commit of each name and each
file's hash.

    CACHE/HOST/user--name/lock.json          {"schema": 2, "repo": ..., "pins": {"main": commit},
                                              "commits": {commit: ...}}
    CACHE/HOST/user--name/COMMIT/            the identity's folder
    CACHE/HOST/user--name/.COMMIT.part/      the files of an unfinished pull

Of each commit the lock file keeps the hashes of its files, the name that the repository had (it may have
been renamed since), and who may read it: everybody, or those whose token the hub accepted. A cache may be
shared by an operator with a token and visitors without one. For somebody who may not read a commit, it is
not there.

A commit stands in the lock file only once its folder is complete, so whatever is listed can be loaded
offline.
"""

import json
import os
import pathlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from ..errors import BadIdentity, DiskFull, FaceHubError, UnknownIdentity
from ..files import is_disk_full, sha256_of, write_atomic
from ..identity.schema import MAX_JSON_BYTES

VARIABLE = "FACEHUB_CACHE"
"""Environment variable: the folder for pulled identities; HF_HOME/facehub when not set."""

SCHEMA = 2
OLD_SCHEMA = 1
"""Written up to version 0.4: without readers. What it lists is fetched again."""

SPARE_BYTES = 20_000_000
"""Left free on the disk."""

COMMIT = re.compile(r"[0-9a-f]{40}")
REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


def split(name: str) -> tuple[str, str] | None:
    """Repository and revision of `user/name[@revision]`, `main` when none is given; None when it is no such
    name."""
    repo, _, revision = name.partition("@")
    revision = revision if "@" in name else "main"
    if not REPO.fullmatch(repo) or not REVISION.fullmatch(revision):
        return None
    return None if ".." in name or "--" in repo or repo.endswith(".git") else (repo, revision)


def parse_name(name: str) -> tuple[str, str]:
    """Repository and revision of `user/name[@revision]`. Raises UnknownIdentity when it is no such name."""
    parts = split(name)
    if parts is None:
        raise UnknownIdentity(
            f"{name[:100]!r} is no identity on a hub: write it as user/name or user/name@revision."
        )
    return parts


def may_stand_for(commit: str, revision: str) -> bool:
    """Whether a hub's answer for a revision is a commit, and that one if the revision is a commit itself."""
    return bool(COMMIT.fullmatch(commit)) and (commit == revision or not COMMIT.fullmatch(revision))


@dataclass(frozen=True, slots=True)
class CachedCommit:
    """What the lock file says of one commit."""

    files: dict[str, str]
    """SHA-256 of each file, by name."""
    repo: str
    """The repository's name as the hub gave it, which may differ from the name that was asked for."""
    readers: frozenset[str] | None
    """Hashes of the tokens that the hub let read it; None: public."""


@dataclass(frozen=True)
class CachedRepo:
    """The folder of one repository in the cache, as the owner of one token sees it."""

    cache: pathlib.Path
    host: str
    repo: str
    token_hash: str = ""
    """SHA-256 of the token; empty without one."""

    @property
    def folder(self) -> pathlib.Path:
        return _host_folder(self.cache, self.host) / self.repo.replace("/", "--")

    def path(self, commit: str) -> pathlib.Path:
        return self.folder / commit

    def partial_path(self, commit: str, *, public: bool) -> pathlib.Path:
        """The folder of an unfinished pull; of what is not public, one per token."""
        return self.folder / f".{commit}{'' if public else '.' + (self.token_hash[:16] or 'none')}.part"

    @property
    def lock_file(self) -> pathlib.Path:
        """Locked by the process that writes here."""
        return self.folder / ".lock"

    def pinned(self, revision: str) -> str | None:
        """The commit that a revision stands for, if it is here and this token may read it."""
        lock = self.read()
        commit = lock["pins"].get(revision, revision)
        return commit if commit in lock["commits"] and self._may_read(lock["commits"][commit]) else None

    def commit_record(self, commit: str) -> CachedCommit:
        """What is known of a commit that is here."""
        entry = self.read()["commits"][commit]
        readers = None if entry["readers"] is None else frozenset(entry["readers"])
        return CachedCommit(entry["files"], entry["repo"], readers)

    def read(self) -> dict:
        """The lock file, or an empty one. Raises BadIdentity when it is damaged."""
        file = self.folder / "lock.json"
        empty = {"schema": SCHEMA, "repo": self.repo, "pins": {}, "commits": {}}
        try:
            text = file.read_text(encoding="utf-8") if file.stat().st_size <= MAX_JSON_BYTES else ""
        except (FileNotFoundError, NotADirectoryError):
            return empty
        except (OSError, UnicodeDecodeError) as problem:
            why = getattr(problem, "strerror", None) or "it is not UTF-8"
            raise BadIdentity(
                f"{file} cannot be read ({why}): mend that, or delete it and pull {self.repo} again."
            ) from problem
        try:
            lock = json.loads(text)
        except (ValueError, RecursionError):
            lock = None
        if isinstance(lock, dict) and lock.get("schema") == OLD_SCHEMA and lock.get("repo") == self.repo:
            return empty
        if not isinstance(lock, dict) or not _is_lock(lock) or lock["repo"] != self.repo:
            raise BadIdentity(f"{file} is damaged: delete it and pull {self.repo} again.")
        return lock

    def commit(
        self, part: pathlib.Path, commit: str, revision: str, *, named: str, public: bool
    ) -> pathlib.Path:
        """Move the finished folder `part` to its place, then record it. The caller holds `lock_file`.

        `named`: the repository's name as the hub gives it. `public`: whether it needs no token. Of a commit
        that is here already, only the pin and the reader are recorded.
        """
        whole, lock = self.path(commit), self.read()
        if commit not in lock["commits"]:
            files = {
                path.relative_to(part).as_posix(): sha256_of(path)
                for path in sorted(part.rglob("*"))
                if path.is_file()
            }
            shutil.rmtree(whole, ignore_errors=True)
            os.replace(part, whole)
            lock["commits"][commit] = {"files": files, "repo": named, "readers": []}
        else:
            shutil.rmtree(part, ignore_errors=True)
        entry = lock["commits"][commit]
        if public:
            entry["readers"] = None
        elif entry["readers"] is not None and self.token_hash not in entry["readers"]:
            entry["readers"] = [*entry["readers"], self.token_hash]
        if revision != commit:
            lock["pins"][revision] = commit
        write(self.folder / "lock.json", lock)
        return whole

    def verified_path(self, commit: str) -> pathlib.Path:
        """The folder of a commit, if its files are those that were pulled. Raises BadIdentity otherwise."""
        folder, hashes = self.path(commit), self.commit_record(commit).files
        present = {
            path.relative_to(folder).as_posix()
            for path in folder.rglob("*")
            if not path.is_dir() or path.is_symlink()
        }
        if changed := sorted(present ^ hashes.keys()):
            raise BadIdentity(
                f"{changed[0][:80]!r} was added to or removed from the pulled {self.repo}: "
                f"delete {folder} and pull it again."
            )
        for name, wanted in hashes.items():
            path = folder / name
            if path.is_symlink() or not path.is_file() or sha256_of(path) != wanted:
                raise BadIdentity(
                    f"{name} of the pulled {self.repo} is not what was pulled (its sha256 differs): "
                    f"delete {folder} and pull it again."
                )
        return folder

    def _may_read(self, entry: dict) -> bool:
        return entry["readers"] is None or self.token_hash in entry["readers"]


def cached_repos(cache: pathlib.Path, host: str, token_hash: str = "") -> list[CachedRepo]:
    """All repositories of one hub from which something was pulled."""
    named = [
        CachedRepo(cache, host, file.parent.name.replace("--", "/", 1), token_hash)
        for file in sorted(_host_folder(cache, host).glob("*/lock.json"))
    ]
    return [repo for repo in named if REPO.fullmatch(repo.repo)]


def pinned(cache: pathlib.Path, host: str, token_hash: str = "") -> Iterator[str]:
    """`user/name@revision` of all that was pulled from one hub and this token may read: pins first, then
    bare commits."""
    for repo in cached_repos(cache, host, token_hash):
        try:
            lock = repo.read()
        except BadIdentity:
            continue
        bare = lock["commits"].keys() - set(lock["pins"].values())
        yield from (
            f"{repo.repo}@{revision}" for revision in [*lock["pins"], *sorted(bare)] if repo.pinned(revision)
        )


def write(file: pathlib.Path, record: dict) -> None:
    """JSON, whole or not at all. Raises OSError."""
    write_atomic(file, json.dumps(record, indent=1, sort_keys=True), mode=0o600)


@contextmanager
def disk_errors(folder: pathlib.Path) -> Iterator[None]:
    """Turn what the disk refuses into a sentence. Raises DiskFull, FaceHubError."""
    try:
        yield
    except OSError as problem:
        if is_disk_full(problem):
            raise DiskFull(
                f"The disk of {folder} is full: make room, then try again; what is whole is kept."
            ) from problem
        raise FaceHubError(
            f"{folder} cannot be written ({problem.strerror or problem}): name another folder in "
            "FACEHUB_CACHE."
        ) from problem


def check_room(folder: pathlib.Path, size: int) -> None:
    """Raise DiskFull unless `size` more bytes fit below the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + SPARE_BYTES:
        needed = (size + SPARE_BYTES) / 1e6
        raise DiskFull(
            f"There are {free / 1e6:,.0f} MB free for {folder}, but {needed:,.0f} are needed: make room, "
            "then pull again."
        )


def _host_folder(cache: pathlib.Path, host: str) -> pathlib.Path:
    return cache / (re.sub(r"[^A-Za-z0-9.-]|^[.]", "_", host) or "_")


def _is_lock(lock: dict) -> bool:
    if lock.keys() != {"schema", "repo", "pins", "commits"} or lock["schema"] != SCHEMA:
        return False
    if not isinstance(lock["pins"], dict) or not isinstance(lock["commits"], dict):
        return False
    commits = [*lock["pins"].values(), *lock["commits"]]
    return all(isinstance(c, str) and COMMIT.fullmatch(c) for c in commits) and all(
        map(_is_entry, lock["commits"].values())
    )


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or entry.keys() != {"files", "repo", "readers"}:
        return False
    readers = [] if entry["readers"] is None else entry["readers"]
    return (
        isinstance(entry["repo"], str)
        and isinstance(entry["files"], dict)
        and all(isinstance(value, str) for value in entry["files"].values())
        and isinstance(readers, list)
        and all(isinstance(reader, str) for reader in readers)
    )
