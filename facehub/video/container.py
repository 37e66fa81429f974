"""Video files that may be opened: containers, codecs and sizes. Anything else is refused before it is
decoded.

A playlist is not opened, because it would make FFmpeg read other files or addresses.
"""

import os
import pathlib

import av
import av.container
from av.error import FFmpegError
from av.stream import Disposition

from ..errors import BadVideo

CONTAINERS = "mov,matroska,webm,avi,mpegts,mpeg,flv,asf,ogg,gif,h264,hevc,m4v,ivf,mjpeg,yuv4mpegpipe"
"""Which containers may be opened, by FFmpeg's names."""

CODECS = {
    "h264", "hevc", "av1", "libdav1d", "vp8", "vp9", "mpeg4", "mpeg2video", "mpeg1video", "h263", "msmpeg4v3",
    "flv", "wmv1", "wmv2", "wmv3", "vc1", "theora", "mjpeg", "prores", "dnxhd", "ffv1", "huffyuv", "gif",
    "rawvideo",
}  # fmt: skip
"""What may be decoded, by FFmpeg's names."""

MAX_MEGAPIXELS = 9.5
"""Of a frame: 4096 x 2304 just fits."""

MIN_SIDE_PX = 64
"""Of a frame."""

MAX_HOURS = 4.0
"""Of a film, unless the caller allows less."""

FIRST_BYTES = (b"\x1aE\xdf\xa3", b"FLV", b"OggS", b"\x30\x26\xb2\x75", b"\0\0\1\xba", b"\0\0\1\xb3", b"G@")
"""Of Matroska and WebM, FLV, Ogg, ASF, MPEG program and video streams, transport streams."""

STILL_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1", b"msf1")
"""Brands by which an MP4-like file is a still picture."""


def looks_like_video(path: str | os.PathLike) -> bool:
    """Whether a file begins like a video rather than a picture. False if it cannot be read."""
    try:
        with open(path, "rb") as file:
            start = file.read(16)
    except OSError:
        return False
    film = start[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free") and start[8:12] not in STILL_BRANDS
    return film or start.startswith(FIRST_BYTES) or (start[:4] == b"RIFF" and start[8:11] == b"AVI")


def open_container(path: pathlib.Path) -> av.container.InputContainer:
    """The container, with its headers read. Raises BadVideo when the file is missing, or none that may be
    opened."""
    name = path.name
    if path.is_dir():
        raise BadVideo(f"{name} is a folder: name a video in it.")
    if not path.exists():
        raise BadVideo(f"{name} does not exist: check the path.")
    try:
        # an absolute path is never taken for an address; what is whitelisted reads no other file
        return av.open(
            str(path.absolute()),
            "r",
            options={"format_whitelist": CONTAINERS, "protocol_whitelist": "file", "export_xmp": "1"},
            metadata_errors="ignore",
        )
    except PermissionError as problem:
        raise BadVideo(f"{name} cannot be read ({problem.strerror}): check its permissions.") from problem
    except (FFmpegError, ValueError, UnicodeError) as problem:
        if path.stat().st_size == 0:
            raise BadVideo(
                f"{name} is empty: it may have been cut off while it was copied, so fetch it again."
            ) from problem
        raise BadVideo(
            f"{name} is not a video that can be opened, or was cut off before its index: "
            "use an MP4, MOV, MKV, WebM, AVI, TS or GIF file."
        ) from problem


def picture_track(container: av.container.InputContainer, name: str, max_megapixels: float) -> av.VideoStream:
    """The first stream of moving pictures, ready to decode. Raises BadVideo for a codec or size not taken."""
    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    if not streams:
        content = "sound" if container.streams.audio else "other data"
        raise BadVideo(f"{name} holds no moving picture, only {content}: use a video.")
    stream = streams[0]
    codec = stream.codec_context.name if stream.codec_context else "something unknown"
    if codec not in CODECS:
        raise BadVideo(
            f"{name} is encoded as {codec[:30]}, which is not read here: convert it to H.264 in MP4 first."
        )
    width, height = stream.width, stream.height
    if width * height > max_megapixels * 1e6:
        raise BadVideo(
            f"{name} has frames of {width} x {height} pixels, "
            f"but at most {max_megapixels:g} megapixels are taken: make it smaller first."
        )
    if min(width, height) < MIN_SIDE_PX:
        raise BadVideo(
            f"{name} has frames of {width} x {height} pixels, "
            f"but each side must be at least {MIN_SIDE_PX}: use a larger one."
        )
    stream.thread_type = "AUTO"
    return stream
