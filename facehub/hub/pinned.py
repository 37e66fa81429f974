"""Single files of other people's repositories, each known by its commit and its SHA-256: fetched once, into
the cache.

A mirror may not have the commit, and is asked for its newest one then; a file with another hash is never
used.
"""

import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import BadSetting, FaceHubError, HubRefused, HubUnreachable
from ..files import sha256_of
from . import transfer
from .api import Hub
from .client import Client

FOLDER = "networks"
"""Below the cache."""


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file on the hub."""

    what: str
    """As a sentence calls it."""
    repo: str
    revision: str
    """The commit that has the file."""
    name: str
    size: int
    """In bytes."""
    sha256: str
    flag: str
    """The flag that names a copy of one's own."""

    def place(self, hub: Hub) -> pathlib.Path:
        """Where the cache keeps it."""
        return hub.session.cache_dir / FOLDER / self.name

    def fetch(
        self,
        hub: Hub | None = None,
        *,
        offline: bool = False,
        on_progress: Callable[[int, int], object] = lambda done, total: None,
    ) -> pathlib.Path:
        """The file in the cache, from the hub when it is not there. `on_progress`: bytes done, of how many.

        Raises HubUnreachable when it is not there and the hub cannot be asked, and BadSetting when what the
        hub sends is another file; both say where to put it by hand.
        """
        hub = hub or Hub()
        place = self.place(hub)
        if place.is_file() and sha256_of(place) == self.sha256:
            return place
        by_hand = (
            f"put {self.name} of {self.repo} there as {place} (SHA-256 {self.sha256}), or name it with "
            f"{self.flag}."
        )
        client = hub.session.client
        if offline or client.offline():
            raise HubUnreachable(f"{self.what} is not here, and nothing may be fetched: {by_hand}")
        rest = place.with_name(f"{place.name}.rest")
        try:
            with client.lock(place.with_name(f"{place.name}.lock")):
                self._download(client, rest, lambda done: on_progress(done, self.size))
                if sha256_of(rest) != self.sha256:
                    rest.unlink()
                    raise BadSetting(
                        f"{client.host} sends another {self.name} than is known, so it is not used: {by_hand}"
                    )
                os.replace(rest, place)
        except BadSetting:
            raise
        except FaceHubError as problem:
            raise HubUnreachable(f"{self.what} could not be fetched. {problem} Or {by_hand}") from problem
        except OSError as problem:
            raise BadSetting(
                f"{place} cannot be written ({problem.strerror or problem}): name another folder in "
                "FACEHUB_CACHE."
            ) from problem
        return place

    def _download(self, client: Client, rest: pathlib.Path, on_progress: Callable[[int], object]) -> None:
        """From the commit; from the newest one where there is no such commit. Raises FaceHubError."""
        try:
            transfer.fetch(
                client, self.repo, self.revision, self.name, rest, self.size, on_progress=on_progress
            )
        except HubRefused:
            transfer.fetch(client, self.repo, "main", self.name, rest, self.size, on_progress=on_progress)
