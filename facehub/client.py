"""Talking to a hub, through huggingface_hub. What its client raises becomes one sentence (refusals.py).

Everything goes over plain HTTP, not over Xet: files of 4 MB gain nothing from chunks that are shared, mirrors and hubs of one's own need not speak
Xet, and its transfers run in threads that cannot be stopped. Uploads are handed over as open files, which the client sends by itself (huggingface_hub
2.4, _commit_api.py, `_upload_files`). Downloads are streamed through the client's session into a file that we name: `hf_hub_download` derives names
from the ETag that a server sends, has no limit but the server's word, and keeps nothing of a file that broke off within its first 10 MB.
"""

import io
import pathlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, constants, hf_hub_url
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from huggingface_hub.utils import WeakFileLock, build_hf_headers, disable_progress_bars, get_session, hf_raise_for_status, logging

from .errors import FaceHubError, HubRefused, HubUnreachable
from .provenance import VERSION
from .refusals import passes, told
from .waiting import Beat, patiently

T = TypeVar("T")

LISTED = ["cardData", "downloads", "gated", "lastModified", "likes", "private", "safetensors", "sha", "siblings", "tags"]
"""What a listing asks of each repository."""

SORTS = {"downloads": "downloads", "likes": "likes", "last_modified": "lastModified", "trending_score": "trendingScore"}

TRIES = 3
PAUSE_S = 0.5
"""Before a second try; a third waits twice as long."""

SLOWEST_BYTES_PER_S = 10_000
"""A transfer slower than that is given up."""


def home() -> pathlib.Path:
    """Where huggingface_hub keeps its things (HF_HOME)."""
    return pathlib.Path(constants.HF_HOME)


def usual_endpoint() -> str:
    """HF_ENDPOINT, or the public hub."""
    return constants.ENDPOINT


