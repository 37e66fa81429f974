"""Swap the faces in a film. Threads read, track, swap, mark and encode at once, with short queues between
them.

Only some frames are in memory, whatever the length. The result appears under its name when it is complete,
marked and signed. A film that is stopped, or that shows no face, leaves nothing behind. Every frame carries
the watermark with the same number, so that any cut or still of the film can be traced.
"""

import contextlib
import os
import pathlib
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

import torch

from .. import image
from ..errors import BadSetting, NoFace, Stopped
from ..marks import watermark
from ..marks.origin import Marks, Origin
from ..swapper import Swapper
from ..types import Detections, Photos
from .finish import finish_film, part_file
from .pipeline import batches, ordered, prefetch
from .reader import Reader, VideoFrame
from .tracker import Frame, Track, Tracked, Tracker
from .writer import QUALITIES, SUFFIXES, Writer

BATCH_FRAMES = 4
"""Frames that share one network call and one Poisson solve."""

MAX_WORKERS = 4
"""Batches that are swapped side by side, each on one core: no more than there are cores, and than memory has
room for."""

PREFETCH_BATCHES = 2
"""Batches that a thread may be ahead of the next."""

PACE_SETTLED_S = 1.0
"""Seconds of work before the time left is estimated."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The position in a film."""

    frames: int
    total: int | None
    """Approximate; None if the file does not give its duration."""
    left_s: float | None
    """Seconds left at the pace so far; None if unknown, or not yet known."""


@dataclass(frozen=True, slots=True)
class VideoResult:
    """The film that was written."""

    path: pathlib.Path
    frames: int
    swapped: int
    """Frames in which a face was swapped."""
    faces: int
    """Faces that were followed; somebody who leaves the picture and comes back, or is seen after a cut,
    counts anew."""
    seconds: float
    """Time it took."""
    notes: tuple[str, ...] = ()
    """What differs from what one would expect, a sentence each."""


@dataclass(slots=True)
class Counters:
    """Counted by the threads."""

    swapped: int = 0
    numbers: set[int] = field(default_factory=set)


def swap_video(
    swapper: Swapper,
    source: Reader,
    target: str | os.PathLike,
    *,
    faces: str = "all",
    strength: float = 1.0,
    quality: str = "high",
    marks: Marks | None = None,
    origin: Origin | None = None,
    tracker: Callable[[Frame, float], Tracked] | None = None,
    progress: Callable[[Progress], None] = lambda _: None,
    stop: threading.Event | None = None,
) -> VideoResult:
    """Writes the film with its faces swapped. `origin.parent` is not needed: it is the source's file.

    `faces` is "all" or "largest", which stays with one face as long as it is there. The suffix of `target`
    chooses the container, `quality` ("high" or "small") how large the file is. Raises NoFace when not one
    frame shows a face, Stopped when `stop` was set, BadSetting for what cannot be written, and what reading
    and writing raise.
    """
    target, marks, begun = pathlib.Path(target), marks or Marks(), time.monotonic()
    check_arguments(target, source.path, faces, strength, quality)
    counters, number, done = Counters(), secrets.randbits(watermark.ID_BITS), 0
    total, name = source.info.frames, source.path.name
    with part_file(target) as part, contextlib.ExitStack() as stack:
        ahead = PREFETCH_BATCHES * BATCH_FRAMES
        tracked = stack.enter_context(
            contextlib.closing(prefetch(track_frames(source, tracker or Tracker(), faces, counters), ahead))
        )
        finished = swap_frames(
            tracked,
            swapper,
            strength,
            counters,
            lambda photo: image.with_marks(photo, None, marks, number)[0],
        )
        results = stack.enter_context(contextlib.closing(prefetch(finished, 1)))
        writer = None
        for shots, photos in results:
            if writer is None:
                writer = Writer(part, source.info, shots[0].colour_codes, quality=quality)
                stack.callback(writer.abort)
            for shot, photo in zip(shots, photos, strict=True):
                if stop is not None and stop.is_set():
                    raise Stopped("Stopped: nothing was written.")
                writer.add(photo, shot.pts)
                done += 1
            progress(_progress(done, total, time.monotonic() - begun))
        if not counters.swapped or writer is None:
            raise NoFace(
                f"No face was found in the {done} frames of {name}, so nothing was written: "
                "use one in which a face is at least 80 pixels wide and looks roughly at the camera."
            )
        writer.close(whole=not source.cut_off)
        finish_film(
            part, target, source.path, marks, origin or Origin(), f"{number:08x}" if marks.watermark else ""
        )
    notes = _notes(source, target, writer.dropped_sound, done)
    return VideoResult(target, done, counters.swapped, len(counters.numbers), time.monotonic() - begun, notes)


