"""Where identities come from: the folders that ship with the project, those that FACEHUB_IDENTITIES names, and repositories of a hub.

`load` takes a short name, a folder, or `user/name[@revision]` of what was pulled. `Hub` is one hub as one person sees it: search, look, pull, push.
"""

import os
import pathlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from . import store
from .errors import BadIdentity, BadSetting, FaceHubError, UnknownIdentity
from .identity import NAME, Identity, read
from .listing import TAGS, Record, record
from .withdrawn import Withdrawals

if TYPE_CHECKING:
    from .client import Client
    from .fetching import Look
    from .publishing import Pushed

SHIPPED = pathlib.Path(__file__).parent.parent / "demo" / "identities"

VARIABLE = "FACEHUB_IDENTITIES"
"""Environment variable: folders, separated as in PATH; each is an identity or holds identities."""

CACHE = "FACEHUB_CACHE"
"""Environment variable: where pulled identities are kept; HF_HOME/facehub when not set."""

WITHDRAWN = "FACEHUB_WITHDRAWN"
"""Environment variable: the repository with the list of withdrawn identities, user/name[@revision]; none when not set."""

Progress = Callable[[int, int], None]
"""Called with the bytes that are through and the bytes that there are."""


@dataclass(frozen=True)
class Hub:
    """One hub, as the owner of one token sees it, with its cache. Cheap to make; nothing is asked until a method is called.

    Every method raises children of FaceHubError only: HubUnreachable (with `retry_after_s`), HubRefused, BadIdentity, Withdrawn, DiskFull, Stopped.
    """

    endpoint: str = ""
    """Address, as in HF_ENDPOINT, which is taken when it is empty; without that the public hub."""
    token: str | bool | None = field(default=None, repr=False)
    """None: the one of HF_TOKEN or `hf auth login`, if there is one and the endpoint is the usual one; False: none."""
    cache: str | os.PathLike = ""
    """Folder for what is pulled; FACEHUB_CACHE when empty."""
    withdrawn: str = ""
    """The repository that lists withdrawn identities; FACEHUB_WITHDRAWN when empty."""
    patience_s: float = 4.0
    """Silence after which the hub is asked what is wrong; a single answer may take two and a half times as long."""
    deadline_s: float = 60.0
    """Longest wait for one answer; transfers have time for their bytes besides."""

    def search(
        self,
        text: str = "",
        *,
        tags: Sequence[str] = (),
        author: str = "",
        sort: Literal["downloads", "likes", "last_modified", "trending_score"] = "downloads",
        limit: int = 30,
    ) -> list[Record]:
        """Identities on the hub, by tag (`facehub` and `per-identity`, and all of `tags`), text and author; withdrawn ones are left out."""
        withdrawals = self.withdrawals()
        found = [record(info) for info in self.client.listing([*TAGS, *tags], text, author, sort, limit)]
        return [one for one in found if store.REPO.fullmatch(one.repo) and store.COMMIT.fullmatch(one.revision) and not withdrawals.of(one.repo)]

    def look(self, name: str) -> "Look":
        """What can be known of `user/name[@revision]` without its weights: card, consent, metrics, files and their sizes."""
        from . import fetching

        return fetching.look(self, *self.split(name))

    def picture(self, repo: str, revision: str, name: str) -> pathlib.Path:
        """A sample picture of a record, fetched, checked and kept. Raises BadIdentity when it is none, or too large."""
        from . import fetching

        return fetching.picture(self, repo, revision, name)

    def pull(self, name: str, *, update: bool = False, progress: Progress | None = None, stop: threading.Event | None = None) -> Identity:
        """The identity `user/name[@revision]`, fetched and checked whole, or as it was pulled before.

        What was pulled stays at its commit and needs no network; `update` asks anew what the revision stands for. `stop`, once set, ends it with
        Stopped. What arrived is kept, and the next pull goes on there.
        """
        from . import fetching

        return fetching.pull(self.stoppable(stop), *self.split(name), update=update, progress=progress)

    def push(
        self,
        folder: str | os.PathLike,
        repo: str,
        *,
        private: bool = False,
        gated: bool = False,
        create_pr: bool = False,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> "Pushed":
        """Uploads an identity's folder in one commit, into a repository that is made if need be.

        `private` and `gated` close the repository before anything is in it; an identity on the basis `research` needs one of them. `create_pr`
        proposes the commit instead. The front matter of the folder's card is renewed first. Sent again after a failure, only what is missing goes.
        """
        from . import publishing

        return publishing.push(self.stoppable(stop), folder, repo, private=private, gated=gated, create_pr=create_pr, progress=progress)

    def check_push(self, repo: str, consent: dict[str, str], *, private: bool = False, gated: bool = False, create_pr: bool = False) -> None:
        """Raises what would stop a push before the folder is there: no token, one that may only read, consent that needs a closed repository."""
        from . import publishing

        publishing.check(self, repo, consent, private=private, gated=gated, create_pr=create_pr)

    def load(self, name: str) -> Identity:
        """What was pulled as `user/name[@revision]`, without a network. Raises UnknownIdentity when it was not."""
        from . import fetching

        return fetching.load(self, *self.split(name))

    def pulled(self) -> list[Identity]:
        """All that was pulled and can be read, one a pinned revision, by title."""
        from . import fetching

        found = []
        for name in self._pinned():
            try:
                found.append(fetching.load(self, *self.split(name)))
            except FaceHubError:
                continue
        return sorted({identity.handle: identity for identity in found}.values(), key=lambda identity: identity.title)

    def who(self) -> str | None:
        """The user name that belongs to the token; None when there is no token."""
        from . import publishing

        return publishing.who(self)

    def withdrawals(self, *, wait_s: float = 10.0) -> Withdrawals:
        """The list of withdrawn identities, asked for once an hour and kept in between; empty when no list is set.

        The one that was kept is taken when the hub does not give it within `wait_s`, and offline.
        """
        from . import fetching

        return fetching.withdrawals(self, wait_s)

    @cached_property
    def client(self) -> "Client":
        from .client import Client, usual_endpoint

        endpoint = (self.endpoint or usual_endpoint()).rstrip("/")
        if not endpoint.startswith(("https://", "http://")):
            raise BadSetting(f"{endpoint[:100]!r} is no address of a hub: write it as https://host.")
        token = False if self.token is None and endpoint != usual_endpoint().rstrip("/") else self.token
        return Client(endpoint, token, self.patience_s, self.deadline_s)

    @cached_property
    def place(self) -> pathlib.Path:
        """The cache's folder."""
        from .client import home

        return pathlib.Path(self.cache or os.environ.get(CACHE) or home() / "facehub")

    def stoppable(self, stop: threading.Event | None) -> "Hub":
        """The same hub, whose calls end with Stopped once `stop` is set."""
        hub = replace(self)
        hub.__dict__["client"] = replace(self.client, stop=stop)
        return hub

    def shelf(self, repo: str) -> store.Shelf:
        """The place of one repository in the cache."""
        return store.Shelf(self.place, self.client.host, repo)

    def _pinned(self) -> Iterator[str]:
        for shelf in store.shelves(self.place, self.client.host):
            try:
                lock = shelf.read()
            except BadIdentity:
                continue
            yield from (f"{shelf.repo}@{revision}" for revision in [*lock["pins"], *sorted(lock["commits"].keys() - set(lock["pins"].values()))])

    @staticmethod
    def split(name: str) -> tuple[str, str]:
        parts = store.split(name)
        if parts is None:
            raise UnknownIdentity(f"{name[:100]!r} is no identity on a hub: write it as user/name or user/name@revision.")
        return parts


def quiet() -> None:
    """Silences huggingface_hub's own progress bars and warnings, for the whole process."""
    from .client import quiet as silence

    silence()


def load(name_or_folder: str | os.PathLike, *, hub: Hub | None = None) -> Identity:
    """An identity by its short name, by its folder, or by `user/name[@revision]` when it was pulled.

    Raises UnknownIdentity, which lists the known ones, BadIdentity, or Withdrawn.
    """
    text = os.fspath(name_or_folder)
    if NAME.fullmatch(text) and not pathlib.Path(text, "config.json").is_file():
        for folder in folders():
            if folder.name == text:
                return _allowed(read(folder), hub)
        known = ", ".join(sorted(folder.name for folder in folders())) or "none"
        raise UnknownIdentity(f"No identity is called {text!r}: known are {known}; or give the path of an identity's folder.")
    if store.split(text) and not pathlib.Path(text).exists():
        return (hub or Hub()).load(text)
    return _allowed(read(text), hub)


def identities() -> list[Identity]:
    """All of the folders that can be read, by title. A broken folder is left out here; `broken` tells of it."""
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
            yield _allowed(read(folder), None)
        except BadIdentity as problem:
            yield problem


def _allowed(identity: Identity, hub: Hub | None) -> Identity:
    """The identity, unless its weights are those of a withdrawn one."""
    if hub is None and not os.environ.get(WITHDRAWN):
        return identity
    withdrawals = (hub or Hub()).withdrawals(wait_s=0.5)
    if withdrawals.entries:
        withdrawals.check(identity.title, sha256=store.sha256(identity.folder / "model.safetensors"))
    return identity
