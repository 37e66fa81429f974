"""One bound for every answer of a hub, counted after decompression.

Answers are asked for uncompressed (`Accept-Encoding: identity`), but a hub may send what it likes, in
several layers: 4.8 kB that become 3 GB. So a hook on the HTTP client, which huggingface_hub shares, puts a
counting stream under the answers to our requests, before anything is read: at most one layer of gzip or
deflate, and at most `MAX_ANSWER_BYTES`, or as many as the request names in its extension `LIMIT`. Other
downloads by huggingface_hub in the process are not bounded.
"""

import threading
import zlib
from collections.abc import Iterator

import httpx2
from huggingface_hub.utils import get_session

from ..errors import HubRefused

MAX_ANSWER_BYTES = 8_000_000
"""Largest answer that is read: a listing of 1,000 repositories with their cards takes 3 MB."""

LIMIT = "facehub_max_bytes"
"""Request extension: the largest answer to this request, in bytes."""

MAX_RATE_HEADER = 200
"""Longest header about rate limits that is read, in characters."""

USER_AGENT = "facehub/"
"""How our requests begin their User-Agent."""

_lock = threading.Lock()


class BoundedStream(httpx2.SyncByteStream):
    """The decompressed bytes of an answer. Raises HubRefused as soon as they exceed `limit`."""

    def __init__(self, stream: httpx2.SyncByteStream, encoding: str, limit: int, host: str):
        self.stream, self.limit, self.host = stream, limit, host
        # 32 + MAX_WBITS: gzip or zlib, by their headers.
        self.decoder = zlib.decompressobj(32 + zlib.MAX_WBITS) if encoding else None

    def __iter__(self) -> Iterator[bytes]:
        done = 0
        for received in self.stream:
            data = received
            while data:
                part, data = self._decoded(data, self.limit + 1 - done)
                done += len(part)
                if done > self.limit:
                    raise HubRefused(
                        f"{self.host} answers with more than {self.limit:,} bytes: nothing was kept; "
                        "do not use that hub."
                    )
                yield part

    def _decoded(self, data: bytes, limit: int) -> tuple[bytes, bytes]:
        """At most `limit` bytes, and the input that is left."""
        if self.decoder is None:
            return data, b""
        try:
            part = self.decoder.decompress(data, limit)
        except zlib.error as problem:
            raise HubRefused(
                f"{self.host} sends a compressed answer that is damaged: try again."
            ) from problem
        return part, self.decoder.unconsumed_tail

    def close(self) -> None:
        self.stream.close()


def bound(response: httpx2.Response) -> None:
    """Response hook: put a bound on the answer to one of our requests. Raises HubRefused for unknown
    encodings."""
    request = response.request
    limit = request.extensions.get(LIMIT)
    # The client sends uploads to the storage without a User-Agent of ours; the answer to a PUT is never
    # large.
    if limit is None and request.method != "PUT" and USER_AGENT not in request.headers.get("user-agent", ""):
        return
    encodings = [
        one.strip().lower() for one in response.headers.get("content-encoding", "").split(",") if one.strip()
    ]
    encodings = [one for one in encodings if one != "identity"]
    if len(encodings) > 1 or any(one not in ("gzip", "x-gzip", "deflate") for one in encodings):
        response.close()
        raise HubRefused(
            f"{request.url.host} sends its answer in an encoding that was not asked for: do not use that hub."
        )
    for name in ("ratelimit", "ratelimit-policy"):  # huggingface_hub reads them in quadratic time
        if len(response.headers.get(name, "")) > MAX_RATE_HEADER:
            del response.headers[name]
    if "content-encoding" in response.headers:
        del response.headers["content-encoding"]
    assert isinstance(response.stream, httpx2.SyncByteStream)
    response.stream = BoundedStream(
        response.stream, "".join(encodings), MAX_ANSWER_BYTES if limit is None else limit, request.url.host
    )


def bounded_session() -> httpx2.Client:
    """huggingface_hub's HTTP client, with the bound on it."""
    client = get_session()
    with _lock:
        hooks = client.event_hooks
        if bound not in hooks["response"]:
            client.event_hooks = {**hooks, "response": [*hooks["response"], bound]}
    return client