@dataclass(frozen=True)
class Client:
    """One hub as one person sees it."""

    endpoint: str
    token: str | bool | None = field(default=None, repr=False)
    """None: the one that is stored, if any; False: none."""
    patience_s: float = 4.0
    """Silence in an upload after which the hub is asked what is wrong."""
    deadline_s: float = 60.0
    """For one question; a transfer has time for its bytes besides."""
    stop: threading.Event | None = None
    """Ends what is going on, once it is set."""

    @property
    def timeout_s(self) -> float:
        """For one step of a request: a connection, an answer, the next bytes."""
        return 2.5 * self.patience_s

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    @property
    def api(self) -> HfApi:
        return HfApi(self.endpoint, token=self.token, library_name="facehub", library_version=VERSION)

    @staticmethod
    def offline() -> bool:
        return constants.is_offline_mode()

    @staticmethod
    @contextmanager
    def alone(file: pathlib.Path) -> Iterator[None]:
        """One process or thread at a time; others wait."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(file):
            yield

    def listing(self, tags: Iterable[str], text: str, author: str, sort: str, limit: int) -> list[ModelInfo]:
        """Repositories that have all these tags.

        `HfApi.list_models` would wait without a limit, sleep up to half a minute between tries, close the session that all share when there is no
        network, and give up all of a listing for one card that it cannot parse (a key `self` in the front matter, say). So: its request and its
        records, one by one.
        """
        questions = {"filter": [*tags], "search": text, "author": author, "sort": SORTS.get(sort), "limit": limit, "expand": LISTED}

        def work(beat: Beat) -> list[ModelInfo]:
            found: list[ModelInfo] = []
            asked = urlencode({key: value for key, value in questions.items() if value}, doseq=True)
            while asked and len(found) < limit:
                beat()
                response = get_session().get(f"{self.endpoint}/api/models?{asked}", headers=self._headers(), timeout=self.timeout_s)
                hf_raise_for_status(response)
                for item in response.json():
                    with suppress(TypeError, ValueError, KeyError, AttributeError):
                        found.append(_sound(ModelInfo(**item)))
                # Of the next page's address the question alone: the token goes nowhere else, and a mirror may name the hub that it mirrors.
                asked = urlsplit(response.links.get("next", {}).get("url", "")).query
            return found[:limit]

        return self.ask(work)

    def has_token(self) -> bool:
        """Whether anything would be sent as a token."""
        return "authorization" in self._headers()

    def find(self, repo: str) -> ModelInfo | None:
        """The repository as it is now; None when there is none that this token may see."""

        def work(_: Beat) -> ModelInfo | None:
            try:
                return _sound(self.api.model_info(repo, files_metadata=True, timeout=self.timeout_s))
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None

        return self.ask(work, repo)

    def info(self, repo: str, revision: str | None = None) -> ModelInfo:
        """A repository at a revision: its commit, and its files with sizes and hashes."""

        def work(_: Beat) -> ModelInfo:
            return _sound(self.api.model_info(repo, revision=revision, files_metadata=True, timeout=self.timeout_s))

        return self.ask(work, repo, revision)

    def fetch(
        self,
        repo: str,
        commit: str,
        name: str,
        file: pathlib.Path,
        size: int,
        *,
        until: int | None = None,
        tell: Callable[[int], object] = id,
    ) -> None:
        """Downloads into `file` what of its `size` bytes is not there yet, of the first `until` if given; `tell` gets the bytes that are there.

        It goes on where an earlier attempt ended, in this process or another. A connection that breaks off, a time-out and trouble on the hub's side
        are tried again, TRIES times in a row without a new byte.
        """
        end = size if until is None else min(until, size)

        def work(beat: Beat) -> None:
            tries = 0
            while (start := _size(file)) < end or start > size:
                try:
                    self._stream(self._url(repo, commit, name), file, start if start < size else 0, end, tell, beat)
                except Exception as problem:
                    tries = 1 if _size(file) > start else tries + 1
                    if tries >= TRIES or not passes(problem):
                        raise
                    time.sleep(PAUSE_S * tries)
            file.touch()  # an empty one has no bytes to ask for

        self.ask(work, repo, seconds=size / SLOWEST_BYTES_PER_S)

    def _stream(self, url: str, file: pathlib.Path, start: int, end: int, tell: Callable[[int], object], beat: Beat) -> None:
        """One attempt at the bytes from `start` to `end`."""
        with get_session().stream("GET", url, headers=self._headers() | {"Range": f"bytes={start}-{end - 1}"}, timeout=self.timeout_s) as response:
            hf_raise_for_status(response)
            done = start if response.status_code == 206 else 0
            with open(file, "r+b" if done else "wb") as opened:
                opened.seek(done)
                for chunk in response.iter_bytes():
                    beat()
                    done += len(chunk)
                    if done > end:
                        raise HubRefused(f"{self.host} sends more than the {end:,} bytes that it lists: nothing was kept; do not use that hub.")
                    opened.write(chunk)
                    tell(done)
        if done < end:
            raise HubUnreachable(f"{self.host} sent {done:,} of {end:,} bytes: try again, it goes on from there.", retry_after_s=1.0)

    def who(self) -> dict[str, Any]:
        """Whose token it is, and what it may do."""
        return self.ask(lambda _: self.api.whoami())

    def create(self, repo: str, private: bool) -> None:
        """Makes the repository, or leaves the one that is there as it is."""
        self.ask(lambda _: self.api.create_repo(repo, private=private or None, exist_ok=True), repo)

    def close_to(self, repo: str, *, private: bool, gated: bool) -> None:
        """Narrows who may read a repository: private, or by request."""
        self.ask(lambda _: self.api.update_repo_settings(repo, private=private or None, gated="manual" if gated else None), repo)

    def commit(
        self,
        repo: str,
        add: dict[str, pathlib.Path],
        remove: list[str],
        *,
        message: str,
        parent: str,
        create_pr: bool,
        tell: Callable[[int], object],
    ) -> CommitInfo:
        """All in one commit on top of `parent`, or none of it; what the hub already holds is not sent again."""

        def work(beat: Beat) -> CommitInfo:
            sent = _Sent(tell, beat)
            opened = {name: sent.open(path) for name, path in add.items()}
            try:
                operations = [CommitOperationAdd(name, file) for name, file in opened.items()]
                operations += [CommitOperationDelete(name) for name in remove]
                sent.counting = True
                return self.api.create_commit(repo, operations, commit_message=message, parent_commit=parent, create_pr=create_pr)
            finally:
                for file in opened.values():
                    file.close()

        seconds = sum(path.stat().st_size for path in add.values()) / SLOWEST_BYTES_PER_S
        return self.ask(work, repo, seconds=seconds, wonder=self._what_is_wrong)

    def ask(
        self,
        work: Callable[[Beat[T]], T],
        repo: str = "",
        revision: str | None = None,
        *,
        seconds: float = 0.0,
        wonder: Callable[[], object] | None = None,
    ) -> T:
        """What `work` returns; whatever it raises becomes one sentence. `wonder` is called when it is silent for long."""
        try:
            return patiently(work, patience_s=self.patience_s, deadline_s=self.deadline_s + seconds, stop=self.stop, ask=wonder)
        except FaceHubError:
            raise
        except Exception as problem:
            raise told(problem, self.endpoint, repo, revision) from problem

    def _what_is_wrong(self) -> None:
        """Asks for next to nothing, without the retries behind which the client is silent in an upload."""
        hf_raise_for_status(get_session().get(f"{self.endpoint}/api/models", params={"limit": 1}, headers=self._headers(), timeout=self.timeout_s))

    def _headers(self) -> dict[str, str]:
        built = build_hf_headers(token=self.token, library_name="facehub", library_version=VERSION)
        return built | {"Accept-Encoding": "identity"}  # sizes and hashes are those of the files

    def _url(self, repo: str, commit: str, name: str) -> str:
        return hf_hub_url(repo, name, revision=commit, endpoint=self.endpoint)


def _sound(info: ModelInfo) -> ModelInfo:
    """The same, once its names and hashes were seen to be texts; the client takes them as they come. Raises ValueError."""
    texts = [info.id, info.sha or ""]
    for sibling in info.siblings or []:
        texts += [sibling.rfilename, sibling.blob_id or "", sibling.lfs.sha256 if sibling.lfs else ""]
    if not all(isinstance(text, str) for text in texts) or not isinstance(info.tags or [], list):
        raise ValueError("names or hashes of another kind")
    return info


def _size(file: pathlib.Path) -> int:
    return file.stat().st_size if file.exists() else 0


class _Sent:
    """Opens files for the upload and counts what is read of them, once their hashes are known."""

    def __init__(self, tell: Callable[[int], object], beat: Beat):
        self.tell, self.beat, self.counting, self.done = tell, beat, False, 0
        self.guard = threading.Lock()  # the client sends several files at a time

    def open(self, path: pathlib.Path) -> Any:
        sent = self

        class Reader(io.BufferedReader):
            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                sent.beat()
                with sent.guard:
                    if sent.counting:
                        sent.done += len(data)
                        sent.tell(sent.done)
                return data

        return Reader(open(path, "rb", buffering=0))


def quiet() -> None:
    """No progress bars and warnings of the client's own, for a command that tells of its progress and failures itself."""
    logging.set_verbosity_error()
    disable_progress_bars()
