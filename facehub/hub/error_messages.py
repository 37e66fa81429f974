"""What went wrong at a hub, in one sentence, and whether trying again helps.

The exceptions are huggingface_hub's, and those of httpx2, the HTTP library below it since version 2.

    what happened              the sentence says       tried again
    no network                 cannot be reached       by the visitor; what was pulled works
    time-out                   did not answer in time  a download: 3 times; else by the visitor, after 30 s
    cut off in mid-download    broke off               3 times without a new byte, then the visitor, at once
    5xx                        trouble of its own      a download: 3 times; else by the visitor, after 30 s
    429                        asked too often         by the visitor, after the pause that the hub names
    401, 403, gated, 404, 409  what must change        never: somebody must act first
    disk full                  make room               never
"""

import re
from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

import httpx2
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ..errors import DiskFull, FaceHubError, HubRefused, HubUnreachable
from ..files import is_disk_full
from ..text import one_line
from .watchdog import DeadlineExceeded


def error_message(problem: BaseException, endpoint: str, repo: str, revision: str | None) -> FaceHubError:
    """The sentence for what the client raised, by the most specific exception of its chain."""
    host, chain = urlsplit(endpoint).netloc, list(_chain(problem))
    for cause in chain:
        if isinstance(cause, FaceHubError):
            return cause
        if isinstance(cause, OSError) and is_disk_full(cause):
            return DiskFull("The disk is full: make room, then try again; what is whole is kept.")
        if isinstance(cause, OfflineModeIsEnabled):
            return HubUnreachable(
                "HF_HUB_OFFLINE is set, so no hub is asked: unset it, or use an identity that was pulled "
                "before."
            )
        if isinstance(cause, LocalTokenNotFoundError):
            return HubRefused(f"Nobody is logged in to {host}: run `hf auth login`, or set HF_TOKEN.")
        if isinstance(cause, HFValidationError):
            return HubRefused(f"{repo[:100]!r} cannot name a repository: write it as user/name.")
        if isinstance(cause, HfHubHTTPError):
            return _answered(cause, endpoint, repo, revision)
    if isinstance(problem, DeadlineExceeded) or _any(chain, httpx2.TimeoutException):
        return HubUnreachable(
            f"{host} did not answer in time: try again in a while; what already arrived is kept.",
            retry_after_s=30.0,
        )
    if _any(chain, httpx2.ConnectError, httpx2.ProxyError):
        return HubUnreachable(
            f"{host} cannot be reached: check the network, then try again; "
            "identities that were pulled before still work."
        )
    if _any(chain, httpx2.TransportError):
        return HubUnreachable(
            f"The connection to {host} broke off: try again, it goes on with what already arrived.",
            retry_after_s=1.0,
        )
    if isinstance(problem, OSError):
        return FaceHubError(
            f"{problem.filename or 'The cache'} cannot be written ({problem.strerror or problem}): mend "
            "that, then try again."
        )
    return HubUnreachable(
        f"{host} answered in a way that is not a hub's: check the endpoint (HF_ENDPOINT).", retry_after_s=60.0
    )


def _answered(problem: HfHubHTTPError, endpoint: str, repo: str, revision: str | None) -> FaceHubError:
    host, status = urlsplit(endpoint).netloc, problem.response.status_code
    if isinstance(problem, GatedRepoError):
        return HubRefused(
            f"{repo} is gated: log in, ask for access at {endpoint}/{repo}, and try again once it is granted."
        )
    if isinstance(problem, RevisionNotFoundError):
        return HubRefused(
            f"{repo} has no revision {(revision or '')[:80]!r} on {host}: leave it out, or use a branch, tag "
            "or commit that is there."
        )
    if isinstance(problem, DisabledRepoError):
        return HubRefused(
            f"{host} has disabled {repo}: use another identity, and delete what you pulled of this one."
        )
    if isinstance(problem, EntryNotFoundError):
        return HubRefused(
            f"{repo} lists a file that {host} does not have: try again later, or tell its owner."
        )
    if isinstance(problem, RepositoryNotFoundError) or (status == 404 and repo):
        return HubRefused(
            f"{repo} is not on {host}, or is private: check the name, or log in as somebody who may see it."
        )
    if status == 401:
        return HubRefused(
            f"{host} does not accept the token: log in again with `hf auth login`, or set HF_TOKEN to a "
            "valid one."
        )
    if status == 403:
        return HubRefused(
            f"{host} does not allow this to you at {repo or 'all'}: log in with a token that may "
            "(contribute-repos at least, to push)."
        )
    if status in (409, 412):
        return HubRefused(
            f"{repo} was changed by somebody else in the meantime: look at the change, then push again."
        )
    if status == 429:
        pause = _pause_s(problem.response.headers)
        return HubUnreachable(
            f"{host} is asked too often: wait {pause} seconds, then try again.", retry_after_s=float(pause)
        )
    if status >= 500 or status == 408:
        return HubUnreachable(
            f"{host} has trouble of its own (HTTP {status}): try again in half a minute.", retry_after_s=30.0
        )
    return HubRefused(
        f"{host} refused the request (HTTP {status}): "
        f"{_plain(problem.server_message) or 'it gave no reason'}."
    )


def _pause_s(headers: Mapping[str, str]) -> int:
    """Seconds that a hub wants to be left alone: of `RateLimit: "api";r=0;t=55`, or of Retry-After."""
    limit = re.search(r";t=([0-9]{1,5})\b", headers.get("RateLimit", "")[:200])
    if limit:
        return int(limit[1])
    text = headers.get("Retry-After", "")
    return int(text) if re.fullmatch(r"[0-9]{1,5}", text) else 60


def is_transient(problem: BaseException) -> bool:
    """Whether the same request may succeed in a moment."""
    if isinstance(problem, HfHubHTTPError):
        return problem.response.status_code >= 500
    chain = list(_chain(problem))
    return isinstance(problem, HubUnreachable) or (
        _any(chain, httpx2.TransportError) and not _any(chain, httpx2.ConnectError)
    )


def _any(chain: list[BaseException], *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in chain)


def _plain(text: str | None) -> str:
    return re.sub(r"[^\w .,:;'()/@-]+", " ", one_line(text, 400))[:200].strip(" .")


def _chain(problem: BaseException | None) -> Iterator[BaseException]:
    known = set()
    while problem is not None and id(problem) not in known:
        known.add(id(problem))
        yield problem
        problem = problem.__cause__ or problem.__context__
