"""`python -m train.evaluate IDENTITY --photos FOLDER --content FOLDER`: how good an identity is, on faces that training never saw.

Beside the network, raw and blended, stand three marks, measured the same way: doing nothing; the paper's Figure 8 baseline, the nearest style photo
put in the face's place; and the optimised pixels of the same crops, the upper mark. What looks is dlib, which is in no loss, and the
networks of train/estimators.py where their files are given. A measure that could not be taken is left out.

| measure | meaning |
|---|---|
| retrieved | share whose nearest neighbour, by dlib's recogniser, is the identity; in the gallery: ours, 500 other people, the input person |
| nearer | share nearer to the identity's mean than to the input person, by the same |
| to identity, to input | cosine to the identity's mean and to the input person, by the same, from the mean of all those people |
| sface ... | the same three by SFace, which is in the identity loss when `python -m train` is given its file |
| pose | L2 distance of yaw, pitch and roll to the input's, degrees (FSA-Net) |
| expression | L2 distance of 52 blendshapes to the input's (Face Landmarker) |
| NME | movement of the 68 landmarks, percent of the distance between the eyes' centres (dlib) |
| light | distance of the lighting network's features to the input's, equation 6 of the paper; it is a loss too |
| seam | how much larger than in the input the step across the mask's edge is, levels of 255 |
| sharpness | energy of the face's finest octave, relative to the median photo of the identity |
| ms | milliseconds a face, in batches, on the device given |
"""

import argparse
import json
import pathlib
import sys
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from facehub import hub, image
from facehub.errors import BadSetting, FaceHubError
from facehub.generators import Generator
from facehub.identity import Identity, save
from facehub.masks import Learned
from facehub.poisson import clone
from facehub.sheets import contact_sheet

from . import estimators, losses
from .config import Config
from .features import vgg19
from .loop import window
from .material import Material, prepare
from .measures import Known, Looker, compare, seam
from .photos import Gallery
from .preview import optimise
from .style import boxed, style_bank

SHOWN = 20
"""Rows of the contact sheet."""


@torch.inference_mode()
def outputs(generator: Generator, crop: UInt8[Tensor, "n 3 size size"]) -> UInt8[Tensor, "n 3 size size"]:
    """What the network makes of crops, at the crops' size; outside the face's box the crops themselves."""
    device = next(generator.parameters()).device
    top, bottom, left, right = window(crop.shape[-1])
    made = crop.clone()
    for rows in torch.arange(len(crop)).split(32):
        small = F.adaptive_avg_pool2d(crop[rows].to(device).float() / 255, generator.size).contiguous(memory_format=torch.channels_last)
        output = F.interpolate(generator(small).float().clamp(0, 1), size=crop.shape[-2:], mode="bilinear")
        made[rows, :, top:bottom, left:right] = (output * 255).round().to(torch.uint8).cpu()[:, :, top:bottom, left:right]
    return made


@torch.inference_mode()
def stitched(made: UInt8[Tensor, "n 3 size size"], faces: Gallery) -> tuple[UInt8[Tensor, "n 3 size size"], Bool[Tensor, "n 1 size size"]]:
    """Cloned into the crops, as a swap does it in photos; and where that changed them."""
    rows, masks, masker = [], [], Learned()
    for index in torch.arange(len(made)).split(32):
        crop, source = (t[index].float() / 255 for t in (faces.crop, made))
        region = masker(crop, faces.landmarks[index])
        mixed = crop + region.mask * (clone(source, crop, region.mask, region.hold).result - crop)
        rows.append((mixed * 255).round().clamp(0, 255).to(torch.uint8))
        masks.append(region.mask > 0)
    return torch.cat(rows), torch.cat(masks)


def nearest(faces: Gallery, style: Gallery) -> UInt8[Tensor, "n 3 size size"]:
    """The paper's Figure 8 baseline: the style photo, or its mirror image, whose aligned landmarks lie nearest, in the face's box of each crop."""
    style = style.mirrored()
    chosen = style.crop[losses.nearest_poses(faces.landmarks, style.landmarks, 1)[:, 0]]
    top, bottom, left, right = window(faces.crop.shape[-1])
    made = faces.crop.clone()
    made[:, :, top:bottom, left:right] = chosen[:, :, top:bottom, left:right]
    return made


