"""From the hub to the cache: look, pictures, pull, load, and the list of the withdrawn.

A pull goes from cheap to costly, and stops at the first thing that is wrong: names, sizes and hashes of the listing; the small files; the header of
the weights; the weights; the samples. Nothing is loadable before all of it was checked, and what was pulled is checked against its lock at each load.
"""

import dataclasses
import errno
import logging
import os
import pathlib
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from . import image, manifest, store, weights, withdrawn
from .errors import BadIdentity, BadPhoto, BadSetting, DiskFull, FaceHubError, HubRefused, HubUnreachable, UnknownIdentity
from .identity import Identity, read, read_json
from .listing import Record, record
from .manifest import File

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

    from .hub import Hub, Progress

SAMPLE_MEGAPIXELS = 8.0
SPARE_BYTES = 20_000_000
"""Left free on the disk."""

ASK_AGAIN_S = 3600
"""The list of the withdrawn is not asked for more often."""

ACTIVE = re.compile(r"<\s*/?\s*(script|iframe|object|embed|style|link|meta|form|base|svg|math)\b|<[^>]*\son\w+\s*=|javascript\s*:", re.IGNORECASE)
"""What a card has no need of, and a page that shows it as HTML would run."""


@dataclass(frozen=True, slots=True)
class Look:
    """An identity before it is pulled; the weights are still on the hub."""

    record: Record
    files: tuple[tuple[str, int], ...]
    """Name and size in bytes of all that a pull fetches."""
    card: str
    """README.md: untrusted Markdown, to be shown as text."""
    consent: dict[str, str]
    """Empty when `closed`."""
    metrics: dict
    closed: str
    """Why the files cannot be read yet, as a sentence (gated access); empty when they can."""


def look(hub: "Hub", repo: str, revision: str) -> Look:
    """See `Hub.look`."""
    hub.withdrawals().check(repo, repo)
    found, files = _resolve(hub, repo, revision)
    listed = tuple((file.name, file.size) for file in files)
    with _writing(hub, repo):
        try:
            folder = _small(hub, repo, found.revision, files)
        except HubRefused as refusal:
            return Look(found, listed, "", {}, {}, str(refusal))
        identity = read(folder, complete=False)
    return Look(found, listed, identity.card, identity.consent, identity.metrics, "")


def picture(hub: "Hub", repo: str, revision: str, name: str) -> pathlib.Path:
    """See `Hub.picture`."""
    repo, revision = hub.split(f"{repo}@{revision}")
    shelf = hub.shelf(repo)
    if manifest.SAMPLE.fullmatch(name):
        commit = shelf.pinned(revision) or revision
        for folder in (shelf.whole(commit), shelf.part(commit)):
            if (folder / name).is_file():
                return folder / name
        found, files = _resolve(hub, repo, revision)
        for file in files:
            if file.name == name:
                with _writing(hub, repo):
                    return _get(hub, repo, found.revision, file)
    raise BadIdentity(f"{repo} has no sample picture {name[:80]!r}: take one of those it lists.")


def pull(hub: "Hub", repo: str, revision: str, *, update: bool, progress: "Progress | None") -> Identity:
    """See `Hub.pull`."""
    shelf = hub.shelf(repo)
    if not update and shelf.pinned(revision):
        return load(hub, repo, revision)
    if hub.client.offline():
        raise HubUnreachable(f"HF_HUB_OFFLINE is set, so {repo} cannot be asked for: unset it and pull again.")
    withdrawals = hub.withdrawals()
    withdrawals.check(repo, repo)
    found, files = _resolve(hub, repo, revision)
    commit = found.revision
    total = sum(file.size for file in files)
    with _writing(hub, repo):
        if shelf.pinned(commit) is None:
            _check_room(shelf.folder, total)
            part = _small(hub, repo, commit, files)
            described = read(part, complete=False)
            heavy = next(file for file in files if file.name == "model.safetensors")
            withdrawals.check(repo, sha256=heavy.sha256 or "")
            _check_header(hub, repo, commit, heavy, described.size)
            done = 0
            for file in files:
                _get(hub, repo, commit, file, partial(_tell, progress, done, total))
                done += file.size
                _tell(progress, done, total, 0)
            read(part).generator()
        shelf.keep(commit, revision)
    return load(hub, repo, revision)


