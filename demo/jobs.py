"""Training for visitors: each run a private folder, and `python -m train` in a process of its own, one at a time.

A run goes by a key that nobody can guess. Who has it may look, stop, go on, use what came of it, and discard it; nobody else learns that it exists.

    KEY/run.json            what it is called, and under which names its photos came
    KEY/photos/001.jpg      numbered: no visitor's file name gets into a record that is published
    KEY/report, cache, runs what training writes
    KEY/others, networks    links to what the operator lends (demo/workshop.py)
    KEY/identity/NAME       what came of it

Photos, and all that shows them, go when a run is done or discarded, or was left alone for a day. The page serves no file from here.
"""

import atexit
import json
import logging
import os
import re
import secrets
import shutil
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from facehub.errors import BadPhoto, BadSetting, FaceHubError
from facehub.identity import check_consent

from .outlook import FIRST, Outlook, Place
from .runs import Looked, Report, State, Status, Tools, Training, lines, rows, sentence, short_name
from .workshop import Workshop

DAY_SECONDS = 24 * 3600.0
"""How long a run is kept that nobody goes on with."""

MOST_RUNS = 50
"""Kept at a time, whatever their state."""

MOST_PHOTOS = 400
LEAST_PHOTOS = 16
"""As many must be kept as training compares with each input."""

LEAST_FREE_BYTES = 1_000_000_000
STOP_SECONDS = 30.0
"""How long a process may take to end tidily."""

RESULTS = ("log.jsonl", "preview.png", "curves.png", "held_out.png")
"""Of a run's working folder, what is kept: none of it shows a photo of the visitor."""

log = logging.getLogger(__name__)


class Busy(FaceHubError):
    """Something else is being trained."""


