"""`python -m train.figures WHICH ... --out FILE`: the paper's figures on photos of your own.

swaps     Figure 5   input, raw output, result
light     Figure 6   two identities, trained with and without the light loss, on photos relit from the side
weight    Figure 7   the pixels of each photo's face optimised under a growing style weight, and the table on
                     which the weight is chosen
baseline  Figure 8   input, swap, and the style photo whose pose is nearest, stitched alike
profile   Figure 9   photos turned to the side, where no openly licensed profile photos are at hand
                     (evaluation/yaw.py)
turned    Figure 9   held-out faces from frontal to profile, and how the swap degrades with yaw
large     ours       large faces beside their inputs; with --parts eyes and mouths at 200 %
failures  Figure 10  what the network cannot do: something in front of the face, glasses, hard light, blur,
                     darkness
"""

import argparse
import pathlib
import sys
from collections.abc import Callable

import torch
from torch import Tensor

from facehub import image, registry
from facehub.errors import BadSetting, FaceHubError
from facehub.sheets import make_grid
from facehub.swapper import Swapper

from .config import Config
from .data.dataset import prepare, style_photos
from .data.face_box import boxed
from .evaluation.comparison import reference_people, table
from .evaluation.contact_sheets import large_faces
from .evaluation.metrics import Measurer, compare
from .evaluation.outputs import blend_into_crop, outputs
from .evaluation.paper_figures import Photo, baseline, by_yaw, failures, light, profile, swaps, weight
from .flags import add_cache_flag, add_estimators_flag, add_vgg19_flags
from .networks import estimators
from .networks.vgg import vgg19
from .pixel_optimisation import optimise
from .style_bank import style_bank


def main() -> int:
    arguments = parser().parse_args()
    try:
        image.write(arguments.out, COMMANDS[arguments.figure](arguments))
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _photos(paths: list[pathlib.Path]) -> list[Photo]:
    return [image.read(path).photo for path in paths]


def _swapper(name: str) -> Swapper:
    return Swapper(registry.load(name).generator())


def _swaps(a) -> Tensor:
    return swaps(_swapper(a.identity), _photos(a.photos))


def _light(a) -> Tensor:
    sheet, distance = light(_swapper(a.identity), _swapper(a.without), _photos(a.photos))
    print(", ".join(f"light distance {name} the loss {value:.4f}" for name, value in distance.items()))
    return sheet


def _weight(a) -> Tensor:
    if not a.alpha:
        raise BadSetting("Give at least one --alpha.")
    style, _ = style_photos(a.identity_photos, size=a.size, cache=a.cache)
    network = vgg19(a.vgg19, a.vgg19_scales, box=boxed(style.crop))
    bank = style_bank(style, network, device=torch.device("cpu"))
    if a.content:
        material = prepare(a.identity_photos, a.content, size=a.size, cache=a.cache, seed=0)
        faces = material.held_out[torch.arange(min(a.faces, len(material.held_out)))]
        looker = Measurer(estimators.read(a.estimators))
        inputs, known, rows = looker(faces.crop, faces.landmarks), reference_people(looker, material, []), {}
        for alpha in a.alpha:
            crop = faces.crop.float() / 255
            made = optimise(
                crop,
                faces.landmarks,
                bank,
                network,
                alpha=alpha,
                gamma=20.0,
                styles=16,
                steps=a.steps,
                rate=0.03,
            )
            rows[f"alpha {alpha:g}"] = compare(
                looker((made * 255).round().to(torch.uint8), faces.landmarks), inputs, known
            )
        print(table({"table": rows}))
    return weight(_photos(a.photos), bank, network, a.alpha, size=a.size, steps=a.steps)


def _baseline(a) -> Tensor:
    swapper = _swapper(a.identity)
    style, _ = style_photos(a.identity_photos, size=swapper.generator.size, cache=a.cache)
    return baseline(swapper, style, _photos(a.photos))


