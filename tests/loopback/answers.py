"""What the loopback hub answers to those who read: listings, information, trees, files, and who somebody is.

Source of each shape: huggingface_hub 2.4, named at the answer; the headers of files also
https://huggingface.co/docs/hub/api.
"""

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .handler import Handler
    from .repositories import Blob, Commit, Repository

EXPANDABLE = {
    "cardData",
    "downloads",
    "gated",
    "lastModified",
    "likes",
    "private",
    "safetensors",
    "sha",
    "siblings",
    "tags",
}
SORTS = {
    "downloads": lambda r: r.downloads,
    "likes": lambda r: r.likes,
    "trendingScore": lambda r: r.likes,
    "lastModified": lambda r: r.at("main").date,
}


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


class Refusal(Exception):
    """A request that is refused.

    `code` is the X-Error-Code by which utils/_http.py, `hf_raise_for_status`, chooses an exception.
    """

    def __init__(self, status: int, sentence: str, code: str = "", *, complaint: bool = False):
        super().__init__(sentence)
        self.status, self.sentence, self.code = status, sentence, code
        self.complaint = complaint
        """Asked for in a way that the real client does not."""


def as_json(record: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(
        status, json.dumps(record).encode(), {"Content-Type": "application/json; charset=utf-8"} | headers
    )


def repository(request: "Handler", name: str) -> "Repository":
    """The repository, if whoever asks may know that it is there."""
    account, found = request.account(), request.hub.repositories.get(name)
    if found is None or (found.private and (account is None or account.name != found.owner)):
        raise Refusal(401 if account is None else 404, "Repository not found", "RepoNotFound")
    if found.disabled:
        raise Refusal(403, "Access to this resource is disabled.")
    return found


def revision(found: "Repository", name: str) -> "Commit":
    commit = found.at(name)
    if commit is None:
        raise Refusal(404, f"Invalid rev id: {name}", "RevisionNotFound")
    return commit


def listing(request: "Handler") -> Answer:
    """hf_api.py, `list_models` (parameters) and utils/_pagination.py, `_get_next_page` (the Link header)."""
    request.asks("filter", "search", "author", "sort", "limit", "expand", "cursor", "full", "cardData")
    account, query = request.account(), request.query
    if unknown := set(query.get("expand", [])) - EXPANDABLE:
        raise Refusal(400, f"cannot expand {sorted(unknown)}", complaint=True)
    found = [
        r for r in request.hub.repositories.values() if not r.private or (account and account.name == r.owner)
    ]
    for tag in query.get("filter", []):
        found = [r for r in found if tag in r.tags(revision(r, "main"))]
    found = [
        r
        for r in found
        if query.get("search", [""])[0].lower() in r.id.lower()
        and query.get("author", [r.owner])[0] == r.owner
    ]
    if "sort" in query:
        if query["sort"][0] not in SORTS:
            raise Refusal(400, f"cannot sort by {query['sort'][0]}", complaint=True)
        found.sort(key=SORTS[query["sort"][0]], reverse=True)
    start, count = (
        int(query.get("cursor", ["0"])[0]),
        min(request.hub.page, int(query.get("limit", ["1000"])[0])),
    )
    items = [
        {
            k: v
            for k, v in described(r, revision(r, "main")).items()
            if k in {"id", *query.get("expand", EXPANDABLE)}
        }
        for r in found
    ]
    headers = {}
    if start + count < len(items):
        path = (
            re.sub(r"&cursor=\d+", "", request.path)
            + ("&" if "?" in request.path else "?")
            + f"cursor={start + count}"
        )
        headers["Link"] = f'<{request.hub.named or request.hub.endpoint}{path}>; rel="next"'
    return as_json(items[start : start + count], **headers)


def described(found: "Repository", commit: "Commit", *, blobs: bool = False) -> dict[str, Any]:
    """hf_api.py, `ModelInfo.__init__` and `RepoSibling`."""
    siblings: list[dict[str, Any]] = []
    for name, blob in sorted(commit.files.items()):
        siblings.append({"rfilename": name})
        if blobs:
            siblings[-1] |= {"size": len(blob.data), "blobId": blob.oid}
            if blob.lfs:
                siblings[-1]["lfs"] = {
                    "sha256": blob.sha256,
                    "size": len(blob.data),
                    "pointerSize": len(blob.pointer),
                }
    record = {
        "id": found.id,
        "author": found.owner,
        "sha": commit.oid,
        "lastModified": commit.date.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "private": found.private,
        "gated": found.gated,
        "disabled": found.disabled,
        "downloads": found.downloads,
        "likes": found.likes,
        "tags": found.tags(commit),
        "siblings": siblings,
    }
    optional = {"cardData": found.card_data(commit), "safetensors": found.safetensors(commit)}
    return record | {key: value for key, value in optional.items() if value is not None}


def info(request: "Handler", name: str, rev: str = "main") -> Answer:
    """hf_api.py, `model_info`: /api/models/NAME[/revision/REV], `blobs` for sizes and hashes."""
    request.asks("blobs", "securityStatus")
    found = repository(request, name)
    return as_json(described(found, revision(found, rev), blobs="blobs" in request.query))


def dataset_info(request: "Handler", name: str, rev: str) -> Answer:
    """hf_api.py, `dataset_info`: /api/datasets/NAME/revision/REV; `DatasetInfo.__init__`."""
    request.asks("blobs")
    found = repository(request, f"datasets/{name}")
    record = described(found, revision(found, rev), blobs="blobs" in request.query)
    del record["author"]
    return as_json(record | {"id": name, "description": ""})


def dataset_file(request: "Handler", name: str, rev: str, path: str) -> Answer:
    """file_download.py, `hf_hub_url`: files of datasets lie below /datasets/."""
    return resolve(request, f"datasets/{name}", rev, path)


def entry(path: str, blob: "Blob") -> dict[str, Any]:
    """hf_api.py, `RepoFile.__init__`."""
    record: dict[str, Any] = {"type": "file", "path": path, "size": len(blob.data), "oid": blob.oid}
    if blob.lfs:
        record["lfs"] = {"oid": blob.sha256, "size": len(blob.data), "pointerSize": len(blob.pointer)}
    return record


def tree(request: "Handler", name: str, rev: str, folder: str = "") -> Answer:
    """hf_api.py, `_iter_repo_tree_pages`; folders are `RepoFolder`."""
    request.asks("recursive", "expand", "cursor")
    commit = revision(repository(request, name), rev)
    inside = {
        path: blob
        for path, blob in sorted(commit.files.items())
        if not folder or path.startswith(folder + "/")
    }
    if folder and not inside:
        raise Refusal(404, f"{folder} does not exist", "EntryNotFound")
    folders = sorted({path.rpartition("/")[0] for path in inside} - {"", folder})
    entries = [{"type": "directory", "path": path, "oid": "0" * 40, "size": 0} for path in folders]
    deep = request.query.get("recursive", ["false"])[0].lower() == "true"
    entries += [
        entry(path, blob)
        for path, blob in inside.items()
        if deep or "/" not in path[len(folder) + 1 if folder else 0 :]
    ]
    return as_json(entries)


def paths_info(request: "Handler", name: str, rev: str) -> Answer:
    """hf_api.py, `get_paths_info`: a form with `paths` and `expand`."""
    from urllib.parse import parse_qs

    request.expect("application/x-www-form-urlencoded")
    commit = revision(repository(request, name), rev)
    return as_json(
        [
            entry(path, commit.files[path])
            for path in parse_qs(request.data.decode())["paths"]
            if path in commit.files
        ]
    )


def resolve(request: "Handler", name: str, rev: str, path: str) -> Answer:
    """file_download.py, `get_hf_file_metadata` (headers) and `http_get` (ranges, redirects): LFS files lie on
    another origin, the others here.
    """
    found = repository(request, name)
    if found.gated and (
        (account := request.account()) is None or account.name not in {found.owner, *found.granted}
    ):
        raise Refusal(
            401 if account is None else 403,
            f"Access to model {name} is restricted. You must be authenticated to access it.",
            "GatedRepo",
        )
    commit = revision(found, rev)
    headers = {"X-Repo-Commit": commit.oid}
    if (blob := commit.files.get(path)) is None:
        raise Refusal(404, "Entry not found", "EntryNotFound")
    if path == "config.json":
        found.downloads += 1  # https://huggingface.co/docs/hub/models-download-stats
    if blob.lfs:
        headers |= {
            "X-Linked-Etag": f'"{blob.sha256}"',
            "X-Linked-Size": str(len(blob.data)),
            "ETag": f'"{blob.oid}"',
        }
        return Answer(302, b"", headers | {"Location": f"{request.hub.storage}/{name}/{blob.sha256}"})
    return ranged(request, blob.data, headers | {"ETag": f'"{blob.oid}"'})


def stored(request: "Handler", name: str, sha256: str) -> Answer:
    """The other origin: an address with a signature in it, which must not be sent a token (file_download.py,
    `_get_metadata_or_catch_error`).
    """
    if request.headers.get("Authorization"):
        raise Refusal(400, "a token was sent to the storage", complaint=True)
    if (data := request.hub.repositories[name].lfs.get(sha256)) is None:
        raise Refusal(404, "no such object")
    return ranged(request, data, {"ETag": f'"{sha256}"'})


def ranged(request: "Handler", data: bytes, headers: dict[str, str]) -> Answer:
    """utils/_http.py, `_adjust_range_header`: `bytes=START-` or `bytes=START-END`."""
    wanted = request.headers.get("Range")
    headers = headers | {"Accept-Ranges": "bytes", "Content-Type": "application/octet-stream"}
    if wanted is None:
        return Answer(200, data, headers)
    if not (match := re.fullmatch(r"bytes=(\d+)-(\d*)", wanted)):
        raise Refusal(400, f"range {wanted}", complaint=True)
    start, end = int(match[1]), int(match[2] or len(data) - 1)
    if start >= len(data):
        return Answer(416, b"", headers | {"Content-Range": f"bytes */{len(data)}"})
    part = data[start : end + 1]
    return Answer(
        206, part, headers | {"Content-Range": f"bytes {start}-{start + len(part) - 1}/{len(data)}"}
    )


def who(request: "Handler") -> Answer:
    """hf_api.py, `whoami`: https://huggingface.co/docs/hub/api, GET /api/whoami-v2."""
    if (account := request.account()) is None:
        raise Refusal(401, "Invalid username or password.")
    token = {"displayName": "test", "role": account.role, "createdAt": "2026-11-25T00:00:00.000Z"}
    return as_json(
        {
            "type": "user",
            "id": account.name,
            "name": account.name,
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": token},
        }
    )
