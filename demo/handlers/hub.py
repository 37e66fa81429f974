"""Search the hub, show an identity's details, pull and publish: typed functions that know no widget.

Text from a hub is somebody else's. It leaves here escaped (views/html.py), or as captions and plain text that
the widgets escape; pictures are decoded under our own limits and written again.
"""

import dataclasses
import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from facehub.errors import BadSetting, FaceHubError, HubRefused, HubUnreachable, UnknownIdentity
from facehub.hub import cache as store
from facehub.hub.api import Hub
from facehub.hub.listing import HubEntry
from facehub.identity.folder import Identity

from ..server.errors import as_user_error
from ..server.hosts import is_owner
from ..server.sessions import SessionFiles
from ..server.validators import clicked
from ..views import html, results
from .identities import NO_SAMPLE, linked_identity
from .uploads import session_of

MAX_RESULTS = 24
"""Most identities that one search lists."""

MAX_PARALLEL = 6
"""Sample pictures fetched at the same time."""


log = logging.getLogger(__name__)


class SearchResults(NamedTuple):
    """Result of a search."""

    names: list[str]
    """user/name@commit of each, in the order of the cards."""
    cards: list[tuple[str, str]]
    """Sample picture and title of each."""
    message: str


class IdentityDetails(NamedTuple):
    """Details of one identity that is not pulled yet."""

    name: str
    about: str
    """HTML of our own around escaped text."""
    samples: list[str]
    card: str
    """The card's text, for a widget that shows plain text."""


