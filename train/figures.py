"""`python -m train.figures WHICH ... --out FILE`: the paper's figures on photos of your own.

swaps     Figure 5   input, raw output, result
light     Figure 6   two identities, trained with and without the light loss, on photos relit from the side
weight    Figure 7   the pixels of each photo's face optimised under a growing style weight, and the table on which the weight is chosen
baseline  Figure 8   input, swap, and the style photo whose pose is nearest, stitched alike
profile   Figure 9   photos turned to the side, where no openly licensed profile photos are at hand (turning.py)
turned    Figure 9   held-out faces from frontal to profile, and how the swap degrades with yaw
failures  Figure 10  what the network cannot do: something in front of the face, glasses, hard light, blur, darkness
"""

import argparse
import pathlib
import sys
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from facehub import hub, image
from facehub.alignment import align, reference_landmarks
from facehub.errors import BadSetting, FaceHubError
from facehub.faces import Finder
from facehub.geometry import fit_affine, move
from facehub.sheets import around, contact_sheet, row, titled
from facehub.swap import Swapper, chosen
from facehub.types import Crops

from . import estimators, lighting, losses
from .config import Config
from .evaluate import known_people, outputs, stitched, table
from .features import VGG19, vgg19
from .material import prepare, style_photos
from .measures import Looker, compare
from .photos import Gallery
from .preview import PixelPainter, optimise
from .style import StyleBank, boxed, style_bank
from .turning import turned

SIDE = 192
"""Side of a picture in a figure, px."""

Photo = UInt8[Tensor, "3 height width"]
Sheet = UInt8[Tensor, "3 tall wide"]


def swaps(swapper: Swapper, photos: list[Photo], *, pairs: int = 2) -> Sheet:
    """Figure 5: a row a photo, `pairs` photos side by side."""
    rows = [row(photo, swapper(photo[None], faces="largest"), side=256) for photo in photos]
    rows += [torch.full_like(rows[0], 255)] * (-len(rows) % pairs)
    return titled(contact_sheet(torch.cat(rows), columns=3 * pairs), ["input", "raw output", "result"] * pairs)


def relit(photo: Photo, landmarks: Float[Tensor, "1 68 2"], *, dark: float = 0.25) -> Photo:
    """The photo with light from its left: full at the face's left edge, `dark` of it at the right."""
    left, right = landmarks[0, :, 0].min().item(), landmarks[0, :, 0].max().item()
    across = ((torch.arange(photo.shape[-1]) - left) / (right - left)).clamp(0, 1)
    return (photo.float() * (1 - (1 - dark) * across)).round().to(torch.uint8)


def light(with_loss: Swapper, without: Swapper, photos: list[Photo]) -> tuple[Sheet, dict[str, float]]:
    """Figure 6, and the mean of equation 6 between input and raw output for both."""
    network, rows, distance = lighting.read(), [], {"with": [], "without": []}
    for photo in photos:
        found = chosen(with_loss.finder(photo[None]), 1, "largest")
        for picture in (photo, relit(photo, found.landmarks)):
            swapped = {name: s(picture[None], found=found) for name, s in (("with", with_loss), ("without", without))}
            rows.append(around(torch.stack([picture, *(s.blended[0] for s in swapped.values())]), found.landmarks, side=SIDE))
            for name, s in swapped.items():
                distance[name].append(losses.light(network(boxed(s.output)), network(boxed(s.faces.crop))).item())
    sheet = titled(contact_sheet(torch.cat(rows), columns=6), ["input", "with light loss", "without"] * 2)
    return sheet, {name: sum(values) / len(values) for name, values in distance.items()}


def weight(photos: list[Photo], bank: StyleBank, network: VGG19, alphas: list[float], *, size: int, steps: int) -> Sheet:
    """Figure 7: a row a photo, a column a style weight."""
    rows = []
    for photo in photos:
        found = chosen(Finder()(photo[None]), 1, "largest")
        points = move(fit_affine(found.landmarks, reference_landmarks(size)[None]), found.landmarks)
        made = [photo]
        for alpha in alphas:
            painter = PixelPainter(points, bank, network, Config(size=size, target_alpha=alpha, target_steps=steps))
            made.append(Swapper(painter)(photo[None], found=found).raw[0])
        rows.append(around(torch.stack(made), found.landmarks, side=SIDE))
    return titled(contact_sheet(torch.cat(rows), columns=len(alphas) + 1), ["input", *(f"alpha {alpha:g}" for alpha in alphas)])


class Nearest(nn.Module):
    """Stands where a generator stands in a swap, and hands out the style photo with the nearest pose: the paper's baseline."""

    def __init__(self, style: Gallery, landmarks: Float[Tensor, "n 68 2"]):
        """`landmarks` of the faces that will come, in crop pixels."""
        super().__init__()
        self.size, self.style, self.landmarks = style.crop.shape[-1], style.mirrored(), landmarks

    def forward(self, crop: Crops) -> Crops:
        return self.style.crop[losses.nearest_poses(self.landmarks, self.style.landmarks, 1)[:, 0]].to(crop) / 255


