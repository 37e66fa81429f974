"""What was pulled, on disk: one folder a commit, and a lock file that says which commit each name stands for and what its files hash to.

    CACHE/HOST/user--name/lock.json          {"schema": 1, "repo": ..., "pins": {"main": commit}, "commits": {commit: {file: sha256}}}
    CACHE/HOST/user--name/COMMIT/            the identity's folder
    CACHE/HOST/user--name/.COMMIT.part/      what an unfinished pull has so far

A commit stands in the lock file only once its folder is whole, so that what is listed can be loaded without a network.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile
from dataclasses import dataclass

from .errors import BadIdentity
from .identity import MAX_JSON_BYTES

SCHEMA = 1
COMMIT = re.compile(r"[0-9a-f]{40}")
REPO = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")


def split(name: str) -> tuple[str, str] | None:
    """Repository and revision of `user/name[@revision]`, `main` when none is given; None when it is no such name."""
    repo, _, revision = name.partition("@")
    revision = revision if "@" in name else "main"
    if not REPO.fullmatch(repo) or not REVISION.fullmatch(revision):
        return None
    return None if ".." in name or "--" in repo or repo.endswith(".git") else (repo, revision)


@dataclass(frozen=True)
class Shelf:
    """The place of one repository in the cache."""

    cache: pathlib.Path
    host: str
    repo: str

    @property
    def folder(self) -> pathlib.Path:
        return _place(self.cache, self.host) / self.repo.replace("/", "--")

    def whole(self, commit: str) -> pathlib.Path:
        return self.folder / commit

    def part(self, commit: str) -> pathlib.Path:
        return self.folder / f".{commit}.part"

    @property
    def guard(self) -> pathlib.Path:
        """Locked by whoever writes here."""
        return self.folder / ".lock"

    def pinned(self, revision: str) -> str | None:
        """The commit that a revision stands for, if it is here."""
        lock = self.read()
        commit = lock["pins"].get(revision, revision)
        return commit if commit in lock["commits"] else None

    def read(self) -> dict:
        """The lock file, or an empty one. Raises BadIdentity when it is damaged."""
        file = self.folder / "lock.json"
        try:
            text = file.read_text(encoding="utf-8") if file.stat().st_size <= MAX_JSON_BYTES else ""
        except (FileNotFoundError, NotADirectoryError):
            return {"schema": SCHEMA, "repo": self.repo, "pins": {}, "commits": {}}
        except OSError as problem:
            raise BadIdentity(f"{file} cannot be read ({problem.strerror}): mend that, or delete it and pull {self.repo} again.") from problem
        try:
            lock = json.loads(text)
        except (ValueError, RecursionError):
            lock = None
        if not isinstance(lock, dict) or not _is_lock(lock) or lock["repo"] != self.repo:
            raise BadIdentity(f"{file} is damaged: delete it and pull {self.repo} again.")
        return lock

    def keep(self, commit: str, revision: str) -> pathlib.Path:
        """Makes a whole folder of the finished part, then writes it down. The caller holds `guard`."""
        part, whole, lock = self.part(commit), self.whole(commit), self.read()
        if commit not in lock["commits"]:
            hashes = {path.relative_to(part).as_posix(): sha256(path) for path in sorted(part.rglob("*")) if path.is_file()}
            shutil.rmtree(whole, ignore_errors=True)
            os.replace(part, whole)
            lock["commits"][commit] = hashes
        if revision != commit:
            lock["pins"][revision] = commit
        write(self.folder / "lock.json", lock)
        return whole

    def verified(self, commit: str) -> pathlib.Path:
        """The folder of a commit, after its files were seen to be those that were pulled. Raises BadIdentity otherwise."""
        folder, hashes = self.whole(commit), self.read()["commits"][commit]
        present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()}
        if changed := sorted(present ^ hashes.keys()):
            raise BadIdentity(f"{changed[0][:80]!r} was added to or removed from the pulled {self.repo}: delete {folder} and pull it again.")
        for name, wanted in hashes.items():
            path = folder / name
            if path.is_symlink() or not path.is_file() or sha256(path) != wanted:
                raise BadIdentity(f"{name} of the pulled {self.repo} is not what was pulled (its sha256 differs): delete {folder} and pull it again.")
        return folder


def shelves(cache: pathlib.Path, host: str) -> list[Shelf]:
    """All repositories of one hub of which something was pulled."""
    named = [Shelf(cache, host, file.parent.name.replace("--", "/", 1)) for file in sorted(_place(cache, host).glob("*/lock.json"))]
    return [shelf for shelf in named if REPO.fullmatch(shelf.repo)]


def _place(cache: pathlib.Path, host: str) -> pathlib.Path:
    return cache / (re.sub(r"[^A-Za-z0-9.-]|^[.]", "_", host) or "_")


def sha256(path: pathlib.Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write(file: pathlib.Path, record: dict) -> None:
    """JSON, whole or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with open(handle, "w", encoding="utf-8") as opened:
            json.dump(record, opened, indent=1, sort_keys=True)
        os.replace(part, file)
    finally:
        pathlib.Path(part).unlink(missing_ok=True)


def _is_lock(lock: dict) -> bool:
    if lock.keys() != {"schema", "repo", "pins", "commits"} or lock["schema"] != SCHEMA:
        return False
    if not isinstance(lock["pins"], dict) or not isinstance(lock["commits"], dict):
        return False
    return all(isinstance(c, str) and COMMIT.fullmatch(c) for c in [*lock["pins"].values(), *lock["commits"]]) and all(
        isinstance(files, dict) and all(isinstance(h, str) for h in files.values()) for files in lock["commits"].values()
    )
