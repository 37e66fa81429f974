"""Fuzz targets for what a hub sends besides files: cards, and answers that say they are compressed."""

import gzip
import pathlib
import tempfile
import time
import zlib

import httpx2

from facehub.hub.active_content import check_card
from facehub.hub.bounded import BoundedStream

CARD_SECONDS_PER_BYTE = 20e-6
"""Of computing: twice what the slowest known text takes on a busy machine."""

ANSWER_LIMIT = 1_000_000
"""Bytes that may come out of a compressed answer."""


def card(data: bytes, folder: pathlib.Path) -> None:
    """A card: what a browser could run in it is found, in time linear in its length."""
    text = data.decode("utf-8", errors="replace")
    begun = time.thread_time()
    try:
        check_card(text, "ada/face")
    finally:
        seconds = time.thread_time() - begun
        assert seconds < 0.2 + CARD_SECONDS_PER_BYTE * len(data), f"{seconds:.2f} s for {len(data):,} bytes"


def card_seeds() -> dict[str, bytes]:
    """A card of ours, what may stand in one and what may not, and texts that are long and alike."""
    from tests.identities import make

    short = (
        "<img/src=x/onerror=a()> <details/open/ontoggle=a()> [x](java&#115;cript:a()) [y](data:text/html,z)",
        "> <img src=x\n> onerror=a()>\n\n`<a title=\"` <b onclick='a()'> <https://example.org/?a=b> x < y",
    )
    parts = ("<", "<a ", "<a b='", '<img alt="', "<!--", "> ", "&#1", "a=", "[x](java", "`<b")
    texts = [*short, *(part * (20_000 // len(part)) for part in parts)]
    with tempfile.TemporaryDirectory() as place:
        ours = (make(pathlib.Path(place) / "ada") / "README.md").read_bytes()
    return {"ours": ours} | {str(number): text.encode() for number, text in enumerate(texts)}


def compressed(data: bytes, folder: pathlib.Path) -> None:
    """An answer that says it is compressed: at most the limit comes out of it."""
    stream = BoundedStream(httpx2.ByteStream(data), "gzip", ANSWER_LIMIT, "hub")
    assert sum(map(len, stream)) <= ANSWER_LIMIT


def compressed_seeds() -> dict[str, bytes]:
    """A listing, a bomb, one in the other format, and two in a row."""
    listing = gzip.compress(b'[{"id": "ada/face", "tags": ["facehub"]}]' * 20, mtime=0)
    bomb = gzip.compress(bytes(50_000_000), mtime=0)
    return {"listing": listing, "bomb": bomb, "zlib": zlib.compress(b"[]" * 500), "two": listing + listing}
