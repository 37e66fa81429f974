"""From the hub to the cache: details, pictures, pull and load.

A pull goes from cheap to costly, and stops at the first thing that is wrong: names, sizes and hashes of the
listing; the small files; the header of the weights; the weights; the samples. Nothing can be loaded before
all of it was checked, and what was pulled is compared with its lock file at each load.
"""

import dataclasses
import os
import pathlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

from ..errors import BadIdentity, HubRefused, HubUnreachable, UnknownIdentity
from ..identity import weights
from ..identity.folder import Identity, read, read_json
from . import allowed_files, cache, transfer
from .active_content import check_card
from .allowed_files import File, check_picture, listed_file
from .listing import HubEntry, entry
from .session import Session
from .watchdog import Progress


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit of a repository on the hub, after its listing was checked, and its place in the cache."""

    session: Session
    repo: str
    """As it was asked for."""
    entry: HubEntry
    files: list[File]

    @property
    def oid(self) -> str:
        return self.entry.revision

    @property
    def public(self) -> bool:
        """Whether everybody may read it."""
        return not (self.entry.private or self.entry.gated)

    @property
    def cached(self) -> cache.CachedRepo:
        return self.session.cached_repo(self.repo)

    @property
    def part(self) -> pathlib.Path:
        """The folder of the unfinished pull."""
        return self.cached.partial_path(self.oid, public=self.public)

    def rest(self, file: File) -> pathlib.Path:
        """Where the bytes of an unfinished file lie."""
        return self.part.with_name(
            f"{self.part.name.removesuffix('.part')}.{file.name.replace('/', '-')}.rest"
        )


@dataclass(frozen=True, slots=True)
class RemoteIdentity:
    """An identity before it is pulled; the weights are still on the hub."""

    entry: HubEntry
    files: tuple[tuple[str, int], ...]
    """Name and size in bytes of each file that a pull fetches."""
    card: str
    """README.md: untrusted Markdown, to be shown as plain text."""
    consent: dict[str, str]
    """Empty when `closed`."""
    metrics: dict
    closed: str
    """Why the files cannot be read yet, as a sentence (gated access); empty when they can."""


def details(session: Session, repo: str, revision: str) -> RemoteIdentity:
    """See `Hub.details`."""
    found = _resolve(session, repo, revision)
    listed = tuple((file.name, file.size) for file in found.files)
    with _writing(session, repo):
        try:
            folder = _small(found)
        except HubRefused as refusal:
            return RemoteIdentity(found.entry, listed, "", {}, {}, str(refusal))
        identity = read(folder, complete=False)
    return RemoteIdentity(found.entry, listed, identity.card, identity.consent, identity.metrics, "")


def picture(session: Session, repo: str, revision: str, name: str) -> pathlib.Path:
    """See `Hub.picture`."""
    repo, revision = cache.parse_name(f"{repo}@{revision}")
    session.withdrawals(wait_s=0.5).check(repo, repo)
    if allowed_files.SAMPLE.fullmatch(name):
        if known := _known_picture(session.cached_repo(repo), revision, name):
            return known
        found = _resolve(session, repo, revision)
        for file in found.files:
            if file.name == name:
                with _writing(session, repo):
                    return _get(found, file)
    raise BadIdentity(f"{repo} has no sample picture {name[:80]!r}: take one of those it lists.")


def pull(session: Session, repo: str, revision: str, *, update: bool, progress: Progress | None) -> Identity:
    """See `Hub.pull`."""
    cached = session.cached_repo(repo)
    if not update and cached.pinned(revision):
        return load(session, repo, revision)
    if session.client.offline():
        raise HubUnreachable(
            f"HF_HUB_OFFLINE is set, so {repo} cannot be asked for: unset it and pull again."
        )
    found = _resolve(session, repo, revision)
    commit, total = found.oid, sum(file.size for file in found.files)
    with _writing(session, repo):
        if cached.pinned(commit) is None:
            cache.check_room(cached.folder, total)
            part = _small(found)
            _check_header(found, read(part, complete=False))
            done = 0
            for file in found.files:
                _get(found, file, partial(_report, progress, done, total))
                done += file.size
                _report(progress, done, total, 0)
            read(part).generator()
        cached.commit(found.part, commit, revision, named=found.entry.repo, public=found.public)
    return load(session, repo, revision)


def load(session: Session, repo: str, revision: str) -> Identity:
    """See `Hub.load`."""
    cached = session.cached_repo(repo)
    commit = cached.pinned(revision)
    if commit is None:
        at = "" if revision == "main" else f"@{revision}"
        raise UnknownIdentity(
            f"{repo}{at} is no folder here and was not pulled: run `python -m facehub pull {repo}{at}`."
        )
    record, withdrawals = cached.commit_record(commit), session.withdrawals(wait_s=0.5)
    withdrawals.check(repo, repo, record.files.get("model.safetensors", ""))
    withdrawals.check(repo, record.repo)
    return dataclasses.replace(read(cached.verified_path(commit)), repo=repo, revision=commit)


def _resolve(session: Session, repo: str, revision: str) -> Commit:
    """The commit that a revision stands for, after its listing and the withdrawn list were checked.

    The hub may answer with another name than was asked for: the repository was renamed.
    """
    withdrawals = session.withdrawals()
    withdrawals.check(repo, repo)
    info = session.client.info(repo, revision)
    withdrawals.check(repo, info.id)
    oid = info.sha or ""
    if not cache.may_stand_for(oid, revision):
        shown = f"{repo}@{revision[:12]} with commit {oid[:12]!r}"
        raise BadIdentity(
            f"{session.client.host} answers for {shown}: a commit must not move, so nothing is taken; "
            "do not use that hub."
        )
    files = allowed_files.check(repo, map(listed_file, info.siblings or []))
    for file in files:
        if file.name == "model.safetensors":
            withdrawals.check(repo, sha256=file.sha256 or "")
    return Commit(session, repo, entry(info, size=sum(file.size for file in files)), files)


def _known_picture(cached: cache.CachedRepo, revision: str, name: str) -> pathlib.Path | None:
    """A sample picture that is here already, and that this token may see."""
    pinned = cached.pinned(revision)
    commit = pinned or revision
    if not cache.COMMIT.fullmatch(commit):
        return None
    folders = [cached.path(commit)] if pinned else []
    folders += [cached.partial_path(commit, public=public) for public in (True, False)]
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def _small(commit: Commit) -> pathlib.Path:
    """Fetch and check the JSON files and the card. Returns their folder: of the unfinished pull, or of a
    finished one."""
    if commit.cached.pinned(commit.oid):
        return commit.cached.path(commit.oid)
    for file in commit.files:
        if file.name.endswith((".json", ".md")):
            _get(commit, file)
    try:
        check_card(read(commit.part, complete=False).card, commit.repo)
        for name in allowed_files.OPTIONAL:
            if (commit.part / name).exists():
                read_json(commit.part, name)
    except BadIdentity as problem:
        raise BadIdentity(str(problem).replace(commit.part.name, commit.repo)) from problem
    return commit.part


def _check_header(commit: Commit, described: Identity) -> None:
    """Fetch only the beginning of the weights. Raises BadIdentity when they are not the described
    network's."""
    file = next(file for file in commit.files if file.name == "model.safetensors")
    if _is_finished(commit, file):
        return
    rest, end = commit.rest(file), 8 + weights.MAX_HEADER_BYTES
    rest.parent.mkdir(parents=True, exist_ok=True)
    transfer.fetch(commit.session.client, commit.repo, commit.oid, file.name, rest, file.size, until=end)
    try:
        with open(rest, "rb") as opened:
            beginning = opened.read(end)
        wanted = weights.shapes(described.size, described.network)
        weights.check_header(beginning, file.size, wanted, f"{file.name} of {commit.repo}")
    except BadIdentity:
        rest.unlink()
        raise


