"""A film, swapped: read and tracked, swapped, marked and encoded all at once, by threads with short queues between them.

Whatever the length, no more than some frames are held. The result appears under its name when it is whole, marked and signed; a film that is stopped,
or that shows no face, leaves nothing behind. Every frame carries the watermark, all of one number, so that any cut or still of it can be told.
"""

import contextlib
import os
import pathlib
import queue
import secrets
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from . import credentials, image, keys, watermark
from .encoding import SUFFIXES, Writer
from .errors import BadSetting, FaceHubError, NoFace, Stopped
from .provenance import Marks, Origin
from .swap import Swapper
from .tracking import Frame, Track, Tracked, Tracker
from .types import Found, Photos
from .video import Reader, Shot

T = TypeVar("T")

BATCH = 4
"""Frames that share one network call and one Poisson solve."""

AHEAD = 2
"""Batches that a thread may be ahead of the next."""

THREAD = "facehub film"

SETTLED_S = 1.0
"""How long the pace is watched before the time left is told."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far it has come."""

    frames: int
    total: int | None
    """About; None where the file does not say how long it is."""
    left_s: float | None
    """Seconds to go at the pace so far; None where that cannot be told, or not yet."""


@dataclass(frozen=True, slots=True)
class Filmed:
    """What was written."""

    path: pathlib.Path
    frames: int
    swapped: int
    """Frames in which a face was swapped."""
    faces: int
    """Faces that were followed; somebody who leaves the picture and comes back, or is seen after a cut, counts anew."""
    seconds: float
    """That it took."""
    notes: tuple[str, ...] = ()
    """What is not as one would expect, each a sentence."""


@dataclass(slots=True)
class _Told:
    """What the threads learn on the way."""

    swapped: int = 0
    numbers: set[int] = field(default_factory=set)


