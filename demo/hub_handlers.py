"""What the buttons of the hub tab do: search, look, pull and publish, as typed functions that know no widget.

Whatever a hub says is somebody else's text. It leaves here escaped (pieces.py), or as captions and plain text that the page's widgets escape;
pictures are decoded under our own limits and written anew.
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

from facehub import store
from facehub.errors import BadSetting, FaceHubError, HubRefused, HubUnreachable, UnknownIdentity
from facehub.hub import Hub
from facehub.identity import Identity
from facehub.listing import Record

from . import pictures, pieces
from .handlers import NO_SAMPLE
from .sentences import in_a_sentence
from .visits import Visits
from .wishes import clicked

MOST = 24
"""Identities of one search."""

AT_A_TIME = 6
"""Pictures fetched at a time."""


log = logging.getLogger(__name__)


class Found(NamedTuple):
    """What a search gives."""

    names: list[str]
    """user/name@commit of each, in the order of the cards."""
    cards: list[tuple[str, str]]
    """A sample and the title of each."""
    told: str


class Looked(NamedTuple):
    """One identity, before it is pulled."""

    name: str
    about: str
    """HTML of our own around escaped text."""
    samples: list[str]
    card: str
    """As it stands: for a widget that shows plain text."""


class HubHandlers:
    """Everything the hub tab can be asked to do. `hub` is how a visitor sees the hub who is not logged in, with the cache that all share.

    Who is logged in sees it with their own token, and pulls into their own folder of `visits`: what only they may read is for nobody else.
    """

    def __init__(self, hub: Hub, visits: Visits):
        self.hub, self.visits = hub, visits
        self._caches: dict[str, Path] = {}
        self._lock = threading.Lock()

    @in_a_sentence
    def search(self, text: str = "", request: gr.Request | None = None, token: gr.OAuthToken | None = None) -> Found:
        """Finds identities on the hub. `text`: a name, or part of one; empty for those that are pulled most.

        A hub that cannot be reached is told of where the results would stand, and stays told of.
        """
        session = _session(request)
        hub = self._hub(session, token)
        try:
            records = hub.search((text or "").strip()[:100], limit=MOST)
        except HubUnreachable as problem:
            log.warning("search refused: %s", problem)
            return Found([], [], pieces.unreachable(str(problem)))
        with ThreadPoolExecutor(AT_A_TIME) as pool:
            samples = list(pool.map(functools.partial(self._sample, hub, self.visits.folder(session)), records))
        names = [f"{record.repo}@{record.revision}" for record in records]
        cards = [(sample, pieces.caption(record)) for sample, record in zip(samples, records, strict=True)]
        return Found(names, cards, pieces.found(len(records), text or "", self.hub.client.host))

    @in_a_sentence
    def choose(self, names: list[str], event: gr.SelectData, request: gr.Request, token: gr.OAuthToken | None = None) -> Looked:
        """Looks at the identity whose card was clicked."""
        return self._look(clicked(names, event), request, token)

    @in_a_sentence
    def look(self, name: str, request: gr.Request | None = None, token: gr.OAuthToken | None = None) -> Looked:
        """Looks at an identity before it is pulled: size, licence, consent, measures, card. `name`: user/name or user/name@revision."""
        return self._look(name, request, token)

    @in_a_sentence
    def pull(
        self,
        name: str,
        request: gr.Request | None = None,
        token: gr.OAuthToken | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- gradio knows its progress bar by this default
    ) -> str:
        """Pulls an identity from the hub and gives the name under which /swap takes it. `name`: user/name or user/name@revision."""
        if not name:
            raise BadSetting("No face is chosen yet: click one first.")
        return self._pull(name, _session(request), token, progress)

    @in_a_sentence
    def arrive(
        self,
        request: gr.Request,
        token: gr.OAuthToken | None = None,
        progress: Callable = gr.Progress(),  # noqa: B008 -- the same
    ) -> str:
        """Gives the name of the identity that the page's address asks for (?identity=user/name@revision or a short name), pulled; empty for none."""
        name = str(request.query_params.get("identity", ""))[:300]
        return self._pull(name, _session(request), token, progress) if "/" in name else name

    def publish(
        self,
        identity: Identity,
        repository: str,
        access: str,
        own_token: str,
        session: str | None,
        token: gr.OAuthToken | None,
        progress: Callable,
    ) -> str:
        """Pushes an identity's folder and tells where it is, as HTML of our own around escaped text."""
        repository = (repository or "").strip()
        hub = self._hub(session, token)
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
            progress=lambda done, total: progress(done / max(1, total), desc=f"{_megabytes(done)} of {_megabytes(total)} sent"),
        )
        return pieces.pushed(pushed)

    def find(self, name: str, session: str | None = None) -> Identity | None:
        """A pulled identity by its name, from the shared cache or the visitor's own; None for names that are none of a hub."""
        if store.split(name) is None:
            return None
        own = self._caches.get(session or "")
        for hub in ([dataclasses.replace(self.hub, cache=own)] if own else []) + [self.hub]:
            try:
                return hub.load(name)
            except UnknownIdentity:
                continue
        return None

    def leave(self, request: gr.Request) -> None:
        """Forgets where a visitor's own pulls lay; the folder itself goes with the visit."""
        with self._lock:
            self._caches.pop(request.session_hash or "", None)

    def _look(self, name: str, request: gr.Request | None, token: gr.OAuthToken | None) -> Looked:
        session = _session(request)
        hub, folder = self._hub(session, token), self.visits.folder(session)
        looked = hub.look(name)
        record = looked.record
        files = []
        for sample in record.samples[:6] if not looked.closed else ():
            try:
                files.append(hub.picture(record.repo, record.revision, sample))
            except FaceHubError:
                continue
        return Looked(f"{record.repo}@{record.revision}", pieces.looked(looked), pictures.copies(files, folder), pieces.card(looked.card))

    def _pull(self, name: str, session: str | None, token: gr.OAuthToken | None, progress: Callable) -> str:
        progress(0.0, desc="Asking the hub")
        hub = self._hub(session, token)
        return hub.pull(
            name, progress=lambda done, total: progress(done / max(1, total), desc=f"{_megabytes(done)} of {_megabytes(total)} fetched")
        ).handle

    def _hub(self, session: str | None, token: gr.OAuthToken | None) -> Hub:
        if token is None:
            return self.hub
        with self._lock:
            cache = self._caches.get(session or "")
            if cache is None or not cache.is_dir():
                cache = self.visits.folder(session)
                self._caches[session or ""] = cache
        return dataclasses.replace(self.hub, token=token.token, cache=cache)

    @staticmethod
    def _sample(hub: Hub, folder: Path, record: Record) -> str:
        """A record's first sample as a small copy; a gray square where there is none to be had."""
        own = folder / record.revision
        for name in record.samples[:1]:
            try:
                own.mkdir(exist_ok=True)
                return (pictures.copies([hub.picture(record.repo, record.revision, name)], own) or [str(NO_SAMPLE)])[0]
            except (FaceHubError, OSError):
                break
        return str(NO_SAMPLE)


def _session(request: gr.Request | None) -> str | None:
    return request.session_hash if request else None


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