def baseline(swapper: Swapper, style: Gallery, photos: list[Photo]) -> Sheet:
    """Figure 8."""
    rows = []
    for photo in photos:
        found = chosen(swapper.finder(photo[None]), 1, "largest")
        points = align(photo[None], found.landmarks, found.photo, size=style.crop.shape[-1])
        other = Swapper(Nearest(style, move(points.crop_from_photo, found.landmarks)))
        ours, theirs = swapper(photo[None], found=found), other(photo[None], found=found)
        rows.append(around(torch.stack([photo, ours.blended[0], theirs.blended[0]]), found.landmarks, side=SIDE))
    return titled(contact_sheet(torch.cat(rows), columns=6), ["input", "swap", "nearest style photo"] * 2)


def profile(swapper: Swapper, mesh: Callable[[Tensor, Tensor], Tensor], photos: list[Photo], angles: list[float]) -> Sheet:
    """Figure 9: photos turned by each angle in degrees, above their swaps. `mesh` is estimators.Expression's."""
    rows = []
    for photo in photos:
        found = chosen(swapper.finder(photo[None]), 1, "largest")
        points = mesh(photo[None], found.landmarks)[0]
        cases = torch.stack([turned(photo, points, angle) for angle in angles])
        seen = [(case[None], swapper.finder(case[None])) for case in cases]
        swapped = [swapper(case, faces="largest", found=faces).blended if len(faces.photo) else case for case, faces in seen]
        rows += [around(cases, found.landmarks, side=SIDE), around(torch.cat(swapped), found.landmarks, side=SIDE)]
    return titled(contact_sheet(torch.cat(rows), columns=len(angles)), [f"{angle:g} degrees" for angle in angles])


def by_yaw(yaw: Float[Tensor, " n"], edges: list[float]) -> dict[str, Tensor]:
    """Name of each bin of |yaw| in degrees -> indices of its faces."""
    bins = zip([0.0, *edges], [*edges, float("inf")], strict=True)
    return {f"{low:g} to {high:g}": ((yaw.abs() >= low) & (yaw.abs() < high)).nonzero()[:, 0] for low, high in bins}


