"""Training for visitors: each run is a private folder, and `python -m train` in a process of its own, one
at a time.

Whoever has a run's key, which nobody can guess, may watch it, stop it, go on with it, use its result, and
delete it; nobody else learns that it exists.

    KEY/run.json            its title, the names under which its photos came, and why it failed
    KEY/.lock               held while somebody works on the run (run_folders.py)
    KEY/photos/001.jpg      numbered: no visitor's file name gets into a record that is published
    KEY/report, cache, runs what training writes
    KEY/others, networks    links to what the operator lends (workspace.py)
    KEY/identity/NAME       the result

Photos, and all that shows them, are deleted when a run is done or deleted, or a day after anybody last went
on with it. The page serves no file from here.
"""

import atexit
import contextlib
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from facehub.errors import BadPhoto, BadSetting
from facehub.files import write_atomic
from facehub.identity.schema import check_consent, short_name
from facehub.training_progress import Stage

from .eta import TimeEstimate
from .photo_check import NO_PHOTOS, follow_inspection, read_report, take_in
from .process import Training, read_lines
from .records import PhotoReport, TrainingAssets
from .run_folders import Busy, RunFolders
from .status import Status, read_status
from .workspace import Workspace

DAY_SECONDS = 24 * 3600.0
"""How long a run is kept that nobody goes on with."""

MAX_PHOTOS = 400
"""Photos of one run."""

MIN_PHOTOS = 16
"""Photos that must be usable: training compares as many with each input."""

MIN_FREE_BYTES = 1_000_000_000
"""Room on the disk below which no photos are taken."""

STOP_SECONDS = 30.0
"""How long a process may take to end tidily."""

RESULTS = ("log.jsonl", "preview.png", "curves.png", "held_out.png")
"""Files of a run's working folder that are kept: none shows a photo of the visitor."""

UNEXPECTED = "Training ended unexpectedly, which has been logged. It can go on from where it was."

log = logging.getLogger(__name__)


