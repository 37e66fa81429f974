"""An ASGI middleware in front of gradio's routes, which refuses what the page and its API do not need, in
one sentence.

Tied to gradio's internals: its routes are listed here, and its calls are read before gradio reads them
(requirements.txt pins gradio below the next major version). gradio has more routes: some fetch addresses,
some write files that nobody deletes. The middleware also checks the host and origin of each request, counts
the bytes and the time of what is sent, and replaces gradio's own error answers.

    400  no call that makes sense      403  another host or site      404  no such route, function or session
    408  too slow      413  too large      503  busy      507  no room
"""

import contextlib
import json
import logging
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mcp.types import INVALID_REQUEST
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .bodies import LimitedReceive, ReplayBody
from .errors import SORRY, printable
from .hosts import Hosts
from .limits import SPARE_BYTES, Limits
from .mcp_route import McpRoute, max_body_bytes
from .request_schema import RequestError, parse_json, validate
from .sessions import OpenPages
from .visit import PREFIX

READ_ROUTES = re.compile(
    r"/?|/(config|info|theme\.css|favicon\.ico|robots\.txt|manifest\.json)/?|/(static|assets|svelte)/.+"
    rf"|{PREFIX}/(info|openapi\.json|app_id|user|login_check|startup-events|theme\.css|queue/status|queue/data|upload_progress)/?"
    rf"|{PREFIX}/(heartbeat/[\w-]{{1,64}}|call/(v2/)?\w{{1,64}}/\w{{1,64}}|file=(?!\w+:).{{1,4000}})"
    r"|/(login|logout)/(huggingface|callback)/?|/logout/?"
)
"""What may be read. A file's address is a path in the cache, never one of another server."""

CALL_ROUTES = re.compile(rf"{PREFIX}/((run|api|call|call/v2)/\w{{1,64}}|queue/join|cancel|reset)/?")
STREAM_ROUTES = re.compile(rf"{PREFIX}/stream/\w{{1,64}}(/close)?/?")
"""Where the browser sends the further frames of its camera."""
V2_ROUTE = re.compile(rf"{PREFIX}/call/v2/")
HEARTBEAT_ROUTE = re.compile(rf"{PREFIX}/heartbeat/([\w-]{{1,64}})/?")
"""Held open by a page for as long as it is."""
MCP_ROUTE = re.compile(rf"{PREFIX}/mcp/?")
"""Where programs call the tools of mcp_route.py: by POST alone, as nothing is kept between two calls."""
UPLOAD_ROUTES = re.compile(rf"{PREFIX}/upload/?")

MAX_CALL_BYTES = 1e6
"""Of one call without its files: texts, numbers, and one frame of a camera."""

MIN_FREE_BYTES = 500_000_000

BUSY = "So many visitors are waiting already that this one would wait too long: please try again in a minute."

QUEUED = (
    "This function waits in line like everybody: call it by POST /gradio_api/call/NAME, and read the "
    "answer at /gradio_api/call/NAME/EVENT."
)

MCP_ONLY = "This address is for MCP clients, which send by POST: name it to one, as streamable HTTP."

