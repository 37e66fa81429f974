"""Targets behind the page's HTTP server: calls and uploads."""

import base64
import contextlib
import json
import pathlib
import time
from collections.abc import Callable, Iterator
from typing import Any

from demo.server.tools import picture_value

from . import seeds
from .serving import Page

Run = Callable[[bytes, pathlib.Path], object]
"""Feed one spoiled input to a target, with a folder it may write to."""


TEXT_SECONDS_PER_BYTE = 1e-6
"""Of computing, for a picture that an MCP tool is sent as text."""


class _Taken:
    """A visit that takes every upload."""

    async def upload(self, file: bytes, name: str) -> str:
        assert len(name) < 40 and file is not None
        return name


def tool_picture(data: bytes, folder: pathlib.Path) -> None:
    """A picture in a call of an MCP tool: a data URL, base64, a path or an address, in linear time."""
    text, taken = data.decode("latin-1"), _Taken()
    begun = time.thread_time()
    asked: Any = picture_value(taken, {"picture": text}, "picture")  # pyright: ignore[reportArgumentType]
    try:
        asked.send(None)
        raise AssertionError("it waits for something")
    except StopIteration as end:
        assert end.value["path"] in (text, "picture" + pathlib.PurePath(end.value["path"]).suffix)
    finally:
        seconds = time.thread_time() - begun
        assert seconds < 0.2 + TEXT_SECONDS_PER_BYTE * len(data), f"{seconds:.2f} s for {len(data):,} bytes"


def tool_picture_seeds() -> dict[str, bytes]:
    """Pictures as text, paths and addresses, and texts that are long and alike."""
    png = base64.b64encode(seeds.saved(seeds.Image.fromarray(seeds.pixels()), "PNG"))
    parts = (b" ", b"A ", b"A" * 64 + b"\n", b"=", b"data:", b"a" * 31)
    return {
        "url": b"data:image/png;base64," + png,
        "alone": png,
        "lines": b"\n".join(png[place : place + 76] for place in range(0, len(png), 76)),
        "path": b"/tmp/gradio/0a1b/photo.png",
        "address": b"https://example.org/photo.png",
    } | {repr(part[:4]): b"A" * 64 + part * (30_000 // len(part)) + b"!" for part in parts}


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
