"""Talking to a hub: the only huggingface_hub in the project. What its client raises becomes one sentence, and when to try again.

Everything goes over plain HTTP, not over Xet: files of 4 MB gain nothing from chunks that are shared, mirrors and hubs of one's own need not speak
Xet, and its transfers run in threads that cannot be stopped. Uploads are handed over as open files, which the client sends by itself (huggingface_hub
2.4, _commit_api.py, `_upload_files`); downloads go through its `http_get` into a file that we name, because `hf_hub_download` derives file names from
the ETag that a server sends.
"""

import errno
import pathlib
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

from huggingface_hub import CommitInfo, CommitOperationAdd, CommitOperationDelete, HfApi, ModelInfo, constants, hf_hub_url
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import WeakFileLock, get_session, hf_raise_for_status
from huggingface_hub.utils._headers import get_token_to_send
from huggingface_hub.utils._http import parse_ratelimit_headers

from .errors import DiskFull, FaceHubError, HubRefused, HubUnreachable
from .provenance import VERSION
from .waiting import Beat, Silent, patiently

T = TypeVar("T")

LISTED = ["cardData", "downloads", "gated", "lastModified", "likes", "private", "safetensors", "sha", "siblings", "tags"]
"""What a listing asks of each repository."""

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
    """Silence after which the hub is asked what is wrong."""
    deadline_s: float = 60.0
    """For one question; a transfer has time for its bytes besides."""

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

    def listing(self, tags: Iterable[str], text: str, author: str, sort: Any, limit: int) -> list[ModelInfo]:
        """Repositories that have all these tags."""

        def work(beat: Beat) -> list[ModelInfo]:
            found = []
            expand: list[Any] = [*LISTED]
            questions = {"filter": [*tags], "search": text or None, "author": author or None, "sort": sort, "limit": limit}
            try:
                for info in self.api.list_models(**questions, expand=expand):
                    beat()
                    found.append(info)
            except (TypeError, ValueError, KeyError, AttributeError):
                # One card's front matter can make the client's parser raise for all (a key `self`, say): then without the cards.
                expand.remove("cardData")
                found = [*self.api.list_models(**questions, expand=expand)]
            return found

        return self.ask(work)

    def has_token(self) -> bool:
        """Whether anything would be sent as a token."""
        return get_token_to_send(self.token) is not None

    def find(self, repo: str) -> ModelInfo | None:
        """The repository as it is now; None when there is none that this token may see."""

        def work(_: Beat) -> ModelInfo | None:
            try:
                return self.api.model_info(repo, files_metadata=True, timeout=self.patience_s)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None

        return self.ask(work, repo)

    def info(self, repo: str, revision: str | None = None) -> ModelInfo:
        """A repository at a revision: its commit, and its files with sizes and hashes."""
        return self.ask(lambda _: self.api.model_info(repo, revision=revision, files_metadata=True, timeout=self.patience_s), repo, revision)

    def beginning(self, repo: str, commit: str, name: str, count: int) -> bytes:
        """The first `count` bytes of a file, or all of them if it is shorter."""

        def work(beat: Beat) -> bytes:
            data = b""
            wanted = self._headers() | {"Range": f"bytes=0-{count - 1}"}
            with get_session().stream("GET", self._url(repo, commit, name), headers=wanted, timeout=self.patience_s) as response:
                hf_raise_for_status(response)
                for chunk in response.iter_bytes():
                    beat()
                    data += chunk
                    if len(data) >= count:
                        break
            return data[:count]

        return self.ask(work, repo)

    def fetch(
        self,
        repo: str,
        commit: str,
        name: str,
        file: pathlib.Path,
        size: int,
        tell: Callable[[int], None],
        stop: threading.Event | None = None,
    ) -> None:
        """Downloads into `file`, going on where an earlier attempt ended; `tell` gets the bytes that are there."""

        def work(beat: Beat) -> None:
            with open(file, "ab") as opened:
                if opened.tell() > size:
                    opened.truncate(0)
                bar = _Counter(size, opened.tell(), tell, beat)
                here = {"resume_size": opened.tell(), "expected_size": size, "tqdm_class": lambda **_: bar}
                http_get(self._url(repo, commit, name), opened, headers=self._headers(), **here)  # pyright: ignore[reportArgumentType]

        self.ask(work, repo, seconds=size / SLOWEST_BYTES_PER_S, stop=stop)

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
        tell: Callable[[int], None],
        stop: threading.Event | None,
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

        return self.ask(work, repo, seconds=sum(path.stat().st_size for path in add.values()) / SLOWEST_BYTES_PER_S, stop=stop)

    def ask(
        self,
        work: Callable[[Beat[T]], T],
        repo: str = "",
        revision: str | None = None,
        *,
        seconds: float = 0.0,
        stop: threading.Event | None = None,
    ) -> T:
        """What `work` returns; whatever it raises becomes one sentence."""
        try:
            return patiently(work, patience_s=self.patience_s, deadline_s=self.deadline_s + seconds, stop=stop, ask=self._what_is_wrong)
        except FaceHubError:
            raise
        except Exception as problem:
            raise told(problem, self, repo, revision) from problem

    def _what_is_wrong(self) -> None:
        """Asks for next to nothing, without the retries behind which the client is silent."""
        response = get_session().get(f"{self.endpoint}/api/models", params={"limit": 1}, headers=self._headers(), timeout=self.patience_s)
        hf_raise_for_status(response)

    def _headers(self) -> dict[str, str]:
        return self.api._build_hf_headers() | {"Accept-Encoding": "identity"}

    def _url(self, repo: str, commit: str, name: str) -> str:
        return hf_hub_url(repo, name, revision=commit, endpoint=self.endpoint)


