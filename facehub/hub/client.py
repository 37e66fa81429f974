"""Questions to a hub, through huggingface_hub. What its client raises becomes one sentence
(error_messages.py).

Everything goes over plain HTTP, not over Xet: files of 4 MB gain nothing from shared chunks, mirrors and
hubs of one's own need not speak Xet, and its transfers run in threads that cannot be stopped. Uploads are
handed over as open files, which the client then sends by itself (huggingface_hub 2.4, _commit_api.py,
`_upload_files`).
"""

import hashlib
import pathlib
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
from huggingface_hub import (
    CommitInfo,
    CommitOperationAdd,
    CommitOperationDelete,
    DatasetInfo,
    HfApi,
    ModelInfo,
    constants,
)
from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError
from huggingface_hub.utils import (
    WeakFileLock,
    build_hf_headers,
    disable_progress_bars,
    hf_raise_for_status,
    logging,
)

from ..errors import FaceHubError
from ..marks.origin import VERSION
from .bounded import bounded_session
from .error_messages import error_message
from .watchdog import Heartbeat, run_with_deadline

T = TypeVar("T")
Info = TypeVar("Info", ModelInfo, DatasetInfo)

MIN_BYTES_PER_S = 10_000
"""A transfer slower than this is given up."""


def home() -> pathlib.Path:
    """The folder of huggingface_hub (HF_HOME)."""
    return pathlib.Path(constants.HF_HOME)


def usual_endpoint() -> str:
    """HF_ENDPOINT, or the public hub."""
    return constants.ENDPOINT


