"""The border of films, going out: frames become H.264 with the times they came with, and the sound of another file is copied beside them, as it is.

Nothing else of the input comes along: no title, place, device or date, no subtitles, no data tracks. With video.py the only place that knows PyAV.
"""

import contextlib
import errno
import io
import pathlib
from collections.abc import Iterator
from fractions import Fraction

import av
import av.container
import numpy as np
from av.error import FFmpegError
from jaxtyping import UInt8
from torch import Tensor

from .errors import BadSetting, DiskFull, FaceHubError
from .provenance import mark
from .video import EXACT, Film, opened

SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""What can be written. All but MKV can hold a signed manifest."""

QUALITY, PRESET = "18", "veryfast"
"""x264's constant rate factor, at which the watermark is read from every frame (benchmarks/video.py), and how hard it tries to save bytes."""

UNSPECIFIED, SMPTE170M, MATRICES, TV_RANGE = 2, 6, (1, 4, 5, 6, 7, 9), 1
"""FFmpeg's numbers: of the matrix that is not named, of the one that is assumed then, of those that are kept, and of the usual range."""

XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""The box of an MP4 file that holds an XMP packet (XMP specification, part 3)."""


class Writer:
    """A film that is being written, for the frames of another one.

    `silent`: the codecs of sound tracks that the container cannot hold, each with the suffixes of those that can.
    """

    def __init__(self, path: pathlib.Path, film: Film, colours: tuple[int, int, int]):
        """`path` ends in one of SUFFIXES and is written over. Raises BadSetting where it cannot be."""
        self.path, self.film = path, film
        self._kind, self._ended = SUFFIXES[path.suffix.lower()], Fraction(0)
        options = {"movflags": "+faststart"} if self._kind != "matroska" else {}
        try:
            self._container = av.open(str(path.absolute()), "w", format=self._kind, options=options)
        except OSError as problem:
            raise BadSetting(f"{path.parent} cannot be written to ({problem.strerror}): choose another folder.") from problem
        if self._kind == "matroska":
            self._container.metadata["XMP"] = mark().decode()
        self._stream = self._picture_track(colours)
        self._sound = _Sound(film, self._container, self._kind)
        self.silent = self._sound.silent

    def add(self, photo: UInt8[Tensor, "3 height width"], pts: int) -> None:
        """The next frame; `pts` in the film's time base. Sound up to it goes in first. Raises DiskFull."""
        pixels = photo.permute(1, 2, 0).cpu().numpy()[: self._stream.height, : self._stream.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(**self._way_back)
        frame.pts, frame.time_base = pts - round(self.film.start / self.film.time_base), self.film.time_base
        self._ended = frame.pts * self.film.time_base
        with _told(self.path):
            self._container.mux(self._stream.encode(frame))
            self._container.mux(list(self._sound.until(self._ended)))

    def close(self, *, whole: bool = True) -> None:
        """Ends the file; with `whole` the rest of the sound goes in, else only what lasts as long as the picture."""
        with _told(self.path):
            self._container.mux(self._stream.encode(None))
            for packet in self._sound.until(None if whole else self._ended + 1 / self.film.rate):
                self._container.mux(packet)
            self._container.close()
        self._sound.close()
        if self._kind != "matroska":
            packet = mark()
            with open(self.path, "ab") as file:
                file.write((24 + len(packet)).to_bytes(4, "big") + b"uuid" + XMP_BOX + packet)

    def abort(self) -> None:
        """Leaves off; the file is of no use then. Does nothing to one that was closed."""
        self._sound.close()
        try:
            self._container.close()
        except (FFmpegError, ValueError):
            pass  # a file without a frame has no end either

    def _picture_track(self, colours: tuple[int, int, int]) -> av.VideoStream:
        film, (matrix, primaries, transfer) = self.film, colours
        stream = self._container.add_stream("libx264", rate=film.rate, options={"crf": QUALITY, "preset": PRESET})
        stream.width, stream.height, stream.pix_fmt = film.width // 2 * 2, film.height // 2 * 2, "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = film.time_base
        context.sample_aspect_ratio = film.pixel_shape
        known = matrix in MATRICES  # else it came as RGB, or does not say; then decoders and we assume the same
        self._way_back = {"format": "yuv420p", "dst_colorspace": matrix if known else SMPTE170M, "dst_color_range": TV_RANGE, "interpolation": EXACT}
        context.color_range, context.colorspace = TV_RANGE, matrix if known else UNSPECIFIED
        context.color_primaries, context.color_trc = primaries, transfer
        return stream


class _Sound:
    """The sound tracks of a film, packet by packet, in step with what is written."""

    def __init__(self, film: Film, target: av.container.OutputContainer, kind: str):
        self._source = opened(film.path)
        self._shift, self._next, self._tracks = film.start, None, {}
        self.silent: dict[str, list[str]] = {}
        for track in self._source.streams.audio:
            if track.codec_context and _holds(kind, track):
                self._tracks[track.index] = target.add_stream_from_template(track)
            else:
                name = track.codec_context.name if track.codec_context else "unknown"
                self.silent[name] = [suffix for suffix, other in SUFFIXES.items() if track.codec_context and _holds(other, track)]
        wanted = [track for track in self._source.streams.audio if track.index in self._tracks]
        self._packets = self._source.demux(wanted) if wanted else iter(())

    def until(self, seconds: Fraction | None) -> Iterator[av.Packet]:
        """The packets up to a time, or all that are left."""
        while packet := self._next or self._read():
            time = (packet.dts or 0) * packet.time_base - self._shift
            if seconds is not None and time > seconds:
                self._next = packet
                return
            self._next = None
            shift = round(self._shift / packet.time_base)
            packet.dts -= shift  # pyright: ignore[reportOperatorIssue]
            packet.pts = packet.dts if packet.pts is None else packet.pts - shift
            packet.stream = self._tracks[packet.stream_index]
            yield packet

    def close(self) -> None:
        self._source.close()

    def _read(self) -> av.Packet | None:
        """The next packet with a time; None at the end, be it the file's or that of what is whole of it."""
        with contextlib.suppress(FFmpegError):
            return next((packet for packet in self._packets if packet.dts is not None), None)
        return None


def _holds(kind: str, track: av.AudioStream) -> bool:
    """Whether a container can hold a sound track as it is: tried, because what FFmpeg says of it beforehand is not all of it."""
    try:
        with av.open(io.BytesIO(), "w", format=kind) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


@contextlib.contextmanager
def _told(path: pathlib.Path) -> Iterator[None]:
    """What goes wrong while writing, in a sentence."""
    try:
        yield
    except OSError as problem:
        if problem.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("The disk is full: make room, then try again; nothing of the unfinished video is kept.") from problem
        raise FaceHubError(f"{path.name} cannot be written ({problem.strerror or problem}): choose another folder.") from problem
    except FFmpegError as problem:
        raise FaceHubError(f"{path.suffix} cannot hold this video ({problem.strerror or problem}): write another kind, .mkv holds most.") from problem
