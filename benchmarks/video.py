"""`python -m benchmarks.video [VIDEO] [--frames N] [--webcam] [--flicker]`: films against photos, in one run.

The same frames, which without VIDEO are the astronaut's photo moved about, go through the way of photos
(found anew, swapped one by one) and through the way of films (followed, swapped, marked, encoded, all at
once): frames a second of both, and of each stage of the latter by itself. `--flicker`: how much the result
changes from frame to frame inside the mask, over what the input changes there, with faces found anew in each
frame and followed; 1 is a face that flickers no more than the film itself. `--webcam`: frames a second of the
live tab's way at 640 x 480, decoding and encoding too.
"""

import itertools
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

import av
import torch

from benchmarks.machine import begin, flags, table, write
from facehub import image, load
from facehub.detection.finder import finder_by_name
from facehub.geometry import invert, warp
from facehub.marks import watermark_detector
from facehub.marks.origin import Marks
from facehub.swapper import Swapper
from facehub.types import Detections, Photos
from facehub.video import swap, writer
from facehub.video.reader import Reader, VideoFrame, VideoInfo
from facehub.video.swap import swap_video
from facehub.video.tracker import Tracker

ASTRONAUT = pathlib.Path(__file__).parent.parent / "demo" / "examples" / "astronaut.png"
CENTRE = torch.tensor([225.0, 115.0])


def moving(frames: int, size: tuple[int, int] = (480, 640)) -> list[torch.Tensor]:
    """The astronaut, nodding and swaying, with a camera's noise."""
    photo, made = image.read(ASTRONAUT).photo, []
    for index in range(frames):
        angle = torch.tensor(0.1 * index)
        turn = 0.08 * angle.sin()
        linear = 1.3 * torch.stack(
            [torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])]
        )
        centre = torch.tensor([size[1] / 2, size[0] / 2]) + torch.stack(
            [40 * (1.3 * angle).sin(), 15 * (2.1 * angle).sin()]
        )
        matrix = torch.cat([linear, (centre - linear @ CENTRE)[:, None]], dim=1)[None]
        noise = torch.randn(3, *size, generator=torch.Generator().manual_seed(index)) * 2
        made.append(
            (warp(photo[None], torch.tensor([0]), invert(matrix), size)[0] * 255 + noise)
            .round()
            .clamp(0, 255)
            .byte()
        )
    return made


def written(path: pathlib.Path, frames: Sequence[torch.Tensor]) -> pathlib.Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.height, stream.width, stream.pix_fmt = *frames[0].shape[1:], "yuv420p"
        for frame in frames:
            container.mux(
                stream.encode(
                    av.VideoFrame.from_ndarray(frame.permute(1, 2, 0).contiguous().numpy(), format="rgb24")
                )
            )
        container.mux(stream.encode())
    return path


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(swapper: Swapper, source: pathlib.Path, frames: int, folder: pathlib.Path) -> dict:
    """Frames a second of both ways, and milliseconds a frame of the stages."""
    with Reader(source) as reader:
        shots = list(itertools.islice(reader, frames))
        facts = reader.info
    finder, tracker = finder_by_name(), Tracker()

    def photo(shot: VideoFrame) -> None:
        found = finder(shot.photo[None])
        if len(found.photo):
            swapper(shot.photo[None], detections=found)

    photo(shots[-1])  # what is done once
    Tracker()(shots[-1].photo, 0.0)
    alone = seconds(lambda: [photo(shot) for shot in shots])
    finding = seconds(lambda: [finder(shot.photo[None]) for shot in shots])
    marking = seconds(lambda: [image.with_marks(shot.photo, None, Marks(), 1) for shot in shots])

    class Some(Reader):
        def __iter__(self):
            return itertools.islice(super().__iter__(), frames)

    with Some(source) as some:
        filmed = swap_video(swapper, some, folder / "out.mp4")
    followed = seconds(lambda: [tracker(shot.photo, shot.seconds(facts)) for shot in shots])
    record = {
        "frames": len(shots),
        "size": [facts.width, facts.height],
        "photos_fps": len(shots) / alone,
        "film_fps": filmed.frames / filmed.seconds,
        "find_ms": 1000 * finding / len(shots),
        "follow_ms": 1000 * followed / len(shots),
        "mark_ms": 1000 * marking / len(shots),
    }
    ways = [
        ["photos, one by one (no marks, no files)", record["photos_fps"]],
        ["a film, all of it", record["film_fps"]],
    ]
    header = [
        f"{len(shots)} frames of {facts.width} x {facts.height}",
        "frames a second",
        "ms a frame",
        "of the first",
    ]
    table(header, [[way, fps, 1000 / fps, fps / record["photos_fps"]] for way, fps in ways])
    table(
        ["find anew, ms a frame", "follow", "mark"],
        [[record["find_ms"], record["follow_ms"], record["mark_ms"]]],
    )
    with Reader(folder / "out.mp4") as result:
        read = [
            watermark_detector.detect(shot.photo).payload is not None
            for index, shot in enumerate(result)
            if index % 5 == 0
        ]
    print(f"\nthe watermark was read from {sum(read)} of {len(read)} frames, at rate factor {writer.CRF}")
    return record | {"watermark_read": sum(read), "watermark_looked": len(read)}


