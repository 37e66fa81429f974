"""Single files of other people's repositories, each known by its SHA-256: fetched once, into the cache.

A repository may move or change; a file with another hash is never used.
"""

import os
import pathlib
from collections.abc import Callable
from dataclasses import dataclass

from ..errors import BadSetting, FaceHubError, HubUnreachable
from ..files import sha256_of
from . import transfer
from .api import Hub

FOLDER = "networks"
"""Below the cache."""


@dataclass(frozen=True, slots=True)
class PinnedFile:
    """A file on the hub."""

    what: str
    """As a sentence calls it."""
    repo: str
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
                transfer.fetch(
                    client,
                    self.repo,
                    "main",
                    self.name,
                    rest,
                    self.size,
                    on_progress=lambda done: on_progress(done, self.size),
                )
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