def load(hub: "Hub", repo: str, revision: str) -> Identity:
    """See `Hub.load`."""
    shelf = hub.shelf(repo)
    commit = shelf.pinned(revision)
    if commit is None:
        at = "" if revision == "main" else f"@{revision}"
        raise UnknownIdentity(f"{repo}{at} is no folder here and was not pulled: run `python -m facehub pull {repo}{at}`.")
    hub.withdrawals(wait_s=0.5).check(repo, repo, shelf.read()["commits"][commit].get("model.safetensors", ""))
    return dataclasses.replace(read(shelf.verified(commit)), repo=repo, revision=commit)


def withdrawals(hub: "Hub", wait_s: float) -> withdrawn.Withdrawals:
    """See `Hub.withdrawals`."""
    name = hub.withdrawn or os.environ.get("FACEHUB_WITHDRAWN", "")
    if not name:
        return withdrawn.Withdrawals()
    parts = store.split(name)
    if parts is None:
        raise BadSetting(f"FACEHUB_WITHDRAWN says {name[:100]!r}, but it names a repository: write it as user/name.")
    shelf = hub.shelf(parts[0])
    kept, tried = withdrawn.kept(shelf.folder)
    if wait_s <= 0 or time.time() - tried < ASK_AGAIN_S or hub.client.offline():
        return kept
    try:
        client = dataclasses.replace(hub.client, deadline_s=min(wait_s, hub.deadline_s))
        info = client.info(*parts)
        file = next((s for s in info.siblings or [] if s.rfilename == withdrawn.NAME), None)
        if file is None or not 0 < (file.size or 0) <= withdrawn.MAX_BYTES:
            raise BadSetting(f"{parts[0]} holds no {withdrawn.NAME} of a sensible size: name another repository in FACEHUB_WITHDRAWN.")
        with hub.client.alone(shelf.guard):
            part = shelf.folder / ".withdrawn.part"
            part.unlink(missing_ok=True)
            client.fetch(parts[0], info.sha or "", withdrawn.NAME, part, file.size or 0)
            text = part.read_bytes()
        kept = withdrawn.Withdrawals(withdrawn.parse(text, parts[0]), time.time())
    except FaceHubError as problem:
        logging.getLogger("facehub").warning("The list of withdrawn identities could not be renewed: %s", problem)
    try:
        withdrawn.keep(shelf.folder, kept)
    except OSError as problem:
        logging.getLogger("facehub").warning("The list of withdrawn identities could not be kept: %s", problem)
    return kept


def _resolve(hub: "Hub", repo: str, revision: str) -> tuple[Record, list[File]]:
    """What the hub says of a repository at a revision, and the files to fetch, after the listing was found sound."""
    info = hub.client.info(repo, revision)
    commit = info.sha or ""
    if not store.COMMIT.fullmatch(commit) or (store.COMMIT.fullmatch(revision) and commit != revision):
        shown = f"{repo}@{revision[:12]} with commit {commit[:12]!r}"
        raise BadIdentity(f"{hub.client.host} answers for {shown}: a commit must not move, so nothing is taken; do not use that hub.")
    listed = [_file(sibling) for sibling in info.siblings or []]
    files = manifest.check(repo, listed)
    return record(info, size=sum(file.size for file in files)), files


def _file(sibling: "RepoSibling") -> File:
    size = sibling.size if type(sibling.size) is int else -1
    return File(sibling.rfilename, size, sibling.lfs.sha256 if sibling.lfs else None, None if sibling.lfs else sibling.blob_id)


def _small(hub: "Hub", repo: str, commit: str, files: list[File]) -> pathlib.Path:
    """Fetches and checks the JSON files and the card; returns the folder they lie in: of the unfinished pull, or of the finished one."""
    if hub.shelf(repo).pinned(commit):
        return hub.shelf(repo).whole(commit)
    for file in files:
        if file.name.endswith((".json", ".md")):
            _get(hub, repo, commit, file)
    part = hub.shelf(repo).part(commit)
    try:
        check_card(read(part, complete=False).card, repo)
        for name in manifest.OPTIONAL:
            if (part / name).exists():
                read_json(part, name)
    except BadIdentity as problem:
        raise BadIdentity(str(problem).replace(part.name, repo)) from problem
    return part