def hard(photo: Photo, landmarks: Float[Tensor, "1 68 2"]) -> dict[str, Photo]:
    """Hard inputs made from an easy one: name -> photo."""
    (mouth_x, mouth_y), (left_x, left_y), (right_x, _) = (landmarks[0, i].mean(0).tolist() for i in (range(48, 68), range(36, 42), range(42, 48)))
    eyes = right_x - left_x
    y, x = torch.meshgrid(torch.arange(photo.shape[1]), torch.arange(photo.shape[2]), indexing="ij")
    hand, glasses = photo.clone(), photo.clone()
    covered = ((x - mouth_x) / eyes) ** 2 + ((y - mouth_y - 0.3 * eyes) / (0.55 * eyes)) ** 2 < 0.5
    hand[:, covered] = torch.tensor([[205], [160], [135]], dtype=torch.uint8)
    bar = ((y - left_y).abs() < 0.05 * eyes) & (x > left_x) & (x < right_x)
    for middle in (left_x, right_x):
        bar |= ((x - middle) / (0.42 * eyes)) ** 2 + ((y - left_y) / (0.32 * eyes)) ** 2 < 1
    glasses[:, bar] = 20
    blurred = F.avg_pool2d(photo[None].float(), k := 2 * round(eyes / 8) + 1, 1, k // 2, count_include_pad=False)[0]
    return {
        "easy": photo,
        "in front of the mouth": hand,
        "sunglasses": glasses,
        "light from the side": relit(photo, landmarks, dark=0.05),
        "blurred": blurred.round().to(torch.uint8),
        "dark": (photo.float() * 0.08).round().to(torch.uint8),
    }


def failures(swapper: Swapper, photos: list[Photo]) -> Sheet:
    """Figure 10: inputs above results. Landmarks are those of the easy photo, so that the network is judged and not the finder."""
    rows, names = [], []
    for photo in photos:
        found = chosen(swapper.finder(photo[None]), 1, "largest")
        cases = hard(photo, found.landmarks)
        names = list(cases)
        rows.append(around(torch.stack(list(cases.values())), found.landmarks, side=SIDE))
        rows.append(around(torch.cat([swapper(case[None], found=found).blended for case in cases.values()]), found.landmarks, side=SIDE))
    return titled(contact_sheet(torch.cat(rows), columns=len(names)), names)


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
    return Swapper(hub.load(name).generator())


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
        looker = Looker(estimators.read(a.estimators))
        inputs, known, rows = looker(faces.crop, faces.landmarks), known_people(looker, material, []), {}
        for alpha in a.alpha:
            crop = faces.crop.float() / 255
            made = optimise(crop, faces.landmarks, bank, network, alpha=alpha, gamma=20.0, styles=16, steps=a.steps, rate=0.03)
            rows[f"alpha {alpha:g}"] = compare(looker((made * 255).round().to(torch.uint8), faces.landmarks), inputs, known)
        print(table({"table": rows}))
    return weight(_photos(a.photos), bank, network, a.alpha, size=a.size, steps=a.steps)


def _baseline(a) -> Tensor:
    swapper = _swapper(a.identity)
    style, _ = style_photos(a.identity_photos, size=swapper.generator.size, cache=a.cache)
    return baseline(swapper, style, _photos(a.photos))


def _profile(a) -> Tensor:
    expression = estimators.read(a.estimators).get("expression")
    if not isinstance(expression, estimators.Expression):
        raise BadSetting("Faces are turned by Face Landmarker's points: give --estimators, a folder with its file (train/estimators.py).")
    return profile(_swapper(a.identity), expression.mesh, _photos(a.photos), a.angle or [0.0, 10.0, 20.0, 30.0, 40.0])


def _turned(a) -> Tensor:
    generator = hub.load(a.identity).generator()
    material = prepare(a.identity_photos, a.content, size=generator.size, cache=a.cache, seed=0)
    found = estimators.read(a.estimators)
    if "pose" not in found:
        raise BadSetting("Yaw is estimated by FSA-Net: give --estimators, a folder with its files (train/estimators.py).")
    faces = material.held_out
    yaw = found["pose"](faces.crop, faces.landmarks)[:, 0]
    looker, rows, shown = Looker(found), {}, []
    known = known_people(looker, material, [])
    for name, index in by_yaw(yaw, [10.0, 20.0, 30.0, 40.0]).items():
        some = faces[index[: a.faces]]
        if not len(some):
            continue
        made = outputs(generator, some.crop)
        rows[f"{name} degrees"] = compare(looker(made, some.landmarks), looker(some.crop, some.landmarks), known)
        pair = torch.stack([some.crop[:5], stitched(made, some)[0][:5]], dim=1).flatten(0, 1)
        shown.append(torch.cat([pair, torch.full((10 - len(pair), *pair.shape[1:]), 255, dtype=torch.uint8)]))
    print(table({"table": rows}))
    return contact_sheet(torch.cat(shown), columns=10)


def _failures(a) -> Tensor:
    return failures(_swapper(a.identity), _photos(a.photos))


COMMANDS: dict[str, Callable[[argparse.Namespace], Tensor]] = {
    "swaps": _swaps, "light": _light, "weight": _weight, "baseline": _baseline, "profile": _profile, "turned": _turned, "failures": _failures
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="python -m train.figures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    kinds = flags.add_subparsers(dest="figure", required=True)
    for name in COMMANDS:
        kind = kinds.add_parser(name)
        kind.add_argument("--out", type=pathlib.Path, required=True, help="the picture to write")
        kind.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".cache"), help="where aligned faces are kept (default: %(default)s)")
        if name != "weight":
            kind.add_argument("identity", help="name or folder")
        if name == "light":
            kind.add_argument("without", help="the same identity trained with --light 0, name or folder")
        if name in ("weight", "baseline", "turned"):
            kind.add_argument("identity_photos", type=pathlib.Path, help="the identity's photos, as for training")
        if name != "turned":
            kind.add_argument("photos", nargs="+", type=pathlib.Path, help="photos whose largest face is swapped")
        if name in ("weight", "turned"):
            kind.add_argument("--content", type=pathlib.Path, action="append", default=[], required=name == "turned", help="as for training")
            kind.add_argument("--faces", type=int, default=16, help="held-out faces, of each bin where there are bins (default: %(default)s)")
        if name in ("weight", "profile", "turned"):
            kind.add_argument("--estimators", type=pathlib.Path, help="folder with the files named in train/estimators.py")
        if name == "profile":
            kind.add_argument("--angle", type=float, action="append", default=[], help="degrees to the picture's right; repeated (0, 10 ... 40)")
        if name == "weight":
            kind.add_argument("--alpha", type=float, action="append", default=[], help="a style weight; repeated")
            kind.add_argument("--steps", type=int, default=Config().target_steps, help="Adam steps (default: %(default)s)")
            kind.add_argument("--size", type=int, default=Config().size, help="side of the crop, px (default: %(default)s)")
            kind.add_argument("--vgg19", type=pathlib.Path, help="as for training")
            kind.add_argument("--vgg19-scales", type=pathlib.Path, help="as for training")
    return flags


if __name__ == "__main__":
    raise SystemExit(main())
