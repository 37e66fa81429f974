"""The photos of a run: taking them in, following their inspection, and reading its report."""

import json
import logging
import os
import shutil
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from facehub.errors import BadPhoto
from facehub.training_progress import Progress, Stage

from .process import read_lines
from .records import PhotoReport, PhotoVerdict

NO_PHOTOS = (
    "There are no photos yet: drop in 60 to 100 of one person, of any size, in different poses and light."
)

log = logging.getLogger(__name__)


def take_in(files: Sequence[Path], folder: Path, names: dict[str, str]) -> None:
    """Link or copy photos into a folder under numbers; add number -> name of the visitor to `names`."""
    for file in files:
        name = f"{len(names) + 1:03d}{file.suffix.lower()}"
        try:
            os.link(file, folder / name)
        except OSError:
            shutil.copyfile(file, folder / name)
        names[name] = file.name


def follow_inspection(process: subprocess.Popen, on_progress: Callable[[int, int], None]) -> None:
    """Follow `python -m train.photos --progress json` to its end. Raises BadPhoto with its sentence when it
    fails."""
    output, error = deque[str](maxlen=60), ""
    for line in read_lines(process):
        record = Progress.from_json(line)
        if record is None:
            output.append(line)
        elif record.stage is Stage.GATHER:
            on_progress(record.step, record.steps)
        else:
            error = record.error or error
    if code := process.wait():
        if not error:
            log.error("Photos could not be inspected (%s): %s", code, "\n".join(output))
        raise BadPhoto(error or "The photos could not be inspected; this has been logged.")


def read_report(folder: Path, names: dict[str, str]) -> PhotoReport | None:
    """The report in a run's folder; None where there is none, or photos came in since."""
    file = folder / "report" / "photos.json"
    if not file.is_file():
        return None
    report = json.loads(file.read_text(encoding="utf-8"))
    photos = []
    for row in report["photos"]:
        name = names[row["name"]]
        reason = (row["reason"] or "").replace(row["name"], name)
        photos.append(PhotoVerdict(folder / "photos" / row["name"], name, reason))
    return PhotoReport(photos, report["warnings"]) if len(photos) == len(names) else None
