"""`python -m benchmarks.masks`: how long the network for parts takes; with marked photos also how right it
is, and what that does to swaps.

python -m benchmarks.masks --marked ../lfw_parts --marked ../celebamask --identity tom_cruise
"""

import pathlib
from functools import partial
from itertools import pairwise

import torch

from benchmarks import machine
from facehub import image
from facehub.blending.alignment import reference_landmarks
from facehub.blending.head_parts import crop_from_photo
from facehub.blending.masks import SegmentationMasker, hull_mask, hull_masker
from facehub.detection import pose
from facehub.detection.finder import Finder
from facehub.geometry import transform_points
from facehub.networks import segmentation
from facehub.registry import load
from facehub.swapper import Swapper
from facehub.types import Detections
from train.data import parts
from train.evaluation import mask_metrics
from train.evaluation.metrics import across

CORES = 1
BATCH = 64

BINS = (0, 10, 20, 30, 90)
"""Yaw in degrees."""


def times(repeats: int, device: str) -> list[list[object]]:
    """Milliseconds a crop: the network, and the whole mask beside that of the landmarks alone."""
    learned = SegmentationMasker(device=device)
    points = reference_landmarks(segmentation.INPUT_PX)[None].to(device)
    rows: list[list[object]] = []
    for batch in (1, BATCH):
        crop = torch.rand(
            batch, 3, segmentation.INPUT_PX, segmentation.INPUT_PX, generator=torch.Generator().manual_seed(0)
        ).to(device)
        crop, landmarks = crop.contiguous(memory_format=torch.channels_last), points.expand(batch, -1, -1)
        with torch.inference_mode():
            masks = {
                "learned": partial(learned, crop, landmarks),
                "landmarks": partial(hull_mask, crop, landmarks),
            }
            works = {"network": partial(learned.parts, crop)} | masks
            taken = machine.milliseconds(
                works, repeats if batch == 1 else max(3, repeats // 10), device=device
            )
        rows.append([batch, *(milliseconds / batch for milliseconds in taken.values())])
    return rows


def swaps(folder: pathlib.Path, identity: str, faces: int, cache: pathlib.Path) -> list[list[object]]:
    """Over held-out marked photos and under each mask, for all faces and by how far they are turned: of the
    pixels that a swap changed, how many are by people's marks hair or background; and how much larger the
    steps across the mask's edge are than in the photo, in levels of 255."""
    generator, landmarks = load(identity).generator(), parts.find(folder, "validation", cache=cache)
    photos = [one for one in parts.labelled_photos(folder, "validation") if one.name in landmarks][:faces]
    points = torch.tensor([landmarks[one.name] for one in photos])
    yaw = pose.yaw_deg(transform_points(crop_from_photo(points), points)).abs()
    rows: list[list[object]] = []
    for name, masker in (("landmarks", hull_masker), ("learned", SegmentationMasker())):
        swapper = Swapper(generator, finder=Finder(), masker=masker)
        found = torch.tensor(
            [measured(swapper, one, landmarks[one.name]) for one in photos], dtype=torch.float64
        )
        for turned, (low, high) in {
            "all": (0, 90),
            **{f"{a} to {b} degrees": (a, b) for a, b in pairwise(BINS)},
        }.items():
            some = found[(yaw >= low) & (yaw < high)]
            hair, skin, background, step, pairs = some.sum(0).tolist()
            total = max(hair + skin + background, 1.0)
            rows.append(
                [
                    name,
                    turned,
                    len(some),
                    100 * hair / total,
                    100 * background / total,
                    total / max(len(some), 1),
                    step / max(pairs, 1.0),
                ]
            )
    return rows


def measured(swapper: Swapper, one: parts.LabelledPhoto, landmarks: list) -> list[float]:
    """Changed pixels that are hair, skin and the rest; the steps across the mask's edge, and how many pairs
    of pixels they are of."""
    photo = image.read(one.photo).photo[None]
    face = Detections(landmarks=torch.tensor(landmarks)[None], photo=torch.zeros(1, dtype=torch.long))
    swapped = swapper(photo, detections=face)
    changed = (swapped.blended != photo).any(1)[0]
    truth = parts.pixels(one.mask, "lfw").argmax(1)[0]
    steps, pairs = across(swapped.blended, photo, swapped.mask > 0)
    return [*((changed & (truth == k)).sum().item() for k in (0, 1, 2)), steps.item(), pairs.item()]


def main() -> None:
    flags = machine.flags("benchmarks.masks", __doc__, repeats=100)
    flags.add_argument(
        "--marked",
        type=pathlib.Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="marked photos; may be repeated",
    )
    flags.add_argument("--identity", help="whose swaps to compare, over photos of the first folder")
    flags.add_argument("--faces", type=int, default=200, help="over so many (default: %(default)s)")
    flags.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    flags.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".cache"))
    flags.set_defaults(threads=CORES)
    arguments = flags.parse_args()
    record = machine.begin(arguments, arguments.device)
    results: dict = {"times": times(arguments.repeats, arguments.device)}
    machine.table(
        ["crops at once", "network, ms a crop", "learned mask, ms a crop", "landmark mask, ms a crop"],
        results["times"],
    )
    if arguments.marked:
        network = segmentation.load_segmentation()
        results["accuracy"] = {
            str(folder.name): mask_metrics.measure(network, folder, cache=arguments.cache)
            for folder in arguments.marked
        }
        rows = [
            [folder, name, value]
            for folder, measured in results["accuracy"].items()
            for name, value in measured.items()
        ]
        machine.table(["photos", "what", "measured"], rows)
    if arguments.marked and arguments.identity:
        results["swaps"] = swaps(arguments.marked[0], arguments.identity, arguments.faces, arguments.cache)
        header = [
            "mask",
            "turned by",
            "faces",
            "hair, % of changed pixels",
            "background, %",
            "changed pixels a photo",
            "seam, levels of 255",
        ]
        machine.table(header, results["swaps"])
    machine.write(arguments, record, results)


if __name__ == "__main__":
    main()
