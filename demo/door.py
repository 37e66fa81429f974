"""What gets to gradio at all: an ASGI layer in front of its routes that answers the rest with one sentence.

It lets pass only the routes that the page and its API need. gradio has more: some fetch addresses, some write files that nobody deletes. It counts
the bytes and the time of what is sent, reads every call before gradio does, and puts the answers that gradio words itself into ours.

    413  too large      408  too slow      400  no call that makes sense      404  no such route, function or visit      503  busy
"""

import asyncio
import contextlib
import json
import logging
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .calls import BadCall, checked
from .limits import SPARE_BYTES, Limits
from .sentences import SORRY, printable

PREFIX = "/gradio_api"

READ = re.compile(
    r"/?|/(config|info|theme\.css|favicon\.ico|robots\.txt|manifest\.json)/?|/(static|assets|svelte)/.+"
    rf"|{PREFIX}/(info|openapi\.json|app_id|user|login_check|startup-events|theme\.css|queue/status|queue/data|upload_progress)/?"
    rf"|{PREFIX}/(heartbeat/[\w-]{{1,64}}|call/(v2/)?\w{{1,64}}/\w{{1,64}}|file=(?!\w+:).{{1,4000}})"
    r"|/(login|logout)/(huggingface|callback)/?|/logout/?"
)
"""What may be read. A file's address is a path in the cache, never one of another server."""

CALL = re.compile(rf"{PREFIX}/((run|api|call|call/v2)/\w{{1,64}}|queue/join|cancel|reset)/?")
STREAM = re.compile(rf"{PREFIX}/stream/\w{{1,64}}(/close)?/?")
"""Where the browser sends the further frames of its camera."""
UPLOAD = re.compile(rf"{PREFIX}/upload/?")

CALL_BYTES = 1e6
"""Of one call without its files: texts, numbers, and one frame of a camera."""

DRAIN_SECONDS = 10.0

LEAST_FREE_BYTES = 500_000_000

BUSY = "So many visitors are waiting already that this one would wait too long: please try again in a minute."

QUEUED = "This function waits in line like everybody: call it by POST /gradio_api/call/NAME, and read the answer at /gradio_api/call/NAME/EVENT."

WORDS = {
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
class Door:
    """`app` with `limits`; uploads are refused where the disk of the folder `uploads` is nearly full."""

    app: ASGIApp
    limits: Limits
    uploads: Path | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] != "websocket":
                await self.app(scope, receive, send)
            return
        path, method = scope["path"].removeprefix(scope.get("root_path", "")), scope["method"]
        if method == "HEAD" and path == "/":  # whether the page is there: gradio asks it at its start, and gives up where a busy machine takes 3 s
            await Response()(scope, receive, send)
            return
        call = method == "POST" and (CALL.fullmatch(path) or STREAM.fullmatch(path))
        coming = Slowly(receive, self.limits, most=CALL_BYTES if call else None)
        answer = Answer(send, path)
        try:
            if call:
                body = await coming.all()
                checked(path.removeprefix(PREFIX), body, scope["app"].get_blocks())
                await self.app(scope, Again(body, receive), answer)
            elif method == "POST" and UPLOAD.fullmatch(path):
                self._check_upload(scope)
                await self._upload(scope, coming, answer)
            elif method in ("GET", "HEAD", "OPTIONS") and READ.fullmatch(path):
                await self.app(scope, receive, answer)
            else:
                raise BadCall(404, WORDS[404])
        except BadCall as refused:
            log.warning("%s refused: %s", printable(path)[:80], refused)
            if not answer.begun:
                await coming.drain()
                await JSONResponse(refused.record(), refused.status, {"connection": "close"})(scope, receive, send)
        except Exception as problem:
            if not (answer.begun and isinstance(problem.__cause__ or problem, HTTPException)):
                raise
            log.warning("%s ended: no such visit", printable(path))  # gradio has said so in the stream
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except ClientDisconnect:
            log.warning("an upload broke off")
        except (TypeError, ValueError, LookupError, AttributeError) as problem:
            raise BadCall(400, "This upload cannot be read: send each file in a field called files, with its name.") from problem
        except OSError as problem:
            log.error("an upload cannot be written: %s", problem)
            raise BadCall(507, "This upload could not be kept: please try again later.") from problem

    def _check_upload(self, scope: Scope) -> None:
        headers = dict(scope["headers"])
        if not headers.get(b"content-type", b"").startswith(b"multipart/form-data"):
            raise BadCall(400, "An upload must be sent as multipart/form-data, each file in a field called files.")
        length = headers.get(b"content-length", b"0")
        if length.isdigit() and int(length[:15]) > self.limits.uploads_mb * 1e6 + SPARE_BYTES:
            raise BadCall(413, f"These files are larger than {self.limits.uploads_mb:g} MB together: send fewer, or smaller ones.")
        if self.uploads and shutil.disk_usage(self.uploads).free < LEAST_FREE_BYTES:
            raise BadCall(507, "There is no room for more photos on this server: please try again later.")


