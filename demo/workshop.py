"""What a run of training works with: what the operator lends it, other people's faces that are aligned already, and a process of its own."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .runs import Tools, short_name

NICE = 10
"""Training gives way to those who swap."""


@dataclass(slots=True)
class Workshop:
    """All runs lie below `root`. Each has links to what is lent, so that no path of this machine gets into a record that is published."""

    root: Path
    tools: Tools
    commands: Mapping[str, Sequence[str]]
    """Name -> the start of a command line."""

    def flags(self, folder: Path, title: str) -> list[str]:
        """Those of `python -m train` for a run in a folder; what they name is linked to it."""
        flags = ["photos", f"--name={title}", "--out", f"identity/{short_name(title)}", "--consent", "consent.json"]
        flags += ["--runs", "runs", "--cache", "cache", f"--credits={self.tools.credits}"]
        for number, path in enumerate(self.tools.content):
            flags += ["--content", lent(folder, f"others/{number}", path)]
        for flag, path in self.tools.networks.items():
            flags += [flag, lent(folder, f"networks/{flag.strip('-')}", path)]
        for path in self.tools.samples:
            flags += ["--sample", lent(folder, "samples", path)]
        for file in (self.root / "cache").glob("*-largest-*"):
            (folder / "cache").mkdir(exist_ok=True)
            if not (folder / "cache" / file.name).exists():
                os.link(file, folder / "cache" / file.name)
        return [*flags, *self.tools.flags]

    def start(self, command: str, flags: Sequence[str], folder: Path) -> subprocess.Popen:
        """In the run's folder, so that every path it records is one below it."""
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [*self.commands[command], *flags],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        return process

    def keep(self, cache: Path) -> None:
        """Other people's aligned faces serve the next run too; the visitor's own stay where they are."""
        (self.root / "cache").mkdir(exist_ok=True)
        for file in cache.glob("*-largest-*"):
            os.replace(file, self.root / "cache" / file.name)

    def unseen(self) -> int:
        """Other people's photos that the next run has to look at first."""
        folders = [path for path in self.tools.content if path.is_dir()]
        if not folders or any((self.root / "cache").glob("*-largest-*")):
            return 0
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))


def lent(run: Path, place: str, path: Path) -> str:
    """A link under its own name to what the operator lends, as a path below the run's folder."""
    (run / place).mkdir(parents=True, exist_ok=True)
    link = run / place / path.name
    if not link.is_symlink():
        link.symlink_to(path)
    return f"{place}/{path.name}"