def flicker(swapper: Swapper, shots: list[VideoFrame], facts: VideoInfo) -> dict:
    """The change inside the mask from frame to frame, over the input's, and how much the crop shakes in
    percent of its side."""
    record = {}
    finder, tracker = finder_by_name(), Tracker()
    ways: dict[str, Callable[[VideoFrame], Detections]] = {
        "found anew in every frame": lambda shot: finder(shot.photo[None]),
        "followed": lambda shot: tracker(shot.photo, shot.seconds(facts)).detections,
    }
    for name, way in ways.items():
        results, masks, corners = [], [], []
        for shot in shots:
            found = way(shot)
            if not len(found.photo):
                raise SystemExit(
                    "Flicker is measured on films in which each frame shows a face: "
                    "choose another one, or fewer frames."
                )
            swapped = swapper(shot.photo[None], detections=found, faces="largest")
            results.append(swapped.blended[0].float())
            masks.append(swapped.mask[0] > 0)
            corners.append(
                invert(swapped.faces.crop_from_photo)[0]
                @ torch.tensor([[0.0, 127, 0, 127], [0, 0, 127, 127], [1, 1, 1, 1]])
            )
        output, given = (
            changes(torch.stack(results), masks),
            changes(torch.stack([shot.photo for shot in shots]), masks),
        )
        path = torch.stack(corners)
        shaking = path.diff(n=2, dim=0).norm(dim=1).mean() / (path[0, :, 1] - path[0, :, 0]).norm() * 100
        record[name] = {"change": output / given, "shaking": float(shaking)}
    table(
        ["faces", "change, over the input's", "shaking of the crop, % of its side"],
        [[name, *told.values()] for name, told in record.items()],
    )
    return record


def changes(frames: Photos | torch.Tensor, masks: list[torch.Tensor]) -> float:
    """Mean absolute change from frame to frame where both frames are swapped, in levels of 255."""
    pairs = zip(itertools.pairwise(frames.float()), itertools.pairwise(masks), strict=True)
    return float(torch.stack([(b - a).abs()[(m & n).expand_as(a)].mean() for (a, b), (m, n) in pairs]).mean())


def webcam(swapper: Swapper, frames: int) -> dict:
    """The live tab's way: a JPEG in, a marked JPEG out."""
    sent = [image.encode(frame, format="JPEG", generated=False) for frame in moving(frames)]
    tracker, marks, spent = Tracker(), Marks(label=True, manifest=False), []
    for index, jpeg in enumerate(sent):
        start = time.perf_counter()
        photo = image.read(jpeg).photo
        seen = tracker(photo, index / 10)
        blended = swapper(photo[None], detections=seen.detections).blended[0]
        image.encode(blended, format="JPEG", marks=marks)
        spent.append(time.perf_counter() - start)
    median = sorted(spent[3:])[len(spent[3:]) // 2]
    table(
        ["live, 640 x 480", "frames a second", "ms a frame", "the slowest"],
        [["", 1 / median, 1000 * median, 1000 * max(spent[3:])]],
    )
    return {"fps": 1 / median, "slowest_ms": 1000 * max(spent[3:])}


def main() -> None:
    parser = flags("benchmarks.video", __doc__, repeats=1)
    parser.add_argument("video", nargs="?", type=pathlib.Path)
    parser.add_argument("--identity", default="tom_cruise")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--flicker", action="store_true")
    parser.add_argument("--webcam", action="store_true")
    parser.add_argument("--batch", type=int, default=swap.BATCH_FRAMES)
    arguments = parser.parse_args()
    swap.BATCH_FRAMES = arguments.batch
    machine, swapper, results = begin(arguments), Swapper(load(arguments.identity).generator()), {}
    with tempfile.TemporaryDirectory() as place:
        source = arguments.video or written(pathlib.Path(place) / "in.mp4", moving(arguments.frames))
        results["film"] = compare(swapper, source, arguments.frames, pathlib.Path(place))
        if arguments.flicker:
            with Reader(source) as reader:
                shots = list(itertools.islice(reader, arguments.frames))
                results["flicker"] = flicker(swapper, shots, reader.info)
        if arguments.webcam:
            results["webcam"] = webcam(swapper, arguments.frames)
    write(arguments, machine, results)


if __name__ == "__main__":
    main()
