"""What the loopback hub answers to those who write: create, settings, uploads and commits.

Nothing is changed unless all of a request is right.
"""

import base64
import hashlib
import json
import math
from typing import TYPE_CHECKING

import yaml

from .answers import Answer, Refusal, as_json, repository, revision
from .repositories import Account, Blob, Repository

if TYPE_CHECKING:
    from .handler import Handler

PART = 1_000_000
"""Bytes of a part of an upload in parts."""


def writer(request: "Handler", found: Repository | None = None, *, may_propose: bool = False) -> Account:
    """Whose token it is, if it may write there, or at least propose."""
    if (account := request.account()) is None:
        raise Refusal(401, "Invalid username or password.")
    if account.role != "write":
        raise Refusal(403, "You don't have the rights to do this: a token with write access is needed")
    if found is not None and account.name != found.owner and not may_propose:
        raise Refusal(403, f"Forbidden: pass `create_pr=1` to propose a change to {found.id}")
    return account


def create(request: "Handler") -> Answer:
    """hf_api.py, `create_repo`: {name, organization, visibility?, type?} -> {url}; 409 when it is there."""
    asked = request.json("name", "organization", optional=("visibility", "type"))
    account = writer(request)
    owner = asked["organization"] or account.name
    if owner != account.name:
        raise Refusal(403, f"You don't have the rights to create a model under the namespace {owner!r}")
    if asked.get("type", "model") != "model" or asked.get("visibility", "public") not in (
        "public",
        "private",
    ):
        raise Refusal(400, "only models, public or private", complaint=True)
    name = f"{owner}/{asked['name']}"
    if name in request.hub.repositories:
        return as_json(
            {"error": "You already created this model repo", "url": f"{request.hub.endpoint}/{name}"}, 409
        )
    request.hub.make(name, private=asked.get("visibility") == "private")
    return as_json({"url": f"{request.hub.endpoint}/{name}", "name": name})


def delete(request: "Handler") -> Answer:
    """hf_api.py, `delete_repo`."""
    asked = request.json("name", "organization", optional=("type",))
    found = repository(request, f"{asked['organization']}/{asked['name']}")
    writer(request, found)
    del request.hub.repositories[found.id]
    return as_json({})


def settings(request: "Handler", name: str) -> Answer:
    """hf_api.py, `update_repo_settings`: {gated?, visibility?}."""
    asked = request.json(optional=("gated", "visibility"))
    found = repository(request, name)
    writer(request, found)
    if asked.get("gated", False) not in ("auto", "manual", False) or asked.get(
        "visibility", "public"
    ) not in ("public", "private"):
        raise Refusal(400, f"settings {asked}", complaint=True)
    found.gated = asked.get("gated", found.gated)
    found.private = asked["visibility"] == "private" if "visibility" in asked else found.private
    return as_json({"gated": found.gated, "private": found.private})


def validate_yaml(request: "Handler") -> Answer:
    """hf_api.py, `_validate_yaml`: {content, repoType} -> {errors, warnings}, 400 when there are errors."""
    asked = request.json("content", "repoType")
    parts = asked["content"].split("---\n", 2)
    try:
        data = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    except yaml.YAMLError as problem:
        return as_json({"errors": [{"message": str(problem)}], "warnings": []}, 400)
    if data is None:
        return as_json(
            {"errors": [], "warnings": [{"message": "empty or missing yaml metadata in repo card"}]}
        )
    index = data.get(
        "model-index",
        [{"name": "-", "results": [{"task": {"type": "-"}, "metrics": [{"type": "-", "value": 0}]}]}],
    )
    try:  # the specification: https://github.com/huggingface/hub-docs/blob/main/modelcard.md
        good = all(
            m["name"] and r["task"]["type"] and all(x["type"] and "value" in x for x in r["metrics"])
            for m in index
            for r in m["results"]
        )
    except (KeyError, TypeError):
        good = False
    link = data.get("license_link", "LICENSE")
    good = good and (link in ("LICENSE", "LICENSE.md") or str(link).startswith(("https://", "http://")))
    if (
        not good
        or not isinstance(data.get("tags", []), list)
        or ("license_name" in data and data.get("license") != "other")
    ):
        return as_json(
            {"errors": [{"message": "metadata of another shape than modelcard.md says"}], "warnings": []}, 400
        )
    return as_json({"errors": [], "warnings": []})