def check_arguments(
    target: pathlib.Path,
    source: pathlib.Path,
    faces: str = "all",
    strength: float = 1.0,
    quality: str = "high",
) -> None:
    """Raise BadSetting where a film cannot be made with these arguments, before any work is done."""
    if target.suffix.lower() not in SUFFIXES:
        raise BadSetting(
            f'"{target.name}" has no suffix of a video that can be written: use one of {", ".join(SUFFIXES)}.'
        )
    if not target.parent.is_dir():
        raise BadSetting(f"The folder {target.parent} does not exist: make it first, or choose another.")
    if target.is_dir():
        raise BadSetting(f"{target} is a folder: name the file that is to be written.")
    if target.exists() and source.exists() and target.samefile(source):
        raise BadSetting(f"{source.name} would be overwritten by its own result: choose another name.")
    if faces not in ("all", "largest"):
        raise BadSetting(f'Faces "{faces}" is no choice for a video: use "all" or "largest".')
    if quality not in QUALITIES:
        raise BadSetting(f'Quality "{quality}" is no choice: use {" or ".join(QUALITIES)}.')
    if not 0 <= strength <= 1:
        raise BadSetting(f"Strength is {strength}, but must lie between 0 (the input) and 1 (the full swap).")


def track_frames(
    source: Reader, tracker: Callable[[Frame, float], Tracked], faces: str, counters: Counters
) -> Generator[tuple[VideoFrame, Tracked], None, None]:
    """Yield each frame with the faces to swap in it."""
    number: int | None = None
    for shot in source:
        seen = tracker(shot.photo, shot.seconds(source.info))
        if faces == "largest" and seen.tracks:
            one = next((track for track in seen.tracks if track.number == number), seen.tracks[0])
            number, seen = one.number, Tracked((one,), seen.cut)
        counters.numbers.update(track.number for track in seen.tracks)
        yield shot, seen


def swap_frames(
    tracked: Iterable[tuple[VideoFrame, Tracked]],
    swapper: Swapper,
    strength: float,
    counters: Counters,
    mark: Callable[[Frame], Frame],
) -> Generator[tuple[list[VideoFrame], list[Frame]], None, None]:
    """Some frames at a time, and what they look like swapped and marked. Frames without a face are marked
    only."""

    def work(some: list[tuple[VideoFrame, Tracked]]) -> tuple[list[VideoFrame], list[Frame], int]:
        shots, photos = [shot for shot, _ in some], [shot.photo for shot, _ in some]
        shown = [index for index, (_, seen) in enumerate(some) if seen.tracks]
        if shown:
            stack: Photos = torch.stack([photos[index] for index in shown])
            found = stack_tracks([some[index][1].tracks for index in shown])
            blended = swapper(stack, strength=strength, detections=found).blended.cpu()
            for index, photo in zip(shown, blended, strict=True):
                photos[index] = photo
        return shots, [mark(photo) for photo in photos], len(shown)

    at_once = swapper.at_once
    if at_once == 1 and swapper.device.type == "cpu":
        at_once = min(MAX_WORKERS, torch.get_num_threads())  # of the caller: a thread that fetches has one

    def results() -> Generator[tuple[list[VideoFrame], list[Frame]], None, None]:
        for shots, photos, swapped in ordered(work, batches(tracked, BATCH_FRAMES), at_once):
            counters.swapped += swapped
            yield shots, photos

    return results()


def stack_tracks(tracks: list[tuple[Track, ...]]) -> Detections:
    """The faces of several frames as detections in the stack of those frames."""
    landmarks = torch.stack([track.landmarks for some in tracks for track in some])
    return Detections(
        landmarks=landmarks, photo=torch.tensor([index for index, some in enumerate(tracks) for _ in some])
    )


def _progress(done: int, total: int | None, spent_s: float) -> Progress:
    total = None if total is None else max(total, done)
    left = spent_s / done * (total - done) if total and spent_s >= PACE_SETTLED_S else None
    return Progress(done, total, left)


def _notes(source: Reader, target: pathlib.Path, silent: dict[str, list[str]], done: int) -> tuple[str, ...]:
    name, notes = source.path.name, []
    if source.cut_off:
        notes.append(
            f"{name} was cut off: what is complete, "
            f"{done / float(source.info.rate):.1f} seconds, was swapped."
        )
    if source.damaged:
        notes.append(f"{source.damaged} damaged or odd frames of {name} were left out.")
    for codec, suffixes in silent.items():
        way = f"{' or '.join(suffixes)} can" if suffixes else "convert it to AAC first"
        notes.append(f"Sound ({codec}) was left out, because {target.suffix} cannot hold it as it is: {way}.")
    return tuple(notes)