def _profile(a) -> Tensor:
    expression = estimators.read(a.estimators).get("expression")
    if not isinstance(expression, estimators.Expression):
        raise BadSetting(
            "Faces are turned by Face Landmarker's points: give --estimators, a folder with its file "
            "(train/networks/estimators.py)."
        )
    return profile(
        _swapper(a.identity), expression.mesh, _photos(a.photos), a.angle or [0.0, 10.0, 20.0, 30.0, 40.0]
    )


def _turned(a) -> Tensor:
    generator = registry.load(a.identity).generator()
    material = prepare(a.identity_photos, a.content, size=generator.size, cache=a.cache, seed=0)
    found = estimators.read(a.estimators)
    if "pose" not in found:
        raise BadSetting(
            "Yaw is estimated by FSA-Net: give --estimators, a folder with its files "
            "(train/networks/estimators.py)."
        )
    faces = material.held_out
    yaw = found["pose"](faces.crop, faces.landmarks)[:, 0]
    looker, rows, shown = Measurer(found), {}, []
    known = reference_people(looker, material, [])
    for name, index in by_yaw(yaw, [10.0, 20.0, 30.0, 40.0]).items():
        some = faces[index[: a.faces]]
        if not len(some):
            continue
        made = outputs(generator, some.crop)
        rows[f"{name} degrees"] = compare(
            looker(made, some.landmarks), looker(some.crop, some.landmarks), known
        )
        pair = torch.stack([some.crop[:5], blend_into_crop(made, some)[0][:5]], dim=1).flatten(0, 1)
        shown.append(torch.cat([pair, torch.full((10 - len(pair), *pair.shape[1:]), 255, dtype=torch.uint8)]))
    print(table({"table": rows}))
    return make_grid(torch.cat(shown), columns=10)


def _large(a) -> Tensor:
    return large_faces(_swapper(a.identity), _photos(a.photos), parts=a.parts)


def _failures(a) -> Tensor:
    return failures(_swapper(a.identity), _photos(a.photos))


COMMANDS: dict[str, Callable[[argparse.Namespace], Tensor]] = {
    "swaps": _swaps,
    "light": _light,
    "weight": _weight,
    "baseline": _baseline,
    "profile": _profile,
    "turned": _turned,
    "failures": _failures,
    "large": _large,
}


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(
        prog="python -m train.figures",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    kinds = flags.add_subparsers(dest="figure", required=True)
    for name in COMMANDS:
        kind = kinds.add_parser(name)
        kind.add_argument("--out", type=pathlib.Path, required=True, help="the picture to write")
        add_cache_flag(kind)
        if name != "weight":
            kind.add_argument("identity", help="name or folder")
        if name == "large":
            kind.add_argument("--parts", action="store_true", help="eyes and mouths at 200 percent")
        if name == "light":
            kind.add_argument("without", help="the same identity trained with --light 0, name or folder")
        if name in ("weight", "baseline", "turned"):
            kind.add_argument(
                "identity_photos", type=pathlib.Path, help="the identity's photos, as for training"
            )
        if name != "turned":
            kind.add_argument(
                "photos", nargs="+", type=pathlib.Path, help="photos whose largest face is swapped"
            )
        if name in ("weight", "turned"):
            kind.add_argument(
                "--content",
                type=pathlib.Path,
                action="append",
                default=[],
                required=name == "turned",
                help="as for training",
            )
            kind.add_argument(
                "--faces",
                type=int,
                default=16,
                help="held-out faces, of each bin where there are bins (default: %(default)s)",
            )
        if name in ("weight", "profile", "turned"):
            add_estimators_flag(kind)
        if name == "profile":
            kind.add_argument(
                "--angle",
                type=float,
                action="append",
                default=[],
                help="degrees to the picture's right; repeated (0, 10 ... 40)",
            )
        if name == "weight":
            kind.add_argument(
                "--alpha", type=float, action="append", default=[], help="a style weight; repeated"
            )
            kind.add_argument(
                "--steps", type=int, default=Config().target_steps, help="Adam steps (default: %(default)s)"
            )
            kind.add_argument(
                "--size", type=int, default=Config().size, help="side of the crop, px (default: %(default)s)"
            )
            add_vgg19_flags(kind)
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
