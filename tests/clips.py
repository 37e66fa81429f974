"""Short films, made by code: photos that move, turn and grow, a sine for sound, and whatever else a test
wants to be wrong or odd about a file."""

import math
import pathlib
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
import torch

from facehub.geometry import invert, warp

FACE = (225.0, 115.0)
"""Where the astronaut's face is in her photo."""


def motion(
    centre: tuple[float, float],
    *,
    scale: float = 1.0,
    degrees: float = 0.0,
    about: tuple[float, float] = FACE,
) -> torch.Tensor:
    """(1, 2, 3) `frame_from_photo`: brings the point `about` of the photo to `centre`, turned and scaled."""
    angle = math.radians(degrees)
    linear = scale * torch.tensor(
        [[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64
    )
    shift = torch.tensor(centre, dtype=torch.float64) - linear @ torch.tensor(about, dtype=torch.float64)
    return torch.cat([linear, shift[:, None]], dim=1)[None]


def frame(
    photo: torch.Tensor,
    frame_from_photo: torch.Tensor,
    size: tuple[int, int],
    *,
    noise: float = 0.0,
    seed: int = 0,
) -> torch.Tensor:
    """(3, height, width) bytes: the photo where the matrix puts it, with the noise of a camera."""
    picture = warp(photo[None], torch.tensor([0]), invert(frame_from_photo).float(), size)[0] * 255
    picture = picture + torch.randn(picture.shape, generator=torch.Generator().manual_seed(seed)) * noise
    return picture.round().clamp(0, 255).byte()


def write(
    path: pathlib.Path,
    frames: Sequence[torch.Tensor],
    *,
    times: Sequence[int] | None = None,
    time_base: Fraction = Fraction(1, 25),
    codec: str = "libx264",
    sound: str = "",
    metadata: dict[str, str] | None = None,
    turned: float = 0.0,
    mirrored: bool = False,
    options: dict[str, str] | None = None,
) -> pathlib.Path:
    """A video file; the suffix chooses the container. `sound`: the codec of a sine as long as the picture.
    `turned`: degrees in the rotation flag."""
    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = frames[0].shape[2], frames[0].shape[1]
        stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
        stream.codec_context.time_base = stream.time_base = time_base
        stream.codec_context.thread_count = 1  # x264 with more makes other films of the same frames
        if turned or mirrored:
            stream.set_display_rotation(turned, hflip=mirrored)
        track = (
            container.add_stream(sound, rate=8000 if sound.startswith("pcm") else 48000) if sound else None
        )
        for index, picture in enumerate(frames):
            shown = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(picture.permute(1, 2, 0).numpy()), format="rgb24"
            )
            shown.pts, shown.time_base = index if times is None else times[index], time_base
            container.mux(stream.encode(shown))
        container.mux(stream.encode(None))
        if track is not None:
            seconds = float((len(frames) if times is None else times[-1] + 1) * time_base)
            container.mux(_sine(track, seconds))
            container.mux(track.encode(None))
    return path


def read(path: pathlib.Path) -> tuple[list[np.ndarray], list[Fraction]]:
    """Frames as they are stored, (height, width, 3) bytes, and when they are shown: by PyAV alone."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        return [shown.to_ndarray(format="rgb24") for shown in frames], [
            shown.pts * shown.time_base for shown in frames
        ]


def packets(path: pathlib.Path) -> list[bytes]:
    """The sound, packet by packet."""
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(audio=0) if packet.size]


def _sine(track, seconds: float) -> list:
    count, made = track.frame_size or 1024, []
    layout = track.codec_context.format.name
    for start in range(0, round(seconds * track.rate), count):
        wave = np.sin(2 * np.pi * 440 * np.arange(start, start + count) / track.rate) * 0.3
        planar = (
            wave.astype(np.float32)[None]
            if layout.startswith("flt")
            else (wave * 32767).astype(np.int16)[None]
        )
        piece = av.AudioFrame.from_ndarray(
            planar, format="fltp" if layout.startswith("flt") else "s16", layout="mono"
        )
        piece.sample_rate, piece.pts, piece.time_base = track.rate, start, Fraction(1, track.rate)
        made += track.encode(piece)
    return made