class HubHandlers:
    """What the hub tab does. `hub` is the hub as visitors see it who are not logged in, with the cache that
    all share.

    Logged-in visitors use their own token and pull into their own folder of `visits`, so that nobody else
    gets what only they may read.
    """

    def __init__(self, hub: Hub, visits: SessionFiles):
        self.hub, self.visits = hub, visits
        self._own: dict[str, Hub] = {}
        self._lock = threading.Lock()

    @as_user_error
    def search(
        self,
        text: str = "",
        sort: str = "downloads",
        basis: str = "",
        request: gr.Request | None = None,
        token: gr.OAuthToken | None = None,
    ) -> SearchResults:
        """Find identities on the hub.

        `text`: a name or part of one; empty for all. `sort`: "downloads", most first, or "last_modified",
        newest first. `basis`: the basis on which a face is used, one of self, consented, synthetic,
        public-domain and research; empty for any.

        When the hub cannot be reached, a message says so in place of the results.
        """
        session, hub = session_of(request), self._hub(request, token)
        try:
            records = hub.search(
                (text or "").strip()[:100],
                tags=[f"consent-{basis}"] if basis else [],
                sort="last_modified" if sort == "last_modified" else "downloads",
                limit=MAX_RESULTS,
            )
        except HubUnreachable as problem:
            log.warning("search refused: %s", problem)
            return SearchResults([], [], html.unreachable(str(problem)))
        with ThreadPoolExecutor(MAX_PARALLEL) as pool:
            samples = list(
                pool.map(functools.partial(self._sample, hub, self.visits.folder(session)), records)
            )
        names = [f"{record.repo}@{record.revision}" for record in records]
        cards = [(sample, html.caption(record)) for sample, record in zip(samples, records, strict=True)]
        return SearchResults(
            names,
            cards,
            html.search_message(len(records), text or "", self.hub.session.client.host, bool(basis)),
        )

    @as_user_error
    def choose(
        self, names: list[str], event: gr.SelectData, request: gr.Request, token: gr.OAuthToken | None = None
    ) -> IdentityDetails:
        """Return the details of the identity whose card was clicked."""
        return self._details(clicked(names, event), request, token)

    @as_user_error
    def details(
        self, name: str, request: gr.Request | None = None, token: gr.OAuthToken | None = None
    ) -> IdentityDetails:
        """Return an identity's details before it is pulled: size, licence, consent, measures, card. `name`:
        user/name or user/name@revision."""
        return self._details(name, request, token)

    @as_user_error
    def pull(
        self,
        name: str,
        request: gr.Request | None = None,
        token: gr.OAuthToken | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> str:
        """Pull an identity from the hub and return the name under which /swap takes it. `name`: user/name or
        user/name@revision."""
        if not name:
            raise BadSetting("No identity is chosen yet: click one first.")
        return self._pull(name, request, token, progress)

    @as_user_error
    def open_link(
        self,
        request: gr.Request,
        token: gr.OAuthToken | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- the same
    ) -> str:
        """Pull the identity in the page's address (?identity=user/name@revision or a short name) and return
        its name; empty for none."""
        name = linked_identity(request)
        return self._pull(name, request, token, progress) if "/" in name else name

    def publish(
        self,
        identity: Identity,
        repository: str,
        access: str,
        own_token: str,
        request: gr.Request | None,
        token: gr.OAuthToken | None,
        progress: Callable,
    ) -> str:
        """Push an identity's folder and return its address, as HTML around escaped text."""
        repository = (repository or "").strip()
        hub = self._hub(request, token)
        if own_token and own_token.strip():
            hub = dataclasses.replace(hub, token=own_token.strip())
        if hub.token is False:
            raise HubRefused("The hub has to know who you are: log in, or paste a token that may write.")
        progress(0.0, desc="Publishing")
        pushed = hub.push(
            identity.folder,
            repository,
            private=access == "private",
            gated=access == "gated",
            progress=lambda done, total: progress(
                done / max(1, total), desc=f"{_megabytes(done)} of {_megabytes(total)} sent"
            ),
        )
        return html.published(pushed)

    def find(self, name: str, session: str | None = None) -> Identity | None:
        """Find a pulled identity by its name, in the shared cache or the session's own. Returns None for
        names that are not of a hub."""
        if store.split(name) is None:
            return None
        own = self._own.get(session or "")
        for hub in [*([own] if own else []), self.hub]:
            try:
                return hub.load(name)
            except UnknownIdentity:
                continue
        return None

    def on_unload(self, request: gr.Request) -> None:
        """Forget a session's own cache; its folder is deleted with the session."""
        with self._lock:
            self._own.pop(request.session_hash or "", None)

    def _details(self, name: str, request: gr.Request | None, token: gr.OAuthToken | None) -> IdentityDetails:
        session = session_of(request)
        hub, folder = self._hub(request, token), self.visits.folder(session)
        details = hub.details(name)
        record = details.entry
        files = []
        for sample in record.samples[:6] if not details.closed else ():
            try:
                files.append(hub.picture(record.repo, record.revision, sample))
            except FaceHubError:
                continue
        return IdentityDetails(
            f"{record.repo}@{record.revision}",
            html.identity_details(details),
            results.copy_samples(files, folder),
            html.card(details.card),
        )

    def _pull(
        self, name: str, request: gr.Request | None, token: gr.OAuthToken | None, progress: Callable
    ) -> str:
        progress(0.0, desc="Asking the hub")
        hub = self._hub(request, token)
        return hub.pull(
            name,
            progress=lambda done, total: progress(
                done / max(1, total), desc=f"{_megabytes(done)} of {_megabytes(total)} fetched"
            ),
        ).handle

    def _hub(self, request: gr.Request | None, token: gr.OAuthToken | None) -> Hub:
        """The hub as a visitor may see it.

        The owner's own token is for the owner's browser on this machine alone.
        """
        session = session_of(request)
        if token is None:
            return self.hub if is_owner(request) else dataclasses.replace(self.hub, token=False)
        with self._lock:
            own = self._own.get(session or "")
            if own is None or not Path(own.cache).is_dir():
                own = dataclasses.replace(self.hub, cache=self.visits.folder(session))
            self._own[session or ""] = own = dataclasses.replace(own, token=token.token)
        return own

    @staticmethod
    def _sample(hub: Hub, folder: Path, record: HubEntry) -> str:
        """Small copy of an identity's first sample; a gray square where none can be had."""
        own = folder / record.revision
        for name in record.samples[:1]:
            try:
                own.mkdir(exist_ok=True)
                return (
                    results.copy_samples([hub.picture(record.repo, record.revision, name)], own)
                    or [str(NO_SAMPLE)]
                )[0]
            except (FaceHubError, OSError):
                break
        return str(NO_SAMPLE)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
