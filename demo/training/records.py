"""Records of a run of training: what the operator lends it, and the verdict on its photos."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

VARIABLES = {
    "--vgg19": "FACEHUB_VGG19",
    "--vgg19-scales": "FACEHUB_VGG19_SCALES",
    "--sface": "FACEHUB_SFACE",
}
"""Flag of `python -m train` -> environment variable that names its file or folder."""


SWITCH = "FACEHUB_TRAINING"
"""Environment variable: on or off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingAssets:
    """What the operator lends to training."""

    content: tuple[Path, ...] = ()
    """Folders of other people's photos; where there are none, training takes those who ship."""
    networks: Mapping[str, Path] = field(default_factory=dict)
    """Flag of `python -m train` -> file or folder: --vgg19, --vgg19-scales, --sface."""
    samples: tuple[Path, ...] = ()
    """Photos whose swaps the card shows."""
    credits: str = ""
    flags: tuple[str, ...] = ()
    """Further flags."""
    open: bool = True
    """Whether this page trains at all."""

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str], *, alone: bool = True, **others
    ) -> "TrainingAssets":
        """FACEHUB_CONTENT (folders, separated as in PATH), FACEHUB_VGG19, FACEHUB_VGG19_SCALES,
        FACEHUB_SFACE, FACEHUB_TRAINING (on or off).

        Where FACEHUB_TRAINING says nothing, training is on for whoever is `alone` with the page, or names
        photos in FACEHUB_CONTENT.
        """
        content = tuple(
            Path(part).absolute() for part in environment.get("FACEHUB_CONTENT", "").split(os.pathsep) if part
        )
        networks = {
            flag: Path(environment[name]).absolute()
            for flag, name in VARIABLES.items()
            if environment.get(name)
        }
        said = environment.get(SWITCH, "").strip().lower()
        is_open = said == "on" if said else alone or bool(content)
        return cls(content=content, networks=networks, open=is_open, **others)

    def missing(self) -> str:
        """A sentence for the operator; empty where nothing is missing."""
        if not self.open:
            return (
                f"A public page trains only if whoever runs it wants that: set {SWITCH}=on and start the "
                "page again."
            )
        named = [("FACEHUB_CONTENT", path) for path in self.content] + [
            (VARIABLES[flag], path) for flag, path in self.networks.items()
        ]
        for variable, path in named:
            if not path.exists():
                return (
                    f"{variable} names {path.name}, but there is no such file or folder: correct it and "
                    "start the page again."
                )
        if files := [path.name for path in self.content if path.is_file()]:
            return (
                f"FACEHUB_CONTENT names {files[0]}, but whole photos are needed: name the folder of photos "
                "and start the page again."
            )
        return ""


@dataclass(frozen=True, slots=True)
class PhotoVerdict:
    """Whether one photo can be used, and why not."""

    file: Path
    name: str
    """The visitor's name of the file."""
    reason: str
    """Why it is left out; empty where it is kept."""


@dataclass(frozen=True, slots=True)
class PhotoReport:
    """Which photos training would use, and what it warns of."""

    photos: list[PhotoVerdict]
    warnings: list[str]

    @property
    def kept(self) -> int:
        """How many photos can be used."""
        return sum(not photo.reason for photo in self.photos)
