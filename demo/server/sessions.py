"""Files of sessions: each has a folder under a name that nobody can guess, which is deleted when its page
closes.

gradio keeps an upload under a hash of its content, so two people who upload the same file share one path.
Each upload is therefore linked into its session's folder as well, and the shared path is deleted a little
after a session has ended, unless another session has adopted it or uploaded it again. What is left behind
(unused uploads, broken connections) is deleted by age; what a killed process leaves, by the next process
that starts.
"""

import atexit
import contextlib
import fcntl
import os
import secrets
import shutil
import stat
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from facehub.errors import BadPhoto, BadSetting

from ..ages import Ages

KEEP_SECONDS = 30 * 60.0
"""How long files stay when nobody says goodbye."""

GRACE_SECONDS = 60.0
"""How long an upload outlives the visit, for others in the queue who share it."""


BROKEN_OFF_SECONDS = 120.0
"""After how long without a byte an upload will not go on (longer than `Limits.pause_seconds`)."""

SWEEP_SECONDS = 20.0

PART = "tmp"
"""How gradio's names of uploads begin that are not whole yet; a whole one lies in a folder."""

PREFIX, LOCK = "facehub-page-", ".lock"


def private_folder() -> Path:
    """A folder for this process alone, deleted when it ends. What an earlier one left that was killed is
    deleted now.

    Whose process still lives is told by a lock, which the system lets go of when it dies, however it dies.
    """
    root = Path(tempfile.gettempdir())
    for other in root.glob(f"{PREFIX}*"):
        _clear_if_left(other)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=root))
    lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _clear_if_left(folder: Path) -> None:
    """Deletes a folder of ours whose process is dead."""
    try:
        status = folder.lstat()
        if status.st_uid != os.getuid() or not stat.S_ISDIR(status.st_mode):
            return
        lock = os.open(folder / LOCK, os.O_RDWR | os.O_NOFOLLOW)
    except OSError:
        return  # somebody else's, or not finished yet
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        pass  # it lives
    finally:
        os.close(lock)


@dataclass(frozen=True, slots=True)
class Session:
    """One visitor's folder, and their links in it by the path of the upload."""

    home: Path
    uploads: dict[Path, Path] = field(default_factory=dict)


class SessionFiles:
    """The visitors' folders, inside `cache`: the folder where gradio keeps uploads, and the only one it
    serves files from."""

    def __init__(
        self, cache: Path, *, keep_seconds: float = KEEP_SECONDS, grace_seconds: float = GRACE_SECONDS
    ):
        self.cache, self.keep_seconds, self.grace_seconds = cache.absolute(), keep_seconds, grace_seconds
        self.root = self.cache / "visits"
        self.ages = Ages()
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def folder(self, session: str | None) -> Path:
        """Make an empty folder for files of a session. One for a caller without a session is deleted by age
        alone."""
        self.delete_expired()
        with self._lock:
            return _folder(self._record(session))

    def adopt(self, session: str | None, file: Path) -> Path:
        """Link an upload into the session's folder and return the link; return any other file as it is."""
        with self._lock:
            record = self._record(session)
            own = record.uploads.get(file)
            if own and not (file.exists() and _stamp(file) != _stamp(own)):
                return own
            if self.cache not in file.parents or self.root in file.parents or not file.is_file():
                return file
            own = record.uploads[file] = _folder(record) / file.name
            os.link(file, own)
            return own

    def end_session(self, session: str | None) -> None:
        """Delete a session's folder now, and its uploads after `grace_seconds`."""
        with self._lock:
            record = self._sessions.pop(session, None) if session else None
            if record is None:
                return
            stamps = {upload: _stamp(own) for upload, own in record.uploads.items() if own.exists()}
            _remove(record.home)
        if stamps:
            timer = threading.Timer(self.grace_seconds, self._drop, [stamps])
            timer.daemon = True
            timer.start()

    def delete_uploads(self, files: Iterable[Path]) -> None:
        """Delete uploads that were copied elsewhere, unless a session has adopted them."""
        self._drop({file: _stamp(file) for file in files if self.cache in file.parents and file.exists()})

    def delete_expired(self) -> None:
        """Delete folders and uploads that are older than `keep_seconds`, and uploads that broke off."""
        with self._lock:
            homes, places = _inside(self.root), _inside(self.cache)
            parts = [place for place in places if place.name.startswith(PART) and not place.is_dir()]
            uploads = [
                upload
                for place in places
                if place != self.root
                for upload in _inside(place)
                if upload.is_file()
            ]
            ages = self.ages.look([*homes, *parts, *uploads])
            for home in homes:
                if ages.get(home, 0.0) > self.keep_seconds:
                    _remove(home)
            self._sessions = {
                session: record for session, record in self._sessions.items() if record.home.exists()
            }
            for files, limit in ((uploads, self.keep_seconds), (parts, BROKEN_OFF_SECONDS)):
                for file in files:
                    if ages.get(file, 0.0) > limit:
                        file.unlink(missing_ok=True)

    def start_cleanup(self) -> None:
        """Delete what has expired every `SWEEP_SECONDS`, in a thread."""

        def on() -> None:
            while True:
                time.sleep(SWEEP_SECONDS)
                self.delete_expired()

        threading.Thread(target=on, name="sweep", daemon=True).start()

    def _record(self, session: str | None) -> Session:
        new = Session(self.root / secrets.token_urlsafe(16))
        return self._sessions.setdefault(session, new) if session else new

    def _drop(self, stamps: dict[Path, tuple[int, int]]) -> None:
        with self._lock:
            claimed = {upload for record in self._sessions.values() for upload in record.uploads}
            for upload, stamp in stamps.items():
                if upload not in claimed and upload.exists() and _stamp(upload) == stamp:
                    upload.unlink()


class OpenPages:
    """The sessions whose pages are open, by the connections that these hold."""

    def __init__(self) -> None:
        self._connections: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def hold(self, session: str) -> Iterator[None]:
        """Count a connection until the block ends."""
        with self._lock:
            self._connections[session] += 1
        try:
            yield
        finally:
            with self._lock:
                self._connections[session] -= 1
                if self._connections[session] <= 0:
                    del self._connections[session]

    def is_open(self, session: str) -> bool:
        """Whether a page of this session is open."""
        return self._connections[session] > 0 if session in self._connections else False


@contextlib.contextmanager
def while_session_open(folder: Path) -> Iterator[None]:
    """Whoever has left took their folder along: then there is nothing to write, and nobody to tell."""
    try:
        yield
    except (OSError, BadSetting) as problem:
        if folder.is_dir():
            raise
        raise BadPhoto("The page was closed before the picture was finished.") from problem


def _folder(record: Session) -> Path:
    folder = record.home / secrets.token_urlsafe(6)
    folder.mkdir(parents=True)
    return folder


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def _remove(home: Path) -> None:
    """A visitor's folder, out of the way at once: what is still being written into it is refused, rather
    than left."""
    gone = home.with_name(f".gone-{home.name}")
    try:
        os.replace(home, gone)
    except FileNotFoundError:
        return
    shutil.rmtree(gone, ignore_errors=True)


def _stamp(file: Path) -> tuple[int, int]:
    """What changes when a file of the same name and content takes another's place."""
    status = file.stat()
    return status.st_ino, status.st_mtime_ns
