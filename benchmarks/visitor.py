"""A visitor of the page as a program: uploads, calls, downloads, stays and leaves, by the same requests as a
browser's."""

import contextlib
import json
import random
import secrets
import socket
import threading
from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx

API = "/gradio_api"

SERVER_PORTS = (20_000, 32_000)
"""Below the ports that systems give to outgoing connections (from 32768 on Linux, 49152 elsewhere)."""


def free_port() -> int:
    """A port for a server that is about to start: free, and none that a connection gets meanwhile."""
    choose = random.SystemRandom()
    while True:
        port = choose.randrange(*SERVER_PORTS)
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


class Response(NamedTuple):
    """What came of a call."""

    status: int
    """HTTP's, or 200 where the call was taken in."""
    values: list[Any] | None
    """What the function gave; None where it was refused."""
    sentence: str
    """Why it was refused; empty otherwise."""


class Visitor:
    """One visit at the page at `url`. Inside `with`, it holds the connection by which the page knows that
    somebody is there."""

    def __init__(self, url: str, *, timeout_s: float = 300.0):
        self.session = secrets.token_hex(6)
        self.http = httpx.Client(
            base_url=url.rstrip("/"), timeout=timeout_s, limits=httpx.Limits(max_connections=None)
        )
        self._stay: contextlib.ExitStack | None = None

    def __enter__(self) -> "Visitor":
        self._stay = contextlib.ExitStack()
        self._stay.enter_context(self.http)
        heartbeat = self._stay.enter_context(self.http.stream("GET", f"{API}/heartbeat/{self.session}"))
        self._beats = heartbeat.iter_raw()  # kept: when it goes, the connection does
        next(self._beats)
        return self

    def __exit__(self, *_: object) -> None:
        if self._stay:
            self._stay.close()

    def upload(self, data: bytes, name: str = "photo.png") -> dict[str, Any]:
        """Sends a file; gives it as a call names it. Raises httpx.HTTPStatusError where it is refused."""
        answer = self.http.post(f"{API}/upload", files={"files": (name, data)})
        answer.raise_for_status()
        return named(answer.json()[0])

    def call(self, function: str, *values: Any, raw: bytes | None = None) -> Response:
        """Calls a function by its name and waits for what comes of it. `raw` is sent instead of the values.
        Swaps get the learned mask."""
        if function in ("swap", "compare") and len(values) == 4:
            values += ("learned",)
        body = raw if raw is not None else json.dumps({"data": values, "session_hash": self.session}).encode()
        asked = self.http.post(
            f"{API}/call/{function}", content=body, headers={"content-type": "application/json"}
        )
        if asked.status_code != 200:
            return Response(asked.status_code, None, said(asked))
        event = asked.json()["event_id"]
        with self.http.stream("GET", f"{API}/call/{function}/{event}") as answers:
            for kind, data in events(answers.iter_lines()):
                if kind == "complete":
                    return Response(200, data, "")
                if kind == "error":
                    return Response(
                        200, None, (data or {}).get("error") or "" if isinstance(data, dict) else str(data)
                    )
        return Response(0, None, "")

    def file(self, told: dict[str, Any]) -> bytes:
        """A file that a call gave."""
        answer = self.http.get(f"{API}/file={told['path']}")
        answer.raise_for_status()
        return answer.content


def named(path: str) -> dict[str, Any]:
    """A path on the server as a call names a file."""
    return {"path": path, "meta": {"_type": "gradio.FileData"}}


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """Kind and data of each event of a stream."""
    kind = ""
    for line in lines:
        if line.startswith("event: "):
            kind = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield kind, json.loads(line.removeprefix("data: "))


def said(answer: httpx.Response) -> str:
    """The sentence of a refusal."""
    try:
        record = answer.json()
    except ValueError:
        return answer.text[:300]
    return (
        str(record.get("detail") or record.get("error") or "")
        if isinstance(record, dict)
        else str(record)[:300]
    )


def crowd(works: list[Any]) -> None:
    """Runs each in a thread of its own, all at once, until all have ended."""
    threads = [threading.Thread(target=work, daemon=True) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
