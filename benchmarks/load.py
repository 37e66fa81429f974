"""`python -m benchmarks.load [--visitors 50] [--seconds 120]`: many visitors at once, each of whom checks
that the answer is their own.

Starts the page as it is (app.py, in a process of its own), lets each visitor come, upload photos that differ
from everybody else's in a stripe of colours, swap, download and compare: outside the face the answer must be
the upload, less the marks. Refusals because of a full queue count as such. When all have left, the page's
folder must hold no picture. At the end the page is killed in mid-swap and started again: how long until it
serves. Prints requests, p50, p95, errors and memory; the exit code is 1 where a request was lost or mixed up,
or a file left.
"""

import argparse
import contextlib
import io
import json
import os
import pathlib
import random
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import httpx
import numpy as np
from PIL import Image

from benchmarks.machine import here
from benchmarks.visitor import Visitor, crowd, free_port
from facehub.formats import READ_SUFFIXES

ROOT = pathlib.Path(__file__).parents[1]
SEED = 9
STRIPE_PX, CELLS = 32, 12
"""Height of the stripe at the bottom of each upload, and how many colours it shows side by side."""


@dataclass
class Tally:
    """What all visitors saw."""

    seconds: list[float] = field(default_factory=list)
    busy: int = 0
    """Refused because the queue was full."""
    lost: list[str] = field(default_factory=list)
    mixed: int = 0
    """Answers that show somebody else's upload."""
    peak_mb: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def page(
    temporary: pathlib.Path, log: pathlib.Path, more: Mapping[str, str] | None = None
) -> Iterator[tuple[subprocess.Popen, str]]:
    """The page in a process of its own, ready; and its address. `more`: variables that it is started with."""
    port = free_port()
    settings = {"TMPDIR": str(temporary), "GRADIO_SERVER_PORT": str(port), "PYTHONUNBUFFERED": "1"}
    with log.open("a") as written:
        process = subprocess.Popen(
            [sys.executable, "app.py"],
            cwd=ROOT,
            env=os.environ | settings | dict(more or {}),
            stdout=subprocess.PIPE,
            stderr=written,
            text=True,
        )
    try:
        for line in process.stdout or ():
            if "Running on" in line:
                break
        else:
            raise SystemExit(f"The page did not start: see {log}.")
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def photo(chance: random.Random, face: Image.Image) -> tuple[bytes, np.ndarray]:
    """An upload like nobody else's, and the colours by which it is known."""
    colours = np.array([[chance.randrange(30, 226) for _ in range(3)] for _ in range(CELLS)], np.uint8)
    picture = face.copy()
    stripe = Image.fromarray(colours[None].repeat(STRIPE_PX, 0)).resize(
        (face.width, STRIPE_PX), Image.Resampling.NEAREST
    )
    picture.paste(stripe, (0, face.height - STRIPE_PX))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=95)
    return buffer.getvalue(), colours


