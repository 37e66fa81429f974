"""Inspects the photos of a folder on all cores, and keeps what was found in a cache.

A photo is inspected once: its row is found again by its name and its bytes. Stopped at any moment, what was
found stays; the next run goes on with the photos that are left.
"""

import hashlib
import json
import multiprocessing
import os
import pathlib
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from facehub.errors import BadPhoto
from facehub.formats import READ_SUFFIXES, photo_files

from .gallery import write_atomic

Row = dict[str, Tensor]
"""What is known of a photo's face."""

VERSION = 1
"""Counted up when rows change their meaning: older caches are then left aside."""

SAVE_EVERY_S = 30.0
"""Between two writings of the cache while photos are inspected."""

FEW = 48
"""So few photos are inspected in this process: starting others takes longer."""

CHUNK = 8
"""Photos handed to a process at a time."""


def inspect_photos(
    folder: pathlib.Path,
    names: set[str] | None,
    inspect: Callable[[pathlib.Path], Row | None],
    *,
    cache: pathlib.Path,
    heard: Callable[[int, int, str], None],
    processes: int | None = None,
) -> dict[str, Row]:
    """Path below the folder -> row, for each photo below the folder, or of those named, in which `inspect`
    finds a face.

    `heard` receives how many photos are done, how many there are, and a note. Raises BadPhoto when the folder
    holds no photos, BadSetting when the cache cannot be written.
    """
    paths = {str(path.relative_to(folder)): path for path in photo_files(folder)}
    if names is not None:
        paths = {name: path for name, path in paths.items() if name in names}
    if not paths:
        raise BadPhoto(f"{folder} holds no photos: give a folder with pictures ({', '.join(READ_SUFFIXES)}).")
    file = cache / f"{folder.resolve().name}-portraits-{_hash(str(folder.resolve()).encode())}.safetensors"
    keys = {name: f"{_hash(_content(path))} {name}" for name, path in paths.items()}
    known = _read(file)
    left = [name for name, key in keys.items() if key not in known]
    done, saved = len(paths) - len(left), time.monotonic()
    heard(done, len(paths), "")
    try:
        for name, row in _inspected([(name, paths[name]) for name in left], inspect, processes):
            known[keys[name]] = row
            done += 1
            heard(done, len(paths), "" if row else f"{name}: no face was found")
            if time.monotonic() - saved > SAVE_EVERY_S:
                _write(file, known)
                saved = time.monotonic()
    finally:
        if left:
            _write(file, known)
    return {name: row for name, key in keys.items() if (row := known[key]) is not None}


def _inspected(
    photos: list[tuple[str, pathlib.Path]],
    inspect: Callable[[pathlib.Path], Row | None],
    processes: int | None,
) -> Iterator[tuple[str, Row | None]]:
    if len(photos) <= FEW and processes is None:
        yield from ((name, inspect(path)) for name, path in photos)
        return
    count = processes or len(
        os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    )
    context = multiprocessing.get_context("spawn")  # PyTorch's threads do not survive a fork
    pool = ProcessPoolExecutor(count, mp_context=context, initializer=_start_process)
    try:
        chunks = [photos[start : start + CHUNK] for start in range(0, len(photos), CHUNK)]
        waiting = {
            pool.submit(_inspect_chunk, inspect, [path for _, path in chunk]): chunk for chunk in chunks
        }
        for ready in as_completed(waiting):
            rows = (None if row is None else load(row) for row in ready.result())
            yield from zip((name for name, _ in waiting[ready]), rows, strict=True)
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _start_process() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent stops it
    torch.set_num_threads(1)


def _inspect_chunk(
    inspect: Callable[[pathlib.Path], Row | None], paths: list[pathlib.Path]
) -> list[bytes | None]:
    """Rows as bytes: tensors would travel as open files, of which a process may have few."""
    rows = (inspect(path) for path in paths)
    return [None if row is None else save(row) for row in rows]


def _content(path: pathlib.Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _read(file: pathlib.Path) -> dict[str, Row | None]:
    """The cache's rows by key; none where it is absent, damaged or of another version."""
    try:
        data = file.read_bytes()
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
        tensors, keys = load(data), json.loads(header["keys"])
        if header["version"] != str(VERSION):
            return {}
        rows = [{name: tensor[i] for name, tensor in tensors.items()} for i in range(len(keys))]
        return dict(zip(keys, rows, strict=True)) | dict.fromkeys(json.loads(header["empty"]))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError, IndexError):
        return {}


def _write(file: pathlib.Path, known: dict[str, Row | None]) -> None:
    rows = {key: row for key, row in known.items() if row is not None}
    first = next(iter(rows.values()), {})
    tensors = {name: torch.stack([row[name] for row in rows.values()]).contiguous() for name in first}
    empty = [key for key, row in known.items() if row is None]
    header = {"version": str(VERSION), "keys": json.dumps(list(rows)), "empty": json.dumps(empty)}
    write_atomic(file, save(tensors, metadata=header))