def evaluate(
    generator: Generator,
    material: Material,
    looker: Looker,
    *,
    faces: int = 200,
    ours: list[Gallery] | tuple[()] = (),
    upper: Callable[[Gallery], UInt8[Tensor, "n 3 size size"]] | None = None,
    upper_faces: int = 48,
) -> tuple[dict, UInt8[Tensor, "3 height width"]]:
    """The card's metrics and a contact sheet: input, nearest style photo, optimised pixels if `upper` makes them, raw and blended output.

    `ours`: photos of our other identities, for the retrieval gallery.
    """
    photo, style = material.held_out[torch.arange(min(faces, len(material.held_out)))], material.style
    begun = time.perf_counter()
    raw = outputs(generator, photo.crop)
    seconds = (time.perf_counter() - begun) / len(photo)
    made = {"nothing": photo.crop, "nearest style photo": nearest(photo, style), "raw": raw}
    if upper:
        made["optimised"] = upper(photo[torch.arange(min(upper_faces, len(photo)))])
    looked = looker(photo.crop, photo.landmarks)
    known = known_people(looker, material, list(ours))
    rows, sheet = {}, {}
    for name, crop in made.items():
        n = len(crop)
        some = photo[torch.arange(n)]
        inputs = looked.first(n)
        rows[name] = compare(looker(crop, some.landmarks), inputs, known)
        sheet[name] = crop
        if name != "nothing":
            blended, mask = stitched(crop, some)
            key = "blended" if name == "raw" else f"{name}, blended"
            rows[key] = compare(looker(blended, some.landmarks), inputs, known) | {"seam": seam(blended, some.crop, mask).mean().item()}
            sheet[key] = blended
    rows["raw"]["ms"] = seconds * 1000
    metrics = {
        "faces": len(photo),
        "people_in_gallery": len(known.others) + 2,
        "estimators": {"landmarks, retrieved, nearer, cosines": "dlib"} | {name: e.source for name, e in looker.estimators.items()},
        "table": rows,
    }
    columns = [name for name in ("nothing", "nearest style photo", "optimised", "raw", "blended") if name in sheet]
    shown = torch.stack([sheet[name][:SHOWN] for name in columns], dim=1)
    return metrics, contact_sheet(shown.flatten(0, 1), columns=2 * len(columns))


def known_people(looker: Looker, material: Material, ours: list[Gallery]) -> Known:
    """The identity, our others, and 500 people of the content photos."""
    some = people(material.content)
    return Known(
        identity=looker(material.style.crop, material.style.landmarks),
        others=torch.cat([some.embedding, *(g.embedding.mean(0, keepdim=True) for g in ours)]),
        sface_others=sface_gallery(looker, some, ours),
    )


def people(content: Gallery, *, count: int = 500) -> Gallery:
    """One photo each of the first `count` people: those whose photos lie in one folder are one person."""
    first = {str(pathlib.PurePath(name).parent) if "/" in name else name: index for index, name in reversed(list(enumerate(content.names)))}
    return content[torch.tensor(sorted(first.values())[:count])]


def sface_gallery(looker: Looker, some: Gallery, ours: list[Gallery]) -> Float[Tensor, "people 128"] | None:
    """SFace's vectors of other people, and of our other identities, each a mean."""
    if "identity" not in looker.estimators:
        return None
    embed = looker.estimators["identity"]
    return torch.cat([embed(some.crop, some.landmarks), *(F.normalize(embed(g.crop, g.landmarks).mean(0, keepdim=True), dim=1) for g in ours)])


