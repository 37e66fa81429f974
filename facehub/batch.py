"""Many photos: threads read and write files while the network computes; each photo has its record.

A record says what a photo was made from and how: the hash of the file, the identity's revision, the settings,
and the hashes of what was written. While an earlier run's record is still true, its photo is not made again.
"""

import hashlib
import json
import pathlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from . import image
from .detection.finder import box
from .detection.selection import FaceSelection
from .errors import BadPhoto, FaceHubError
from .face_plan import PlannedIdentities, PlanSwapper, SwappedFaces
from .files import sha256_of
from .identity.folder import Identity
from .image import Picture
from .marks.origin import VERSION, Marks
from .swapped import Swapped
from .swapper import Swapper

PLAN = "plan"
"""`Settings.faces` of a run in which each face has its own identity."""


@dataclass(frozen=True, slots=True)
class Job:
    """One photo, and the files to write: "out", and "raw" and "mask" where they are wanted."""

    photo: pathlib.Path
    outputs: dict[str, pathlib.Path]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides how results look."""

    faces: FaceSelection = "all"
    strength: float = 1.0
    detail: float = 1.0
    masker: str = "learned"
    label: bool = False


@dataclass(frozen=True, slots=True)
class _Input:
    """A photo that was read, or a record that says it is done already or cannot be read."""

    job: Job
    record: dict
    picture: Picture | None = None


def swap_all(
    swapper: Swapper | PlanSwapper,
    identity: Identity | PlannedIdentities,
    jobs: Iterable[Job],
    settings: Settings,
    *,
    earlier: Mapping[str, dict] | None = None,
    workers: int = 2,
    batch: int = 1,
) -> Iterator[dict]:
    """Swap the faces of each photo and yield its record, in the order of the jobs.

    `workers` threads read files and as many write, while the network computes on `batch` photos at a time.
    Only a few times `workers + batch` photos are in memory. A photo that fails has its sentence under "error"
    and stops no other. `earlier`: the records of an earlier run, by photo. A plan ignores `settings.faces`.
    """
    made_with = {
        "identity": identity.handle,
        "revision": identity.origin().revision,
        "settings": asdict(settings),
        "version": VERSION,
    }
    remaining, reading, writing = iter(jobs), deque[Future[_Input]](), deque[Future[dict]]()
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as writers:

        def read_ahead() -> None:
            while len(reading) < workers + batch and (job := next(remaining, None)):
                reading.append(readers.submit(_read, job, made_with, earlier or {}))

        read_ahead()
        while reading:
            group = [reading.popleft().result() for _ in range(min(batch, len(reading)))]
            read_ahead()
            results = iter(_swap_group(swapper, group, settings))
            writing += [
                writers.submit(_write, one, next(results) if one.picture else None, identity, settings)
                for one in group
            ]
            while writing and (writing[0].done() or len(writing) > 2 * workers + batch):
                yield writing.popleft().result()
        while writing:
            yield writing.popleft().result()


def _swap_group(
    swapper: Swapper | PlanSwapper, group: Sequence[_Input], settings: Settings
) -> Sequence[Swapped | SwappedFaces | FaceHubError]:
    photos = [one.picture.photo[None] for one in group if one.picture]
    if isinstance(swapper, PlanSwapper):
        return swapper.swap_stacks(photos, strength=settings.strength)
    return swapper.swap_stacks(photos, faces=settings.faces, strength=settings.strength)


def describe(swapped: Swapped | SwappedFaces, faces: FaceSelection = "all") -> dict:
    """Faces, residuals and seconds as plain numbers. `faces`: the selection that was swapped."""
    if isinstance(swapped, SwappedFaces):
        numbers = sorted(number for part in swapped.numbers for number in part)
    else:
        numbers = [faces] if isinstance(faces, int) else list(range(len(swapped.landmarks)))
    rows = zip(
        numbers,
        box(swapped.landmarks).tolist(),
        swapped.landmarks.tolist(),
        swapped.residual.tolist(),
        swapped.notes,
        strict=True,
    )
    records = [
        {
            "number": number,
            "box": [round(v, 1) for v in corners],
            "landmarks": points,
            "residual": residual,
            "note": note,
        }
        for number, corners, points, residual, note in rows
    ]
    return {
        "faces": records,
        "residual": max(swapped.residual.tolist()),
        "seconds": {stage: round(seconds, 5) for stage, seconds in swapped.seconds.items()},
    }


def _read(job: Job, made_with: dict, earlier: Mapping[str, dict]) -> _Input:
    outputs = {kind: str(file) for kind, file in job.outputs.items()}
    record = {"photo": str(job.photo)} | made_with | {"outputs": outputs}
    try:
        picture = image.read(job.photo)
        record["sha256"] = hashlib.sha256(picture.file or b"").hexdigest()
        if done := _still_true(earlier.get(str(job.photo)), record):
            return _Input(job, done | {"skipped": True})
        return _Input(job, record, picture)
    except FaceHubError as problem:
        return _Input(job, _failed(record, problem))
    except MemoryError:
        problem = BadPhoto(f"{job.photo.name} needs more memory than there is: make it smaller first.")
        return _Input(job, _failed(record, problem))


def _still_true(done: dict | None, wanted: dict) -> dict | None:
    """The earlier record if photo, identity, settings and written files are unchanged, else None."""
    if not done or "error" in done:
        return None
    same_keys = {key: done.get(key) for key in wanted}
    if json.dumps(same_keys, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        return None
    written = done.get("written")
    if not isinstance(written, dict) or written.keys() != wanted["outputs"].keys():
        return None
    same = all(_hash(pathlib.Path(file)) == written[kind] for kind, file in wanted["outputs"].items())
    return {k: v for k, v in done.items() if k != "skipped"} if same else None


def _write(
    one: _Input,
    result: Swapped | SwappedFaces | FaceHubError | None,
    identity: Identity | PlannedIdentities,
    settings: Settings,
) -> dict:
    """Write the files of a photo and complete its record."""
    if result is None or one.picture is None:
        return one.record
    try:
        if isinstance(result, FaceHubError):
            raise result
        origin, marks = identity.origin(one.picture.file), Marks(label=settings.label)
        for kind, file in one.job.outputs.items():
            if kind == "mask":
                image.write(file, result.mask[0], generated=False)  # shows nobody, and must be exact
            else:
                pixels = (result.blended if kind == "out" else result.raw)[0].cpu()
                image.write(file, pixels, alpha=one.picture.alpha, origin=origin, marks=marks)
        written = {kind: _hash(file) for kind, file in one.job.outputs.items()}
        return one.record | describe(result, settings.faces) | {"written": written}
    except FaceHubError as problem:
        return _failed(one.record, problem)


def _failed(record: dict, problem: FaceHubError) -> dict:
    name = pathlib.Path(record["photo"]).name
    return record | {"error": str(problem) if name in str(problem) else f"{record['photo']}: {problem}"}


def _hash(file: pathlib.Path) -> str | None:
    try:
        return sha256_of(file)
    except OSError:
        return None
