"""Which files make an identity in a repository, and what else may lie beside them: told by names, sizes and hashes, before anything is fetched."""

import hashlib
import pathlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .errors import BadIdentity
from .identity import MAX_JSON_BYTES
from .weights import MAX_BYTES

NEEDED = ("config.json", "consent.json", "README.md", "model.safetensors")
OPTIONAL = ("metrics.json", "training.json")
SAMPLE = re.compile(r"samples/[A-Za-z0-9][A-Za-z0-9_-]{0,63}\.png")
IGNORED = {".gitattributes", ".gitignore", "LICENSE", "LICENSE.md", "LICENSE.txt"}
"""What may lie beside them; it is not downloaded."""

MAX_SAMPLES = 16
MAX_SAMPLE_BYTES = 4_000_000

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".t7")
CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".bat", ".exe", ".js", ".html", ".ipynb", ".whl", ".jar")


@dataclass(frozen=True, slots=True)
class File:
    """A file as the hub lists it."""

    name: str
    size: int
    """In bytes."""
    sha256: str | None
    """Of the content; None where the hub knows only git's hash."""
    git: str | None
    """Git's hash of the content as a blob; None where `sha256` is known."""

    def matches(self, path: pathlib.Path) -> bool:
        """Whether a downloaded file has the size and the hash that were listed."""
        data = path.read_bytes()
        if len(data) != self.size:
            return False
        if self.sha256:
            return hashlib.sha256(data).hexdigest() == self.sha256
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == self.git


def wanted(name: str) -> bool:
    """Whether a file belongs to an identity."""
    return name in NEEDED or name in OPTIONAL or SAMPLE.fullmatch(name) is not None


def check(repo: str, files: Iterable[File]) -> list[File]:
    """The files to fetch, small ones first. Raises BadIdentity at the first that must not be there, is missing, too large or without a hash."""
    chosen: dict[str, File] = {}
    for file in files:
        shown = _shown(file.name)
        if re.search(r"(^|[/\\])\.{1,2}([/\\]|$)|^[/\\~]|^[A-Za-z]:|[\x00-\x1f\\]", file.name):
            raise BadIdentity(f"{repo} lists {shown}, a name that leads out of its folder: do not use it, and tell the hub.")
        if file.name.lower().endswith(PICKLES):
            raise BadIdentity(f"{repo} holds {shown}, which can run code when it is opened: only safetensors are taken; ask its owner to remove it.")
        if file.name.lower().endswith(CODE):
            raise BadIdentity(f"{repo} holds {shown}, which is code, and an identity needs none: ask its owner to remove it.")
        if file.name in IGNORED:
            continue
        if not wanted(file.name):
            raise BadIdentity(f"{repo} holds {shown}, which is no part of an identity: ask its owner to remove it.")
        if file.name in chosen:
            raise BadIdentity(f"{repo} lists {shown} twice: it cannot be told which one counts.")
        limit = MAX_BYTES if file.name == "model.safetensors" else MAX_SAMPLE_BYTES if SAMPLE.fullmatch(file.name) else MAX_JSON_BYTES
        if not 0 <= file.size <= limit:
            raise BadIdentity(f"{shown} of {repo} has {file.size:,} bytes, but at most {limit:,} are taken.")
        if not re.fullmatch(r"[0-9a-f]{64}", file.sha256 or "") and not re.fullmatch(r"[0-9a-f]{40}", file.git or ""):
            raise BadIdentity(f"{repo} gives no hash for {shown}: what is downloaded could not be checked, so it is not.")
        chosen[file.name] = file
    if missing := [name for name in NEEDED if name not in chosen]:
        raise BadIdentity(f"{repo} lacks {missing[0]}: it is no identity, or only part of one.")
    if sum(SAMPLE.fullmatch(name) is not None for name in chosen) > MAX_SAMPLES:
        raise BadIdentity(f"{repo} has more than {MAX_SAMPLES} sample pictures: ask its owner to keep the best.")
    return sorted(chosen.values(), key=lambda file: (file.name == "model.safetensors", file.name.startswith("samples/"), file.name))


def _shown(name: str) -> str:
    return repr(name[:80])
