"""Targets behind the page's HTTP server: calls and uploads."""

import contextlib
import json
import pathlib
from collections.abc import Callable, Iterator

from . import seeds
from .serving import Page

Run = Callable[[bytes, pathlib.Path], object]
"""Feed one spoiled input to a target, with a folder it may write to."""


@contextlib.contextmanager
def calls() -> Iterator[Run]:
    """A call of the page's API, over HTTP, with spoiled values."""
    import matplotlib.font_manager  # noqa: F401 -- asks the system for its fonts, once

    with Page() as page:
        yield lambda data, folder: page.call(data)


def calls_seeds() -> dict[str, bytes]:
    photo = {
        "path": "UPLOAD",
        "meta": {"_type": "gradio.FileData"},
        "url": None,
        "orig_name": "a.png",
        "size": 9,
        "mime_type": "image/png",
        "is_stream": False,
    }
    values = {
        "swap": [photo, "ada", 1.0, "all", "learned"],
        "details": [photo, "ada", "all", "learned"],
        "compare": [photo, ["ada"], 1.0, "largest", "learned"],
        "check": [photo],
        "take_in": [photo],
        "example": [0],
        "introduce": ["ada"],
        "identities": [],
        "choose": [None],
    }
    extra = {
        "session_hash": "visit",
        "fn_index": None,
        "trigger_id": 1,
        "event_data": {"index": 0, "value": "x"},
        "simple_format": False,
    }
    return {
        name: json.dumps({"function": name, "call": {"data": data} | extra}).encode()
        for name, data in values.items()
    }


@contextlib.contextmanager
def uploads() -> Iterator[Run]:
    """The body of an upload, spoiled."""
    with Page() as page:
        yield lambda data, folder: page.upload(data)


def uploads_seeds() -> dict[str, bytes]:
    png = seeds.saved(seeds.Image.fromarray(seeds.pixels()), "PNG")
    disposition = b'Content-Disposition: form-data; name="files"; filename="%s"'
    field = b"--limit\r\n" + disposition + b"\r\nContent-Type: image/png\r\n\r\n%s\r\n"
    names = (
        b"a.png",
        b"../../../x.png",
        b"x" * 400,
        b"",
        b"a\x00b.png",
        b"\xff\xfe.png",
        b"..",
        b".lock",
        b"C:\\x.png",
    )
    made = {repr(name[:20]): field % (name, png) + b"--limit--\r\n" for name in names}
    return made | {
        "two": field % (b"a.png", png) * 2 + b"--limit--\r\n",
        "text": b'--limit\r\nContent-Disposition: form-data; name="files"\r\n\r\nx\r\n--limit--\r\n',
    }
