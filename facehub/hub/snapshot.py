"""A private copy of an identity's folder: what is checked before a push is, byte for byte, what is sent.

Folders to push may hold links that others put there, and may change while they are read. So each file that
belongs to an identity is opened once, without following a link in any part of its path, must be a regular
file within the limits of a pull, and is copied. Only the copy is looked at from then on.
"""

import errno
import os
import pathlib
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import BadIdentity, DiskFull, FaceHubError
from ..files import is_disk_full, sha256_of
from . import allowed_files
from .allowed_files import File

_FOLDER = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


@contextmanager
def snapshot(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    """A copy of the files of an identity, as long as the block runs.

    Raises BadIdentity for a link, a file that is none, one that is missing or too large; FaceHubError when
    the copy cannot be made.
    """
    with tempfile.TemporaryDirectory(prefix="facehub-push-") as place:
        copy = pathlib.Path(place, folder.name or "identity")
        copy.mkdir()
        try:
            # The folder itself may be reached through links: it is the one that was named.
            top = os.open(folder, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0))
        except OSError as problem:
            raise BadIdentity(
                f"{folder} is no folder: give the folder of an identity, with config.json and "
                "model.safetensors "
                "in it."
            ) from problem
        try:
            files = [
                _copy(top, name, copy / name, folder) for name in sorted(os.listdir(top)) if _wanted(name)
            ]
            if "samples" in os.listdir(top):
                files += _copy_samples(top, copy, folder)
        except OSError as problem:
            if is_disk_full(problem):
                raise DiskFull("The disk is full: make room, then push again.") from problem
            raise FaceHubError(
                f"{folder} cannot be read ({problem.strerror or problem}): mend that first."
            ) from problem
        finally:
            os.close(top)
        allowed_files.check(folder.name, files)
        yield copy


def _wanted(name: str) -> bool:
    return name in allowed_files.NEEDED or name in allowed_files.OPTIONAL


def _copy_samples(top: int, copy: pathlib.Path, folder: pathlib.Path) -> list[File]:
    try:
        inner = os.open("samples", _FOLDER, dir_fd=top)
    except OSError as problem:
        raise _refusal(problem, "samples", folder) from problem
    try:
        (copy / "samples").mkdir()
        names = [
            name for name in sorted(os.listdir(inner)) if allowed_files.SAMPLE.fullmatch(f"samples/{name}")
        ]
        return [_copy(inner, name, copy / "samples" / name, folder, f"samples/{name}") for name in names]
    finally:
        os.close(inner)


def _copy(place: int, name: str, target: pathlib.Path, folder: pathlib.Path, shown: str = "") -> File:
    """Copy one file, opened in the folder with the descriptor `place`."""
    shown = shown or name
    try:
        handle = os.open(name, _FILE, dir_fd=place)
    except OSError as problem:
        raise _refusal(problem, shown, folder) from problem
    with open(handle, "rb") as opened:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise BadIdentity(f"{shown} of {folder.name} is no file: remove it, then push again.")
        limit = allowed_files.max_bytes(shown)
        data = opened.read(limit + 1)
    if len(data) > limit:
        raise BadIdentity(
            f"{shown} of {folder.name} has more than {limit:,} bytes, which is all that is taken."
        )
    target.write_bytes(data)
    return File(shown, len(data), sha256_of(target), None)


def _refusal(problem: OSError, shown: str, folder: pathlib.Path) -> FaceHubError:
    if problem.errno in (errno.ELOOP, errno.EMLINK, errno.ENOTDIR):
        return BadIdentity(
            f"{shown} of {folder.name} is a link, and only files of the folder itself are pushed: "
            "put a copy in its place, then push again."
        )
    return FaceHubError(
        f"{shown} of {folder.name} cannot be read ({problem.strerror or problem}): mend that first."
    )
