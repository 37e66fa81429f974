"""The process that feeds inputs to targets and reports outcomes; a crash or hang is a finding too."""

import contextlib
import dataclasses
import io
import logging
import multiprocessing.connection
import os
import pathlib
import random
import shutil
import sys
import tempfile
import time
import traceback
import warnings
from typing import Any

from .mutate import spoiled

WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGING = {
    "os.rename",
    "os.remove",
    "os.mkdir",
    "os.rmdir",
    "os.link",
    "os.symlink",
    "os.chmod",
    "os.truncate",
    "shutil.rmtree",
}
RUNNING = {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork"}


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one input."""

    number: int
    seconds: float
    """Of computing."""
    memory_mb: float
    """Above what the process had before."""
    refused: str
    """The sentence; empty where the input was taken."""
    finding: str
    """What must not be; empty where all was well."""


class Watch:
    """Record what happens outside the input's folder: files, programs, connections to other machines."""

    def __init__(self) -> None:
        self.allowed: pathlib.Path | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._heard)

    def _heard(self, event: str, details: tuple) -> None:
        if self.allowed is None:
            return
        if event == "open":
            path, _, flags = details
            if isinstance(path, (str, bytes)) and flags & WRITING:
                self._path(event, path)
        elif event in CHANGING:
            self._path(event, details[0])
        elif event in RUNNING:
            self.seen.append(f"{event} {str(details)[:100]}")
        elif (
            event == "socket.connect"
            and isinstance(details[1], tuple)
            and not str(details[1][0]).startswith(("127.", "::1", "localhost"))
        ):
            self.seen.append(f"{event} {details[1]}")

    def _path(self, event: str, path: Any) -> None:
        whole = os.path.realpath(os.fsdecode(path)) if isinstance(path, (str, bytes, os.PathLike)) else ""
        places = (str(self.allowed), "/dev/null", "/dev/shm", "/proc/self")
        if whole and not whole.startswith(places) and "__pycache__" not in whole:
            self.seen.append(f"{event} {whole}")


def work(
    jobs: list[tuple[str, list[int]]], seed: int, connection: "multiprocessing.connection.Connection"
) -> None:
    """Feed each target its inputs; report the start (name and number) and the end (its Outcome) of each."""
    from .targets import TARGETS

    warnings.simplefilter("ignore")
    logging.getLogger().setLevel(logging.CRITICAL)
    watch = Watch()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as home:
        tempfile.tempdir = os.environ["MPLCONFIGDIR"] = home  # matplotlib makes folders when it is imported
        noise = os.open(f"{home}/stderr", os.O_RDWR | os.O_CREAT)
        os.dup2(noise, 2)  # decoders in C write there, and loggers that were set up before an input came
        for name, numbers in jobs:
            connection.send((name, -1))
            seeds = TARGETS[name].seeds()
            with TARGETS[name].open() as run:
                for number in numbers:
                    connection.send((name, number))
                    data = an_input(seeds, seed, number)
                    folder = pathlib.Path(tempfile.mkdtemp(dir=home))
                    outcome = one(run, data, folder, number, watch, pathlib.Path(home))
                    said = os.pread(noise, 100_000, 0).decode(errors="replace")
                    os.ftruncate(noise, 0)
                    os.lseek(noise, 0, os.SEEK_SET)
                    if "Traceback" in said and not outcome.finding:
                        outcome = dataclasses.replace(outcome, finding=said[-3000:])
                    connection.send(outcome)
                    shutil.rmtree(folder, ignore_errors=True)
    connection.send(None)


def an_input(seeds: dict[str, bytes], seed: int, number: int) -> bytes:
    """The input of this number: the seeds as they are first, then spoiled ones. The same whoever asks."""
    wholes = list(seeds.values())
    if number < len(wholes):
        return wholes[number]
    chance = random.Random(f"{seed} {number}")
    return spoiled(chance.choice(wholes), chance, wholes)


def one(
    run: Any, data: bytes, folder: pathlib.Path, number: int, watch: Watch, home: pathlib.Path
) -> Outcome:
    """Feeds one input, and looks at what it did."""
    from .targets import REFUSALS

    refused, finding = "", ""
    heard = io.StringIO()
    before, begun = _memory_mb(reset=True), time.process_time()
    watch.seen.clear()
    watch.allowed = home
    try:
        with contextlib.redirect_stderr(heard):
            run(data, folder)
    except REFUSALS as problem:
        refused = str(problem)
        if "\n" in refused or len(refused) > 700 or not refused.endswith((".", "!", "?")):
            finding = f"no sentence: {refused[:300]!r}"
    except BaseException:
        finding = traceback.format_exc()
    watch.allowed = None
    if "Traceback" in heard.getvalue():
        finding = finding or heard.getvalue()[-3000:]
    if watch.seen:
        finding = finding or f"outside its folder: {watch.seen[:3]}"
    return Outcome(number, time.process_time() - begun, _memory_mb() - before, refused, finding)


def _memory_mb(*, reset: bool = False) -> float:
    """Peak memory of this process since the last reset, in MB; 0 where the system does not report it."""
    with contextlib.suppress(OSError):
        if reset:
            pathlib.Path("/proc/self/clear_refs").write_text("5")
        for line in pathlib.Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0
