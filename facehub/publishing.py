"""From a folder to the hub, in one commit. Who may read the repository is settled before anything is in it; an empty one is in no listing."""

import os
import pathlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import card, manifest, store
from .errors import BadIdentity, BadSetting, FaceHubError, HubRefused
from .fetching import check_card, check_picture
from .identity import Identity, read
from .provenance import VERSION

if TYPE_CHECKING:
    from huggingface_hub import ModelInfo

    from .hub import Hub, Progress


@dataclass(frozen=True, slots=True)
class Pushed:
    """What came of a push."""

    repo: str
    commit: str
    """40 hexadecimal digits."""
    url: str
    """Where people see it."""
    pr_url: str
    """Where the proposal is discussed; empty unless one was made."""
    unchanged: bool
    """The hub already held just this."""


def push(
    hub: "Hub",
    folder: str | os.PathLike,
    repo: str,
    *,
    private: bool,
    gated: bool,
    create_pr: bool,
    progress: "Progress | None",
) -> Pushed:
    """See `Hub.push`."""
    identity = read(folder)
    identity.generator()
    check_card(identity.card, identity.folder.name)
    for path in identity.samples:
        check_picture(path, identity.folder.name)
    hub.withdrawals().check(identity.title, repo, store.sha256(identity.folder / "model.safetensors"))
    info = check(hub, repo, identity.consent, private=private, gated=gated, create_pr=create_pr)
    if info is None:
        hub.client.create(repo, private)
        info = hub.client.info(repo)
    if (private and not info.private) or (gated and not info.gated):
        hub.client.close_to(repo, private=private and not info.private, gated=gated and not info.gated)
        info = hub.client.info(repo)
        if (private and not info.private) or (gated and not info.gated):
            raise HubRefused(f"{hub.client.host} did not close {repo} as asked: nothing was pushed; close it in its settings, then push again.")
    _renew(identity, f"{hub.client.endpoint}/{repo}/blob/main/consent.json")
    add, remove = _difference(identity.folder, repo, info)
    total = sum(path.stat().st_size for path in add.values())
    tell = (lambda done: progress(min(done, total), total)) if progress else (lambda _: None)
    parent = info.sha or ""
    message = f"{identity.title}, by facehub {VERSION}"
    made = hub.client.commit(repo, add, remove, message=message, parent=parent, create_pr=create_pr, tell=tell)
    if progress:
        progress(total, total)
    return Pushed(repo, made.oid, f"{hub.client.endpoint}/{repo}", made.pr_url or "", made.oid == parent)


def check(hub: "Hub", repo: str, consent: dict[str, str], *, private: bool, gated: bool, create_pr: bool) -> "ModelInfo | None":
    """See `Hub.check_push`; returns the repository as it is now, None when it is yet to be made."""
    host = hub.client.host
    if (parts := store.split(repo)) is None or parts != (repo, "main"):
        raise BadSetting(f"{repo[:100]!r} cannot name a repository: write it as user/name.")
    if create_pr and (private or gated):
        raise BadSetting("A proposal cannot change who may read the repository: leave out --private and --gated, or --create-pr.")
    if not hub.client.has_token():
        raise HubRefused(f"Nobody is logged in to {host}: run `hf auth login`, or set HF_TOKEN to a token that may write.")
    if hub.client.who().get("auth", {}).get("accessToken", {}).get("role") == "read":
        raise HubRefused(f"The token may only read: make one at {hub.client.endpoint}/settings/tokens that may write, or log in with it.")
    info = hub.client.find(repo)
    closed = private or gated or (info is not None and bool(info.private or info.gated))
    if consent["basis"] == "research" and not closed:
        raise HubRefused(f"The consent record says research only: push {repo} with --private, or with --gated to grant access one by one.")
    if info is None and create_pr:
        raise HubRefused(f"{repo} is not on {host}, or is private: there is nothing to propose to, so push without --create-pr.")
    return info


def who(hub: "Hub") -> str | None:
    """See `Hub.who`."""
    return str(hub.client.who()["name"]) if hub.client.has_token() else None


def _renew(identity: Identity, link: str) -> None:
    """The card's front matter, by which the hub finds an identity, says what its records say."""
    folder = identity.folder
    try:
        records = {"title": identity.title, "size": identity.size, "consent": identity.consent, "metrics": identity.metrics}
        card.renew(folder, **records, licence_link=link)
    except OSError as problem:
        raise FaceHubError(f"The card in {folder} cannot be renewed ({problem.strerror}): copy the folder to where you may write.") from problem


def _difference(folder: pathlib.Path, repo: str, info: "ModelInfo") -> tuple[dict[str, pathlib.Path], list[str]]:
    """What makes the repository equal to the folder: files to add, by name, and names to remove."""
    add = {name: path for path in sorted(folder.rglob("*")) if path.is_file() and manifest.wanted(name := path.relative_to(folder).as_posix())}
    there = [sibling.rfilename for sibling in info.siblings or []]
    if strange := [name for name in there if not manifest.wanted(name) and name not in manifest.IGNORED]:
        raise BadIdentity(f"{repo} holds {strange[0][:80]!r}, which is no part of an identity: delete it on the hub, or push to another repository.")
    return add, [name for name in there if manifest.wanted(name) and name not in add]
