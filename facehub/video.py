"""The border of films, coming in: video files become upright frames of RGB bytes with their times. With encoding.py the only place that knows PyAV.

Any container and codec on the lists below; rotation and mirror flags are carried out; times are kept as they stand, even or not. A file that was cut
off gives what is whole of it. A playlist, which would have other files or addresses read, is not opened, and neither is a decoder that is not listed.
"""

import contextlib
import itertools
import os
import pathlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import av
import av.container
import numpy as np
import torch
from av.error import FFmpegError
from av.sidedata.sidedata import Type
from av.stream import Disposition
from av.video.reformatter import Interpolation
from jaxtyping import UInt8
from torch import Tensor

from .errors import BadVideo

CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,h264,hevc,m4v,ivf,mjpeg,yuv4mpegpipe"
"""What may be opened, by FFmpeg's names."""

CODECS = {
    "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "h263", "msmpeg4v3", "flv", "wmv1", "wmv2", "wmv3", "vc1",
    "theora", "mjpeg", "prores", "dnxhd", "ffv1", "huffyuv", "gif", "rawvideo",
}  # fmt: skip

MAX_MEGAPIXELS = 9.5
"""Of a frame: 4096 x 2304 just fits."""

MIN_SIDE_PX = 64

MAX_HOURS = 4.0

LEAST_RATE, MOST_RATE = Fraction(1, 10), Fraction(240)
"""Frames a second that a header may claim."""

EXACT = Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
"""How colours are converted, both ways: FFmpeg's quick way makes a film one level darker each time."""

LATE_S = 0.5
"""A clock that begins later than this, as a broadcast's does, is set back to 0."""

SHORT_S = 0.5
"""A film that ends so much before its header says was cut off."""


@dataclass(frozen=True, slots=True)
class Film:
    """What a video file says of itself."""

    path: pathlib.Path
    height: int
    """In pixels, upright."""
    width: int
    rate: Fraction
    """Frames a second, on average; what the header says."""
    time_base: Fraction
    """Seconds of one unit of the frames' times."""
    seconds: float | None
    """How long it is; None where the header does not say."""
    sound: tuple[str, ...]
    """The codec of each sound track."""
    start: Fraction = Fraction(0)
    """Seconds by which the file's own clock is to be set back."""
    pixel_shape: Fraction = Fraction(1)
    """Width of a pixel over its height."""

    @property
    def frames(self) -> int | None:
        """About how many frames there are."""
        return None if self.seconds is None else max(1, round(self.seconds * self.rate))


@dataclass(frozen=True, slots=True)
class Shot:
    """One frame and its time."""

    photo: UInt8[Tensor, "3 height width"]
    """RGB, upright. Pixels lie in memory row by row with their colours together, as a decoder leaves them."""
    pts: int
    """When it is shown, in units of the film's time base; later than the one before."""
    colours: tuple[int, int, int]
    """FFmpeg's numbers for matrix, primaries and transfer, which the way back needs."""

    def seconds(self, film: Film) -> float:
        return float(self.pts * film.time_base)


class Reader:
    """An open film, to be gone through once. `damaged` and `cut_off` tell, after the last frame, what was not whole."""

    def __init__(self, path: str | os.PathLike, *, max_seconds: float = MAX_HOURS * 3600, max_megapixels: float = MAX_MEGAPIXELS):
        """Raises BadVideo when the file is missing, no video, too large or too long, or when not a single frame of it can be decoded."""
        self.path, self.max_seconds = pathlib.Path(path), max_seconds
        self.damaged, self.cut_off = 0, False
        self._container = opened(self.path)
        try:
            self._stream = _picture_track(self._container, self.path.name, max_megapixels)
            self._decoded = self._decode()
            first = next(self._decoded, None)
            if first is None:
                raise BadVideo(f"{self.path.name} holds no frame that can be decoded: it is damaged or was cut off; fetch it again.")
            self._first, self.film = first, self._described(first)
            if self.film.seconds is not None and self.film.seconds > max_seconds:
                raise BadVideo(self._too_long(f"{self.film.seconds:.0f} seconds long"))
        except BaseException:
            self._container.close()
            raise

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    def __iter__(self) -> Iterator[Shot]:
        """The frames in the order in which they are shown. Raises BadVideo when they go on for longer than allowed."""
        film, last = self.film, None
        step = max(1, round(1 / (film.rate * film.time_base)))
        for frame in itertools.chain([self._first], self._decoded):
            pixels = turned(frame.to_ndarray(format="rgb24", interpolation=EXACT), matrix(frame))
            if pixels.shape[:2] != (film.height, film.width):  # a stream may change its mind; the file that is written cannot
                self.damaged += 1
                continue
            pts = frame.pts if frame.pts is not None else 0 if last is None else last + step
            pts = pts if last is None or pts > last else last + 1
            if float(pts * film.time_base - film.start) > self.max_seconds:
                raise BadVideo(self._too_long("longer than it says"))
            last = pts
            yield Shot(torch.from_numpy(pixels).permute(2, 0, 1), pts, (frame.colorspace, frame.color_primaries, frame.color_trc))
        end = float(((last or 0) + step) * film.time_base - film.start)
        self.cut_off = self.cut_off or (film.seconds is not None and film.seconds - end > SHORT_S)

    def _decode(self) -> Iterator[av.VideoFrame]:
        """What can be decoded; damaged packets are counted, and a file that breaks off ends there."""
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

    def _described(self, first: av.VideoFrame) -> Film:
        stream, container = self._stream, self._container
        aside = matrix(first)[0] == 0
        shape = stream.sample_aspect_ratio or Fraction(1)
        time_base = first.time_base or stream.time_base or Fraction(1, 90000)
        seconds = float(stream.duration * time_base) if stream.duration else (container.duration or 0) / 1e6
        start = Fraction(container.start_time or 0, 1_000_000)
        rate = stream.average_rate or stream.guessed_rate or Fraction(25)
        return Film(
            path=self.path,
            height=first.width if aside else first.height,
            width=first.height if aside else first.width,
            rate=min(max(rate, LEAST_RATE), MOST_RATE),
            time_base=time_base,
            seconds=seconds if seconds > 0 else None,
            sound=tuple(track.codec_context.name if track.codec_context else "unknown" for track in container.streams.audio),
            start=start if start > LATE_S else Fraction(0),
            pixel_shape=1 / shape if aside else shape,
        )

    def _too_long(self, how: str) -> str:
        return f"{self.path.name} is {how}, but at most {self.max_seconds:.0f} seconds are taken: cut it first."


