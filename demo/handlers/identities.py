"""Identities that visitors choose from: installed, pulled from the hub, or trained here."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import gradio as gr

from facehub import registry
from facehub.errors import FaceHubError, UnknownIdentity
from facehub.identity.folder import Identity
from facehub.swapper import Swapper

from ..server.errors import as_user_error, escape_markdown
from ..server.sessions import SessionFiles
from ..views import cards, results
from ..views.html import BASIS
from .uploads import session_of

NO_SAMPLE = Path(__file__).parents[1] / "no_sample.png"

Finder = Callable[[str, str | None], Identity | None]
"""Finds an identity by its name for a session; None where it knows none."""


def linked_identity(request: gr.Request) -> str:
    """Return the identity named in the page's address (?identity=...), empty for none."""
    return str(request.query_params.get("identity", ""))[:300]


class IdentityList(NamedTuple):
    """The identities that a visitor can choose from, by name, and the chosen one."""

    names: list[str]
    cards: list[tuple[str, str]]
    """Sample picture and title of each identity."""
    chosen: str


class IdentityHandlers:
    """Finds, lists and loads identities.

    `swapper` builds the pipeline of an identity; the last `keep` pipelines stay loaded. `elsewhere` finds
    identities that are not installed, by name and session.
    """

    def __init__(
        self,
        identities: Sequence[Identity],
        swapper: Callable[[Identity], Swapper],
        visits: SessionFiles,
        *,
        keep: int = 8,
        elsewhere: Sequence[Finder] = (),
    ):
        best_first = sorted(identities, key=cards.rank, reverse=True)
        self.identities = {identity.name: identity for identity in best_first}
        self.visits, self.elsewhere = visits, elsewhere
        self._copies: dict[tuple[str | None, str], list[str]] = {}
        self._swapper, self._keep = swapper, keep
        self._loaded: dict[Path, Swapper] = {}
        self._loading = threading.Lock()

    @as_user_error
    def add_identity(self, name: str, shelf: list[str], request: gr.Request | None = None) -> IdentityList:
        """Add an identity to those that a visitor can choose from, and choose it."""
        session = session_of(request)
        self.find(name, session)
        names = [one for one in dict.fromkeys([*shelf, name]) if one == name or self._exists(one, session)]
        return IdentityList(names, self.cards(names, session), name)

    @as_user_error
    def describe(self, identity: str, request: gr.Request | None = None) -> str:
        """Describe an identity in one line of Markdown."""
        session = session_of(request)
        one = self.find(identity, session)
        about = f"**{escape_markdown(one.title)}** · {BASIS[one.consent['basis']]} · {one.size} px"
        about += f" · {escape_markdown(one.repo)} at {one.revision[:7]}" if one.repo else ""
        return about

    @as_user_error
    def list_identities(self) -> list[dict[str, str]]:
        """List the identities that /swap takes: name, title, and the basis on which the face is used."""
        return [
            {"name": one.name, "title": one.title, "basis": one.consent["basis"]}
            for one in self.identities.values()
            if self._exists(one.name, None)
        ]

    def find(self, name: str, session: str | None = None) -> Identity:
        """Find an identity by its name: an installed one, or one of this session.

        Raises UnknownIdentity, and Withdrawn for one that was withdrawn since the page started.
        """
        if name in self.identities:
            registry.check_withdrawn(self.identities[name])
            return self.identities[name]
        for finder in self.elsewhere:
            if one := finder(name, session):
                return one
        known = ", ".join(self.identities) or "none is installed"
        raise UnknownIdentity(
            f'No identity is called "{name[:80]}": choose one of those that are installed ({known}).'
        )

    def cards(self, names: Sequence[str], session: str | None = None) -> list[tuple[str, str]]:
        """Sample picture and title of each identity. Titles of pulled ones name their repository, because
        titles may be equal."""
        ones = [self.find(name, session) for name in names]
        titles = [f"{one.title} ({one.repo})" if one.repo else one.title for one in ones]
        return [
            ((self._samples(name, session) or [str(NO_SAMPLE)])[0], title)
            for name, title in zip(names, titles, strict=True)
        ]

    def cards_html(self, names: Sequence[str], chosen: str, group: str, session: str | None = None) -> str:
        """The identities as cards to choose from. `group`: a word that is unique on the page."""
        ones = [self.find(name, session) for name in names]
        options = [
            (name, cards.identity_card(one, self._samples(name, session), index))
            for index, (name, one) in enumerate(zip(names, ones, strict=True))
        ]
        return cards.identity_cards(options, chosen, group)

    def load(self, one: Identity) -> Swapper:
        """The pipeline of an identity, from memory where it is already loaded."""
        with self._loading:
            swapper = self._loaded.pop(one.folder, None) or self._swapper(one)
            self._loaded[one.folder] = swapper
            for folder in list(self._loaded)[: -self._keep]:
                del self._loaded[folder]
        return swapper

    def forget_copies(self, session: str | None) -> None:
        """Forget which sample pictures were copied for a session."""
        self._copies = {owner: copies for owner, copies in self._copies.items() if owner[0] != session}

    def _exists(self, name: str, session: str | None) -> bool:
        try:
            return bool(self.find(name, session))
        except FaceHubError:
            return False

    def _samples(self, name: str, session: str | None) -> list[str]:
        """Sample pictures that the page can serve. Those of identities from elsewhere are copied, smaller,
        into the session's folder."""
        one = self.find(name, session)
        if name in self.identities:
            return [str(sample) for sample in one.samples]
        earlier = self._copies.get((session, name), [])
        if not earlier or not all(Path(copy).is_file() for copy in earlier):
            earlier = self._copies[session, name] = results.copy_samples(
                one.samples, self.visits.folder(session)
            )
        return earlier