class Again:
    """A body that was read, once more."""

    def __init__(self, body: bytes, receive: Receive):
        self.body: bytes | None = body
        self.receive = receive

    async def __call__(self) -> Message:
        if self.body is None:
            return await self.receive()
        body, self.body = self.body, None
        return {"type": "http.request", "body": body, "more_body": False}


class Slowly:
    """A body as it comes, but not for ever, and not without end: `most` bytes, by default as many as all uploads of one request."""

    def __init__(self, receive: Receive, limits: Limits, *, most: float | None = None):
        self.receive, self.limits = receive, limits
        self.most = most or limits.uploads_mb * 1e6 + SPARE_BYTES
        self.count, self.end, self.whole = 0, asyncio.get_running_loop().time() + limits.upload_seconds, False

    async def __call__(self) -> Message:
        if self.whole:  # whoever asks on waits for the caller to go
            return await self.receive()
        left = self.end - asyncio.get_running_loop().time()
        try:
            message = await asyncio.wait_for(self.receive(), min(self.limits.pause_seconds, max(0.0, left)))
        except (TimeoutError, asyncio.TimeoutError) as problem:
            raise BadCall(408, "What was sent came too slowly, and was given up: try again with a better connection, or smaller files.") from problem
        self.count += len(message.get("body", b""))
        self.whole = not message.get("more_body")
        if self.count > self.most:
            raise BadCall(413, f"More was sent than the {self.most / 1e6:,.0f} MB that one call may have: send less at once.")
        return message

    async def all(self) -> bytes:
        """The whole body. Raises BadCall when it breaks off."""
        body = b""
        while not self.whole:
            message = await self()
            if message["type"] == "http.disconnect":
                raise BadCall(400, "The connection ended before the call was there.")
            body += message.get("body", b"")
        return body

    async def drain(self) -> None:
        """Lets the rest go by, for some seconds: who still sends would not hear the answer."""

        async def rest() -> None:
            while not self.whole:
                self.whole = not (await self.receive()).get("more_body")

        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(rest(), DRAIN_SECONDS)


class Answer:
    """Passes an answer on; one with a status of 400 or more gets our words where it had gradio's."""

    def __init__(self, send: Send, path: str):
        self.send, self.path = send, path
        self.begun = False
        self.instead: BadCall | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            status = message["status"]
            if status >= 400 and not (status == 500 and CALL.fullmatch(self.path)):  # that one holds a handler's sentence
                words = WORDS.get(status, WORDS[400] if status < 500 else SORRY)
                self.instead = BadCall(status, QUEUED if status == 404 and CALL.fullmatch(self.path) else words)
                log.warning("%s refused: %s", printable(self.path)[:80], self.instead)
                body = json.dumps(self.instead.record()).encode()
                headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
                headers += [(b"retry-after", b"30")] * (status == 503)
                await self.send({"type": "http.response.start", "status": status, "headers": headers})
                await self.send({"type": "http.response.body", "body": body, "more_body": False})
                return
        if self.instead is None:
            await self.send(message)


def door(limits: Limits, uploads: Path | None = None) -> dict[str, Any]:
    """The arguments of `launch()` that set the door up and count the bytes of one file."""
    from starlette.middleware import Middleware

    return {"max_file_size": int(limits.upload_mb * 1e6), "app_kwargs": {"middleware": [Middleware(Door, limits=limits, uploads=uploads)]}}
