"""`python -m train PHOTOS --name NAME --consent FILE`: a folder of photos of one person -> an identity that
swaps, by the short way (short_way.py) or the paper's (paper_way.py)."""

import os
import pathlib
import sys
from collections.abc import Sequence

import torch
import torch.distributed as dist

from facehub.errors import BadSetting, FaceHubError
from facehub.training_progress import Progress

from . import paper_way, short_way
from .config import Config
from .flags import config_from, parser, way_in
from .progress import printer

NO_MEMORY = ("out of memory", "allocate memory")
"""What torch's errors say when memory is exhausted."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m train`; the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    arguments = parser(way_in(given)).parse_args(given)
    report, folder = printer(arguments.progress), arguments.runs
    try:
        device = torch.device(arguments.device)
        if arguments.way == "paper":
            folder /= arguments.out.name
            device = _joined_processes(device)
            paper_way.run(arguments, config_from(arguments, Config), device, folder, report)
        elif "WORLD_SIZE" in os.environ:
            raise BadSetting("The short way is one process: start it without torchrun, or with --way paper.")
        else:
            short_way.complete(arguments)
            folder /= arguments.out.name
            short_way.run(arguments, device, report)
    except KeyboardInterrupt:
        report(
            Progress(
                error=f"Stopped. The last checkpoint is in {folder}: the same command goes on from there."
            )
        )
        return 1
    except (FaceHubError, MemoryError, RuntimeError, OSError) as problem:
        sentence = error_sentence(problem, arguments.batch, folder)
        if sentence is None:
            raise
        report(Progress(error=sentence))
        return 1
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    return 0


def _joined_processes(device: torch.device) -> torch.device:
    """Join the other processes of torchrun, where it started this one; the device of this one."""
    if "WORLD_SIZE" not in os.environ:
        return device
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    if device.type == "cuda":
        return torch.device(device.type, dist.get_rank() % torch.cuda.device_count())
    return device


def error_sentence(problem: Exception, batch: int, folder: pathlib.Path) -> str | None:
    """The sentence for an error that a person can act on; None for a bug. `batch`: faces a step."""
    if isinstance(problem, FaceHubError):
        return str(problem)
    if isinstance(problem, OSError):
        what = f"{problem.strerror or problem}: {problem.filename or folder}"
        return f"{what}. Make room or mend it; the same command goes on from the last checkpoint in {folder}."
    if isinstance(problem, MemoryError) or any(words in str(problem) for words in NO_MEMORY):
        again = f"the same command with --batch below {batch} goes on from there."
        return f"Out of memory. The last checkpoint is in {folder}: {again}"
    return None