class Jobs:
    """All runs below `root`. `outlook` knows how much work one is; `train` and `look` are the commands of training and of its data step."""

    def __init__(
        self,
        root: Path,
        tools: Tools,
        outlook: Outlook,
        *,
        train: Sequence[str] = (sys.executable, "-m", "train"),
        look: Sequence[str] = (sys.executable, "-m", "train.photos"),
        keep_seconds: float = DAY_SECONDS,
    ):
        self.root, self.keep_seconds = root.absolute(), keep_seconds
        self.workshop = Workshop(self.root, tools, {"train": tuple(train), "look": tuple(look)})
        self._training: Training | None = None
        self._lock = threading.RLock()
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.outlook = replace(outlook, counts={**outlook.counts, FIRST: self.workshop.unseen()})
        atexit.register(self.close)
        self.sweep()

    def begin(self) -> str:
        """A new run without photos; returns its key. Raises Busy where there are many already."""
        self.sweep()
        if sum(1 for _ in self.root.glob("*/run.json")) >= MOST_RUNS:
            raise Busy("There are too many unfinished trainings on this server: please try again tomorrow.")
        key = secrets.token_urlsafe(16)
        (self.root / key).mkdir(mode=0o700)
        (self.root / key / "photos").mkdir()
        self._write(key, {"title": "", "names": {}, "sentence": ""})
        timer = threading.Timer(self.keep_seconds + 1, self.sweep)
        timer.daemon = True
        timer.start()
        return key

    def add(self, key: str, files: Sequence[Path]) -> int:
        """Takes photos in, as links or copies; returns how many there are.

        Raises BadSetting when they are too many or training has begun, Busy when there is no room.
        """
        folder, record = self._open(key)
        with self._lock:
            names: dict[str, str] = record["names"]
            if record["title"]:
                raise BadSetting("This training has begun, with the photos it had: delete it, or start another one.")
            if len(names) + len(files) > MOST_PHOTOS:
                raise BadSetting(f"{len(names) + len(files)} photos are more than the {MOST_PHOTOS} that can be taken: choose 60 to 100 good ones.")
            if shutil.disk_usage(self.root).free < LEAST_FREE_BYTES:
                raise Busy("There is no room for more photos on this server: please try again later.")
            for file in files:
                name = f"{len(names) + 1:03d}{file.suffix.lower()}"
                try:
                    os.link(file, folder / "photos" / name)
                except OSError:
                    shutil.copyfile(file, folder / "photos" / name)
                names[name] = file.name
            self._write(key, record)
        return len(names)

    def look(self, key: str, heard: Callable[[int, int], None] = lambda done, total: None) -> Report:
        """Finds out which photos teach and why the others do not. `heard` is told how many were looked at, of how many."""
        folder, record = self._open(key)
        if not record["names"]:
            raise BadPhoto("There are no photos yet: drop in 60 to 100 of one person, of any size, in different poses and light.")
        process = self.workshop.start("look", ["photos", "--report", "report", "--cache", "cache"], folder)
        said: deque[str] = deque(maxlen=60)
        for line in lines(process):
            said.append(line)
            if counted := re.match(r"(\d+) of (\d+) photos", line):
                heard(int(counted[1]), int(counted[2]))
        if process.wait():
            raise BadPhoto(sentence(said) or "The photos could not be looked at; this has been logged.")
        return self.report(key) or Report([], [])

    def report(self, key: str) -> Report | None:
        """The last report; None where there is none, or photos came in since."""
        folder, record = self._open(key)
        file = folder / "report" / "photos.json"
        if not file.is_file():
            return None
        told = json.loads(file.read_text(encoding="utf-8"))
        photos = []
        for row in told["photos"]:
            name = record["names"][row["name"]]
            photos.append(Looked(folder / "photos" / row["name"], name, (row["reason"] or "").replace(row["name"], name)))
        return Report(photos, told["warnings"]) if len(photos) == len(record["names"]) else None

    def start(self, key: str, title: str = "", consent: Mapping[str, str] | None = None) -> None:
        """Starts a run, or goes on with one that was stopped, which has its title and consent already.

        Raises Busy when another is at work, BadSetting or BadIdentity when something is missing.
        """
        folder, record = self._open(key)
        if told := self.workshop.tools.missing():
            raise BadSetting(told)
        report = self.report(key)
        if report is None:
            raise BadSetting("The photos have not been looked at yet: do that first.")
        if report.kept < LEAST_PHOTOS:
            raise BadSetting(f"Only {report.kept} of the photos can be used, but {LEAST_PHOTOS} is the least and 60 is better: add photos.")
        if consent is not None:
            if not 1 <= len(title.strip()) <= 80 or not title.strip().isprintable():
                raise BadSetting("The person’s name is missing, or longer than 80 letters: give the name that the page should show.")
            check_consent(dict(consent))
        with self._lock:
            if self._training:
                raise Busy(self._taken(key))
            if consent is not None:
                (folder / "consent.json").write_text(json.dumps(consent, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
                record["title"] = title.strip()
            if not record["title"]:
                raise BadSetting("This training was never started: fill in whose face it is first.")
            record["sentence"] = ""
            self._write(key, record)
            self._training = Training(key, self.workshop.start("train", self.workshop.flags(folder, record["title"]), folder))
            self._training.follower = threading.Thread(target=self._listen, args=[self._training], daemon=True)
            self._training.follower.start()

    def stop(self, key: str) -> None:
        """Asks a run to stop; it keeps its last checkpoint. One that does not run is left alone."""
        self._open(key)
        with self._lock:
            if self._training and self._training.key == key:
                self._interrupt(self._training)

    def status(self, key: str) -> Status:
        folder, record = self._open(key)
        with self._lock:
            training = self._training if self._training and self._training.key == key else None
        identity = folder / "identity" / short_name(record["title"])
        work = folder / "runs" / identity.name
        done = training is None and (identity / "config.json").is_file()
        state: State = "stopped"
        if training:
            state = "stopping" if training.asked else "running"
        elif done:
            state = "done"
        elif not record["title"]:
            state = "photos"
        elif record["sentence"]:
            state = "failed"
        place = training.place if training else Place()
        results = folder if done else work
        preview = results / ("held_out.png" if (results / "held_out.png").is_file() else "preview.png")
        return Status(
            state=state,
            title=record["title"],
            place=place,
            left_seconds=self.outlook.left(place, training.pace) if training else None,
            sentence=record["sentence"],
            rows=rows(results / "log.jsonl"),
            preview=preview if preview.is_file() else None,
            identity=identity if done else None,
        )

    def discard(self, key: str) -> None:
        """Deletes all of a run, at work or not."""
        folder, _ = self._open(key)
        with self._lock:  # whoever follows the process waits until all is gone
            training = self._training if self._training and self._training.key == key else None
            if training:
                training.asked = True
                training.process.kill()
                training.process.wait()
            shutil.rmtree(folder, ignore_errors=True)

    def sweep(self) -> None:
        """Deletes runs that nobody went on with."""
        with self._lock:
            busy = self._training.key if self._training else None
            for record in self.root.glob("*/run.json"):
                if record.parent.name != busy and time.time() - record.stat().st_mtime > self.keep_seconds:
                    shutil.rmtree(record.parent, ignore_errors=True)

    def close(self) -> None:
        """Stops what is at work, so that it goes on from there when the page is started again."""
        with self._lock:
            training = self._training
            if training:
                self._interrupt(training)
        if training and training.follower:
            training.follower.join(2 * STOP_SECONDS)  # who opens the folder next finds all of it written

    def busy(self) -> bool:
        """Whether anything is at work."""
        return self._training is not None

    def _open(self, key: str) -> tuple[Path, dict]:
        folder = self.root / key
        if not re.fullmatch(r"[\w-]{22}", key, re.ASCII) or not (folder / "run.json").is_file():
            raise BadSetting("No training goes by this key: it was discarded, or left alone for more than a day.")
        return folder, json.loads((folder / "run.json").read_text(encoding="utf-8"))

    def _write(self, key: str, record: dict) -> None:
        part = self.root / key / "run.part"
        part.write_text(json.dumps(record, ensure_ascii=False), encoding="utf-8")
        os.replace(part, self.root / key / "run.json")

    def _listen(self, training: Training) -> None:
        """Follows a process to its end, and tidies up behind it."""
        for line in lines(training.process):
            training.said.append(line)
            if place := Place.told(line):
                training.advance(place, self.outlook)
        code = training.process.wait()
        with self._lock:
            try:
                self._ended(training, code)
            except OSError as problem:
                log.warning("A run could not be tidied up: %s", problem)
            self._training = None

    def _ended(self, training: Training, code: int) -> None:
        folder = self.root / training.key
        if not (folder / "run.json").is_file():
            return  # discarded meanwhile
        _, record = self._open(training.key)
        self.workshop.keep(folder / "cache")
        self.outlook = replace(self.outlook, counts={**self.outlook.counts, FIRST: self.workshop.unseen()})
        if code == 0:
            work = folder / "runs" / short_name(record["title"])
            for name in RESULTS:
                if (work / name).is_file():
                    os.replace(work / name, folder / name)
            for name in ("photos", "report", "cache", "runs", "others", "networks", "samples"):
                shutil.rmtree(folder / name, ignore_errors=True)
            record["names"] = {}
        elif not training.asked:
            record["sentence"] = sentence(training.said) or "Training ended unexpectedly, which has been logged. It can go on from where it was."
            log.error("Training ended with %s: %s", code, "\n".join(training.said))
        self._write(training.key, record)

    def _interrupt(self, training: Training) -> None:
        if not training.asked:
            training.asked = True
            training.process.send_signal(signal.SIGINT)
            timer = threading.Timer(STOP_SECONDS, training.process.kill)
            timer.daemon = True
            timer.start()

    def _taken(self, key: str) -> str:
        training = self._training
        if training is None or training.key == key:
            return "This training is at work already."
        return "Somebody else’s face is being trained here, one at a time. Your photos are kept meanwhile: please try again later."
