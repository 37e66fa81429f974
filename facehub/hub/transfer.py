"""Files from a hub: streamed into a file that we name, or read into memory.

`hf_hub_download` derives names from the ETag that a server sends, takes as many bytes as the server sends,
and keeps nothing of a file that broke off within its first 10 MB.
"""

import pathlib
import time
from collections.abc import Callable

from huggingface_hub import hf_hub_url
from huggingface_hub.utils import hf_raise_for_status

from ..errors import HubRefused, HubUnreachable
from .bounded import LIMIT, bounded_session
from .client import MIN_BYTES_PER_S, Client
from .error_messages import is_transient
from .watchdog import Heartbeat

MAX_TRIES = 3
"""Tries in a row without a new byte."""

RETRY_PAUSE_S = 0.5
"""Pause before the second try; twice as long before the third."""

SLACK_BYTES = 1_000_000
"""Bytes beyond a file's listed size that may be read before the download is refused."""

MIN_ANSWER_BYTES = 100_000
"""Read of any answer, because the sentence of a refusal may be longer than a small file."""


def fetch(
    client: Client,
    repo: str,
    commit: str,
    name: str,
    file: pathlib.Path,
    size: int,
    *,
    until: int | None = None,
    kind: str = "model",
    on_progress: Callable[[int], object] = id,
) -> None:
    """Download into `file` those of its `size` bytes, or of the first `until`, that are missing there.

    Resumes where an earlier attempt ended, in this process or another. A connection that breaks off, a
    time-out and trouble on the hub's side are tried again, up to MAX_TRIES. `kind`: model or dataset.
    `on_progress` gets the bytes that are there.
    """
    end = size if until is None else min(until, size)
    url = hf_hub_url(repo, name, repo_type=kind, revision=commit, endpoint=client.endpoint)

    def work(beat: Heartbeat) -> None:
        tries = 0
        while (start := _size(file)) < end or start > size:
            try:
                _stream(client, url, file, (start if start < size else 0, end), on_progress, beat)
            except Exception as problem:
                tries = 1 if _size(file) > start else tries + 1
                if tries >= MAX_TRIES or not is_transient(problem):
                    raise
                time.sleep(RETRY_PAUSE_S * tries)
        file.touch()  # an empty file has no bytes to request

    client.request(work, repo, seconds=size / MIN_BYTES_PER_S)


def read(client: Client, repo: str, commit: str, name: str, size: int) -> bytes:
    """A small file of `size` bytes, in memory. The caller checks its hash. Raises HubRefused when it is much
    larger."""

    def work(_: Heartbeat) -> bytes:
        response = bounded_session().get(
            hf_hub_url(repo, name, revision=commit, endpoint=client.endpoint),
            headers=client.headers(),
            timeout=client.timeout_s,
            extensions={LIMIT: max(size, MIN_ANSWER_BYTES)},
        )
        hf_raise_for_status(response)
        return response.content

    return client.request(work, repo)


def _stream(
    client: Client,
    url: str,
    file: pathlib.Path,
    span: tuple[int, int],
    on_progress: Callable[[int], object],
    beat: Heartbeat,
) -> None:
    """One attempt at the bytes of `span`, start to end, of the file at `url`."""
    start, end = span
    with bounded_session().stream(
        "GET",
        url,
        headers=client.headers() | {"Range": f"bytes={start}-{end - 1}"},
        timeout=client.timeout_s,
        extensions={LIMIT: end + SLACK_BYTES},
    ) as response:
        hf_raise_for_status(response)
        done = start if response.status_code == 206 else 0
        with open(file, "r+b" if done else "wb") as opened:
            opened.seek(done)
            for chunk in response.iter_bytes():
                beat()
                done += len(chunk)
                if done > end:
                    raise HubRefused(
                        f"{client.host} sends more than the {end:,} bytes that it lists: nothing was kept; "
                        "do not use that hub."
                    )
                opened.write(chunk)
                on_progress(done)
    if done < end:
        raise HubUnreachable(
            f"{client.host} sent {done:,} of {end:,} bytes: try again, it goes on from there.",
            retry_after_s=1.0,
        )


def _size(file: pathlib.Path) -> int:
    return file.stat().st_size if file.exists() else 0
