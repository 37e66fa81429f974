"""A time limit for the headers of a request. Tied to uvicorn's internals: its protocols have none.

A connection on which a request was begun but its headers never end costs a file descriptor, and a thousand
of them make a page deaf. uvicorn closes idle connections only after a whole request.
"""

import asyncio
from typing import Any

from uvicorn.config import HTTP_PROTOCOLS
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HEADER_SECONDS = 10.0
"""Until the headers of a request must have arrived, counted from the connection or from its first byte."""

Protocol: Any = AutoHTTPProtocol


class TimedProtocol(Protocol):
    """uvicorn's protocol, which closes a connection whose headers take longer than `HEADER_SECONDS`."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A new connection: its first request must come soon."""
        super().connection_made(transport)
        self._expect_headers()

    def data_received(self, data: bytes) -> None:
        """Bytes: those that end the headers end the wait; those after an answer begin another."""
        super().data_received(data)
        if self._answering():
            self._stop_waiting()
        elif self._deadline is None:
            self._expect_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed, by whomever."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _answering(self) -> bool:
        """Whether a request is being read or answered whose headers are whole."""
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS, self._expire)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expire(self) -> None:
        self._deadline = None
        ours = self.transport.get_protocol() is self  # not one that was upgraded to a WebSocket
        if ours and not self._answering() and not self.transport.is_closing():
            self.transport.close()


def limit_header_time() -> None:
    """Let every server that starts from now on use the time limit: gradio passes no protocol of ours on."""
    HTTP_PROTOCOLS["auto"] = f"{__name__}:{TimedProtocol.__name__}"