class _Counter:
    """What the client takes for a progress bar."""

    def __init__(self, size: int, done: int, tell: Callable[[int], None], beat: Beat):
        self.size, self.done, self.tell, self.beat = size, done, tell, beat

    def __enter__(self) -> "_Counter":
        return self

    def __exit__(self, *_) -> None:
        pass

    def update(self, count: int) -> None:
        self.beat()
        self.done += count
        if self.done > self.size:
            raise HubRefused(f"The hub sends more than the {self.size:,} bytes it listed: nothing of it was kept; do not use that hub.")
        self.tell(self.done)


class _Sent:
    """Opens files for the upload and counts what is read of them, once their hashes are known."""

    def __init__(self, tell: Callable[[int], None], beat: Beat):
        self.tell, self.beat, self.counting, self.done = tell, beat, False, 0

    def open(self, path: pathlib.Path) -> Any:
        import io

        sent = self

        class Reader(io.BufferedReader):
            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                sent.beat()
                if sent.counting:
                    sent.done += len(data)
                    sent.tell(sent.done)
                return data

        return Reader(open(path, "rb", buffering=0))


def told(problem: BaseException, client: Client, repo: str, revision: str | None) -> FaceHubError:
    """The one sentence for what the client raised, by the most telling exception of the chain."""
    host, chain = client.host, list(_chain(problem))
    for cause in chain:
        if isinstance(cause, FaceHubError):
            return cause
        if isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT):
            return DiskFull("The disk is full: make room, then try again; what is whole is kept.")
        if isinstance(cause, OfflineModeIsEnabled):
            return HubUnreachable("HF_HUB_OFFLINE is set, so no hub is asked: unset it, or use an identity that was pulled before.")
        if isinstance(cause, LocalTokenNotFoundError):
            return HubRefused(f"Nobody is logged in to {host}: run `hf auth login`, or set HF_TOKEN.")
        if isinstance(cause, HFValidationError):
            return HubRefused(f"{repo[:100]!r} cannot name a repository: write it as user/name.")
        if isinstance(cause, HfHubHTTPError):
            return _answered(cause, client, repo, revision)
    names = {kind.__name__ for cause in chain for kind in type(cause).__mro__}
    if isinstance(problem, Silent) or "TimeoutException" in names:
        return HubUnreachable(f"{host} did not answer in time: try again in a while; what already arrived is kept.", retry_after_s=30)
    if "ConnectError" in names or "ProxyError" in names:
        return HubUnreachable(f"{host} cannot be reached: check the network, then try again; identities that were pulled before still work.")
    if "TransportError" in names or "Consistency check failed" in str(problem):
        return HubUnreachable(f"The connection to {host} broke off: try again, it goes on with what already arrived.", retry_after_s=1)
    if isinstance(problem, OSError):
        return FaceHubError(f"{problem.filename or 'The cache'} cannot be written ({problem.strerror or problem}): mend that, then try again.")
    return HubUnreachable(f"{host} answered in a way that is not a hub's: check the endpoint (HF_ENDPOINT).", retry_after_s=60)


def _answered(problem: HfHubHTTPError, client: Client, repo: str, revision: str | None) -> FaceHubError:
    host, status = client.host, problem.response.status_code
    if isinstance(problem, GatedRepoError):
        return HubRefused(f"{repo} is gated: log in, ask for access at {client.endpoint}/{repo}, and try again once it is granted.")
    if isinstance(problem, RevisionNotFoundError):
        return HubRefused(f"{repo} has no revision {(revision or '')[:80]!r} on {host}: leave it out, or use a branch, tag or commit that is there.")
    if isinstance(problem, EntryNotFoundError):
        return HubRefused(f"{repo} lists a file that {host} does not have: try again later, or tell its owner.")
    if isinstance(problem, RepositoryNotFoundError) or (status == 404 and repo):
        return HubRefused(f"{repo} is not on {host}, or is private: check the name, or log in as somebody who may see it.")
    if status == 401:
        return HubRefused(f"{host} does not accept the token: log in again with `hf auth login`, or set HF_TOKEN to a valid one.")
    if status == 403:
        return HubRefused(f"{host} does not allow this with your token: use one that may write to {repo or 'it'} (at least contribute-repos).")
    if status in (409, 412):
        return HubRefused(f"{repo} was changed by somebody else in the meantime: look at the change, then push again.")
    if status == 429:
        rate = parse_ratelimit_headers(problem.response.headers)
        text = problem.response.headers.get("Retry-After", "")
        pause = rate.reset_in_seconds if rate else int(text) if re.fullmatch(r"\d{1,6}", text) else 60
        return HubUnreachable(f"{host} is asked too often: wait {pause} seconds, then try again.", retry_after_s=pause)
    if status >= 500 or status == 408:
        return HubUnreachable(f"{host} has trouble of its own (HTTP {status}): try again in half a minute.", retry_after_s=30)
    return HubRefused(f"{host} refused the request (HTTP {status}): {_plain(problem.server_message) or 'it gave no reason'}.")


def _plain(text: str | None) -> str:
    return re.sub(r"[^\w .,:;'()/@-]+", " ", text or "")[:200].strip(" .")


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    seen = set()
    while problem is not None and id(problem) not in seen:
        seen.add(id(problem))
        yield problem
        problem = problem.__cause__ or problem.__context__
