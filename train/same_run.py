"""What a run is made from, kept beside its checkpoint: a run goes on only from the same.

Without this, the same `--out` with other photos would go on from the checkpoint of the old ones, and
training.json would name photos that the network never saw.
"""

import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable

import numpy as np

from facehub.errors import BadSetting
from facehub.files import sha256_of, write_atomic
from facehub.identity.folder import WEIGHTS, Identity

from .checkpoint import CHECKPOINT
from .config import PairConfig
from .data.portraits import Portrait

FILE = "made_from.json"

FREE = ("steps", "batch")
"""Settings that may change when a run goes on: more steps, and smaller batches where memory is short."""


def made_from(
    start: Identity, identity: Iterable[Portrait], strangers: Iterable[Portrait], config: PairConfig
) -> dict[str, str]:
    """SHA-256 of each thing that a run is made from, by the name that people know it by."""
    settings = {key: value for key, value in dataclasses.asdict(config).items() if key not in FREE}
    return {
        "identity to start from": sha256_of(start.folder / WEIGHTS),
        "photos": _digest(identity),
        "photos of other people": _digest(strangers),
        "settings": hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest(),
    }


def require_same_run(folder: pathlib.Path, made: dict[str, str]) -> None:
    """Note what a new run is made from. Raises BadSetting where the checkpoint in `folder` is made from
    something else."""
    file = folder / FILE
    if (folder / CHECKPOINT).exists():
        before = _read(file)
        others = [name for name, digest in made.items() if before.get(name) != digest]
        if others:
            raise BadSetting(
                f"The checkpoint in {folder} was made from other {' and '.join(others)}: give another --out, "
                f"or delete {folder} to begin anew."
            )
    write_atomic(file, json.dumps(made, indent=2) + "\n")


def _read(file: pathlib.Path) -> dict[str, str]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _digest(faces: Iterable[Portrait]) -> str:
    """Of names and landmarks, which tell photos apart; to a thousandth of the crop, because machines that
    share a folder differ in the last digits."""
    total = hashlib.sha256()
    for face in faces:
        total.update(face.name.encode() + b"\0" + (1000 * face.landmarks).round().astype(np.int32).tobytes())
    return total.hexdigest()
