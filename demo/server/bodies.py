"""Bodies of requests: limited in bytes and time as they come, and replayed once they were read."""

import asyncio
import contextlib

from starlette.types import Message, Receive

from .limits import SPARE_BYTES, Limits
from .request_schema import RequestError

DRAIN_SECONDS = 10.0
"""How long the rest of a refused body is read, so that its sender reads the answer."""


class ReplayBody:
    """A body that was read, once more."""

    def __init__(self, body: bytes, receive: Receive):
        self.body: bytes | None = body
        self.receive = receive

    async def __call__(self) -> Message:
        if self.body is None:
            return await self.receive()
        body, self.body = self.body, None
        return {"type": "http.request", "body": body, "more_body": False}


class LimitedReceive:
    """A body as it comes, but not for ever, and not without end: `most` bytes, by default as many as all
    uploads of one request."""

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
            raise RequestError(
                408,
                "What was sent came too slowly, and was given up: try again with a better connection, or "
                "smaller files.",
            ) from problem
        self.count += len(message.get("body", b""))
        self.whole = not message.get("more_body")
        if self.count > self.most:
            raise RequestError(
                413,
                f"More was sent than the {self.most / 1e6:,.0f} MB that one call may have: send less at "
                "once.",
            )
        return message

    async def all(self) -> bytes:
        """The whole body. Raises RequestError when it breaks off."""
        pieces = []
        while not self.whole:
            message = await self()
            if message["type"] == "http.disconnect":
                raise RequestError(400, "The connection ended before the call was there.")
            pieces.append(message.get("body", b""))
        return b"".join(pieces)

    async def drain(self) -> None:
        """Lets the rest go by, for some seconds: who still sends would not hear the answer."""

        async def rest() -> None:
            while not self.whole:
                self.whole = not (await self.receive()).get("more_body")

        with contextlib.suppress(TimeoutError, asyncio.TimeoutError):
            await asyncio.wait_for(rest(), DRAIN_SECONDS)
