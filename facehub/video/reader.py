"""Read video files: upright frames of RGB bytes with their times.

Rotation and mirror flags are applied. Times are kept as they are, even or uneven. Of a file that was cut off,
the complete frames are read. container.py lists what may be opened.
"""

import contextlib
import itertools
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import torch
from av.error import FFmpegError
from av.video.reformatter import Interpolation
from jaxtyping import UInt8
from torch import Tensor

from ..errors import BadVideo
from .container import MAX_HOURS, MAX_MEGAPIXELS, open_container, picture_track
from .orientation import apply_display_matrix, display_matrix

MIN_RATE = Fraction(1, 10)
"""Frames per second that a header may claim, at least."""

MAX_RATE = Fraction(240)
"""Frames per second that a header may claim, at most."""

EXACT_CONVERSION = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""How colours are converted, both ways; on one thread each time, as several mostly wait for each other.
FFmpeg's default makes a film one level darker each time."""

MIN_CLOCK_OFFSET_S = 0.5
"""A clock that begins later than this, such as a broadcast's, is set back to 0."""

CUT_OFF_S = 0.5
"""A film that ends earlier than its header says by more than this was cut off."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The header of a video file."""

    path: pathlib.Path
    height: int
    """In pixels, upright."""
    width: int
    rate: Fraction
    """Frames per second, on average, by the header."""
    time_base: Fraction
    """Seconds of one unit of the frames' times."""
    seconds: float | None
    """Duration; None if the header does not give one."""
    sound: tuple[str, ...]
    """The codec of each sound track."""
    start: Fraction = Fraction(0)
    """Seconds by which the file's clock is set back."""
    pixel_shape: Fraction = Fraction(1)
    """Width of a pixel over its height."""

    @property
    def frames(self) -> int | None:
        """The approximate number of frames."""
        return None if self.seconds is None else max(1, round(self.seconds * self.rate))


@dataclass(frozen=True, slots=True)
class VideoFrame:
    """One frame and its time."""

    photo: UInt8[Tensor, "3 height width"]
    """RGB, upright. Pixels lie in memory row by row with their colours together, as a decoder leaves them."""
    pts: int
    """When it is shown, in units of `VideoInfo.time_base`; later than the frame before."""
    colour_codes: tuple[int, int, int]
    """FFmpeg's numbers for matrix, primaries and transfer, which the way back needs."""
    keyframe: bool = False
    """Whether the file holds it as a picture of its own, and not as changes of another."""

    def seconds(self, info: VideoInfo) -> float:
        return float(self.pts * info.time_base)


class Reader:
    """An open film, to be read once. After the last frame, `damaged` and `cut_off` say what was
    incomplete."""

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        max_seconds: float = MAX_HOURS * 3600,
        max_megapixels: float = MAX_MEGAPIXELS,
    ):
        """Raises BadVideo when the file is missing, not a video, too large or too long, or when no frame can
        be decoded."""
        self.path, self.max_seconds = pathlib.Path(path), max_seconds
        self.damaged, self.cut_off = 0, False
        self._container = open_container(self.path)
        try:
            self._stream = picture_track(self._container, self.path.name, max_megapixels)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise BadVideo(
                    f"{self.path.name} holds no frame that can be decoded: "
                    "it is damaged or was cut off; fetch it again."
                )
            self._first, self.info = first, self._describe(first)
            if self.info.seconds is not None and self.info.seconds > max_seconds:
                raise BadVideo(self._too_long(f"{self.info.seconds:.0f} seconds long"))
        except BaseException:
            self._container.close()
            raise

    @property
    def xmp(self) -> str | None:
        """The XMP packet in the container's metadata: a stranger's text."""
        metadata = self._container.metadata
        return metadata.get("xmp") or metadata.get("XMP")

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        """The frames in display order. Raises BadVideo when they last longer than allowed."""
        film, last = self.info, None
        step = max(1, round(1 / (film.rate * film.time_base)))
        for frame in itertools.chain([self._first], self._decoded):
            pixels = frame.to_ndarray(format="rgb24", interpolation=EXACT_CONVERSION, threads=1)
            pixels = apply_display_matrix(pixels, display_matrix(frame))
            if pixels.shape[:2] != (
                film.height,
                film.width,
            ):  # a stream may change its mind; the file that is written cannot
                self.damaged += 1
                continue
            pts = frame.pts if frame.pts is not None else 0 if last is None else last + step
            pts = pts if last is None or pts > last else last + 1
            if float(pts * film.time_base - film.start) > self.max_seconds:
                raise BadVideo(self._too_long("longer than it says"))
            last = pts
            yield VideoFrame(
                torch.from_numpy(pixels).permute(2, 0, 1),
                pts,
                (frame.colorspace, frame.color_primaries, frame.color_trc),
                bool(frame.key_frame),
            )
        end = float(((last or 0) + step) * film.time_base - film.start)
        self.cut_off = self.cut_off or (film.seconds is not None and film.seconds - end > CUT_OFF_S)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Yield what can be decoded. Damaged packets are counted; a file that was cut off ends there."""
        packets = self._container.demux(self._stream)
        while not self.cut_off:
            try:
                packet = next(packets, None)
            except FFmpegError:
                self.cut_off = True
                break
            if packet is None:
                return
            try:
                yield from packet.decode()
            except FFmpegError:
                self.damaged += 1
        with contextlib.suppress(FFmpegError):
            yield from self._stream.decode(None)  # what the decoder still holds

    def _describe(self, first: av.VideoFrame) -> VideoInfo:
        stream, container = self._stream, self._container
        aside = display_matrix(first)[0] == 0
        shape = stream.sample_aspect_ratio or Fraction(1)
        time_base = first.time_base or stream.time_base or Fraction(1, 90000)
        seconds = float(stream.duration * time_base) if stream.duration else (container.duration or 0) / 1e6
        start = Fraction(container.start_time or 0, 1_000_000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return VideoInfo(
            path=self.path,
            height=first.width if aside else first.height,
            width=first.height if aside else first.width,
            rate=min(max(rate, MIN_RATE), MAX_RATE),
            time_base=time_base,
            seconds=seconds if seconds > 0 else None,
            sound=tuple(
                track.codec_context.name if track.codec_context else "unknown"
                for track in container.streams.audio
            ),
            start=start if start > MIN_CLOCK_OFFSET_S else Fraction(0),
            pixel_shape=1 / shape if aside else shape,
        )

    def _too_long(self, how: str) -> str:
        return (
            f"{self.path.name} is {how}, but at most {self.max_seconds:.0f} seconds are taken: cut it first."
        )
