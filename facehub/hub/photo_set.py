"""Photos of other people from a dataset repository on a hub: `hub:user/dataset[@revision]`.

    CACHE/HOST/datasets--user--name/COMMIT/      the pictures, in the repository's folders
    CACHE/HOST/datasets--user--name/COMMIT.json  size of each, once all are there
    CACHE/HOST/datasets--user--name/pins.json    {"main": commit}

Only picture files are fetched, each by the hash that the hub lists; tables, scripts and texts stay where they
are. What arrived is kept, and the next pull goes on from there.
"""

import os
import pathlib
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial

from ..errors import BadSetting, HubUnreachable
from ..formats import READ_SUFFIXES
from ..identity.folder import read_json
from . import cache, transfer
from .allowed_files import File, leads_out, listed_file
from .cache import check_room, disk_errors
from .session import Session

PREFIX = "hub:"
"""Begins the name of a photo set, which could be a folder's name otherwise."""

MAX_PHOTOS = 20_000
"""More are refused: a photo is looked at in 0.05 s or more."""

MAX_PHOTO_BYTES = 25_000_000

CONNECTIONS = 8
"""Photos are small: most of the time goes into waiting for the hub."""

Progress = Callable[[int, int], object]
"""Called with the number of photos that are there, and of all."""


@dataclass(frozen=True, slots=True)
class PhotoSet:
    """The photos of one commit, in the cache."""

    repo: str
    commit: str
    folder: pathlib.Path


def parse_name(name: str) -> tuple[str, str]:
    """Repository and revision of `hub:user/dataset[@revision]`, `main` when none is given.

    Raises BadSetting when it is no such name.
    """
    parts = cache.split(name.removeprefix(PREFIX))
    if parts is None:
        raise BadSetting(
            f"{name[:100]!r} is no dataset on a hub: write it as hub:user/dataset or "
            "hub:user/dataset@revision."
        )
    return parts


def pull(
    session: Session, name: str, *, offline: bool = False, on_progress: Progress = lambda done, total: None
) -> PhotoSet:
    """The photos of `hub:user/dataset[@revision]`, fetched where they are not in the cache.

    Offline the commit that the revision stood for last is used. Raises BadSetting when the repository holds
    no photos or lists what must not be there, HubUnreachable, HubRefused, DiskFull.
    """
    repo, revision = parse_name(name)
    folder = cache.CachedRepo(session.cache_dir, session.client.host, f"datasets/{repo}").folder
    if offline or session.client.offline():
        return _kept(repo, revision, folder)
    info = session.client.dataset(repo, revision)
    commit = info.sha or ""
    if not cache.may_stand_for(commit, revision):
        raise BadSetting(
            f"{session.client.host} answers for {repo}@{revision[:12]} with commit {commit[:12]!r}: a commit "
            "must not move, so nothing is taken; do not use that hub."
        )
    files = photos_in(repo, map(listed_file, info.siblings or []))
    with disk_errors(folder), session.client.lock(folder / ".lock"):
        place, missing = folder / commit, []
        for file in files:
            path = place / file.name
            if not (path.is_file() and not path.is_symlink() and path.stat().st_size == file.size):
                missing.append(file)
        check_room(folder, sum(file.size for file in missing))
        present = len(files) - len(missing)
        on_progress(present, len(files))
        with ThreadPoolExecutor(CONNECTIONS) as pool:
            fetch = partial(_fetch, session, repo, commit)
            waiting = [pool.submit(fetch, file, place / file.name) for file in missing]
            try:
                for number, done in enumerate(as_completed(waiting), 1):
                    done.result()
                    on_progress(present + number, len(files))
            finally:
                pool.shutdown(cancel_futures=True)
        cache.write(folder / f"{commit}.json", {file.name: file.size for file in files})
        cache.write(folder / "pins.json", {**_pins(folder), revision: commit})
    return PhotoSet(repo, commit, place)


def photos_in(repo: str, files: Iterable[File]) -> list[File]:
    """The photos of a listing, by name. Raises BadSetting when there are none, or one cannot be taken."""
    chosen: dict[str, File] = {}
    for file in files:
        shown = repr(file.name[:80])
        if leads_out(file.name):
            raise BadSetting(
                f"{repo} lists {shown}, a name that leads out of its folder: do not use it, and tell the hub."
            )
        if not file.name.lower().endswith(READ_SUFFIXES) or file.name.startswith("."):
            continue
        if not 0 < file.size <= MAX_PHOTO_BYTES:
            raise BadSetting(
                f"{shown} of {repo} has {file.size:,} bytes, but a photo has 1 to {MAX_PHOTO_BYTES:,}: take "
                "another dataset."
            )
        if not file.has_hash():
            raise BadSetting(
                f"{repo} gives no hash for {shown}: what is downloaded could not be checked, so it is not."
            )
        chosen[file.name] = file
    if not chosen:
        raise BadSetting(
            f"{repo} holds no picture files ({', '.join(READ_SUFFIXES)}): take a dataset of single photos; "
            "tables of pictures (Parquet) are not read."
        )
    if len(chosen) > MAX_PHOTOS:
        raise BadSetting(
            f"{repo} holds {len(chosen):,} photos, but at most {MAX_PHOTOS:,} are taken: name a smaller one."
        )
    return [chosen[name] for name in sorted(chosen)]


def _kept(repo: str, revision: str, folder: pathlib.Path) -> PhotoSet:
    """The photos that were pulled before. Raises HubUnreachable when they were not."""
    commit = _pins(folder).get(revision, revision)
    if not cache.COMMIT.fullmatch(commit) or not (folder / f"{commit}.json").is_file():
        raise HubUnreachable(
            f"The photos of {repo} are not here, and nothing may be fetched: run it once with the hub at "
            "hand, or give a folder of photos."
        )
    return PhotoSet(repo, commit, folder / commit)


def _pins(folder: pathlib.Path) -> dict[str, str]:
    if not (folder / "pins.json").is_file():
        return {}
    return {name: str(commit) for name, commit in read_json(folder, "pins.json").items()}


def _fetch(session: Session, repo: str, commit: str, file: File, path: pathlib.Path) -> None:
    """One photo, if it has the hash that was listed."""
    rest = path.with_name(f".{path.name}.rest")
    path.parent.mkdir(parents=True, exist_ok=True)
    transfer.fetch(session.client, repo, commit, file.name, rest, file.size, kind="dataset")
    if not file.matches(rest.read_bytes()):
        rest.unlink(missing_ok=True)
        raise BadSetting(
            f"{file.name[:80]!r} of {repo} is not what {session.client.host} listed (its hash differs): try "
            "again, and if it stays so, do not use it."
        )
    os.replace(rest, path)
