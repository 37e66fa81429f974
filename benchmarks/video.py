"""`python -m benchmarks.video [VIDEO] [--frames N] [--webcam] [--flicker]`: films against photos, in one run.

The same frames, which without VIDEO are the astronaut's photo moved about, go through the way of photos (found anew, swapped one by one) and through
the way of films (followed, swapped, marked, encoded, all at once): frames a second of both, and of each stage of the latter by itself. `--flicker`:
how much the result changes from frame to frame inside the mask, over what the input changes there, with faces found anew in each frame and followed;
1 is a face that flickers no more than the film itself. `--webcam`: frames a second of the live tab's way at 640 x 480, decoding and encoding too.
"""

import argparse
import itertools
import pathlib
import tempfile
import time
from collections.abc import Callable, Sequence

import torch

from facehub import encoding, filming, image, load, watermark_reader
from facehub.faces import finder as finder_called
from facehub.filming import film
from facehub.geometry import invert, warp
from facehub.provenance import Marks
from facehub.swap import Swapper
from facehub.tracking import Tracker
from facehub.types import Found, Photos
from facehub.video import Film, Reader, Shot

ASTRONAUT = pathlib.Path(__file__).parent.parent / "demo" / "examples" / "astronaut.png"
CENTRE = torch.tensor([225.0, 115.0])


def moving(frames: int, size: tuple[int, int] = (480, 640)) -> list[torch.Tensor]:
    """The astronaut, nodding and swaying, with a camera's noise."""
    photo, made = image.read(ASTRONAUT).photo, []
    for index in range(frames):
        angle = torch.tensor(0.1 * index)
        turn = 0.08 * angle.sin()
        linear = 1.3 * torch.stack([torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])])
        centre = torch.tensor([size[1] / 2, size[0] / 2]) + torch.stack([40 * (1.3 * angle).sin(), 15 * (2.1 * angle).sin()])
        matrix = torch.cat([linear, (centre - linear @ CENTRE)[:, None]], dim=1)[None]
        noise = torch.randn(3, *size, generator=torch.Generator().manual_seed(index)) * 2
        made.append((warp(photo[None], torch.tensor([0]), invert(matrix), size)[0] * 255 + noise).round().clamp(0, 255).byte())
    return made


def written(path: pathlib.Path, frames: Sequence[torch.Tensor]) -> pathlib.Path:
    from fractions import Fraction

    height, width = frames[0].shape[1:]
    writer = encoding.Writer(path, Film(path, height, width, Fraction(25), Fraction(1, 25), None, ()), (2, 2, 2))
    for index, frame in enumerate(frames):
        writer.add(frame, index)
    writer.close()
    return path


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def compare(swapper: Swapper, source: pathlib.Path, frames: int, folder: pathlib.Path) -> None:
    """Frames a second of both ways, and milliseconds a frame of the stages."""
    with Reader(source) as reader:
        shots = list(itertools.islice(reader, frames))
        facts = reader.film
    finder, tracker = finder_called(), Tracker()
    swapper(shots[0].photo[None], found=finder(shots[0].photo[None]))  # what is done once
    alone = seconds(lambda: [swapper(shot.photo[None], found=finder(shot.photo[None])) for shot in shots])
    finding = seconds(lambda: [finder(shot.photo[None]) for shot in shots])
    marking = seconds(lambda: [image.marked(shot.photo, None, Marks(), 1) for shot in shots])

    class Some(Reader):
        def __iter__(self):
            return itertools.islice(super().__iter__(), frames)

    with Some(source) as some:
        filmed = film(swapper, some, folder / "out.mp4")
    followed = seconds(lambda: [tracker(shot.photo, shot.seconds(facts)) for shot in shots])
    print(f"{len(shots)} frames of {facts.width} x {facts.height}, {torch.get_num_threads()} threads")
    print("| way | frames a second | ms a frame |\n|---|---|---|")
    print(f"| photos, one by one (no marks, no files) | {len(shots) / alone:.2f} | {1000 * alone / len(shots):.0f} |")
    print(f"| a film, all of it | {filmed.frames / filmed.seconds:.2f} | {1000 * filmed.seconds / filmed.frames:.0f} |")
    print(
        f"\nfind anew {1000 * finding / len(shots):.0f} ms, follow {1000 * followed / len(shots):.0f} ms, mark {1000 * marking / len(shots):.0f} ms"
    )
    with Reader(folder / "out.mp4") as result:
        read = [watermark_reader.detect(shot.photo).payload is not None for index, shot in enumerate(result) if index % 5 == 0]
    print(f"the watermark was read from {sum(read)} of {len(read)} frames, at rate factor {encoding.QUALITY}")


