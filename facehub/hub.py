"""Where identities come from: the folders that ship with the project, and those that FACEHUB_IDENTITIES names."""

import os
import pathlib
from collections.abc import Iterator

from .errors import BadIdentity, UnknownIdentity
from .identity import NAME, Identity, read

SHIPPED = pathlib.Path(__file__).parent.parent / "demo" / "identities"

VARIABLE = "FACEHUB_IDENTITIES"
"""Environment variable: folders, separated as in PATH; each is an identity or holds identities."""


def load(name_or_folder: str | os.PathLike) -> Identity:
    """An identity by its short name, or by its folder. Raises UnknownIdentity, which lists the known ones, or BadIdentity."""
    text = os.fspath(name_or_folder)
    if not NAME.fullmatch(text) or pathlib.Path(text, "config.json").is_file():
        return read(text)
    for folder in folders():
        if folder.name == text:
            return read(folder)
    known = ", ".join(sorted(folder.name for folder in folders())) or "none"
    raise UnknownIdentity(f"No identity is called {text!r}: known are {known}; or give the path of an identity's folder.")


def identities() -> list[Identity]:
    """All that can be read, by title. A broken folder is left out here; `broken` tells of it."""
    return sorted((found for found in _readable() if isinstance(found, Identity)), key=lambda identity: identity.title)


def broken() -> list[BadIdentity]:
    """What is wrong with each folder that looks like an identity and is none."""
    return [found for found in _readable() if isinstance(found, BadIdentity)]


def folders() -> Iterator[pathlib.Path]:
    """Folders that look like identities; the first of a name counts."""
    seen = set()
    for place in [*map(pathlib.Path, filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))), SHIPPED]:
        candidates = [place] if (place / "config.json").is_file() else sorted(place.iterdir()) if place.is_dir() else []
        for folder in candidates:
            if folder.name not in seen and not folder.name.startswith(".") and (folder / "config.json").is_file():
                seen.add(folder.name)
                yield folder


def _readable() -> Iterator[Identity | BadIdentity]:
    for folder in folders():
        try:
            yield read(folder)
        except BadIdentity as problem:
            yield problem