def preupload(request: "Handler", name: str, rev: str) -> Answer:
    """_commit_api.py, `_fetch_upload_modes` and `_validate_preupload_info`: git or LFS for each file, and
    what is there already.
    """
    request.asks("create_pr")
    found = repository(request, name)
    writer(request, found, may_propose="create_pr" in request.query)
    there, answers = revision(found, rev).files, []
    for file in request.json("files", optional=("gitIgnore",))["files"]:
        if file.keys() != {"path", "sample", "size"} or ".." in file["path"].split("/"):
            raise Refusal(400, f"file {file}", complaint=True)
        lfs, old = (
            found.is_lfs(file["path"], base64.b64decode(file["sample"]), file["size"]),
            there.get(file["path"]),
        )
        answers.append(
            {"path": file["path"], "uploadMode": "lfs" if lfs else "regular", "shouldIgnore": False}
        )
        if old:
            answers[-1]["oid"] = old.sha256 if old.lfs else old.oid
    return as_json({"files": answers})


def batch(request: "Handler", name: str) -> Answer:
    """lfs.py, `post_lfs_batch_info` and `lfs_upload`: no actions for an object that is there; large ones in
    parts.

    https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md
    """
    found = repository(request, name)
    writer(request, found, may_propose=True)
    asked = request.json("operation", "transfers", "objects", "hash_algo", optional=("ref",))
    if asked["operation"] != "upload" or asked["hash_algo"] != "sha256" or "basic" not in asked["transfers"]:
        raise Refusal(400, f"batch {asked}", complaint=True)
    objects = []
    for one in asked["objects"]:
        objects.append({"oid": one["oid"], "size": one["size"]})
        if one["oid"] not in found.lfs:
            upload: dict = {"href": f"{request.hub.storage}/{name}/{one['oid']}"}
            if one["size"] > request.hub.multipart_over:
                count = math.ceil(one["size"] / PART)
                header = {
                    str(n): f"{request.hub.storage}/{name}/{one['oid']}/{n}" for n in range(1, count + 1)
                }
                upload = {
                    "href": f"{request.hub.endpoint}/api/lfs/{name}/complete",
                    "header": header | {"chunk_size": str(PART)},
                }
            objects[-1]["actions"] = {
                "upload": upload,
                "verify": {"href": f"{request.hub.endpoint}/api/lfs/{name}/verify"},
            }
    return as_json({"transfer": "basic", "objects": objects})


def upload(request: "Handler", name: str, sha256: str) -> Answer:
    """lfs.py, `_upload_single_part`: to a signed address, without a token."""
    _unsigned(request)
    if hashlib.sha256(request.data).hexdigest() != sha256:
        raise Refusal(400, "the content does not have this hash")
    request.hub.repositories[name].lfs[sha256] = request.data
    return Answer(200, headers={"ETag": f'"{sha256}"'})


def upload_part(request: "Handler", name: str, sha256: str, number: str) -> Answer:
    """lfs.py, `_upload_parts_iteratively`: each part's ETag is sent back at the end."""
    _unsigned(request)
    request.hub.parts.setdefault(f"{name}/{sha256}", {})[int(number)] = request.data
    return Answer(200, headers={"ETag": f'"{hashlib.md5(request.data).hexdigest()}"'})


