"""What a run of training works with: what the operator lends it, other people's faces that are aligned
already, and a process of its own."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from facehub.identity.schema import short_name

from .records import TrainingAssets

OTHERS = "*-portraits-*"
"""Files of training's cache with what was found in photos: the visitor's are named after the run's folder
`photos`."""

SHIPPED_PHOTOS = 400
"""Photos of other people that ship with training."""

NICE = 10
"""Training gives way to those who swap."""


@dataclass(slots=True)
class Workspace:
    """All runs lie below `root`. Each has links to what is lent, so that no path of this machine gets into
    a record that is published."""

    root: Path
    assets: TrainingAssets
    commands: Mapping[str, Sequence[str]]
    """Name -> the start of a command line."""

    def flags(self, folder: Path, title: str) -> list[str]:
        """Those of `python -m train` for a run in a folder; what they name is linked to it."""
        flags = [
            "photos",
            f"--name={title}",
            "--out",
            f"identity/{short_name(title)}",
            "--consent",
            "consent.json",
        ]
        flags += [
            "--runs",
            "runs",
            "--cache",
            "cache",
            "--progress",
            "json",
            f"--credits={self.assets.credits}",
        ]
        for number, path in enumerate(self.assets.content):
            flags += ["--content", link_asset(folder, f"others/{number}", path)]
        for flag, path in self.assets.networks.items():
            flags += [flag, link_asset(folder, f"networks/{flag.strip('-')}", path)]
        for path in self.assets.samples:
            flags += ["--sample", link_asset(folder, "samples", path)]
        for file in (self.root / "cache").glob(OTHERS):
            (folder / "cache").mkdir(exist_ok=True)
            if not (folder / "cache" / file.name).exists():
                os.link(file, folder / "cache" / file.name)
        return [*flags, *self.assets.flags]

    def start(self, command: str, flags: Sequence[str], folder: Path, lock: int) -> subprocess.Popen:
        """Start a command in the run's folder, so that every path it records is below it.

        The process inherits `lock`, so that the run stays held for as long as the process lives, also
        without the page.
        """
        environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONUNBUFFERED": "1"}
        process = subprocess.Popen(
            [*self.commands[command], *flags],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=[lock],
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, NICE)
        return process

    def keep_cache(self, cache: Path) -> None:
        """What was found in other people's photos serves the next run too; the visitor's own stays where it
        is."""
        (self.root / "cache").mkdir(exist_ok=True)
        for file in cache.glob(OTHERS):
            if not file.name.startswith("photos-"):
                os.replace(file, self.root / "cache" / file.name)

    def count_uncached(self) -> int:
        """Other people's photos that the next run has to look at first."""
        folders = [path for path in self.assets.content if path.is_dir()]
        if any((self.root / "cache").glob(OTHERS)):
            return 0
        if not folders:
            return SHIPPED_PHOTOS
        return sum(len(files) for folder in folders for _, _, files in os.walk(folder))


def link_asset(run: Path, place: str, path: Path) -> str:
    """A link under its own name to what the operator lends, as a path below the run's folder."""
    (run / place).mkdir(parents=True, exist_ok=True)
    link = run / place / path.name
    if not link.is_symlink():
        link.symlink_to(path)
    return f"{place}/{path.name}"
