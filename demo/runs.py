"""What a run of training is: what the operator lends it, what became of its photos, how it stands, and what its process says."""

import json
import os
import re
import subprocess
import threading
import time
import unicodedata
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Literal

from .outlook import Outlook, Place

VARIABLES = {"--vgg19": "FACEHUB_VGG19", "--vgg19-scales": "FACEHUB_VGG19_SCALES", "--sface": "FACEHUB_SFACE", "--estimators": "FACEHUB_ESTIMATORS"}
"""Environment variable of each file or folder that training can be lent besides photos."""

LINE_END = re.compile(rb"[\r\n]")

State = Literal["photos", "running", "stopping", "stopped", "failed", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tools:
    """What the operator lends to training."""

    content: tuple[Path, ...] = ()
    """Folders of other people's photos, or .faces files made from them."""
    networks: Mapping[str, Path] = field(default_factory=dict)
    """Flag of `python -m train` -> file or folder: --vgg19, --vgg19-scales, --sface, --estimators."""
    samples: tuple[Path, ...] = ()
    """Photos whose swaps the card shows."""
    credits: str = ""
    flags: tuple[str, ...] = ()
    """Further flags."""

    @classmethod
    def of(cls, environment: Mapping[str, str], **others) -> "Tools":
        """FACEHUB_CONTENT (folders, separated as in PATH), FACEHUB_VGG19, FACEHUB_VGG19_SCALES, FACEHUB_SFACE, FACEHUB_ESTIMATORS."""
        content = tuple(Path(part).absolute() for part in environment.get("FACEHUB_CONTENT", "").split(os.pathsep) if part)
        networks = {flag: Path(environment[name]).absolute() for flag, name in VARIABLES.items() if environment.get(name)}
        return cls(content=content, networks=networks, **others)

    def missing(self) -> str:
        """A sentence for the operator; empty where nothing is missing."""
        if not self.content:
            return "Training needs photos of other people to learn from: name a folder of them in FACEHUB_CONTENT and start the page again."
        named = [("FACEHUB_CONTENT", path) for path in self.content] + [(VARIABLES[flag], path) for flag, path in self.networks.items()]
        for variable, path in named:
            if not path.exists():
                return f"{variable} names {path.name}, but there is no such file or folder: correct it and start the page again."
        return ""


@dataclass(frozen=True, slots=True)
class Looked:
    """What became of one photo."""

    file: Path
    name: str
    """As the visitor calls it."""
    reason: str
    """Why it is left out; empty where it is kept."""


@dataclass(frozen=True, slots=True)
class Report:
    """What training would make of the photos."""

    photos: list[Looked]
    warnings: list[str]

    @property
    def kept(self) -> int:
        return sum(not photo.reason for photo in self.photos)


@dataclass(frozen=True, slots=True)
class Status:
    """How a run stands."""

    state: State
    title: str
    place: Place
    left_seconds: float | None
    sentence: str
    """What went wrong, where it failed."""
    rows: list[dict]
    """Of training's log, one a step: name of the stage, losses."""
    preview: Path | None
    """Faces it never learned from, above what it makes of them."""
    identity: Path | None


@dataclass(slots=True, eq=False)
class Training:
    """A process at work."""

    key: str
    process: subprocess.Popen
    place: Place = field(default_factory=Place)
    since: tuple[float, Place] | None = None
    """When it was first heard of in this stage, and where it was then."""
    pace: float | None = None
    """How many times as long it takes as what was measured, once that is known."""
    asked: bool = False
    """To stop."""
    said: deque[str] = field(default_factory=lambda: deque(maxlen=60))
    follower: threading.Thread | None = None
    """Ends when all is tidied up behind the process."""

    def advance(self, place: Place, outlook: Outlook) -> None:
        """Notes where it is, and from how long it took to get there how fast it goes."""
        now = time.monotonic()
        if self.since is None or self.since[1].stage != place.stage:
            self.since = (now, place)
        self.pace = outlook.pace(self.since[1], place, now - self.since[0]) or self.pace
        self.place = place


def lines(process: subprocess.Popen) -> Iterator[str]:
    """What a process prints, line by line, as soon as it is there; a line that it goes on overwriting counts each time."""
    output: IO[bytes] = process.stdout  # pyright: ignore[reportAssignmentType] -- it has a pipe
    rest = b""
    with output:
        while chunk := os.read(output.fileno(), 4096):
            *whole, rest = LINE_END.split(rest + chunk)
            yield from (line for line in (part.decode(errors="replace").strip() for part in [*whole, rest]) if line)


def sentence(said: Sequence[str]) -> str:
    """The sentence with which training gave up; empty after a traceback, which is for the log. It may name a folder that no visitor has seen."""
    if not said or any(line.startswith("Traceback (most recent call last)") for line in said):
        return ""
    return said[-1].replace(" in photos ", " ") if said[-1].endswith(".") else ""


def short_name(title: str) -> str:
    """An identity's short name, made of the person's name: small letters, digits and _."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:64] or "identity"


def rows(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.is_file() else []