def complete(request: "Handler", name: str) -> Answer:
    """lfs.py, `_get_completion_payload`: {oid, parts: [{partNumber, etag}]}."""
    asked = request.json("oid", "parts")
    parts = request.hub.parts.get(f"{name}/{asked['oid']}", {})
    etags = [f'"{hashlib.md5(parts[p["partNumber"]]).hexdigest()}"' for p in asked["parts"]]
    data = b"".join(parts[p["partNumber"]] for p in asked["parts"])
    if etags != [p["etag"] for p in asked["parts"]] or hashlib.sha256(data).hexdigest() != asked["oid"]:
        raise Refusal(400, "the parts do not make the whole", complaint=True)
    repository(request, name) if request.headers.get("Authorization") else None
    request.hub.repositories[name].lfs[asked["oid"]] = data
    return as_json({})


def verify(request: "Handler", name: str) -> Answer:
    """lfs.py, `lfs_upload`, third step."""
    asked, found = request.json("oid", "size"), repository(request, name)
    if len(found.lfs.get(asked["oid"], b"")) != asked["size"]:
        raise Refusal(404, "the object did not arrive")
    return as_json({})


def commit(request: "Handler", name: str, rev: str) -> Answer:
    """_commit_api.py, `_prepare_commit_payload` (a header, then a line an operation) and `_send_commit` (the
    answer). All of it, or nothing.
    """
    request.asks("create_pr")
    request.expect("application/x-ndjson")
    found, proposal = repository(request, name), request.query.get("create_pr") == ["1"]
    account = writer(request, found, may_propose=proposal)
    head, *lines = [json.loads(line) for line in request.data.splitlines()]
    header = head["value"]
    if (
        head["key"] != "header"
        or header.keys() - {"summary", "description", "parentCommit"}
        or not header.get("summary")
        or not lines
    ):
        raise Refusal(400, "no header, or nothing to commit", complaint=True)
    before = revision(found, rev)
    if header.get("parentCommit", before.oid) != before.oid:
        raise Refusal(412, "A commit has happened since. Please refresh and try again.")
    files = dict(before.files)
    for line in lines:
        _apply(found, files, line["key"], line["value"])
    ref = rev
    if proposal:
        ref = f"refs/pr/{1 + sum(r.startswith('refs/pr/') for r in found.refs)}"
    made = found.commit(files, header["summary"], ref, before.oid)
    number = ref.rpartition("/")[2]
    url = f"{request.hub.endpoint}/{name}/discussions/{number}" if proposal else None
    answer = {
        "success": True,
        "commitOid": made.oid,
        "commitUrl": f"{request.hub.endpoint}/{name}/commit/{made.oid}",
        "pullRequestUrl": url,
    }
    return as_json(answer | {"author": account.name})


def _apply(found: Repository, files: dict[str, Blob], key: str, value: dict) -> None:
    path = value["path"]
    if ".." in path.split("/") or path.startswith("/"):
        raise Refusal(400, f"path {path}", complaint=True)
    if key == "file" and value.keys() == {"content", "path", "encoding"} and value["encoding"] == "base64":
        data = base64.b64decode(value["content"], validate=True)
        if found.is_lfs(path, data[:512], len(data)):
            raise Refusal(400, f"{path} must go through LFS", complaint=True)
        files[path] = Blob(data, False)
    elif key == "lfsFile" and value.keys() == {"path", "algo", "oid", "size"} and value["algo"] == "sha256":
        if len(found.lfs.get(value["oid"], b"")) != value["size"]:
            raise Refusal(400, f"{path} was not uploaded")
        files[path] = Blob(found.lfs[value["oid"]], True)
    elif key == "deletedFile" and value.keys() == {"path"}:
        if path not in files:
            raise Refusal(404, "A file with this name doesn't exist", "EntryNotFound")
        del files[path]
    else:
        raise Refusal(400, f"operation {key} {sorted(value)}", complaint=True)


def _unsigned(request: "Handler") -> None:
    if request.headers.get("Authorization"):
        raise Refusal(400, "a token was sent to the storage", complaint=True)
