"""Files that appear whole or not at all: written beside their place, flushed to the disk, then renamed."""

import errno
import hashlib
import os
import pathlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedRandom


@contextmanager
def atomic(file: str | os.PathLike, *, mode: int = 0o644, durable: bool = True) -> Iterator[BufferedRandom]:
    """Open a part file that replaces `file` when the block ends, and is deleted when the block raises.

    The folder must exist. `mode`: permission bits of the finished file. `durable`: wait for the disk, so that
    the file is whole after a crash of the machine too. Raises OSError.
    """
    file = pathlib.Path(file)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
    part = pathlib.Path(name)
    try:
        with open(handle, "w+b") as opened:
            yield opened
            opened.flush()
            if durable:
                os.fsync(opened.fileno())
        part.chmod(mode)
        os.replace(part, file)
    finally:
        part.unlink(missing_ok=True)


def write_atomic(file: str | os.PathLike, data: bytes | str, *, mode: int = 0o644) -> None:
    """Write `data` (text as UTF-8) to `file`, whole or not at all. Creates the folder. Raises OSError."""
    pathlib.Path(file).parent.mkdir(parents=True, exist_ok=True)
    with atomic(file, mode=mode) as opened:
        opened.write(data.encode() if isinstance(data, str) else data)


def is_disk_full(problem: OSError) -> bool:
    """Whether writing failed for want of room: on the disk, or of the user's share of it."""
    return problem.errno in (errno.ENOSPC, errno.EDQUOT)


def lies_within(file: pathlib.Path, folder: pathlib.Path) -> bool:
    """Whether a file lies in the folder, and is no link to elsewhere."""
    return file.resolve().is_relative_to(folder.resolve())


def sha256_of(file: str | os.PathLike) -> str:
    """SHA-256 of a file's content, as 64 hexadecimal digits. Raises OSError."""
    digest = hashlib.sha256()
    with open(file, "rb") as opened:
        while block := opened.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
