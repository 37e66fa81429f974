"""`python -m benchmarks.watermark_films FILM ...`: is the mark of a film found after it was made smaller?

Swaps the first frames of each film and of two in which the astronaut moves, writes them as `facehub video`
does, and encodes the results anew with x264's defaults: at rate factor 30, at 60 % of the size, and both.
Prints what `facehub check` finds in the picture alone: frames with the mark of those searched.
"""

import argparse
import itertools
import pathlib
import tempfile
from collections.abc import Iterator

import av
import numpy as np
import torch
from torch.nn.functional import interpolate

from benchmarks.machine import here, table
from benchmarks.video import moving, written
from facehub import checker
from facehub.identity.folder import read
from facehub.swapper import Swapper
from facehub.video.reader import Reader, VideoFrame
from facehub.video.swap import swap_video
from facehub.video.writer import QUALITIES

HANDLINGS = {
    "as written": (0, 1.0),
    "rate factor 30": (30, 1.0),
    "60 % of the size": (23, 0.6),
    "both": (30, 0.6),
}
"""Rate factor and size of each handling; 0: left alone."""

SIZES = ((480, 640), (360, 480))
"""Height and width of the films in which the astronaut moves."""


def encoded(source: pathlib.Path, target: pathlib.Path, crf: int, scale: float) -> pathlib.Path:
    """The film as a program that knows nothing of marks writes it."""
    with Reader(source) as reader, av.open(str(target), "w") as container:
        height, width = (round(side * scale / 2) * 2 for side in (reader.info.height, reader.info.width))
        stream = container.add_stream("libx264", rate=25, options={"crf": str(crf)})
        stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
        for shot in reader:
            photo = interpolate(shot.photo[None].float(), (height, width), mode="bicubic", antialias=True)
            frame = photo[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0)
            shown = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame.numpy()), format="rgb24")
            container.mux(stream.encode(shown))
        container.mux(stream.encode())
    return target


def main() -> None:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.watermark_films", description=__doc__)
    flags.add_argument("films", type=pathlib.Path, nargs="*", help="each shows a face")
    flags.add_argument("--frames", type=int, default=48, help="of each film (default: %(default)s)")
    flags.add_argument("--quality", choices=QUALITIES, default="high", help="as written (default: high)")
    flags.add_argument("--identity", type=pathlib.Path, default=pathlib.Path("demo/identities/tom_cruise"))
    arguments = flags.parse_args()

    class Beginning(Reader):
        def __iter__(self) -> Iterator[VideoFrame]:
            return itertools.islice(super().__iter__(), arguments.frames)

    here()
    swapper, rows = Swapper(read(arguments.identity).generator()), []
    with tempfile.TemporaryDirectory() as place:
        folder = pathlib.Path(place)
        made = [
            written(folder / f"astronaut {height}.mp4", moving(arguments.frames, (height, width)))
            for height, width in SIZES
        ]
        for film in [*arguments.films, *made]:
            with Beginning(film) as source:
                size = f"{source.info.width} x {source.info.height}"
                swap_video(swapper, source, folder / "out.mp4", quality=arguments.quality)
            row = [f"{film.stem}, {size}"]
            for crf, scale in HANDLINGS.values():
                file = folder / "out.mp4"
                if crf:
                    file = encoded(file, folder / "again.mp4", crf, scale)
                found = checker.check_video(file).layers[2]
                frames = found.details["frames"].split(" that")[0]
                read_too = ", read" if "watermark" in found.details else ""
                row.append(f"{frames}{read_too}, {file.stat().st_size // 1000} kB")
            rows.append(row)
            print(row, flush=True)
    table(("film", *HANDLINGS), rows)


if __name__ == "__main__":
    main()
