"""Print a training's progress: records as JSON lines for programs, or the same as text for people."""

import argparse
import sys
import time
from collections.abc import Callable

from facehub.training_progress import Progress, ProgressCallback, Stage

from .processes import first_process

TELL_EVERY_S = 1.0
"""Between two messages of a download."""

KEEP_LINE_EVERY = 40
"""Of the steps, which overwrite one another in a terminal, every so manieth stays."""


def add_progress_flag(flags: argparse.ArgumentParser) -> None:
    """Add `--progress text|json` to a command."""
    flags.add_argument(
        "--progress",
        choices=("text", "json"),
        default="text",
        help="text for people, or one JSON object per line (facehub/training_progress.py)",
    )


def printer(form: str) -> ProgressCallback:
    """What prints records in the form that `--progress` names. Of several processes only the first prints."""
    show = print_json if form == "json" else print_text

    def report(record: Progress) -> None:
        if first_process():
            show(record)

    return report


def print_json(record: Progress) -> None:
    """One line on stdout, errors too."""
    print(record.to_json(), flush=True)


def print_text(record: Progress) -> None:
    """Steps overwrite one another; messages get a line each; an error goes to stderr."""
    if record.error:
        print(f"\n{record.error}", file=sys.stderr, flush=True)
    elif record.stage is None or not record.steps:
        print(record.to_text(), flush=True)
    else:
        stays = record.step == record.steps or (record.losses and record.step % KEEP_LINE_EVERY == 0)
        print(f"\r{record.to_text()}   ", end="\n" if stays else "", flush=True)


def count_photos(
    report: ProgressCallback, *, now: Callable[[], float] = time.monotonic
) -> Callable[[int, int, str], None]:
    """Turn the callback of `gather` (done, total, note) into records with the time left."""
    begun: list[tuple[float, int]] = []

    def counted(done: int, total: int, note: str) -> None:
        if not begun or done <= begun[0][1]:
            begun[:] = [(now(), done)]
        start, first = begun[0]
        pace = (now() - start) / (done - first) if done > first else None
        left = None if pace is None else pace * (total - done)
        report(Progress(stage=Stage.GATHER, step=done, steps=total, seconds_left=left))

    return counted


def tell_fetched(
    report: ProgressCallback,
    sentence: Callable[[int, int], str],
    *,
    now: Callable[[], float] = time.monotonic,
) -> Callable[[int, int], None]:
    """Turn a download's callback (done, total) into a message once in `TELL_EVERY_S`, and at the end."""
    told = [-TELL_EVERY_S]

    def tell(done: int, total: int) -> None:
        if now() - told[0] >= TELL_EVERY_S or done == total:
            told[0] = now()
            report(Progress(message=sentence(done, total)))

    return tell
