"""The records of a run: as a JSON file that a later run resumes from, and as lines for people."""

import json
import pathlib
import time
from collections import Counter

from ..errors import BadSetting
from ..files import write_atomic

SAVE_INTERVAL_S = 5.0
"""How far a report may lag behind: what was done in between is done again after a power cut."""


class BatchReport:
    """A JSON file with the record of each photo (batch.py), and how many were made, skipped and failed.

    `earlier` holds the records that the file had before, by photo. Without a file nothing is read or written.
    Raises BadSetting when the file is not a report.
    """

    def __init__(self, file: str | None):
        self.files = [pathlib.Path(file)] if file else []
        self.earlier, self._records, self._saved = self._read(), {}, time.monotonic()

    def add(self, record: dict) -> None:
        """Take a record in; saved now and then."""
        self._records[record["photo"]] = record
        if time.monotonic() - self._saved > SAVE_INTERVAL_S:
            self.save()

    def save(self) -> None:
        """Write the file, whole or not at all. Records of photos that only earlier runs had are kept."""
        self._saved, records = time.monotonic(), self.earlier | self._records
        counts = Counter(_outcome(record) for record in self._records.values())
        text = json.dumps({"counts": counts, "photos": list(records.values())}, indent=1) + "\n"
        for file in self.files:
            try:
                write_atomic(file, text)
            except OSError as problem:
                raise BadSetting(
                    f"The report {file} cannot be written ({problem.strerror or problem}): "
                    "choose another --report."
                ) from problem

    def _read(self) -> dict[str, dict]:
        for file in filter(pathlib.Path.exists, self.files):
            try:
                photos = json.loads(file.read_text(encoding="utf-8"))["photos"]
                return {record["photo"]: record for record in photos if isinstance(record["photo"], str)}
            except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
                raise BadSetting(
                    f"{file} is no report of an earlier run: choose another --report, or delete it."
                ) from problem
        return {}


def _outcome(record: dict) -> str:
    return "failed" if "error" in record else "skipped" if "skipped" in record else "made"


def format_record(record: dict) -> str:
    """A photo's record as a line, and a line for each note; with several faces a note names its face."""
    arrow = f"{record['photo']} -> {record['outputs']['out']}"
    if "skipped" in record:
        return f"{arrow}: done before"
    faces = record["faces"]
    notes = [
        f"face {face['number']}: {face['note']}" if len(faces) > 1 else face["note"]
        for face in faces
        if face["note"]
    ]
    return "\n  ".join([f"{arrow}: {len(faces)} face(s), {sum(record['seconds'].values()):.2f} s", *notes])


def format_progress(done: int, total: int, failures: int, seconds: float) -> str:
    """How far a run of many photos is, after `seconds`."""
    left = seconds / done * (total - done)
    time_left = (
        f"{left:.0f} s" if left < 100 else f"{left / 60:.0f} min" if left < 6000 else f"{left / 3600:.1f} h"
    )
    return f"{done} of {total}, {failures} failed, {time_left} left"
