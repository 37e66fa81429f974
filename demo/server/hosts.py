"""From where the page may be asked: the names it goes by, requests of other sites, and which requests are
the owner's.

Any web site can point a name of its own at 127.0.0.1 (DNS rebinding); the browser then takes that name's
page and ours for one site. So a request must name a host that is this page's own, and one that a browser
sends for another site is refused.

FACEHUB_HOSTS="faces.example.org api.example.org"   further names, for a page behind a proxy; * takes any
FACEHUB_FRAME_ANCESTORS="https://example.org"       sites that may show the page in a frame
"""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import gradio as gr

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
"""The names under which a machine knows itself."""

WILDCARD = frozenset({"0.0.0.0", "::"})
"""Addresses to listen on that mean all addresses of the machine."""

FORWARDED = ("x-forwarded-for", "x-forwarded-host", "x-real-ip", "forwarded", "via", "cf-connecting-ip")
"""Headers that a proxy adds: the request comes from elsewhere, whatever address it was sent from."""

SPACE_FRAMES = "'self' https://huggingface.co https://*.huggingface.co https://*.hf.space"
"""Sites that show a Space in a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosts:
    """The names that the page answers to."""

    names: frozenset[str] = LOOPBACK
    suffixes: tuple[str, ...] = ()
    """Ends of further names, such as ".gradio.live"."""
    addresses: bool = False
    """Whether any IP address will do: rebinding needs a name."""
    everything: bool = False
    frame_ancestors: str = "'self'"
    """Value of the content security policy's frame-ancestors."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Hosts":
        """From GRADIO_SERVER_NAME, GRADIO_SHARE, SPACE_ID, SPACE_HOST, FACEHUB_HOSTS and
        FACEHUB_FRAME_ANCESTORS."""
        own = environment.get("FACEHUB_HOSTS", "").replace(",", " ").split()
        bound = environment.get("GRADIO_SERVER_NAME", "127.0.0.1").strip("[]").lower() or "127.0.0.1"
        names = {*LOOPBACK, *(hostname(name) for name in own)}
        suffixes: list[str] = []
        if bound not in WILDCARD:
            names.add(bound)
        in_space = "SPACE_ID" in environment
        if in_space:
            names.update(hostname(name) for name in environment.get("SPACE_HOST", "").split(","))
            suffixes += [] if environment.get("SPACE_HOST") else [".hf.space"]
        if environment.get("GRADIO_SHARE", "").lower() == "true":
            suffixes.append(".gradio.live")
        return cls(
            names=frozenset(names - {""}),
            suffixes=tuple(suffixes),
            addresses=in_space or bound in WILDCARD,
            everything="*" in own,
            frame_ancestors=environment.get("FACEHUB_FRAME_ANCESTORS")
            or (SPACE_FRAMES if in_space else "'self'"),
        )

    def knows(self, host: str) -> bool:
        """Whether a host, with or without a port, is one of the page's own."""
        name = hostname(host)
        return self.everything or (
            name in self.names
            or (bool(name) and name.endswith(self.suffixes))
            or (self.addresses and _is_address(name))
        )

    def refusal(self, headers: Mapping[str, str]) -> str:
        """The sentence for a request that is not for this page or comes from another site; empty for
        others."""
        host = headers.get("host", "")
        if not self.knows(host):
            return (
                f"This page does not go by the name {_quoted(host)}: whoever runs it can add names in "
                "FACEHUB_HOSTS."
            )
        origin = headers.get("origin")
        if origin is not None and not self.everything and not self._same_site(origin, host):
            return f"This request was made by another web site ({_quoted(origin)}): open the page itself."
        if (
            origin is None
            and headers.get("sec-fetch-site") == "cross-site"
            and headers.get("sec-fetch-mode") != "navigate"
        ):
            return "This request was made by another web site: open the page itself."
        return ""

    def _same_site(self, origin: str, host: str) -> bool:
        """The origin is the host that was asked, or another of the page's names, as behind a proxy that
        renames it."""
        parts = urlsplit(origin) if origin.count("://") == 1 else None
        if parts is None or parts.scheme not in ("http", "https") or not parts.netloc:
            return False
        if parts.netloc.lower() == host.lower():
            return True
        name = hostname(parts.netloc)
        return name not in LOOPBACK and not _is_address(name) and self.knows(name)


def hostname(host: str) -> str:
    """A host without its port and brackets, in small letters; empty for what is none."""
    try:
        return (urlsplit(f"//{host.strip()}").hostname or "").rstrip(".")
    except ValueError:
        return ""


def is_owner(request: gr.Request | None) -> bool:
    """Whether a request comes from a browser on this very machine, looking at this very page; so does a
    call without a request.

    One that a proxy sent on does not, though it arrives from this machine's own address.
    """
    inner = getattr(request, "request", None)
    if inner is None:
        return True
    headers, client = inner.headers, inner.client
    if client is None or not _is_loopback(client.host) or any(name in headers for name in FORWARDED):
        return False
    host = headers.get("host", "")
    if hostname(host) not in LOOPBACK or headers.get("sec-fetch-site", "same-origin") not in (
        "same-origin",
        "none",
    ):
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc.lower() == host.lower()


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(name: str) -> bool:
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _quoted(text: str) -> str:
    return '"' + "".join(letter if letter.isprintable() else " " for letter in text)[:80] + '"'