class Jobs:
    """All runs below `root`.

    `estimate` says how much work one is; `train` and `inspect` are the commands of training and of its data
    step.
    """

    def __init__(
        self,
        root: Path,
        assets: TrainingAssets,
        estimate: TimeEstimate,
        *,
        train: Sequence[str] = (sys.executable, "-m", "train"),
        inspect: Sequence[str] = (sys.executable, "-m", "train.photos"),
        keep_seconds: float = DAY_SECONDS,
    ):
        self.root, self.keep_seconds = root.absolute(), keep_seconds
        self.workspace = Workspace(self.root, assets, {"train": tuple(train), "inspect": tuple(inspect)})
        self.folders = RunFolders(self.root, keep_seconds)
        self._training: Training | None = None
        self._inspections: dict[str, subprocess.Popen] = {}
        self._lock = threading.RLock()
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.estimate = estimate
        self._count_uncached()
        atexit.register(self.close)
        self.delete_expired()

    def create(self) -> str:
        """Make a new run without photos; return its key. Raises Busy where there are too many."""
        with self._lock:
            key = self.folders.create()
        _later(self.keep_seconds + 1, self.delete_expired)
        return key

    def add(self, key: str, files: Sequence[Path]) -> int:
        """Take photos in, as links or copies; return how many there are.

        Raises BadSetting when they are too many or training has begun, Busy when there is no room.
        """
        with self._lock:
            folder, record = self.folders.open(key)
            names: dict[str, str] = record["names"]
            if record["title"]:
                raise BadSetting(
                    "This training has begun, with the photos it had: delete it, or start another one."
                )
            if len(names) + len(files) > MAX_PHOTOS:
                count = len(names) + len(files)
                raise BadSetting(
                    f"{count} photos are more than the {MAX_PHOTOS} that can be taken: choose 60 to 100 "
                    "good ones."
                )
            if shutil.disk_usage(self.root).free < MIN_FREE_BYTES:
                raise Busy("There is no room for more photos on this server: please try again later.")
            take_in(files, folder / "photos", names)
            self.folders.write(key, record)
        return len(names)

    def inspect(
        self, key: str, on_progress: Callable[[int, int], None] = lambda done, total: None
    ) -> PhotoReport:
        """Find out which photos teach and why the others do not. `on_progress`: how many are inspected, of
        how many.

        Raises BadPhoto when none can be used, Busy when the run is at work.
        """
        folder, record = self.folders.open(key)
        if not record["names"]:
            raise BadPhoto(NO_PHOTOS)
        flags = ["photos", "--report", "report", "--cache", "cache", "--progress", "json"]
        with self.folders.lock(key) as lock:
            process = self._inspections[key] = self.workspace.start("inspect", flags, folder, lock)
            try:
                follow_inspection(process, on_progress)
            finally:
                self._inspections.pop(key, None)
        return self.report(key) or PhotoReport([], [])

    def report(self, key: str) -> PhotoReport | None:
        """The last report; None where there is none, or photos came in since."""
        folder, record = self.folders.open(key)
        return read_report(folder, record["names"])

    def start(self, key: str, title: str = "", consent: Mapping[str, str] | None = None) -> None:
        """Start a run, or go on with one that was stopped, which has its title and consent already.

        Raises Busy when another is at work, BadSetting or BadIdentity when something is missing.
        """
        folder, record = self.folders.open(key)
        if missing := self.workspace.assets.missing():
            raise BadSetting(missing)
        report = self.report(key)
        if report is None:
            raise BadSetting("The photos have not been inspected yet: do that first.")
        if report.kept < MIN_PHOTOS:
            raise BadSetting(
                f"Only {report.kept} of the photos can be used, but {MIN_PHOTOS} is the least and 60 is "
                "better: add photos."
            )
        if consent is not None:
            if not 1 <= len(title.strip()) <= 80 or not title.strip().isprintable():
                raise BadSetting(
                    "The person’s name is missing, or longer than 80 letters: give the name that the page "
                    "should show."
                )
            check_consent(dict(consent))
        with self._lock, contextlib.ExitStack() as on_error:
            if self._training:
                raise Busy(self._busy_message(key))
            lock = self.folders.acquire(key)
            on_error.callback(os.close, lock)
            if consent is not None:
                text = json.dumps(consent, indent=2, ensure_ascii=False) + "\n"
                write_atomic(folder / "consent.json", text)
                record["title"] = title.strip()
            if not record["title"]:
                raise BadSetting("This training was never started: fill in whose face it is first.")
            record["sentence"] = ""
            self.folders.write(key, record)
            flags = self.workspace.flags(folder, record["title"])
            training = Training(key, self.workspace.start("train", flags, folder, lock), lock)
            on_error.pop_all()
            self._training = training
            training.follower = threading.Thread(target=self._follow, args=[training], daemon=True)
            training.follower.start()

    def stop(self, key: str) -> None:
        """Ask a run to stop; it keeps its last checkpoint. Does nothing for one that is not at work. Raises
        Busy if another page runs it."""
        self.folders.open(key)
        with self._lock:
            if self._training and self._training.key == key:
                self._interrupt(self._training)
            elif self.folders.locked(key):
                raise Busy("This training is at work for another page of this server: stop it there.")

    def status(self, key: str) -> Status:
        """How a run stands."""
        folder, record = self.folders.open(key)
        with self._lock:
            training = self._training if self._training and self._training.key == key else None
        locked = training is None and self.folders.locked(key)
        return read_status(folder, record, training, self.estimate, locked=locked)

    def delete(self, key: str) -> None:
        """Delete all of a run, at work or not. Raises Busy if another page runs it."""
        self.folders.open(key)
        with self._lock:  # whoever follows the process waits until all is gone
            training = self._training if self._training and self._training.key == key else None
            if training:
                training.asked = True
                training.process.kill()
                training.process.wait()
            elif key in self._inspections:
                self._inspections[key].kill()
            elif self.folders.locked(key):
                raise Busy("This training is at work: stop it first.")
            self.folders.delete(key)

    def delete_expired(self) -> None:
        """Delete the runs that nobody went on with."""
        with self._lock:
            self.folders.delete_expired()

    def close(self) -> None:
        """Stop the run at work, so that it goes on from there when the page is started again."""
        with self._lock:
            training = self._training
            if training:
                self._interrupt(training)
        if training and training.follower:
            training.follower.join(2 * STOP_SECONDS)  # whoever opens the folder next finds all of it written

    def _follow(self, training: Training) -> None:
        """Follow a process to its end, and tidy up behind it."""
        for line in read_lines(training.process):
            training.take(line, self.estimate)
        code = training.process.wait()
        with self._lock:
            try:
                self._tidy_up(training, code)
            except OSError as problem:
                log.warning("A run could not be tidied up: %s", problem)
            self._training = None
            os.close(training.lock)

    def _tidy_up(self, training: Training, code: int) -> None:
        folder = self.root / training.key
        if not (folder / "run.json").is_file():
            return  # deleted meanwhile
        _, record = self.folders.open(training.key)
        self.workspace.keep_cache(folder / "cache")
        self._count_uncached()
        if code == 0:
            work = folder / "runs" / short_name(record["title"])
            for name in RESULTS:
                if (work / name).is_file():
                    os.replace(work / name, folder / name)
            for name in ("photos", "report", "cache", "runs", "others", "networks", "samples"):
                shutil.rmtree(folder / name, ignore_errors=True)
            record["names"] = {}
        elif not training.asked:
            record["sentence"] = training.error or UNEXPECTED
            log.error("Training ended with %s: %s", code, training.error or "\n".join(training.output))
        self.folders.write(training.key, record)

    def _count_uncached(self) -> None:
        """Update the number of other people's photos that the next run has to inspect first."""
        counts = {**self.estimate.counts, Stage.GATHER: self.workspace.count_uncached()}
        self.estimate = replace(self.estimate, counts=counts)

    def _interrupt(self, training: Training) -> None:
        if not training.asked:
            training.asked = True
            training.process.send_signal(signal.SIGINT)
            _later(STOP_SECONDS, training.process.kill)

    def busy(self) -> bool:
        """Whether a training is at work."""
        return self._training is not None

    def _busy_message(self, key: str) -> str:
        if self._training is None or self._training.key == key:
            return "This training is at work already."
        return "Somebody else’s face is being trained here. Your photos are kept: please try again later."


def _later(seconds: float, work: Callable[[], None]) -> None:
    timer = threading.Timer(seconds, work)
    timer.daemon = True
    timer.start()