@dataclass(frozen=True)
class Client:
    """One hub as one person sees it."""

    endpoint: str
    token: str | bool | None = field(default=None, repr=False)
    """None: the stored one, if any; False: none."""
    patience_s: float = 4.0
    """Silence in an upload after which the hub is probed."""
    deadline_s: float = 60.0
    """For one request; a transfer gets extra time for its bytes."""
    stop: threading.Event | None = None
    """Ends the request that is running, once set."""

    @property
    def timeout_s(self) -> float:
        """Time limit for one step of a request: a connection, an answer, the next bytes."""
        return 2.5 * self.patience_s

    @property
    def host(self) -> str:
        return urlsplit(self.endpoint).netloc

    @property
    def api(self) -> HfApi:
        return HfApi(
            self.endpoint,
            token=self.token,
            library_name="facehub",
            library_version=VERSION,
            headers={"Accept-Encoding": "identity"},
        )

    @staticmethod
    def offline() -> bool:
        return constants.is_offline_mode()

    @staticmethod
    @contextmanager
    def lock(file: pathlib.Path) -> Iterator[None]:
        """Hold a lock file: one process or thread at a time, others wait."""
        file.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(file):
            yield

    def has_token(self) -> bool:
        """Whether a token would be sent."""
        return "authorization" in self.headers()

    def token_hash(self) -> str:
        """SHA-256 of the token that would be sent; empty without one. The cache records it, never the
        token."""
        sent = self.headers().get("authorization", "")
        return hashlib.sha256(sent.encode()).hexdigest() if sent else ""

    def find(self, repo: str) -> ModelInfo | None:
        """The repository as it is now; None when there is none that this token may see."""

        def work(_: Heartbeat) -> ModelInfo | None:
            try:
                return self._info(repo, None)
            except GatedRepoError:
                raise
            except RepositoryNotFoundError:
                return None

        return self.request(work, repo)

    def info(self, repo: str, revision: str | None = None) -> ModelInfo:
        """A repository at a revision: its commit, and its files with sizes and hashes."""
        return self.request(lambda _: self._info(repo, revision), repo, revision)

    def dataset(self, repo: str, revision: str) -> DatasetInfo:
        """A dataset repository at a revision: its commit, and its files with sizes and hashes."""

        def work(_: Heartbeat) -> DatasetInfo:
            address = f"/api/datasets/{repo}/revision/{quote(revision, safe='')}?blobs=true"
            return checked(DatasetInfo(**self.get(address).json()))

        return self.request(work, repo, revision)

    def user_name(self) -> str | None:
        """The user name that belongs to the token; None when there is no token."""
        return str(self.whoami()["name"]) if self.has_token() else None

    def whoami(self) -> dict[str, Any]:
        """The owner of the token, and what it may do."""

        def work(_: Heartbeat) -> dict[str, Any]:
            answer = self.get("/api/whoami-v2").json()
            if not isinstance(answer, dict) or not isinstance(answer.get("name"), str):
                raise ValueError("no record of a user")
            return answer

        return self.request(work)

    def create(self, repo: str, private: bool) -> None:
        """Create the repository; leave one that exists as it is."""
        self.request(lambda _: self.api.create_repo(repo, private=private or None, exist_ok=True), repo)

    def restrict(self, repo: str, *, private: bool, gated: bool) -> None:
        """Narrow who may read a repository: private, or after the owner grants a request
        (`gated="manual"`)."""
        self.request(
            lambda _: self.api.update_repo_settings(
                repo, private=private or None, gated="manual" if gated else None
            ),
            repo,
        )

    def commit(
        self,
        repo: str,
        add: dict[str, pathlib.Path],
        remove: list[str],
        *,
        message: str,
        parent: str,
        create_pr: bool,
        on_progress: Callable[[int], object],
    ) -> CommitInfo:
        """All in one commit on top of `parent`, or nothing. What the hub already holds is not sent again.

        Large files are sent one by one before the commit; `on_progress` gets the bytes done after each.
        Whoever stops it in between finds nothing committed.
        """

        def work(beat: Heartbeat) -> CommitInfo:
            with ExitStack() as files:
                done, operations = 0, []
                for name, path in add.items():
                    beat()
                    operations.append(CommitOperationAdd(name, files.enter_context(open(path, "rb"))))
                    if name.endswith((".safetensors", ".png")):
                        self.api.preupload_lfs_files(
                            repo, operations[-1:], create_pr=create_pr, free_memory=False
                        )
                    done += path.stat().st_size
                    on_progress(done)
                beat()
                operations += [CommitOperationDelete(name) for name in remove]
                return self.api.create_commit(
                    repo, operations, commit_message=message, parent_commit=parent, create_pr=create_pr
                )

        seconds = sum(path.stat().st_size for path in add.values()) / MIN_BYTES_PER_S
        return self.request(work, repo, seconds=seconds, on_silence=self._probe)

    def request(
        self,
        work: Callable[[Heartbeat[T]], T],
        repo: str = "",
        revision: str | None = None,
        *,
        seconds: float = 0.0,
        on_silence: Callable[[], object] | None = None,
    ) -> T:
        """What `work` returns; whatever it raises becomes one sentence. `on_silence`: see
        `run_with_deadline`."""
        try:
            bounded_session()
            return run_with_deadline(
                work,
                patience_s=self.patience_s,
                deadline_s=self.deadline_s + seconds,
                stop=self.stop,
                on_silence=on_silence,
            )
        except FaceHubError:
            raise
        except Exception as problem:
            raise error_message(problem, self.endpoint, repo, revision) from problem

    def headers(self) -> dict[str, str]:
        """Headers of each request. Uncompressed answers: sizes and hashes are those of the files."""
        built = build_hf_headers(token=self.token, library_name="facehub", library_version=VERSION)
        return built | {"Accept-Encoding": "identity"}

    def _info(self, repo: str, revision: str | None) -> ModelInfo:
        at = "" if revision is None else f"/revision/{quote(revision, safe='')}"
        return checked(ModelInfo(**self.get(f"/api/models/{repo}{at}?blobs=true").json()))

    def _probe(self) -> None:
        """Send a small request without retries: the client's own retries in an upload are silent."""
        self.get("/api/models?limit=1")

    def get(self, address: str) -> httpx2.Response:
        """The answer to one request, for `request`. `address`: path and query."""
        response = bounded_session().get(
            self.endpoint + address, headers=self.headers(), timeout=self.timeout_s
        )
        hf_raise_for_status(response)
        return response


def checked(info: Info) -> Info:
    """The same record, if its names and hashes are texts; the client does not check. Raises ValueError."""
    texts = [info.id, info.sha or ""]
    for sibling in info.siblings or []:
        texts += [sibling.rfilename, sibling.blob_id or "", sibling.lfs.sha256 if sibling.lfs else ""]
    if not all(isinstance(text, str) for text in texts) or not isinstance(info.tags or [], list):
        raise ValueError("names or hashes of another kind")
    return info


def disable_client_output() -> None:
    """Silence the client's progress bars and warnings, for a command that prints its own."""
    logging.set_verbosity_error()
    disable_progress_bars()
