"""Installed identities: those that ship, those that FACEHUB_IDENTITIES names, and those pulled from a hub."""

import difflib
import logging
import os
import pathlib
import re
from collections.abc import Iterator

from .errors import BadIdentity, FaceHubError, UnknownIdentity
from .hub import cache, withdrawals
from .hub.api import Hub
from .identity import weights
from .identity.folder import Identity, read
from .identity.schema import NAME
from .text import one_line

SHIPPED = pathlib.Path(__file__).parent.parent / "demo" / "identities"

VARIABLE = "FACEHUB_IDENTITIES"
"""Environment variable: folders, separated as in PATH; each is an identity or holds identities."""


def load(name_or_folder: str | os.PathLike, *, hub: Hub | None = None) -> Identity:
    """An identity by short name or title, by its folder, or by `user/name[@revision]` when it was pulled.

    Raises UnknownIdentity, which names the nearest and lists the known ones, BadIdentity, or Withdrawn.
    """
    text = os.fspath(name_or_folder)
    if _is_name(text):
        return _allowed(read(_folder_called(text)), hub)
    if cache.split(text) and not pathlib.Path(text).exists():
        return (hub or Hub()).load(text)
    return _allowed(read(text), hub)


def _is_name(text: str) -> bool:
    """Whether a text is a short name or a title, rather than a path or a name on the hub."""
    if NAME.fullmatch(text):
        return not pathlib.Path(text, "config.json").is_file()
    is_path = {"/", os.sep, "@"} & set(text) or pathlib.Path(text).exists()
    return not is_path and bool(_short_name(text))


def _short_name(title: str) -> str:
    """A title as a short name would be: "Tom Cruise" -> tom_cruise."""
    return re.sub(r"[^a-z0-9]+", "_", title.casefold()).strip("_")


def _folder_called(text: str) -> pathlib.Path:
    """The folder with this short name or title. Raises UnknownIdentity."""
    by_name = {folder.name: folder for folder in folders()}
    for name in (text, _short_name(text), text.casefold()):
        if name in by_name:
            return by_name[name]
    by_title = {_short_name(identity.title): identity.folder for identity in scan()[0]}
    if folder := by_title.get(_short_name(text)):
        return folder
    near = difflib.get_close_matches(_short_name(text), by_name, n=1)
    suggestion = f"did you mean {near[0]}? Known are" if near else "known are"
    known = ", ".join(sorted(by_name)) or "none"
    raise UnknownIdentity(
        f"No identity is called {text[:80]!r}: {suggestion} {known}; "
        "or give the path of an identity's folder."
    )


def identities() -> list[Identity]:
    """All folders that can be used, by title. One that cannot is left out; the log says why, and `broken`
    lists it."""
    found, problems = scan()
    for problem in problems:
        logging.getLogger("facehub").warning("An identity is left out: %s", one_line(str(problem), 400))
    return found


def broken() -> list[FaceHubError]:
    """What is wrong with each folder that looks like an identity and cannot be used."""
    return scan()[1]


def scan() -> tuple[list[Identity], list[FaceHubError]]:
    """The folders that can be used, by title, and what is wrong with the others."""
    found: list[Identity] = []
    problems: list[FaceHubError] = []
    for folder in folders():
        try:
            found.append(_allowed(read(folder), None))
        except FaceHubError as problem:
            problems.append(problem)
    return sorted(found, key=lambda identity: identity.title), problems


def folders() -> Iterator[pathlib.Path]:
    """Folders that look like identities; of several with one name, the first counts."""
    names = set()
    for place in [*map(pathlib.Path, filter(None, os.environ.get(VARIABLE, "").split(os.pathsep))), SHIPPED]:
        for folder in [place] if _has_config(place) else _entries(place):
            if folder.name not in names and not folder.name.startswith(".") and _has_config(folder):
                names.add(folder.name)
                yield folder


def check_withdrawn(identity: Identity, hub: Hub | None = None) -> None:
    """Raise Withdrawn when an identity at hand is on the list of withdrawn ones now.

    For each use of an identity that stays loaded. It costs microseconds: the list is kept, the hash of the
    weights remembered. Raises HubUnreachable when the list was never received and the operator's setting
    says refuse.
    """
    if hub is None and not os.environ.get(withdrawals.VARIABLE):
        return
    listed = (hub or Hub()).withdrawals(wait_s=0.5, local=not identity.repo)
    if not listed.entries:
        return
    try:
        digest = weights.sha256(identity.weights)
    except OSError as problem:
        raise BadIdentity(
            f"The weights of {identity.title} cannot be read ({problem.strerror}): mend that, then try again."
        ) from problem
    listed.check(identity.title, identity.repo, digest)


def _allowed(identity: Identity, hub: Hub | None) -> Identity:
    check_withdrawn(identity, hub)
    return identity


def _has_config(folder: pathlib.Path) -> bool:
    """Whether a folder holds a config.json, or may hold one that cannot be looked at."""
    try:
        return (folder / "config.json").is_file()
    except OSError:
        return True


def _entries(folder: pathlib.Path) -> list[pathlib.Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
