"""A visit to the page by its own process: the requests of any other caller, through the guard, without a
socket.

What the MCP route does for a caller goes this way, so that the line, the limits, the validators and the
rules for files are those of the API, and there is nothing to keep in step.
"""

import asyncio
import html
import json
import secrets
from pathlib import PurePosixPath
from types import TracebackType
from typing import Any
from urllib.parse import quote

import anyio
import httpx2
from starlette.types import Message, Scope

from facehub.errors import FaceHubError

from .errors import SORRY
from .hosts import FORWARDED

PREFIX = "/gradio_api"
"""Of the addresses of gradio's API."""

KEPT_HEADERS = ("host", "origin", "sec-fetch-site", "sec-fetch-mode", *FORWARDED)
"""Headers by which the page tells who asks: a call made for somebody has theirs."""


class Refused(FaceHubError):
    """The page refused a request, with this sentence."""


class Visit:
    """One caller's session, an async context manager. Its files are deleted when it ends, as when a page
    closes.

    `scope` is the request for which the visit is made: its app is asked, under its caller's address.
    """

    def __init__(self, scope: Scope):
        kept = [(name, value) for name, value in scope["headers"] if name.decode("latin-1") in KEPT_HEADERS]
        address, port = scope.get("client") or ("", 0)  # without an address nobody is the owner
        caller = (address, port)
        root, scheme = scope.get("root_path", ""), scope.get("scheme", "http")
        host = next((value.decode("latin-1") for name, value in kept if name == b"host"), "localhost")
        self.session = secrets.token_urlsafe(16)
        self._app, self._left = scope["app"], asyncio.Event()
        self._heartbeat: asyncio.Task[None] | None = None
        self._scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},  # from 2.4 on nobody listens for the end
            "http_version": "1.1",
            "scheme": scheme,
            "server": scope.get("server"),
            "client": caller,
            "root_path": root,
            "headers": kept,
            "query_string": b"",
        }
        self._http = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(
                self._app, client=caller, root_path=root, raise_app_exceptions=False
            ),
            base_url=f"{scheme}://{host}",
            headers=kept,
            timeout=None,
        )

    async def __aenter__(self) -> "Visit":
        self._heartbeat = asyncio.create_task(self._stay())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        with anyio.CancelScope(shield=True):  # whoever hangs up leaves no file behind
            if self._heartbeat:
                await asyncio.wait([self._heartbeat])
            await self._http.aclose()

    async def upload(self, file: bytes, name: str) -> str:
        """Send a file and return its path. Raises Refused."""
        answer = await self._http.post(f"{PREFIX}/upload", files={"files": (name, file)})
        return _json(answer)[0]

    async def call(self, function: str, *values: Any) -> list[Any]:
        """Call a function of the API, wait in line, and return what it gives. Raises Refused."""
        body = {"data": list(values), "session_hash": self.session}
        event = _json(await self._http.post(f"{PREFIX}/call/{function}", json=body))["event_id"]
        answer = await self._http.get(f"{PREFIX}/call/{function}/{event}")
        if answer.status_code != 200:
            _json(answer)
        return _result(answer.text)

    async def read(self, file: dict[str, Any]) -> bytes:
        """The bytes of a file that a function gave, exactly as the page serves them. Raises Refused."""
        answer = await self._http.get(f"{PREFIX}/file={quote(file['path'])}")
        if answer.status_code != 200:
            _json(answer)
        return answer.content

    async def _stay(self) -> None:
        """Hold the session open as a page does; its end is what deletes the files."""

        async def receive() -> Message:
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            pass

        path = self._scope["root_path"] + f"{PREFIX}/heartbeat/{self.session}"
        scope = self._scope | {"method": "GET", "path": path, "raw_path": path.encode()}
        await self._app(scope, receive, send)


def file_value(path: str) -> dict[str, Any]:
    """An uploaded file as a value of a call."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def name_of(file: dict[str, Any]) -> str:
    """File name of a file that a function gave."""
    return file.get("orig_name") or PurePosixPath(file["path"]).name


def _json(answer: httpx2.Response) -> Any:
    try:
        record = answer.json()
    except ValueError as problem:
        raise Refused(SORRY) from problem
    if answer.status_code != 200:
        raise Refused(str(record.get("detail") or SORRY) if isinstance(record, dict) else SORRY)
    return record


def _result(stream: str) -> list[Any]:
    """What the last event of a call's stream holds."""
    kind, data = "", None
    for line in stream.splitlines():
        name, _, rest = line.partition(": ")
        if name == "event":
            kind = rest
        elif name == "data":
            data = json.loads(rest)
    if kind == "complete" and isinstance(data, list):
        return data
    sentence = data.get("error") if isinstance(data, dict) else data
    raise Refused(html.unescape(sentence) if isinstance(sentence, str) and sentence else SORRY)
