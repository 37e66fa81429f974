"""Whose files are whose: a folder for every visitor, under a name nobody can guess, that goes when they leave.

gradio keeps an upload under a hash of its content, so two people who upload one file share one path, and whoever leaves first must not take it
from the other, who may be waiting in the queue. Each upload is therefore also linked into its visitor's folder, and the shared path is deleted
a little after they left, unless somebody claimed it or uploaded it anew meanwhile. What is left behind (uploads that nobody used, broken
connections) falls to age.
"""

import atexit
import os
import secrets
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

KEEP_SECONDS = 30 * 60.0
"""How long files stay when nobody says goodbye."""

GRACE_SECONDS = 60.0
"""How long an upload outlives the visit, for others in the queue who share it."""


def private_folder() -> Path:
    """A folder for the uploads of this process alone, deleted when it ends."""
    folder = Path(tempfile.mkdtemp(prefix="facehub-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@dataclass(frozen=True, slots=True)
class Visit:
    """One visitor's folder, and their links in it by the path of the upload."""

    home: Path
    uploads: dict[Path, Path] = field(default_factory=dict)


class Visits:
    """The visitors' folders, inside `cache`: the folder where gradio keeps uploads, and the only one it serves files from."""

    def __init__(self, cache: Path, *, keep_seconds: float = KEEP_SECONDS, grace_seconds: float = GRACE_SECONDS):
        self.cache, self.keep_seconds, self.grace_seconds = cache.absolute(), keep_seconds, grace_seconds
        self.root = self.cache / "visits"
        self._visits: dict[str, Visit] = {}
        self._lock = threading.Lock()

    def folder(self, session: str | None) -> Path:
        """A new, empty folder for files of one visitor. A caller without a session gets one that only age removes."""
        self.sweep()
        with self._lock:
            return _folder(self._visit(session))

    def claim(self, session: str | None, file: Path) -> Path:
        """Notes an upload as this visitor's, and gives a path to it that nobody else can take away. Other files stay where they are."""
        with self._lock:
            visit = self._visit(session)
            own = visit.uploads.get(file)
            if own and not (file.exists() and _stamp(file) != _stamp(own)):
                return own
            if self.cache not in file.parents or self.root in file.parents or not file.is_file():
                return file
            own = visit.uploads[file] = _folder(visit) / file.name
            os.link(file, own)
            return own

    def forget(self, session: str | None) -> None:
        """Deletes what a visitor left: their folder now, their uploads after `grace_seconds`."""
        with self._lock:
            visit = self._visits.pop(session, None) if session else None
            if visit is None:
                return
            stamps = {upload: _stamp(own) for upload, own in visit.uploads.items()}
            shutil.rmtree(visit.home, ignore_errors=True)
        if stamps:
            timer = threading.Timer(self.grace_seconds, self._drop, [stamps])
            timer.daemon = True
            timer.start()

    def drop(self, files: Iterable[Path]) -> None:
        """Deletes uploads that were put elsewhere, unless somebody claimed them."""
        self._drop({file: _stamp(file) for file in files if self.cache in file.parents and file.exists()})

    def sweep(self) -> None:
        """Deletes the folders of visitors for whom nothing was done in `keep_seconds`."""
        with self._lock:
            for home in self.root.iterdir() if self.root.exists() else ():
                if time.time() - home.stat().st_mtime > self.keep_seconds:
                    shutil.rmtree(home, ignore_errors=True)
            self._visits = {session: visit for session, visit in self._visits.items() if visit.home.exists()}

    def _visit(self, session: str | None) -> Visit:
        new = Visit(self.root / secrets.token_urlsafe(16))
        return self._visits.setdefault(session, new) if session else new

    def _drop(self, stamps: dict[Path, tuple[int, int]]) -> None:
        with self._lock:
            claimed = {upload for visit in self._visits.values() for upload in visit.uploads}
            for upload, stamp in stamps.items():
                if upload not in claimed and upload.exists() and _stamp(upload) == stamp:
                    upload.unlink()


def _folder(visit: Visit) -> Path:
    folder = visit.home / secrets.token_urlsafe(6)
    folder.mkdir(parents=True)
    return folder


def _stamp(file: Path) -> tuple[int, int]:
    """What changes when a file of the same name and content takes another's place."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns
