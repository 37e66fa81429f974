"""`Hub`: one hub as one person sees it. Search, details, pull, push.

The work is done in download.py, upload.py and photo_set.py. They load huggingface_hub, so they are imported
at the first call.
"""

import logging
import os
import pathlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from ..errors import FaceHubError
from ..identity.folder import Identity
from ..text import one_line
from . import cache
from .listing import TAGS, HubEntry, entry
from .watchdog import Progress
from .withdrawals import Withdrawals

if TYPE_CHECKING:
    from .download import RemoteIdentity
    from .photo_set import PhotoSet
    from .session import Session
    from .upload import Pushed

log = logging.getLogger("facehub")


@dataclass(frozen=True)
class Hub:
    """One hub, as the owner of one token sees it, with its cache. The first method that is called opens it.

    Every method raises children of FaceHubError only: HubUnreachable (with `retry_after_s`), HubRefused,
    BadIdentity, Withdrawn, DiskFull, Stopped.
    """

    endpoint: str = ""
    """Address of the hub. Empty: HF_ENDPOINT, or the public hub."""
    token: str | bool | None = field(default=None, repr=False)
    """None: that of HF_TOKEN or `hf auth login`, if the endpoint is the usual one. False: none."""
    cache: str | os.PathLike = ""
    """Folder for pulled identities. Empty: FACEHUB_CACHE."""
    withdrawn: str = ""
    """Repository with the list of withdrawn identities. Empty: FACEHUB_WITHDRAWN."""
    withdrawn_unavailable: Literal["", "refuse", "allow"] = ""
    """What to do when that list was never received. Empty: FACEHUB_WITHDRAWN_UNAVAILABLE; not set: refuse."""
    patience_s: float = 4.0
    """Silence after which the hub is probed; one answer may take two and a half times as long."""
    deadline_s: float = 60.0
    """Longest wait for one answer. Transfers get extra time for their bytes."""

    @cached_property
    def session(self) -> "Session":
        """Client and cache, opened on first use. Raises BadSetting when the endpoint is no address."""
        from .session import open_session

        return open_session(
            self.endpoint,
            self.token,
            self.cache,
            self.withdrawn,
            patience_s=self.patience_s,
            deadline_s=self.deadline_s,
            unavailable=self.withdrawn_unavailable,
        )

    def search(
        self,
        text: str = "",
        *,
        tags: Sequence[str] = (),
        author: str = "",
        sort: Literal["downloads", "likes", "last_modified", "trending_score"] = "downloads",
        limit: int = 30,
    ) -> list[HubEntry]:
        """Identities on the hub that match the text, the author and all tags. Withdrawn ones are left out."""
        from . import search

        withdrawals = self.withdrawals()
        listed = search.listing(self.session.client, [*TAGS, *tags], text, author, sort, limit)
        return [
            one
            for one in map(entry, listed)
            if cache.REPO.fullmatch(one.repo)
            and cache.COMMIT.fullmatch(one.revision)
            and not withdrawals.find(one.repo)
        ]

    def details(self, name: str) -> "RemoteIdentity":
        """Card, consent, metrics, files and sizes of `user/name[@revision]`, without its weights."""
        from . import download

        return download.details(self.session, *cache.parse_name(name))

    def picture(self, repo: str, revision: str, name: str) -> pathlib.Path:
        """Fetch, check and cache one sample picture. Raises BadIdentity when it is no picture or too
        large."""
        from . import download

        return download.picture(self.session, repo, revision, name)

    def pull(
        self,
        name: str,
        *,
        update: bool = False,
        progress: Progress | None = None,
        stop: threading.Event | None = None,
    ) -> Identity:
        """Fetch and check the identity `user/name[@revision]`, or load it as it was pulled before.

        A pulled identity stays at its commit and needs no network; `update` resolves the revision again.
        `stop`, once set, ends the pull with Stopped. Bytes that arrived are kept, and the next pull resumes.
        """
        from . import download

        session = self.session.with_stop(stop)
        return download.pull(session, *cache.parse_name(name), update=update, progress=progress)

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
        """Upload an identity's folder in one commit. The repository is created if there is none.

        Only regular files that a pull would take are sent, never links. `private` and `gated` close the
        repository before anything is in it, and are read back after the commit; an identity on the basis
        `research` needs one of them. `create_pr` proposes the commit instead. The front matter of the
        folder's card is renewed first. `progress` is called after each file. After a failure, only what is
        missing is sent again.
        """
        from . import upload

        session = self.session.with_stop(stop)
        return upload.push(
            session, folder, repo, private=private, gated=gated, create_pr=create_pr, progress=progress
        )

    def check_push(
        self,
        repo: str,
        consent: dict[str, str],
        *,
        private: bool = False,
        gated: bool = False,
        create_pr: bool = False,
    ) -> None:
        """Raise what would stop a push, before the folder exists: no token, a read-only one, an open
        repository."""
        from . import upload

        upload.check(self.session, repo, consent, private=private, gated=gated, create_pr=create_pr)

    def load(self, name: str) -> Identity:
        """The pulled `user/name[@revision]`, without a network. Raises UnknownIdentity when it was not
        pulled."""
        from . import download

        return download.load(self.session, *cache.parse_name(name))

    def pulled(self) -> list[Identity]:
        """All pulled identities that can be used, one per commit, by title. The log says which are left
        out."""
        from . import download

        client, found = self.session.client, {}
        for name in cache.pinned(self.session.cache_dir, client.host, client.token_hash()):
            try:
                identity = download.load(self.session, *cache.parse_name(name))
            except FaceHubError as problem:
                log.warning("%s is left out: %s", name, one_line(str(problem), 400))
                continue
            found[identity.handle] = identity
        return sorted(found.values(), key=lambda identity: identity.title)

    def photo_set(
        self,
        name: str,
        *,
        offline: bool = False,
        on_progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> "PhotoSet":
        """The photos of the dataset `hub:user/dataset[@revision]`, fetched where they are not in the cache.

        `offline`: use what was fetched last. `on_progress` gets the number of photos that are here, and of
        all. Raises BadSetting when there are none, or one cannot be taken.
        """
        from . import photo_set

        return photo_set.pull(self.session, name, offline=offline, on_progress=on_progress)

    def whoami(self) -> str | None:
        """The user name that belongs to the token; None when there is no token."""
        return self.session.client.user_name()

    def withdrawals(self, *, wait_s: float = 10.0, local: bool = False) -> Withdrawals:
        """The list of withdrawn identities, requested once an hour and kept; empty when none is set.

        The last good list is used when the hub does not answer within `wait_s`, and offline. When there
        never was one, the request gets ten seconds; then HubUnreachable is raised, or an empty list returned
        if `withdrawn_unavailable` allows it. `local`: it is for the operator's own folders, which are
        allowed unless that is set to refuse.
        """
        return self.session.withdrawals(wait_s=wait_s, local=local)


def disable_progress_bars() -> None:
    """Silence huggingface_hub's own progress bars and warnings, for the whole process."""
    from .client import disable_client_output

    disable_client_output()
