"""`python -m train.evaluate IDENTITY --photos FOLDER --content FOLDER`: how good an identity is, on faces
that training never saw.

Beside the network, raw and blended, stand three marks, measured the same way: doing nothing; the paper's
Figure 8 baseline, the nearest style photo put in the face's place; and the optimised pixels of the same
crops, the upper mark. What looks is dlib, which is in no loss, and the networks of
train/networks/estimators.py where their files are given. A measure that could not be taken is left out.

| measure | meaning |
|---|---|
| retrieved | share whose nearest neighbour, by dlib's recogniser, is the identity (of ours, 500, the input) |
| nearer | share nearer to the identity's mean than to the input person, by the same |
| to identity, to input | cosine to the identity's mean, to the input person, from the mean of all people |
| sface ... | the same three by SFace, which is in the identity loss when training is given its file |
| pose | L2 distance of yaw, pitch and roll to the input's, degrees (FSA-Net) |
| expression | L2 distance of 52 blendshapes to the input's (Face Landmarker) |
| NME | movement of the 68 landmarks, percent of the distance between the eyes' centres (dlib) |
| light | distance of the lighting network's features to the input's (equation 6); it is a loss too |
| seam | how much larger than in the input the step across the mask's edge is, levels of 255 |
| sharpness | energy of the face's finest octave, relative to the median photo of the identity |
| ms | milliseconds a face, in batches, on the device given |
"""

import argparse
import json
import pathlib
import sys

import torch

from facehub import image, registry
from facehub.errors import BadSetting, FaceHubError
from facehub.identity.folder import Identity, save

from .config import Config
from .data.dataset import prepare
from .evaluation.comparison import evaluate, marks_beside, table
from .evaluation.metrics import Measurer
from .evaluation.photos import card_metrics, evaluate_photos
from .evaluation.photos import table as photos_table
from .flags import (
    add_cache_flag,
    add_device_flag,
    add_estimators_flag,
    add_ours_flag,
    add_upper_flag,
    add_vgg19_flags,
)
from .networks import estimators


def save_metrics(identity: Identity, metrics: dict) -> None:
    """Saves the identity's folder anew, with these metrics in it and in its card. Its samples stay as they
    are: decoded and written, they would be marked twice."""
    training = json.loads((identity.folder / "training.json").read_text(encoding="utf-8"))
    save(
        identity.folder,
        generator=identity.generator("cpu"),
        title=identity.title,
        consent=identity.consent,
        metrics=metrics,
        training=training,
        samples={path.stem: path for path in identity.samples},
        credits=training.get("credits", ""),
    )


def measure_photos(identity: Identity, arguments: argparse.Namespace) -> None:
    """What `--large` does."""
    found = evaluate_photos(
        identity.generator("cpu"),
        arguments.large,
        photos=arguments.photos,
        content=arguments.content[0],
        estimators=arguments.estimators,
        cache=arguments.cache,
        count=arguments.large_photos,
        held_out_count=arguments.faces,
        detail=arguments.detail,
    )
    print(json.dumps(found, indent=1) if arguments.json else photos_table(found))
    if arguments.save:
        save_metrics(identity, card_metrics(found))
        print(f"Saved the metrics in {identity.folder}.", file=sys.stderr)


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.evaluate",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("identity", help="name or folder")
    flags.add_argument(
        "--photos", type=pathlib.Path, required=True, help="the identity's photos, as for training"
    )
    flags.add_argument(
        "--content",
        type=pathlib.Path,
        action="append",
        required=True,
        help="as for training; people are measured from the first",
    )
    add_ours_flag(flags)
    add_estimators_flag(flags)
    flags.add_argument(
        "--large",
        type=pathlib.Path,
        metavar="FOLDER",
        help="measure whole photos instead: these and held-out ones (train/evaluation/large.py)",
    )
    flags.add_argument("--large-photos", type=int, default=100, help="of --large (default: %(default)s)")
    flags.add_argument("--detail", type=float, default=1.0, help="of --large (default: %(default)s)")
    flags.add_argument("--faces", type=int, default=200, help="held-out faces (default: %(default)s)")
    add_upper_flag(flags)
    add_vgg19_flags(flags)
    add_cache_flag(flags)
    add_device_flag(flags)
    flags.add_argument("--json", action="store_true", help="print the metrics as JSON instead of a table")
    flags.add_argument(
        "--sheet",
        type=pathlib.Path,
        help="write a contact sheet here",
    )
    flags.add_argument(
        "--save", action="store_true", help="put the metrics into the identity's folder and card"
    )
    arguments = flags.parse_args()
    try:
        if arguments.faces < 1:
            raise BadSetting(f"--faces is {arguments.faces}, but at least 1 face must be measured.")
        identity = registry.load(arguments.identity)
        device = torch.device(arguments.device)
        generator = identity.generator(arguments.device)
        if arguments.large:
            if arguments.estimators is None:
                raise BadSetting("Whole photos need MediaPipe and MobileFaceNet: give --estimators.")
            measure_photos(identity, arguments)
            return 0
        config = Config(size=generator.size)
        material = prepare(
            arguments.photos, arguments.content, size=generator.size, cache=arguments.cache, seed=config.seed
        )
        metrics, sheet = evaluate(
            generator,
            material,
            Measurer(estimators.read(arguments.estimators)),
            faces=arguments.faces,
            **marks_beside(arguments, material, config, device),
        )
        print(json.dumps(metrics, indent=1) if arguments.json else table(metrics))
        if arguments.sheet:
            image.write(arguments.sheet, sheet)
        if arguments.save:
            save_metrics(identity, metrics)
            print(f"Saved the metrics in {identity.folder}.", file=sys.stderr)
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