def film(
    swapper: Swapper,
    source: Reader,
    target: str | os.PathLike,
    *,
    faces: str = "all",
    strength: float = 1.0,
    marks: Marks | None = None,
    origin: Origin | None = None,
    tracker: Callable[[Frame, float], Tracked] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> Filmed:
    """Writes the film with its faces swapped. `origin.parent` is not needed: it is the source's file.

    `faces` is "all" or "largest", which stays with one face as long as it is there. The suffix of `target` chooses the container. Raises NoFace when
    not one frame shows a face, Stopped when `stop` was set, BadSetting for what cannot be written, and what reading and writing raise.
    """
    target, marks, begun = pathlib.Path(target), marks or Marks(), time.monotonic()
    checked(target, source.path, faces, strength)
    told, number, done = _Told(), secrets.randbits(watermark.ID_BITS), 0
    total, name = source.film.frames, source.path.name
    with _part(target) as part, contextlib.ExitStack() as stack:
        followed = ahead(tracked(source, tracker or Tracker(), faces, told), AHEAD * BATCH)
        results = stack.enter_context(contextlib.closing(ahead(swapped(followed, swapper, strength, told), AHEAD)))
        writer = None
        for shots, photos in results:
            if writer is None:
                writer = Writer(part, source.film, shots[0].colours)
                stack.callback(writer.abort)
            for shot, photo in zip(shots, photos, strict=True):
                if stop is not None and stop.is_set():
                    raise Stopped("Stopped: nothing was written.")
                writer.add(image.marked(photo, None, marks, number)[0], shot.pts)
                done += 1
            progress(_progress(done, total, time.monotonic() - begun))
        if not told.swapped or writer is None:
            raise NoFace(
                f"No face was found in the {done} frames of {name}, so nothing was written: "
                "use one in which a face is at least 80 pixels wide and looks roughly at the camera."
            )
        writer.close(whole=not source.cut_off)
        _finish(part, target, source.path, marks, origin or Origin(), f"{number:08x}" if marks.watermark else "")
    notes = _notes(source, target, writer.silent, done)
    return Filmed(target, done, told.swapped, len(told.numbers), time.monotonic() - begun, notes)


def checked(target: pathlib.Path, source: pathlib.Path, faces: str = "all", strength: float = 1.0) -> None:
    """Raises BadSetting where a film cannot be made so, before any work is done."""
    if target.suffix.lower() not in SUFFIXES:
        raise BadSetting(f'"{target.name}" has no suffix of a video that can be written: use one of {", ".join(SUFFIXES)}.')
    if not target.parent.is_dir():
        raise BadSetting(f"The folder {target.parent} does not exist: make it first, or choose another.")
    if target.is_dir():
        raise BadSetting(f"{target} is a folder: name the file that is to be written.")
    if target.exists() and source.exists() and target.samefile(source):
        raise BadSetting(f"{source.name} would be overwritten by its own result: choose another name.")
    if faces not in ("all", "largest"):
        raise BadSetting(f'Faces "{faces}" is no choice for a video: use "all" or "largest".')
    if not 0 <= strength <= 1:
        raise BadSetting(f"Strength is {strength}, but must lie between 0 (the input) and 1 (the full swap).")


def tracked(source: Reader, tracker: Callable[[Frame, float], Tracked], faces: str, told: _Told) -> Generator[tuple[Shot, Tracked], None, None]:
    """Each frame with the faces in it that are to be swapped."""
    kept: int | None = None
    for shot in source:
        seen = tracker(shot.photo, shot.seconds(source.film))
        if faces == "largest" and seen.tracks:
            one = next((track for track in seen.tracks if track.number == kept), seen.tracks[0])
            kept, seen = one.number, Tracked((one,), seen.cut)
        told.numbers.update(track.number for track in seen.tracks)
        yield shot, seen


def swapped(
    followed: Iterable[tuple[Shot, Tracked]], swapper: Swapper, strength: float, told: _Told
) -> Generator[tuple[list[Shot], list[Frame]], None, None]:
    """Some frames at a time, and what they look like swapped. Frames without a face come out as they went in."""
    for some in batches(followed, BATCH):
        shots, photos = [shot for shot, _ in some], [shot.photo for shot, _ in some]
        shown = [index for index, (_, seen) in enumerate(some) if seen.tracks]
        if shown:
            stack: Photos = torch.stack([photos[index] for index in shown])
            found = together([some[index][1].tracks for index in shown])
            blended = swapper(stack, strength=strength, found=found).blended.cpu()
            for index, photo in zip(shown, blended, strict=True):
                photos[index] = photo
            told.swapped += len(shown)
        yield shots, photos


def together(tracks: list[tuple[Track, ...]]) -> Found:
    """The faces of several frames, as a `Swapper` takes them with the stack of those frames."""
    landmarks = torch.stack([track.landmarks for some in tracks for track in some])
    return Found(landmarks=landmarks, photo=torch.tensor([index for index, some in enumerate(tracks) for _ in some]))


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in groups of `size`; the last may be smaller."""
    group: list[T] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def ahead(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """The items, made by a thread of their own that is at most `depth` of them ahead. What goes wrong there is raised here.

    Closed before the end, it waits until the thread has left off, and closes `items` there.
    """
    line: queue.Queue = queue.Queue(depth)
    over, end = threading.Event(), object()

    def work() -> None:
        problem: BaseException | None = None
        try:
            for item in items:
                line.put((item, None))
                if over.is_set():
                    break
        except BaseException as raised:
            problem = raised
        finally:
            items.close()
        if not over.is_set():
            line.put((end, problem))

    thread = threading.Thread(target=work, name=THREAD, daemon=True)
    thread.start()
    try:
        while (got := line.get())[0] is not end:
            yield got[0]
        if got[1] is not None:
            raise got[1]
    finally:
        over.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                line.get(timeout=0.02)


@contextlib.contextmanager
def _part(target: pathlib.Path) -> Iterator[pathlib.Path]:
    """A file beside the target, of its kind, that is gone in the end."""
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.stem}.", suffix=target.suffix)
    except OSError as problem:
        raise BadSetting(f"{target.parent} cannot be written to ({problem.strerror}): choose another folder.") from problem
    os.close(handle)
    part = pathlib.Path(name)
    try:
        yield part
    finally:
        part.unlink(missing_ok=True)


def _finish(part: pathlib.Path, target: pathlib.Path, source: pathlib.Path, marks: Marks, origin: Origin, number: str) -> None:
    """Signs what can be signed, and gives it its name."""
    media = credentials.FILMS.get(target.suffix.lower())
    try:
        if media and marks.manifest:
            with _part(target) as signed:
                with open(part, "rb") as unsigned, open(signed, "w+b") as file, open(source, "rb") as parent:
                    credentials.sign_stream(unsigned, file, media, marks.credential or keys.credential(), origin, number, parent=parent)
                signed.chmod(0o644)
                os.replace(signed, target)
        else:
            part.chmod(0o644)
            os.replace(part, target)
    except OSError as problem:
        raise FaceHubError(f"{target} cannot be written ({problem.strerror or problem}): choose another folder or make room.") from problem


def _progress(done: int, total: int | None, spent_s: float) -> Progress:
    total = None if total is None else max(total, done)
    left = spent_s / done * (total - done) if total and spent_s >= SETTLED_S else None
    return Progress(done, total, left)


def _notes(source: Reader, target: pathlib.Path, silent: dict[str, list[str]], done: int) -> tuple[str, ...]:
    name, notes = source.path.name, []
    if source.cut_off:
        notes.append(f"{name} was cut off: what is whole of it, {done / float(source.film.rate):.1f} seconds, was swapped.")
    if source.damaged:
        notes.append(f"{source.damaged} damaged or odd frames of {name} were left out.")
    for codec, suffixes in silent.items():
        way = f"{' or '.join(suffixes)} can" if suffixes else "convert it to AAC first"
        notes.append(f"Sound ({codec}) was left out, because {target.suffix} cannot hold it as it is: {way}.")
    return tuple(notes)