def own(answer: bytes, colours: np.ndarray) -> bool:
    """Whether an answer shows these colours in its stripe, but for its corner, where the label lies."""
    pixels = np.asarray(Image.open(io.BytesIO(answer)).convert("RGB")).astype(int)
    width = pixels.shape[1] // CELLS
    cells = [
        pixels[-STRIPE_PX + 4 : -4, i * width + 6 : (i + 1) * width - 6].mean((0, 1))
        for i in range(CELLS * 2 // 3)
    ]
    return bool(np.abs(np.array(cells) - colours[: len(cells)]).max() < 8)


def visit(url: str, number: int, names: list[str], face: Image.Image, end: float, tally: Tally) -> None:
    """One visitor, who asks once at least and until the time is over; the request at hand is waited for."""
    chance = random.Random(SEED * 1000 + number)
    try:
        with Visitor(url) as visitor:
            asked = False
            while not asked or time.monotonic() < end:
                data, colours = photo(chance, face)
                asked, begun = True, time.monotonic()
                said = visitor.call(
                    "swap",
                    visitor.upload(data, f"visitor-{number}.jpg"),
                    chance.choice(names),
                    1.0,
                    "largest",
                )
                if said.status == 503:
                    with tally.lock:
                        tally.busy += 1
                    time.sleep(1.0)  # as the sentence asks
                    continue
                if said.values is None:
                    raise RuntimeError(said.sentence or "no answer")
                answer = visitor.file(said.values[0])
                with tally.lock:
                    tally.seconds.append(time.monotonic() - begun)
                    tally.mixed += not own(answer, colours)
    except (httpx.HTTPError, RuntimeError, OSError) as problem:
        with tally.lock:
            tally.lost.append(f"{type(problem).__name__}: {problem}"[:200])


def memory_mb(process: subprocess.Popen) -> float:
    """Resident memory, in millions of bytes."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(pathlib.Path(f"/proc/{process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def watch(process: subprocess.Popen, tally: Tally, over: threading.Event) -> None:
    while not over.wait(0.5):
        tally.peak_mb = max(tally.peak_mb, memory_mb(process))


def pictures_in(folder: pathlib.Path) -> list[str]:
    """Pictures, and uploads that are not whole, below a folder."""
    return [
        name
        for _, _, files in os.walk(folder)
        for name in files
        if name.endswith(READ_SUFFIXES) or name.startswith("tmp")
    ]


def left(folder: pathlib.Path, patience_s: float) -> list[str]:
    """What is left of the visitors' pictures, once the page had time to notice that they went."""
    deadline = time.monotonic() + patience_s
    while (found := pictures_in(folder)) and time.monotonic() < deadline:
        time.sleep(0.5)
    return found


def first_answer(url: str, names: list[str], face: Image.Image) -> None:
    tally = Tally()
    visit(url, 0, names, face, time.monotonic() + 0.01, tally)
    if tally.lost or tally.mixed:
        raise SystemExit(f"The page does not serve: {tally.lost}")


def killed(
    temporary: pathlib.Path, log: pathlib.Path, names: list[str], face: Image.Image
) -> dict[str, float | int]:
    """Kills the page while visitors wait, and starts it again: pictures that the dead one left, those left
    then, seconds until it serves."""
    with page(temporary, log) as (process, url):
        first_answer(url, names, face)
        end = time.monotonic() + 60
        waiting = [
            threading.Thread(target=visit, args=(url, number, names, face, end, Tally()), daemon=True)
            for number in range(4)
        ]
        for thread in waiting:
            thread.start()
        while not pictures_in(temporary):
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    before, begun = len(pictures_in(temporary)), time.monotonic()
    with page(temporary, log) as (_, url):
        after = len(pictures_in(temporary))
        started = time.monotonic() - begun
        first_answer(url, names, face)
        return {
            "left_by_the_dead": before,
            "left_at_start": after,
            "start_s": started,
            "first_answer_s": time.monotonic() - begun,
        }


def told(record: dict) -> None:
    """Prints numbers, a line each."""
    for name, value in record.items():
        print(
            f"{name.replace('_', ' '):20} {value:.2f}"
            if isinstance(value, float)
            else f"{name.replace('_', ' '):20} {value}",
            flush=True,
        )


def main() -> int:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    flags.add_argument("--visitors", type=int, default=50)
    flags.add_argument("--seconds", type=float, default=120.0)
    flags.add_argument("--photo", type=pathlib.Path, default=ROOT / "demo" / "examples" / "astronaut.png")
    flags.add_argument(
        "--patience",
        type=float,
        default=90.0,
        help="seconds for the page to tidy up after the last has left (default: 90)",
    )
    flags.add_argument("--json", type=pathlib.Path, help="also write the numbers here")
    arguments = flags.parse_args()
    machine, face = here(), Image.open(arguments.photo).convert("RGB")
    tally, over = Tally(), threading.Event()
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        temporary, log = pathlib.Path(place) / "tmp", pathlib.Path(place) / "log"
        temporary.mkdir()
        with page(temporary, log) as (process, url):
            names = [
                one["name"]
                for one in httpx.post(f"{url}/gradio_api/run/identities", json={"data": []}).json()["data"][0]
            ]
            for name in names:
                first_answer(url, [name], face)
            watching = threading.Thread(target=watch, args=(process, tally, over), daemon=True)
            watching.start()
            begun = time.monotonic()
            crowd(
                [
                    lambda n=n: visit(url, n, names, face, begun + arguments.seconds, tally)
                    for n in range(arguments.visitors)
                ]
            )
            lasted = time.monotonic() - begun
            over.set()
            watching.join()
            remaining = left(temporary, arguments.patience)
            served = len(tally.seconds)
            spent = sorted(tally.seconds) or [0.0]
            record = {
                "visitors": arguments.visitors,
                "seconds": lasted,
                "requests": served,
                "per_second": served / lasted,
                "p50_s": statistics.median(spent),
                "p95_s": spent[int(0.95 * (len(spent) - 1))],
                "busy": tally.busy,
                "lost": len(tally.lost),
                "mixed_up": tally.mixed,
                "files_left": len(remaining),
                "memory_mb": tally.peak_mb,
                "cores": os.cpu_count(),
            }
            told(record)
            for problem in sorted(set(tally.lost))[:5]:
                print("lost:", problem)
        again = killed(temporary, log, names, face) | {"tracebacks": log.read_text().count("Traceback")}
        told(again)
        record |= again
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine} | record, indent=1) + "\n")
    return (
        1
        if any(record[name] for name in ("lost", "mixed_up", "files_left", "left_at_start", "tracebacks"))
        else 0
    )


if __name__ == "__main__":
    raise SystemExit(main())
