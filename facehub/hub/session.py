"""One hub, one person, one cache: what download and upload both work with."""

import dataclasses
import logging
import os
import pathlib
import threading
import time
from dataclasses import dataclass

from ..errors import BadSetting, FaceHubError, HubUnreachable
from ..text import one_line
from . import cache, transfer, withdrawals
from .allowed_files import listed_file
from .client import Client, home, usual_endpoint
from .withdrawals import Withdrawals

WITHDRAWALS_MAX_AGE_S = 3600.0
"""The list of withdrawn identities is requested once in this time."""

RETRY_S = 300.0
"""After a request that failed, the kept list is used for this time."""

FIRST_RETRY_S = 60.0
"""The same while there is no list yet."""

FIRST_WAIT_S = 10.0
"""How long the first use waits for the first list."""


@dataclass(frozen=True)
class Session:
    """The client, the cache folder and the list of withdrawn identities of one `Hub`."""

    client: Client
    cache_dir: pathlib.Path
    withdrawn: str = ""
    """Repository with the list of withdrawn identities; empty: none."""
    deadline_s: float = 60.0
    unavailable: str = ""
    """What to do when no list was ever received; see `withdrawals.UNAVAILABLE`."""

    def with_stop(self, stop: threading.Event | None) -> "Session":
        """The same session; its calls end with Stopped once `stop` is set."""
        return dataclasses.replace(self, client=dataclasses.replace(self.client, stop=stop))

    def cached_repo(self, repo: str) -> cache.CachedRepo:
        """The repository's folder in the cache, as the owner of this token sees it."""
        return cache.CachedRepo(self.cache_dir, self.client.host, repo, self.client.token_hash())

    def withdrawals(self, *, wait_s: float = 10.0, local: bool = False) -> Withdrawals:
        """See `Hub.withdrawals`."""
        if not self.withdrawn:
            return Withdrawals()
        parts = cache.split(self.withdrawn)
        if parts is None:
            raise BadSetting(
                f"FACEHUB_WITHDRAWN says {self.withdrawn[:100]!r}, but it names a repository: write it as "
                "user/name."
            )
        folder = self.cached_repo(parts[0]).folder
        kept = withdrawals.read_cached(folder)
        found = kept.withdrawals
        refuse = (self.unavailable or ("allow" if local else "refuse")) == "refuse"
        failed = kept.tried > found.fetched
        pause = (RETRY_S if found.fetched else FIRST_RETRY_S) if failed else WITHDRAWALS_MAX_AGE_S
        if kept.age_s() >= pause and not self.client.offline():
            first = not found.fetched and (refuse or not kept.tried)
            found = self._renewed(parts, folder, found, max(wait_s, FIRST_WAIT_S) if first else wait_s)
        if refuse and not found.fetched:
            raise HubUnreachable(
                f"The list of withdrawn identities, {parts[0]}, was never received, so nothing is used that "
                f"may stand on it: try again in a minute, or set {withdrawals.UNAVAILABLE}=allow.",
                retry_after_s=FIRST_RETRY_S,
            )
        return found

    def _renewed(
        self, name: tuple[str, str], folder: pathlib.Path, found: Withdrawals, wait_s: float
    ) -> Withdrawals:
        """The newest list that can be had, or `found`. Either way it is kept, so that the hub has its
        pause."""
        tried = time.time()
        try:
            found = self._fetch_withdrawals(*name, wait_s)
            tried = found.fetched
        except FaceHubError as problem:
            _log("The list of withdrawn identities could not be renewed: %s", problem)
        try:
            withdrawals.write_cached(folder, found, tried)
        except OSError as problem:
            _log("The list of withdrawn identities could not be written to the cache: %s", problem)
        return found

    def _fetch_withdrawals(self, repo: str, revision: str, wait_s: float) -> Withdrawals:
        client = dataclasses.replace(self.client, deadline_s=min(wait_s, self.deadline_s), stop=None)
        info = client.info(repo, revision)
        sibling = next((s for s in info.siblings or [] if s.rfilename == withdrawals.NAME), None)
        file = listed_file(sibling) if sibling is not None else None
        if file is None or not 0 < file.size <= withdrawals.MAX_BYTES:
            raise BadSetting(
                f"{repo} holds no {withdrawals.NAME} of a sensible size: name another repository in "
                f"{withdrawals.VARIABLE}."
            )
        data = transfer.read(client, repo, info.sha or "", withdrawals.NAME, file.size)
        if not file.matches(data):
            raise BadSetting(f"{withdrawals.NAME} of {repo} is not what the hub listed (its hash differs).")
        return Withdrawals(withdrawals.parse(data, repo), time.time())


def open_session(
    endpoint: str,
    token: str | bool | None,
    cache_dir: str | os.PathLike,
    withdrawn: str,
    *,
    patience_s: float,
    deadline_s: float,
    unavailable: str = "",
) -> Session:
    """The session behind a `Hub` with these fields. Raises BadSetting when one of them makes no sense."""
    endpoint = (endpoint or usual_endpoint()).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise BadSetting(f"{endpoint[:100]!r} is no address of a hub: write it as https://host.")
    unavailable = unavailable or os.environ.get(withdrawals.UNAVAILABLE, "")
    if unavailable not in ("", "refuse", "allow"):
        raise BadSetting(f"{withdrawals.UNAVAILABLE} is {unavailable[:40]!r}: set it to refuse or allow.")
    usual = endpoint == usual_endpoint().rstrip("/")
    client = Client(endpoint, False if token is None and not usual else token, patience_s, deadline_s)
    folder = pathlib.Path(cache_dir or os.environ.get(cache.VARIABLE) or home() / "facehub")
    listed = withdrawn or os.environ.get(withdrawals.VARIABLE, "")
    return Session(client, folder, listed, deadline_s, unavailable)


def _log(message: str, problem: Exception) -> None:
    logging.getLogger("facehub").warning(message, one_line(str(problem), 400))
