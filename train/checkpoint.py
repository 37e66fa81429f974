"""The checkpoint and the log of a run: written whole or not at all, and checked when they are read."""

import errno
import io
import json
import pathlib
import pickle
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar, runtime_checkable

import torch

from facehub.errors import BadSetting, DiskFull
from facehub.files import write_atomic

from .run import Run

Loaded = TypeVar("Loaded")

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
"""Names of the files in a run's folder."""

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""Errors of a disk, quota or file size limit that is exhausted."""


@runtime_checkable
class Resumable(Protocol):
    """A run whose state can be saved."""

    def state(self) -> dict:
        """Everything as tensors and plain values."""
        ...


def save_checkpoint(run: Resumable, rows: Sequence[dict], folder: pathlib.Path) -> None:
    """Write the log, then the checkpoint, so that the log is never behind. Raises DiskFull; the earlier
    files then stay.

    torch fills memory and not the file: on a full disk its own writer raises a RuntimeError without a reason.
    """
    data = io.BytesIO()
    torch.save(run.state(), data)
    try:
        write_atomic(folder / LOG, "".join(json.dumps(row) + "\n" for row in rows))
        write_atomic(folder / CHECKPOINT, data.getvalue())
    except OSError as problem:
        if problem.errno not in NO_ROOM:
            raise
        raise DiskFull(
            f"There is no room for the checkpoint ({len(data.getvalue()) / 1e6:.0f} MB) in {folder}: make "
            "room; "
            "the same command goes on from the checkpoint before it."
        ) from problem


def load_checkpoint(folder: pathlib.Path, device: torch.device) -> tuple[Run, list[dict]] | None:
    """The run and the rows of its log up to it; None where there is no checkpoint. Raises BadSetting when
    one is damaged."""
    if not (folder / CHECKPOINT).exists():
        return None
    run = read_state(folder / CHECKPOINT, device, lambda state: Run.from_state(state, device))
    rows = read_log(folder / LOG)
    return run, [row for row in rows if (row["stage"], row["step"]) <= (run.stage, run.step)]


def read_state(file: pathlib.Path, device: torch.device, made: Callable[[dict], Loaded]) -> Loaded:
    """What `made` makes of a checkpoint's state. Raises BadSetting when the file is damaged, or holds another
    state than `made` expects."""
    try:
        return made(torch.load(file, map_location=device, weights_only=True))
    except (
        RuntimeError,
        EOFError,
        LookupError,
        ArithmeticError,
        AssertionError,
        TypeError,
        ValueError,
        AttributeError,
        pickle.UnpicklingError,
    ) as problem:
        if isinstance(problem, torch.OutOfMemoryError):
            raise
        raise _damaged(file) from problem
    except OSError as problem:
        if problem.errno != errno.EINVAL:  # a damaged file names places before its beginning
            raise
        raise _damaged(file) from problem


def read_log(file: pathlib.Path) -> list[dict]:
    """The rows of a log. Raises BadSetting when it is damaged."""
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for row in rows:
            if not all(isinstance(row[name], int) for name in ("stage", "step")) or not isinstance(
                row["losses"], dict
            ):
                raise ValueError("a row of another form")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as problem:
        raise _damaged(file) from problem
    return rows


def _damaged(file: pathlib.Path) -> BadSetting:
    return BadSetting(
        f"{file} is damaged or of another version: delete {CHECKPOINT} there and start again; optimised "
        "faces are kept."
    )
