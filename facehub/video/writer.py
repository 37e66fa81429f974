"""Write video files: frames become H.264 with their times, and the sound of the source is copied unchanged.

Nothing else of the source is kept: no title, place, device or date, no subtitles, no data tracks.
"""

import contextlib
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

from ..errors import BadSetting, DiskFull, FaceHubError
from ..files import is_disk_full
from ..marks.xmp import mark
from .container import open_container
from .reader import EXACT_CONVERSION, VideoInfo

SUFFIXES = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""What can be written. All but MKV can hold a signed manifest."""

CRF, PRESET = "18", "veryfast"
"""x264's constant rate factor, at which the watermark is read from every frame (benchmarks/video.py), and how
hard it tries to save bytes."""

QUALITIES = {"high": CRF, "small": "23"}
"""Rate factor of each quality: the usual one, and x264's own for smaller files, at which single stills may be
too faint to be read (docs/video.md)."""

KEPT_DETAIL = {"x264-params": "no-dct-decimate=1:no-fast-pskip=1:deadzone-inter=6"}
"""Make x264 keep small differences between frames.

By default it drops them: fast P-skip, DCT decimation, a wide dead zone in inter-coded blocks. Where the
picture moves, the last keyframe's watermark then moves along, and the frame's own is lost (docs/video.md)."""

UNSPECIFIED, SMPTE170M, MATRICES, TV_RANGE = 2, 6, (1, 4, 5, 6, 7, 9), 1
"""FFmpeg's numbers: of the matrix that is not named, of the one that is assumed then, of those that are kept,
and of the usual range."""

XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
"""The box of an MP4 file that holds an XMP packet (XMP specification, part 3)."""


class Writer:
    """A film to write, from the frames of another one.

    `silent`: the codecs of sound tracks that the container cannot hold, each with the suffixes of those that
    can.
    """

    def __init__(
        self, path: pathlib.Path, film: VideoInfo, colours: tuple[int, int, int], *, quality: str = "high"
    ):
        """`path` ends in one of SUFFIXES and is written over; `quality` is one of QUALITIES. Raises
        BadSetting where it cannot be written."""
        self.path, self.film = path, film
        self._kind, self._ended = SUFFIXES[path.suffix.lower()], Fraction(0)
        options = {"movflags": "+faststart"} if self._kind != "matroska" else {}
        try:
            self._container = av.open(str(path.absolute()), "w", format=self._kind, options=options)
        except OSError as problem:
            raise BadSetting(
                f"{path.parent} cannot be written to ({problem.strerror}): choose another folder."
            ) from problem
        if self._kind == "matroska":
            self._container.metadata["XMP"] = mark().decode()
        self._stream = self._picture_track(colours, QUALITIES[quality])
        self._sound = _Sound(film, self._container, self._kind)
        self.dropped_sound = self._sound.dropped

    def add(self, photo: UInt8[Tensor, "3 height width"], pts: int) -> None:
        """The next frame; `pts` in the film's time base. Sound up to it goes in first. Raises DiskFull."""
        pixels = photo.permute(1, 2, 0).cpu().numpy()[: self._stream.height, : self._stream.width]
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24").reformat(
            **self._way_back
        )
        frame.pts, frame.time_base = pts - round(self.film.start / self.film.time_base), self.film.time_base
        self._ended = frame.pts * self.film.time_base
        with _as_sentence(self.path):
            self._container.mux(self._stream.encode(frame))
            self._container.mux(list(self._sound.until(self._ended)))

    def close(self, *, whole: bool = True) -> None:
        """End the file. `whole`: with the rest of the sound, else only as much as the picture lasts."""
        with _as_sentence(self.path):
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
        """Stop writing; the file is of no use then. Does nothing after `close`."""
        self._sound.close()
        try:
            self._container.close()
        except (FFmpegError, ValueError):
            pass  # a file without a frame has no end either

    def _picture_track(self, colours: tuple[int, int, int], crf: str) -> av.VideoStream:
        film, (matrix, primaries, transfer) = self.film, colours
        options = {"crf": crf, "preset": PRESET, "threads": "1"} | KEPT_DETAIL  # more: another film each time
        stream = self._container.add_stream("libx264", rate=film.rate, options=options)
        stream.width, stream.height, stream.pix_fmt = film.width // 2 * 2, film.height // 2 * 2, "yuv420p"
        context = stream.codec_context
        context.time_base = stream.time_base = film.time_base
        context.sample_aspect_ratio = film.pixel_shape
        known = (
            matrix in MATRICES
        )  # else it came as RGB, or does not say; then decoders and we assume the same
        self._way_back = {
            "format": "yuv420p",
            "dst_colorspace": matrix if known else SMPTE170M,
            "dst_color_range": TV_RANGE,
            "interpolation": EXACT_CONVERSION,
            "threads": 1,
        }
        context.color_range, context.colorspace = TV_RANGE, matrix if known else UNSPECIFIED
        context.color_primaries, context.color_trc = primaries, transfer
        return stream


class _Sound:
    """The sound tracks of a film, packet by packet, in step with the picture."""

    def __init__(self, film: VideoInfo, target: av.container.OutputContainer, kind: str):
        self._source = open_container(film.path)
        self._shift, self._next, self._tracks = film.start, None, {}
        self.dropped: dict[str, list[str]] = {}
        for track in self._source.streams.audio:
            if track.codec_context and _can_hold(kind, track):
                self._tracks[track.index] = target.add_stream_from_template(track)
            else:
                name = track.codec_context.name if track.codec_context else "unknown"
                self.dropped[name] = [
                    suffix
                    for suffix, other in SUFFIXES.items()
                    if track.codec_context and _can_hold(other, track)
                ]
        wanted = [track for track in self._source.streams.audio if track.index in self._tracks]
        self._packets = self._source.demux(wanted) if wanted else iter(())

    def until(self, seconds: Fraction | None) -> Iterator[av.Packet]:
        """The packets up to a time, or all the rest."""
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
        """The next packet with a time; None at the end of the file, or where it was cut off."""
        with contextlib.suppress(FFmpegError):
            return next((packet for packet in self._packets if packet.dts is not None), None)
        return None


def _can_hold(kind: str, track: av.AudioStream) -> bool:
    """Whether a container can hold a sound track unchanged. It is tried, because FFmpeg's tables do not tell
    all."""
    try:
        with av.open(io.BytesIO(), "w", format=kind) as trial:
            trial.add_stream_from_template(track)
            trial.start_encoding()
    except (FFmpegError, ValueError):
        return False
    return True


@contextlib.contextmanager
def _as_sentence(path: pathlib.Path) -> Iterator[None]:
    """Turn errors of writing into sentences."""
    try:
        yield
    except OSError as problem:
        if is_disk_full(problem):
            raise DiskFull(
                "The disk is full: make room, then try again; nothing of the unfinished video is kept."
            ) from problem
        raise FaceHubError(
            f"{path.name} cannot be written ({problem.strerror or problem}): choose another folder."
        ) from problem
    except FFmpegError as problem:
        raise FaceHubError(
            f"{path.suffix} cannot hold this video ({problem.strerror or problem}): "
            "write another kind, .mkv holds most."
        ) from problem