def flicker(swapper: Swapper, shots: list[Shot], facts: Film) -> None:
    """The change inside the mask from frame to frame, over the input's."""
    print("\n| faces | change, over the input's | shaking of the crop, % of its side |\n|---|---|---|")
    finder, tracker = finder_called(), Tracker()
    ways: dict[str, Callable[[Shot], Found]] = {
        "found anew in every frame": lambda shot: finder(shot.photo[None]),
        "followed": lambda shot: tracker(shot.photo, shot.seconds(facts)).found,
    }
    for name, way in ways.items():
        results, masks, corners = [], [], []
        for shot in shots:
            swapped = swapper(shot.photo[None], found=way(shot), faces="largest")
            results.append(swapped.blended[0].float())
            masks.append(swapped.mask[0] > 0)
            corners.append(invert(swapped.faces.crop_from_photo)[0] @ torch.tensor([[0.0, 127, 0, 127], [0, 0, 127, 127], [1, 1, 1, 1]]))
        output, given = changes(torch.stack(results), masks), changes(torch.stack([shot.photo for shot in shots]), masks)
        path = torch.stack(corners)
        shaking = path.diff(n=2, dim=0).norm(dim=1).mean() / (path[0, :, 1] - path[0, :, 0]).norm() * 100
        print(f"| {name} | {output / given:.2f} | {float(shaking):.2f} |")


def changes(frames: Photos | torch.Tensor, masks: list[torch.Tensor]) -> float:
    """Mean absolute change from frame to frame where both frames are swapped, in levels of 255."""
    pairs = zip(itertools.pairwise(frames.float()), itertools.pairwise(masks), strict=True)
    return float(torch.stack([(b - a).abs()[(m & n).expand_as(a)].mean() for (a, b), (m, n) in pairs]).mean())


def webcam(swapper: Swapper, frames: int) -> None:
    """The live tab's way: a JPEG in, a marked JPEG out."""
    sent = [image.encode(frame, format="JPEG", generated=False) for frame in moving(frames)]
    tracker, marks, spent = Tracker(), Marks(label=True, manifest=False), []
    for index, jpeg in enumerate(sent):
        start = time.perf_counter()
        photo = image.read(jpeg).photo
        seen = tracker(photo, index / 10)
        blended = swapper(photo[None], found=seen.found).blended[0]
        image.encode(blended, format="JPEG", marks=marks)
        spent.append(time.perf_counter() - start)
    median = sorted(spent[3:])[len(spent[3:]) // 2]
    print(f"\nlive, 640 x 480: {1 / median:.1f} frames a second ({1000 * median:.0f} ms, the median; the slowest {1000 * max(spent[3:]):.0f})")


def main() -> None:
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("video", nargs="?", type=pathlib.Path)
    flags.add_argument("--identity", default="tom_cruise")
    flags.add_argument("--frames", type=int, default=60)
    flags.add_argument("--flicker", action="store_true")
    flags.add_argument("--webcam", action="store_true")
    flags.add_argument("--batch", type=int, default=filming.BATCH)
    arguments = flags.parse_args()
    filming.BATCH = arguments.batch
    swapper = Swapper(load(arguments.identity).generator())
    with tempfile.TemporaryDirectory() as place:
        source = arguments.video or written(pathlib.Path(place) / "in.mp4", moving(arguments.frames))
        compare(swapper, source, arguments.frames, pathlib.Path(place))
        if arguments.flicker:
            with Reader(source) as reader:
                shots = list(itertools.islice(reader, arguments.frames))
                flicker(swapper, shots, reader.film)
        if arguments.webcam:
            webcam(swapper, arguments.frames)


if __name__ == "__main__":
    main()
