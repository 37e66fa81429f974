"""Which files make an identity, and what else may lie beside them: by names, sizes and hashes, before any is
fetched.

The same rules hold for a pull and for a push.
"""

import hashlib
import pathlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .. import image
from ..errors import BadIdentity, BadPhoto
from ..identity.samples import NAME as SAMPLE
from ..identity.samples import is_sample
from ..identity.schema import MAX_JSON_BYTES
from ..identity.weights import MAX_BYTES

if TYPE_CHECKING:
    from huggingface_hub.hf_api import RepoSibling

NEEDED = ("config.json", "consent.json", "README.md", "model.safetensors")
OPTIONAL = ("metrics.json", "training.json")
IGNORED = {".gitattributes", ".gitignore", "LICENSE", "LICENSE.md", "LICENSE.txt"}
"""Files that may lie beside them; they are not downloaded."""

MAX_SAMPLES = 16
MAX_SAMPLE_BYTES = 4_000_000
SAMPLE_MEGAPIXELS = 8.0

PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz", ".t7")
CODE = (
    ".py",
    ".pyc",
    ".so",
    ".dll",
    ".dylib",
    ".sh",
    ".bat",
    ".exe",
    ".js",
    ".html",
    ".ipynb",
    ".whl",
    ".jar",
)


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

    def has_hash(self) -> bool:
        """Whether what is downloaded can be checked."""
        by_sha256 = re.fullmatch(r"[0-9a-f]{64}", self.sha256 or "")
        return bool(by_sha256 or re.fullmatch(r"[0-9a-f]{40}", self.git or ""))

    def matches(self, data: bytes) -> bool:
        """Whether a downloaded content has the size and the hash that were listed."""
        if len(data) != self.size:
            return False
        if self.sha256:
            return hashlib.sha256(data).hexdigest() == self.sha256
        return hashlib.sha1(b"blob %d\0" % len(data) + data, usedforsecurity=False).hexdigest() == self.git


def listed_file(sibling: "RepoSibling") -> File:
    """A file as huggingface_hub gives it. A size of another kind becomes -1, which `check` refuses."""
    size = sibling.size if type(sibling.size) is int else -1
    sha256 = sibling.lfs.sha256 if sibling.lfs else None
    return File(sibling.rfilename, size, sha256, None if sibling.lfs else sibling.blob_id)


def is_allowed(name: str) -> bool:
    """Whether a file belongs to an identity."""
    return name in NEEDED or name in OPTIONAL or SAMPLE.fullmatch(name) is not None


def leads_out(name: str) -> bool:
    """Whether a listed name could be written outside its folder, or is no name of a file at all."""
    unsafe = r"(^|[/\\])\.{1,2}([/\\]|$)|^[/\\~]|^[A-Za-z]:|[\x00-\x1f\\]"
    return re.search(unsafe, name) is not None


def max_bytes(name: str) -> int:
    """Largest size of an allowed file."""
    if name == "model.safetensors":
        return MAX_BYTES
    return MAX_SAMPLE_BYTES if SAMPLE.fullmatch(name) else MAX_JSON_BYTES


def check(repo: str, files: Iterable[File]) -> list[File]:
    """The files to transfer, small ones first.

    Raises BadIdentity at the first that must not be there, is missing, too large or without a hash.
    """
    chosen: dict[str, File] = {}
    for file in files:
        shown = repr(file.name[:80])
        if leads_out(file.name):
            raise BadIdentity(
                f"{repo} lists {shown}, a name that leads out of its folder: do not use it, and tell the hub."
            )
        if file.name.lower().endswith(PICKLES):
            raise BadIdentity(
                f"{repo} holds {shown}, which can run code when it is opened: only safetensors are taken; "
                "ask its owner to remove it."
            )
        if file.name.lower().endswith(CODE):
            raise BadIdentity(
                f"{repo} holds {shown}, which is code, and an identity needs none: ask its owner to remove "
                "it."
            )
        if file.name in IGNORED:
            continue
        if not is_allowed(file.name):
            raise BadIdentity(
                f"{repo} holds {shown}, which is no part of an identity: ask its owner to remove it."
            )
        if file.name in chosen:
            raise BadIdentity(f"{repo} lists {shown} twice: it cannot be told which one counts.")
        limit = max_bytes(file.name)
        if not 0 <= file.size <= limit:
            raise BadIdentity(f"{shown} of {repo} has {file.size:,} bytes, but at most {limit:,} are taken.")
        if not file.has_hash():
            raise BadIdentity(
                f"{repo} gives no hash for {shown}: what is downloaded could not be checked, so it is not."
            )
        chosen[file.name] = file
    if missing := [name for name in NEEDED if name not in chosen]:
        raise BadIdentity(f"{repo} lacks {missing[0]}: it is no identity, or only part of one.")
    if sum(SAMPLE.fullmatch(name) is not None for name in chosen) > MAX_SAMPLES:
        raise BadIdentity(
            f"{repo} has more than {MAX_SAMPLES} sample pictures: ask its owner to keep the best."
        )
    return sorted(
        chosen.values(),
        key=lambda file: (file.name == "model.safetensors", file.name.startswith("samples/"), file.name),
    )


def check_picture(path: pathlib.Path, repo: str) -> pathlib.Path:
    """The same path, if the sample is a WebP or PNG of a size that can be shown. Raises BadIdentity
    otherwise."""
    try:
        if not is_sample(path.read_bytes()):
            raise BadIdentity(f"A sample picture of {repo} is no WebP or PNG file: ask its owner to mend it.")
        image.read(path, max_megapixels=SAMPLE_MEGAPIXELS)
    except BadPhoto as problem:
        raise BadIdentity(f"A sample picture of {repo} cannot be shown. {problem}") from problem
    return path
