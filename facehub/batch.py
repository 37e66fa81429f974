"""Many photos, one after another and side by side: files are read and written by workers while the network works, and each photo has its record.

A photo's record says what it was made from and how: the hash of the file, the identity's revision, the settings, and the hashes of what was
written. A record of an earlier run under which all of that is still so stands for the photo, which is then not made again.
"""

import hashlib
import json
import pathlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass

from . import image
from .errors import BadPhoto, FaceHubError
from .faces import box
from .identity import Identity
from .image import Picture
from .provenance import VERSION, Marks
from .swap import Swapper, Which
from .types import Swapped


@dataclass(frozen=True, slots=True)
class Job:
    """One photo, and the files to write: "out", and "raw" and "mask" where they are wanted."""

    photo: pathlib.Path
    outputs: dict[str, pathlib.Path]


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides how results look."""

    faces: Which = "all"
    strength: float = 1.0
    masker: str = "learned"
    label: bool = False


@dataclass(frozen=True, slots=True)
class _Read:
    """A photo that was read, or the record that stands for it already."""

    job: Job
    record: dict
    picture: Picture | None = None


def swap_all(
    swapper: Swapper,
    identity: Identity,
    jobs: Iterable[Job],
    settings: Settings,
    *,
    earlier: Mapping[str, dict] | None = None,
    workers: int = 2,
    batch: int = 1,
) -> Iterator[dict]:
    """Swaps the faces of each photo and yields its record, in the order of the jobs.

    `workers` files are read, and as many written, while the network works on `batch` photos at once; never are more photos in memory than a few times
    these two. A photo that cannot be done has the sentence that says why under "error", and stops no other. `earlier`: a run's records, by photo.
    """
    made_with = {"identity": identity.handle, "revision": identity.origin().revision, "settings": asdict(settings), "version": VERSION}
    left, reading, writing = iter(jobs), deque[Future[_Read]](), deque[Future[dict]]()
    with ThreadPoolExecutor(workers) as readers, ThreadPoolExecutor(workers) as writers:

        def read_on() -> None:
            while len(reading) < workers + batch and (job := next(left, None)):
                reading.append(readers.submit(_read, job, made_with, earlier or {}))

        read_on()
        while reading:
            group = [reading.popleft().result() for _ in range(min(batch, len(reading)))]
            read_on()
            photos = [one.picture.photo[None] for one in group if one.picture]
            results = iter(swapper.each(photos, faces=settings.faces, strength=settings.strength))
            writing += [writers.submit(_written, one, next(results) if one.picture else None, identity, settings) for one in group]
            while writing and (writing[0].done() or len(writing) > 2 * workers + batch):
                yield writing.popleft().result()
        while writing:
            yield writing.popleft().result()


def described(swapped: Swapped) -> dict:
    """Faces, residuals and seconds as plain numbers."""
    found = swapped.faces
    rows = zip(box(found.landmarks).tolist(), found.landmarks.tolist(), swapped.residual.tolist(), found.notes, strict=True)
    faces = [{"box": [round(v, 1) for v in corners], "landmarks": points, "residual": worst, "note": note} for corners, points, worst, note in rows]
    return {"faces": faces, "residual": max(swapped.residual.tolist()), "seconds": {k: round(v, 5) for k, v in swapped.seconds.items()}}


def _read(job: Job, made_with: dict, earlier: Mapping[str, dict]) -> _Read:
    record = {"photo": str(job.photo)} | made_with | {"outputs": {kind: str(file) for kind, file in job.outputs.items()}}
    try:
        picture = image.read(job.photo)
        record["sha256"] = hashlib.sha256(picture.file or b"").hexdigest()
        if done := _still_so(earlier.get(str(job.photo)), record):
            return _Read(job, done | {"skipped": True})
        return _Read(job, record, picture)
    except FaceHubError as problem:
        return _Read(job, _failed(record, problem))
    except MemoryError:
        return _Read(job, _failed(record, BadPhoto(f"{job.photo.name} needs more memory than there is: make it smaller first.")))


def _still_so(done: dict | None, wanted: dict) -> dict | None:
    """The earlier record, if it is of the same photo, identity and settings and its files are as they were written."""
    if not done or "error" in done or json.dumps({k: done.get(k) for k in wanted}, sort_keys=True) != json.dumps(wanted, sort_keys=True):
        return None
    written = done.get("written")
    if not isinstance(written, dict) or written.keys() != wanted["outputs"].keys():
        return None
    same = all(_hash(pathlib.Path(file)) == written[kind] for kind, file in wanted["outputs"].items())
    return {k: v for k, v in done.items() if k != "skipped"} if same else None


def _written(one: _Read, result: Swapped | FaceHubError | None, identity: Identity, settings: Settings) -> dict:
    if result is None or one.picture is None:
        return one.record
    try:
        if isinstance(result, FaceHubError):
            raise result
        origin, marks = identity.origin(one.picture.file), Marks(label=settings.label)
        for kind, file in one.job.outputs.items():
            if kind == "mask":
                image.write(file, result.mask[0], generated=False)  # no picture of anybody, and exact
            else:
                pixels = (result.blended if kind == "out" else result.raw)[0].cpu()
                image.write(file, pixels, alpha=one.picture.alpha, origin=origin, marks=marks)
        return one.record | described(result) | {"written": {kind: _hash(file) for kind, file in one.job.outputs.items()}}
    except FaceHubError as problem:
        return _failed(one.record, problem)


def _failed(record: dict, problem: FaceHubError) -> dict:
    name = pathlib.Path(record["photo"]).name
    return record | {"error": str(problem) if name in str(problem) else f"{record['photo']}: {problem}"}


def _hash(file: pathlib.Path) -> str | None:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest()
    except OSError:
        return None
