"""The folders of all runs of training: their records, their locks, and which go first when there are too
many."""

import contextlib
import errno
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facehub.errors import BadSetting, FaceHubError
from facehub.files import write_atomic

from ..ages import Ages

MAX_RUNS = 50
"""Runs that are kept at a time, whatever their state."""

PROTECTED_SECONDS = 3600.0
"""How long a run that was started stays when there are too many; one that was never started goes at once."""

RECORD, LOCK = "run.json", ".lock"
"""Files in a run's folder: what it is called and where its photos came from; held by whoever works on it."""
GONE = "No training has this key: it was deleted, or nobody went on with it for a day."


class Busy(FaceHubError):
    """Something else is being trained, or there is no room for more."""


@dataclass(slots=True)
class RunFolders:
    """One folder per run below `root`, under a key that nobody can guess. Only this user may read them."""

    root: Path
    keep_seconds: float
    ages: Ages = field(default_factory=Ages)

    def create(self) -> str:
        """Make an empty run and return its key. When there are too many, the oldest idle one is deleted
        first.

        Raises Busy when all others are at work or were started within the hour.
        """
        self.delete_expired()
        if len(self.keys()) >= MAX_RUNS and not self._delete_oldest():
            raise Busy("There are too many unfinished trainings on this server: please try again in an hour.")
        key = secrets.token_urlsafe(16)
        (self.root / key).mkdir(mode=0o700)
        (self.root / key / "photos").mkdir()
        self.write(key, {"title": "", "names": {}, "sentence": ""})
        return key

    def keys(self) -> list[str]:
        """All runs, oldest first: by the last time somebody went on with it."""
        ages = [
            (age, key) for key, age in ((f.parent.name, _changed(f)) for f in self.root.glob(f"*/{RECORD}"))
        ]
        return [key for _, key in sorted(ages)]

    def open(self, key: str) -> tuple[Path, dict]:
        """A run's folder and record. Raises BadSetting when there is none."""
        folder = self.root / key
        if not re.fullmatch(r"[\w-]{22}", key, re.ASCII) or not (folder / RECORD).is_file():
            raise BadSetting(GONE)
        return folder, json.loads((folder / RECORD).read_text(encoding="utf-8"))

    def write(self, key: str, record: dict) -> None:
        """Replace a run's record, which also makes it the youngest."""
        write_atomic(self.root / key / RECORD, json.dumps(record, ensure_ascii=False))

    def delete(self, key: str) -> None:
        """Delete a run's folder."""
        shutil.rmtree(self.root / key, ignore_errors=True)

    def delete_expired(self) -> None:
        """Delete the runs with which nobody went on, except those at work."""
        for key, age in self._ages().items():
            if age > self.keep_seconds:
                self._delete_idle(key)

    def locked(self, key: str) -> bool:
        """Whether somebody works on a run: this page, another one on the same folder, or a training that
        outlived its page."""
        try:
            with self.lock(key):
                return False
        except Busy:
            return True

    @contextlib.contextmanager
    def lock(self, key: str) -> Iterator[int]:
        """Hold a run until the block ends. Raises Busy when somebody holds it, BadSetting when it is gone."""
        handle = self.acquire(key)
        try:
            yield handle
        finally:
            os.close(handle)

    def acquire(self, key: str) -> int:
        """Hold a run until the returned file is closed, in every process that has it. Raises Busy."""
        try:
            handle = os.open(self.root / key / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError as problem:
            raise BadSetting(GONE) from problem
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as problem:
            os.close(handle)
            if problem.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            raise Busy("This training is at work already.") from problem
        return handle

    def _delete_oldest(self) -> bool:
        """Delete one idle run: first those that were never started, then those that nobody touched for
        long."""
        keys, ages = self.keys(), self._ages()
        drafts = [key for key in keys if not self._started(key)]
        left_alone = [key for key in keys if key not in drafts and ages.get(key, 0.0) > PROTECTED_SECONDS]
        return any(self._delete_idle(key) for key in [*drafts, *left_alone])

    def _ages(self) -> dict[str, float]:
        """For how long nobody went on with each run."""
        ages = self.ages.look(self.root.glob(f"*/{RECORD}"))
        return {record.parent.name: age for record, age in ages.items()}

    def _delete_idle(self, key: str) -> bool:
        try:
            with self.lock(key):
                self.delete(key)
                return True
        except (Busy, BadSetting):
            return False

    def _started(self, key: str) -> bool:
        try:
            return bool(self.open(key)[1]["title"])
        except (BadSetting, OSError, ValueError, KeyError):
            return False


def _changed(file: Path) -> float:
    """When a file was last written; now for one that is gone."""
    try:
        return file.stat().st_mtime
    except OSError:
        return time.time()
