"""From a folder to the hub, in one commit.

Who may read the repository is settled before anything is in it, and read back afterwards; an empty
repository is in no listing. What is sent is a private copy of the folder's files, the very bytes that were
checked (snapshot.py).
"""

import os
import pathlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import BadIdentity, BadSetting, FaceHubError, HubRefused
from ..files import sha256_of, write_atomic
from ..identity import card
from ..identity.folder import Identity, read, read_json
from ..marks.origin import VERSION
from . import allowed_files, cache
from .active_content import check_card
from .allowed_files import check_picture
from .session import Session
from .snapshot import snapshot
from .watchdog import Progress

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo


@dataclass(frozen=True, slots=True)
class Pushed:
    """The result of a push."""

    repo: str
    commit: str
    """40 hexadecimal digits."""
    url: str
    """The repository's page."""
    pr_url: str
    """The proposal's page; empty unless one was made."""
    unchanged: bool
    """The hub already held exactly this."""


def push(
    session: Session,
    folder: str | os.PathLike,
    repo: str,
    *,
    private: bool,
    gated: bool,
    create_pr: bool,
    progress: Progress | None,
) -> Pushed:
    """See `Hub.push`."""
    folder = pathlib.Path(folder)
    with snapshot(folder) as copy:
        identity = _checked(copy, f"{session.client.endpoint}/{repo}/blob/main/consent.json")
        withdrawals = session.withdrawals()
        withdrawals.check(identity.title, repo, sha256_of(identity.weights))
        info = check(session, repo, identity.consent, private=private, gated=gated, create_pr=create_pr)
        if info is None:
            session.client.create(repo, private)
            info = session.client.info(repo)
        withdrawals.check(repo, info.id)
        info = _restricted(session, repo, info, private, gated)
        _copy_card(copy, folder)
        add, remove = _difference(copy, repo, info)
        total = sum(path.stat().st_size for path in add.values())
        parent = info.sha or ""
        made = session.client.commit(
            repo,
            add,
            remove,
            message=f"{identity.title}, by facehub {VERSION}",
            parent=parent,
            create_pr=create_pr,
            on_progress=(lambda done: progress(done, total)) if progress else lambda _: None,
        )
        if identity.consent["basis"] == "research" or private or gated:
            _check_still_closed(session, repo, private=private, gated=gated)
    return Pushed(repo, made.oid, f"{session.client.endpoint}/{repo}", made.pr_url or "", made.oid == parent)


def check(
    session: Session, repo: str, consent: dict[str, str], *, private: bool, gated: bool, create_pr: bool
) -> "ModelInfo | None":
    """See `Hub.check_push`. Returns the repository as it is now, None when there is none yet."""
    host = session.client.host
    if (parts := cache.split(repo)) is None or parts != (repo, "main"):
        raise BadSetting(f"{repo[:100]!r} cannot name a repository: write it as user/name.")
    if create_pr and (private or gated):
        raise BadSetting(
            "A proposal cannot change who may read the repository: "
            "leave out --private and --gated, or --create-pr."
        )
    if not session.client.has_token():
        raise HubRefused(
            f"Nobody is logged in to {host}: run `hf auth login`, or set HF_TOKEN to a token that may write."
        )
    if _role(session.client.whoami()) == "read":
        raise HubRefused(
            f"The token may only read: make one at {session.client.endpoint}/settings/tokens that may write, "
            "or log in with it."
        )
    info = session.client.find(repo)
    closed = private or gated or (info is not None and _is_closed(info))
    if consent["basis"] == "research" and not closed:
        auto = ", because its gate opens by itself" if info is not None and info.gated else ""
        raise HubRefused(
            f"The consent record says research only: push {repo} with --private, or with --gated to grant "
            "access "
            f"one by one{auto}."
        )
    if info is None and create_pr:
        raise HubRefused(
            f"{repo} is not on {host}, or is private: there is nothing to propose to, "
            "so push without --create-pr."
        )
    return info