def _check_header(hub: "Hub", repo: str, commit: str, file: File, size_px: int) -> None:
    """Fetches only the beginning of the weights. Raises BadIdentity when they are not the network's."""
    if _finished(hub, repo, commit, file):
        return
    rest = _rest(hub, repo, commit, file)
    rest.parent.mkdir(parents=True, exist_ok=True)
    hub.client.fetch(repo, commit, file.name, rest, file.size, until=8 + weights.MAX_HEADER_BYTES)
    try:
        with open(rest, "rb") as opened:
            beginning = opened.read(8 + weights.MAX_HEADER_BYTES)
        weights.check_header(beginning, file.size, weights.shapes(size_px), f"{file.name} of {repo}")
    except BadIdentity:
        rest.unlink()
        raise


def _finished(hub: "Hub", repo: str, commit: str, file: File) -> bool:
    path = hub.shelf(repo).part(commit) / file.name
    return path.is_file() and not path.is_symlink() and file.matches(path)


def _rest(hub: "Hub", repo: str, commit: str, file: File) -> pathlib.Path:
    """What is there of a file that is not finished."""
    return hub.shelf(repo).folder / f".{commit}.{file.name.replace('/', '-')}.rest"


def _get(hub: "Hub", repo: str, commit: str, file: File, tell: Callable[[int], object] = id) -> pathlib.Path:
    """One file in the folder of the unfinished pull, with the hash that was listed, and a picture if it is to be one."""
    path, rest = hub.shelf(repo).part(commit) / file.name, _rest(hub, repo, commit, file)
    if _finished(hub, repo, commit, file):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    hub.client.fetch(repo, commit, file.name, rest, file.size, tell=tell)
    if not file.matches(rest):
        rest.unlink(missing_ok=True)
        listed = f"what {hub.client.host} listed (its hash differs)"
        raise BadIdentity(f"{file.name} of {repo} is not {listed}: pull again, and if it stays so, do not use it.")
    if manifest.SAMPLE.fullmatch(file.name):
        try:
            check_picture(rest, repo)
        except BadIdentity:
            rest.unlink()
            raise
    os.replace(rest, path)
    return path


def check_card(card: str, repo: str) -> None:
    """Raises BadIdentity when a card holds what a browser could run."""
    if active := ACTIVE.search(card):
        raise BadIdentity(f"README.md of {repo} holds {active[0][:40]!r}, which a browser could run: ask its owner for a card of plain Markdown.")


def check_picture(path: pathlib.Path, repo: str) -> pathlib.Path:
    """The path of a sample that was seen to be a PNG of a size to look at. Raises BadIdentity otherwise."""
    try:
        if not path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n"):
            raise BadIdentity(f"A sample picture of {repo} is no PNG file: ask its owner to mend it.")
        image.read(path, max_megapixels=SAMPLE_MEGAPIXELS)
    except BadPhoto as problem:
        raise BadIdentity(f"A sample picture of {repo} cannot be shown. {problem}") from problem
    return path


@contextmanager
def _writing(hub: "Hub", repo: str) -> Iterator[None]:
    """The repository's place in the cache, for this process and thread alone."""
    shelf = hub.shelf(repo)
    try:
        with hub.client.alone(shelf.guard):
            yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(f"The disk of {shelf.folder} is full: make room, then try again; what is whole is kept.") from problem
        raise FaceHubError(f"{shelf.folder} cannot be written ({problem.strerror or problem}): name another folder in FACEHUB_CACHE.") from problem


def _tell(progress: "Progress | None", before: int, total: int, now: int) -> None:
    if progress:
        progress(before + now, total)


def _check_room(folder: pathlib.Path, size: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if free < size + SPARE_BYTES:
        needed = (size + SPARE_BYTES) / 1e6
        raise DiskFull(f"There are {free / 1e6:,.0f} MB free for {folder}, but {needed:,.0f} are needed: make room, then pull again.")