def table(metrics: dict) -> str:
    """The table in Markdown."""
    rows: dict[str, dict[str, int | float]] = metrics["table"]
    keys = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = [["", *(key.replace("_", " ") for key in keys)], ["---"] * (len(keys) + 1)]
    lines += [[name, *(f"{row[key]:.3g}" if key in row else "" for key in keys)] for name, row in rows.items()]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def upper_mark(material: Material, config: Config, network, device: torch.device) -> Callable[[Gallery], UInt8[Tensor, "n 3 size size"]]:
    """Optimises the pixels of crops under the run's own losses (train/preview.py)."""
    bank = style_bank(material.style, network, device=device)

    def made(faces: Gallery) -> UInt8[Tensor, "n 3 size size"]:
        rows = []
        for index in torch.arange(len(faces)).split(config.batch):
            crop, landmarks = faces.crop[index].to(device).float() / 255, faces.landmarks[index].to(device)
            pixels = optimise(
                crop, landmarks, bank, network, alpha=config.target_alpha, gamma=config.gamma, styles=config.styles,
                steps=config.target_steps, rate=config.target_rate,
            )  # fmt: skip
            rows.append((pixels * 255).round().to(torch.uint8).cpu())
        return torch.cat(rows)

    return made


def remember(identity: Identity, metrics: dict) -> None:
    """Saves the identity's folder anew, with these metrics in it and in its card. Its samples stay as they are: written again, they would be marked
    twice."""
    kept = {path: path.read_bytes() for path in identity.samples}
    training = json.loads((identity.folder / "training.json").read_text(encoding="utf-8"))
    save(
        identity.folder,
        generator=identity.generator("cpu"),
        title=identity.title,
        consent=identity.consent,
        metrics=metrics,
        training=training,
        samples={path.stem: image.read(path).photo for path in identity.samples},
        credits=training.get("credits", ""),
    )
    for path, data in kept.items():
        path.write_bytes(data)


def main() -> int:
    flags = argparse.ArgumentParser(prog="python -m train.evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("identity", help="name or folder")
    flags.add_argument("--photos", type=pathlib.Path, required=True, help="the identity's photos, as for training")
    flags.add_argument("--content", type=pathlib.Path, action="append", required=True, help="as for training; people are measured from the first")
    flags.add_argument("--ours", type=pathlib.Path, action="append", default=[], help="photos of another of our identities; may be repeated")
    flags.add_argument("--estimators", type=pathlib.Path, help="folder with the files named in train/estimators.py")
    flags.add_argument("--faces", type=int, default=200, help="held-out faces (default: %(default)s)")
    flags.add_argument("--upper", type=int, default=48, help="faces whose pixels are optimised, 0 for none (default: %(default)s)")
    flags.add_argument("--vgg19", type=pathlib.Path)
    flags.add_argument("--vgg19-scales", type=pathlib.Path)
    flags.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".cache"))
    flags.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    flags.add_argument("--json", action="store_true", help="print the metrics as JSON instead of a table")
    flags.add_argument("--sheet", type=pathlib.Path, help="write a contact sheet here")
    flags.add_argument("--save", action="store_true", help="put the metrics into the identity's folder and card")
    arguments = flags.parse_args()
    try:
        if arguments.faces < 1:
            raise BadSetting(f"--faces is {arguments.faces}, but at least 1 face must be measured.")
        identity = hub.load(arguments.identity)
        device = torch.device(arguments.device)
        generator = identity.generator(arguments.device)
        config = Config(size=generator.size)
        material = prepare(arguments.photos, arguments.content, size=generator.size, cache=arguments.cache, seed=config.seed)
        ours = [prepare(folder, arguments.content, size=generator.size, cache=arguments.cache, seed=config.seed).style for folder in arguments.ours]
        upper = None
        if arguments.upper:
            network = vgg19(arguments.vgg19, arguments.vgg19_scales, box=boxed(material.content.crop)).to(device)
            network = network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
            upper = upper_mark(material, config, network, device)
        metrics, sheet = evaluate(
            generator, material, Looker(estimators.read(arguments.estimators)),
            faces=arguments.faces, ours=ours, upper=upper, upper_faces=arguments.upper,
        )  # fmt: skip
        print(json.dumps(metrics, indent=1) if arguments.json else table(metrics))
        if arguments.sheet:
            image.write(arguments.sheet, sheet)
        if arguments.save:
            remember(identity, metrics)
            print(f"Saved the metrics in {identity.folder}.", file=sys.stderr)
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
