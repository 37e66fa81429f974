"""The status of a run of training, read from its folder and its process."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from facehub.identity.schema import short_name

from .eta import Position, TimeEstimate
from .process import Training

State = Literal["photos", "running", "stopping", "stopped", "failed", "done"]


@dataclass(frozen=True, slots=True)
class Status:
    """The status of a run."""

    state: State
    title: str
    position: Position
    left_seconds: float | None
    error: str
    """What went wrong, where it failed."""
    rows: list[dict]
    """Rows of training's log, one per step: name of the stage, losses."""
    preview: Path | None
    """Faces it never learned from, above what it makes of them."""
    identity: Path | None


def read_status(
    folder: Path, record: dict, training: Training | None, estimate: TimeEstimate, *, locked: bool
) -> Status:
    """The status of the run in `folder`. `training`: its process, if this page runs it; `locked`: whether
    another one does."""
    identity = folder / "identity" / short_name(record["title"])
    work = folder / "runs" / identity.name
    done = training is None and not locked and (identity / "config.json").is_file()
    state: State = "stopped"
    if training:
        state = "stopping" if training.asked else "running"
    elif done:
        state = "done"
    elif not record["title"]:
        state = "photos"
    elif locked:
        state = "running"
    elif record["sentence"]:
        state = "failed"
    position = training.position if training else Position()
    results = folder if done else work
    preview = results / ("held_out.png" if (results / "held_out.png").is_file() else "preview.png")
    return Status(
        state=state,
        title=record["title"],
        position=position,
        left_seconds=estimate.left(position, training.pace) if training else None,
        error=record["sentence"],
        rows=read_log(results / "log.jsonl"),
        preview=preview if preview.is_file() else None,
        identity=identity if done else None,
    )


def read_log(file: Path) -> list[dict]:
    """The rows of training's log; none where there is no log, or only a cut one."""
    try:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError):
        return []