def _checked(folder: pathlib.Path, licence_link: str) -> Identity:
    """The identity in a private copy, after all that a pull would check; its card gets the front matter of
    today."""
    identity = read(folder)
    identity.generator()
    for path in identity.samples:
        check_picture(path, folder.name)
    for name in allowed_files.OPTIONAL:
        if (folder / name).exists():
            read_json(folder, name)
    card.update_front_matter(
        folder,
        title=identity.title,
        size=identity.size,
        consent=identity.consent,
        metrics=identity.metrics,
        licence_link=licence_link,
    )
    check_card((folder / "README.md").read_text(encoding="utf-8"), folder.name)
    return identity


def _role(answer: dict) -> object:
    """What a token may do, in the answer to whoami; None where it does not say."""
    for key in ("auth", "accessToken"):
        answer = answer.get(key) or {}
        if not isinstance(answer, dict):
            return None
    return answer.get("role")


def _is_closed(info: "ModelInfo") -> bool:
    """Whether only people whom the owner chose may read a repository. A gate that opens by itself does not
    count."""
    return bool(info.private) or info.gated == "manual"


def _is_as_asked(info: "ModelInfo", private: bool, gated: bool) -> bool:
    return (bool(info.private) or not private) and (info.gated == "manual" or not gated)


def _restricted(session: Session, repo: str, info: "ModelInfo", private: bool, gated: bool) -> "ModelInfo":
    """The repository after its access was narrowed as asked. Raises HubRefused when the hub did not do it."""
    if _is_as_asked(info, private, gated):
        return info
    session.client.restrict(
        repo, private=private and not info.private, gated=gated and info.gated != "manual"
    )
    info = session.client.info(repo)
    if not _is_as_asked(info, private, gated):
        raise HubRefused(
            f"{session.client.host} did not close {repo} as asked: nothing was pushed; close it in its "
            "settings, "
            "then push again."
        )
    return info


def _check_still_closed(session: Session, repo: str, *, private: bool, gated: bool) -> None:
    """Read back who may read the repository after the commit; make it private if it was opened meanwhile.

    Raises HubRefused when it was, which says what became of it.
    """
    info = session.client.info(repo)
    if _is_closed(info) and _is_as_asked(info, private, gated):
        return
    opened = f"{repo} was opened on {session.client.host} while it was being pushed"
    try:
        session.client.restrict(repo, private=True, gated=False)
        closed = bool(session.client.info(repo).private)
    except FaceHubError as problem:
        raise HubRefused(
            f"{opened}, and could not be closed: make it private in its settings now."
        ) from problem
    if not closed:
        raise HubRefused(f"{opened}, and could not be closed: make it private in its settings now.")
    raise HubRefused(
        f"{opened}: it was made private; see in its settings who may read it before you open it."
    )


def _copy_card(copy: pathlib.Path, folder: pathlib.Path) -> None:
    """The card as it is pushed also replaces the one in the folder."""
    new, file = (copy / "README.md").read_bytes(), folder / "README.md"
    try:
        if new != file.read_bytes():
            write_atomic(file, new)
    except OSError as problem:
        raise FaceHubError(
            f"The card in {folder} cannot be renewed ({problem.strerror}): copy the folder to where you may "
            "write."
        ) from problem


def _difference(
    folder: pathlib.Path, repo: str, info: "ModelInfo"
) -> tuple[dict[str, pathlib.Path], list[str]]:
    """Changes that make the repository equal to the copy: files to add, by name, and names to remove."""
    add = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    there = [sibling.rfilename for sibling in info.siblings or []]
    if strange := [
        name for name in there if not allowed_files.is_allowed(name) and name not in allowed_files.IGNORED
    ]:
        raise BadIdentity(
            f"{repo} holds {strange[0][:80]!r}, which is no part of an identity: "
            "delete it on the hub, or push to another repository."
        )
    return add, [name for name in there if allowed_files.is_allowed(name) and name not in add]