STARTS = (b"\x1aE\xdf\xa3", b"FLV", b"OggS", b"\x30\x26\xb2\x75", b"\0\0\1\xba", b"\0\0\1\xb3", b"G@")
"""First bytes: Matroska and WebM, FLV, Ogg, ASF, MPEG program and video streams, transport streams."""

STILLS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
"""Brands of pictures in a container of films."""


def likely(path: str | os.PathLike) -> bool:
    """Whether a file begins like a video rather than a picture. False where it cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    film = start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free") and start[8:12] not in STILLS
    return film or start.startswith(STARTS) or (start[:4] == b"RIFF" and start[8:11] == b"AVI")


def opened(path: pathlib.Path) -> av.container.InputContainer:
    """The container, with its headers read. Raises BadVideo when the file is missing, or none that may be opened."""
    name = path.name
    if path.is_dir():
        raise BadVideo(f"{name} is a folder: name a video in it.")
    if not path.exists():
        raise BadVideo(f"{name} does not exist: check the path.")
    try:
        # an absolute path is never taken for an address; what is whitelisted reads no other file
        return av.open(str(path.absolute()), "r", options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}, metadata_errors="ignore")
    except PermissionError as problem:
        raise BadVideo(f"{name} cannot be read ({problem.strerror}): check its permissions.") from problem
    except (FFmpegError, ValueError, UnicodeError) as problem:
        if path.stat().st_size == 0:
            raise BadVideo(f"{name} is empty: it may have been cut off while it was copied, so fetch it again.") from problem
        raise BadVideo(
            f"{name} is not a video that can be opened, or was cut off before its index: use an MP4, MOV, MKV, WebM, AVI, TS or GIF file."
        ) from problem


def matrix(frame: av.VideoFrame) -> tuple[int, int, int, int]:
    """Signs (a, b, c, d) of the frame's display matrix: it is shown at (a x + c y, b x + d y), up to a shift. Only quarter turns count."""
    data = next((bytes(side) for side in frame.side_data if side.type == Type.DISPLAYMATRIX), None)  # pyright: ignore
    if data is None or len(data) < 36:
        return 1, 0, 0, 1
    a, b, _, c, d, *_ = struct.unpack("9i", data[:36])
    straight, aside = abs(a) + abs(d), abs(b) + abs(c)
    if max(straight, aside) < 20 * min(straight, aside):
        return 1, 0, 0, 1
    sign = lambda value: (value > 0) - (value < 0)  # noqa: E731
    return (sign(a), 0, 0, sign(d)) if straight > aside else (0, sign(b), sign(c), 0)


def turned(pixels: UInt8[np.ndarray, "h w 3"], signs: tuple[int, int, int, int]) -> UInt8[np.ndarray, "height width 3"]:
    """The pixels as the matrix has them shown."""
    a, b, c, d = signs
    if a == 0:
        pixels, across, down = pixels.transpose(1, 0, 2), c, b
    else:
        across, down = a, d
    return np.ascontiguousarray(pixels[:: down or 1, :: across or 1])


def _picture_track(container: av.container.InputContainer, name: str, max_megapixels: float) -> av.VideoStream:
    streams = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
    if not streams:
        raise BadVideo(f"{name} holds no moving picture, only {'sound' if container.streams.audio else 'other data'}: use a video.")
    stream = streams[0]
    codec = stream.codec_context.name if stream.codec_context else "something unknown"
    if codec not in CODECS:
        raise BadVideo(f"{name} is encoded as {codec[:30]}, which is not read here: convert it to H.264 in MP4 first.")
    width, height = stream.width, stream.height
    if width * height > max_megapixels * 1e6:
        raise BadVideo(f"{name} has frames of {width} x {height} pixels, but at most {max_megapixels:g} megapixels are taken: make it smaller first.")
    if min(width, height) < MIN_SIDE_PX:
        raise BadVideo(f"{name} has frames of {width} x {height} pixels, but each side must be at least {MIN_SIDE_PX}: use a larger one.")
    stream.thread_type = "AUTO"
    return stream