SENTENCES = {
    400: "This request cannot be understood: see /?view=api for what each function takes.",
    403: "This file is not for you to see, or was deleted, as all are when a page closes.",
    404: "There is nothing at this address: the page and its API are described under /?view=api.",
    405: "This address is not asked in this way: see /?view=api.",
    413: "This file is larger than this page takes: make it smaller first.",
    422: "This request cannot be understood: see /?view=api for what each function takes.",
    503: BUSY,
}
"""What is said instead of gradio's words, by status."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RequestGuard:
    """`app` with `limits`, under the names of `hosts`.

    Uploads are refused where the disk of the folder `uploads` is nearly full. `pages` learns whose pages
    are open.
    """

    app: ASGIApp
    limits: Limits
    uploads: Path | None = None
    hosts: Hosts = field(default_factory=Hosts)
    pages: OpenPages = field(default_factory=OpenPages)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] != "websocket":
                await self.app(scope, receive, send)
            return
        send = self._with_headers(send)
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope["method"]
        if sentence := self.hosts.refusal(Headers(scope=scope)):
            log.warning("%s refused: %s", printable(path)[:80], sentence)
            refused = RequestError(403, sentence)
            await JSONResponse(refused.record(), refused.status, {"connection": "close"})(
                scope, receive, send
            )
            return
        if method == "HEAD" and path == "/":
            # gradio asks at its start whether the page is there, and gives up where a busy machine takes 3 s
            await Response()(scope, receive, send)
            return
        call = method == "POST" and (CALL_ROUTES.fullmatch(path) or STREAM_ROUTES.fullmatch(path))
        mcp = MCP_ROUTE.fullmatch(path)
        most = float(max_body_bytes(self.limits)) if mcp else MAX_CALL_BYTES if call else None
        coming = LimitedReceive(receive, self.limits, most=most)
        answer = ErrorRewriter(send, path)
        try:
            if call:
                body = await coming.all()
                validate(path.removeprefix(PREFIX), body, scope["app"].get_blocks())
                await self._call(scope, ReplayBody(body, receive), answer, path)
            elif mcp:
                if method != "POST":
                    raise RequestError(405, MCP_ONLY)
                body = await coming.all()
                parse_json(body)
                await self.app(scope, ReplayBody(body, receive), send)
            elif method == "POST" and UPLOAD_ROUTES.fullmatch(path):
                self._check_upload(scope)
                await self._upload(scope, coming, answer)
            elif method in ("GET", "HEAD", "OPTIONS") and READ_ROUTES.fullmatch(path):
                session = HEARTBEAT_ROUTE.fullmatch(path)
                with self.pages.hold(session[1]) if session else contextlib.nullcontext():
                    await self.app(scope, receive, answer)
            elif method == "GET" and not path.startswith(PREFIX) and wants_page(scope):
                await RedirectResponse(scope.get("root_path", "") + "/", 303)(scope, receive, send)
            else:
                raise RequestError(404, SENTENCES[404])
        except RequestError as refused:
            log.warning("%s refused: %s", printable(path)[:80], refused)
            if not answer.begun:
                await coming.drain()
                record = rpc_error(refused) if mcp else refused.record()
                await JSONResponse(record, refused.status, {"connection": "close"})(scope, receive, send)
        except Exception as problem:
            if not (answer.begun and isinstance(problem.__cause__ or problem, HTTPException)):
                raise
            log.warning("%s ended: no such visit", printable(path))  # gradio has said so in the stream
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _with_headers(self, send: Send) -> Send:
        """The same, with the headers that keep browsers from guessing types and other sites from framing
        the page."""
        policy = f"frame-ancestors {self.hosts.frame_ancestors}".encode()
        added = [(b"x-content-type-options", b"nosniff"), (b"content-security-policy", policy)]

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *added]}
            await send(message)

        return with_headers

    async def _call(self, scope: Scope, receive: Receive, send: Send, path: str) -> None:
        try:
            await self.app(scope, receive, send)
        except (TypeError, LookupError, ValueError) as problem:
            if not V2_ROUTE.match(path):
                raise
            # gradio matches the names in the body with the function's parameters, and raises where they
            # differ
            raise RequestError(
                400,
                "These are not the names of what this function takes: see /?view=api for each function's.",
            ) from problem

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            log.warning("an upload broke off")
        except (TypeError, ValueError, LookupError, AttributeError) as problem:
            raise RequestError(
                400, "This upload cannot be read: send each file in a field called files, with its name."
            ) from problem
        except OSError as problem:
            log.error("an upload cannot be written: %s", problem)
            raise RequestError(507, "This upload could not be kept: please try again later.") from problem

    def _check_upload(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        if not headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
            raise RequestError(
                400, "An upload must be sent as multipart/form-data, each file in a field called files."
            )
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:15]) > self.limits.uploads_mb * 1e6 + SPARE_BYTES:
            raise RequestError(
                413,
                f"These files are larger than {self.limits.uploads_mb:g} MB together: send fewer, or "
                "smaller ones.",
            )
        if self.uploads and shutil.disk_usage(self.uploads).free < MIN_FREE_BYTES:
            raise RequestError(
                507, "There is no room for more photos on this server: please try again later."
            )


def rpc_error(refused: RequestError) -> dict[str, Any]:
    """A refusal as MCP clients read it."""
    error = {"code": INVALID_REQUEST, "message": str(refused)}
    return {"jsonrpc": "2.0", "id": None, "error": error}


def wants_page(scope: Scope) -> bool:
    """Whether a person's browser asks, who mistyped an address, and no program, which gets a sentence."""
    return "text/html" in Headers(scope=scope).get("accept", "")


class ErrorRewriter:
    """Passes an answer on; one with a status of 400 or more gets our words where it had gradio's."""

    def __init__(self, send: Send, path: str):
        self.send, self.path = send, path
        self.begun = False
        self.instead: RequestError | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            status = message["status"]
            if status >= 400 and not (
                status == 500 and CALL_ROUTES.fullmatch(self.path)
            ):  # that one holds a handler's sentence
                words = SENTENCES.get(status, SENTENCES[400] if status < 500 else SORRY)
                self.instead = RequestError(
                    status, QUEUED if status == 404 and CALL_ROUTES.fullmatch(self.path) else words
                )
                log.warning("%s refused: %s", printable(self.path)[:80], self.instead)
                body = json.dumps(self.instead.record()).encode()
                headers = [
                    (b"content-type", b"application/json"),
                    (b"content-length", str(len(body)).encode()),
                ]
                headers += [(b"retry-after", b"30")] * (status == 503)
                await self.send({"type": "http.response.start", "status": status, "headers": headers})
                await self.send({"type": "http.response.body", "body": body, "more_body": False})
                return
        if self.instead is None:
            await self.send(message)


def launch_options(
    limits: Limits, uploads: Path | None = None, hosts: Hosts | None = None, pages: OpenPages | None = None
) -> dict[str, Any]:
    """The arguments of `launch()` that put the guard in front of gradio and limit the size of one file."""
    options = {"limits": limits, "uploads": uploads, "hosts": hosts or Hosts(), "pages": pages or OpenPages()}
    return {
        "max_file_size": int(limits.upload_mb * 1e6),
        "app_kwargs": {"middleware": [Middleware(RequestGuard, **options)], **McpRoute(limits).options()},
        "mcp_server": False,  # gradio's own
    }
