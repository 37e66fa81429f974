"""What every benchmark tells of where it ran, how it takes its medians, and where it leaves its numbers.

Nothing that is printed is a promise for another machine.
"""

import argparse
import importlib.metadata
import json
import os
import pathlib
import platform
import statistics
import time
from collections.abc import Callable, Mapping, Sequence

import cv2
import torch

from facehub import memory

PACKAGES = ("torch", "opencv-python-headless", "dlib-bin", "numpy", "pillow")


def flags(program: str, description: str | None, *, repeats: int) -> argparse.ArgumentParser:
    """What all benchmarks take: where to write JSON, on how many threads and how often to measure."""
    parser = argparse.ArgumentParser(prog=f"python -m {program}", description=description)
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="also write everything here")
    parser.add_argument("--threads", type=int, default=2, help="of PyTorch and OpenCV (default: %(default)s)")
    parser.add_argument(
        "--repeats",
        type=int,
        default=repeats,
        help="measured runs after one to warm up (default: %(default)s)",
    )
    return parser


def begin(arguments: argparse.Namespace, device: str = "cpu") -> dict:
    """Sets memory up as our programs do, sets the threads and prints the machine; the record of it, which
    goes into the JSON."""
    memory.enable_huge_pages()
    torch.set_num_threads(arguments.threads)
    cv2.setNumThreads(arguments.threads)
    return here(device, f"{arguments.threads} threads; medians of {arguments.repeats}") | {
        "threads": arguments.threads,
        "repeats": arguments.repeats,
    }


def here(device: str = "cpu", more: str = "") -> dict:
    """Prints processor and versions, and `more`; gives the first two."""
    processor = f"{_processor()}, {os.cpu_count()} cores" + (
        f"; {torch.cuda.get_device_name()}" if device == "cuda" else ""
    )
    versions = {"python": platform.python_version()} | {
        name: version for name in PACKAGES if (version := _version(name))
    }
    print(
        "; ".join(filter(None, (processor, ", ".join(f"{k} {v}" for k, v in versions.items()), more))),
        flush=True,
    )
    return {"processor": processor, "versions": versions}


def milliseconds(
    works: Mapping[str, Callable[[], object]],
    repeats: int,
    *,
    device: str = "cpu",
    typical: Callable[[list[float]], float] = statistics.median,
) -> dict[str, float]:
    """Each work's time: `typical` of its runs. They take turns, so that what else the machine does falls on
    all of them alike."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repeats + 1):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            if device == "cuda":
                torch.cuda.synchronize()
            if turn:
                times[name].append((time.perf_counter() - begun) * 1e3)
    return {name: typical(taken) for name, taken in times.items()}


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints Markdown, as docs/performance.md holds it; floats with two figures after the point, large ones
    with none."""
    shown = [list(header), ["---"] * len(header), *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[i]) for row in shown) for i in range(len(header))]
    print()
    for row in shown:
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")


def write(arguments: argparse.Namespace, machine: dict, results: dict) -> None:
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine} | results, indent=1) + "\n")


def _cell(value: object) -> str:
    return (
        (f"{value:.0f}" if value >= 1000 else f"{value:.2f}" if value < 10 else f"{value:.1f}")
        if isinstance(value, float)
        else str(value)
    )


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    """As Linux names it; elsewhere as Python does."""
    try:
        lines = pathlib.Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next(
        (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