def _is_finished(commit: Commit, file: File) -> bool:
    path = commit.part / file.name
    return path.is_file() and not path.is_symlink() and file.matches(path.read_bytes())


def _get(commit: Commit, file: File, on_progress: Callable[[int], object] = id) -> pathlib.Path:
    """One file in the folder of the unfinished pull, if it has the hash that was listed, and a sample is a
    picture."""
    path, rest, client = commit.part / file.name, commit.rest(file), commit.session.client
    if _is_finished(commit, file):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    transfer.fetch(client, commit.repo, commit.oid, file.name, rest, file.size, on_progress=on_progress)
    if not file.matches(rest.read_bytes()):
        rest.unlink(missing_ok=True)
        listed = f"what {client.host} listed (its hash differs)"
        raise BadIdentity(
            f"{file.name} of {commit.repo} is not {listed}: pull again, and if it stays so, do not use it."
        )
    if allowed_files.SAMPLE.fullmatch(file.name):
        try:
            check_picture(rest, commit.repo)
        except BadIdentity:
            rest.unlink()
            raise
    os.replace(rest, path)
    return path


@contextmanager
def _writing(session: Session, repo: str) -> Iterator[None]:
    """Hold the repository's folder in the cache for this process and thread alone."""
    cached = session.cached_repo(repo)
    with cache.disk_errors(cached.folder), session.client.lock(cached.lock_file):
        yield


def _report(progress: Progress | None, before: int, total: int, now: int) -> None:
    if progress:
        progress(before + now, total)
