"""The table of an identity's metrics: the network beside three marks, on held-out faces."""

import argparse
import pathlib
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.identity.weights import AnyGenerator
from facehub.sheets import make_grid

from ..config import Config
from ..data.dataset import Dataset, prepare
from ..data.face_box import boxed
from ..data.gallery import Gallery
from ..networks.vgg import vgg19
from ..pixel_optimisation import optimise_faces
from ..style_bank import style_bank
from .metrics import Measurer, ReferenceGallery, compare, seam
from .outputs import blend_into_crop, nearest, outputs

SHOWN = 20
"""Rows of the contact sheet."""


def evaluate(
    generator: AnyGenerator,
    material: Dataset,
    looker: Measurer,
    *,
    faces: int = 200,
    ours: list[Gallery] | tuple[()] = (),
    upper: Callable[[Gallery], UInt8[Tensor, "n 3 size size"]] | None = None,
    upper_faces: int = 48,
) -> tuple[dict, UInt8[Tensor, "3 height width"]]:
    """The card's metrics and a contact sheet: input, nearest style photo, optimised pixels if `upper` makes
    them, raw and blended output.

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
    known = reference_people(looker, material, list(ours))
    rows, sheet = {}, {}
    for name, crop in made.items():
        n = len(crop)
        some = photo[torch.arange(n)]
        inputs = looked.first(n)
        rows[name] = compare(looker(crop, some.landmarks), inputs, known)
        sheet[name] = crop
        if name != "nothing":
            blended, mask = blend_into_crop(crop, some)
            key = "blended" if name == "raw" else f"{name}, blended"
            rows[key] = compare(looker(blended, some.landmarks), inputs, known) | {
                "seam": seam(blended, some.crop, mask).mean().item()
            }
            sheet[key] = blended
    rows["raw"]["ms"] = seconds * 1000
    metrics = {
        "faces": len(photo),
        "people_in_gallery": len(known.others) + 2,
        "estimators": {"landmarks, retrieved, nearer, cosines": "dlib"}
        | {name: e.source for name, e in looker.estimators.items()},
        "table": rows,
    }
    columns = [
        name for name in ("nothing", "nearest style photo", "optimised", "raw", "blended") if name in sheet
    ]
    shown = torch.stack([sheet[name][:SHOWN] for name in columns], dim=1)
    return metrics, make_grid(shown.flatten(0, 1), columns=2 * len(columns))


def reference_people(looker: Measurer, material: Dataset, ours: list[Gallery]) -> ReferenceGallery:
    """The identity, our others, and 500 people of the content photos."""
    some = people(material.content)
    return ReferenceGallery(
        identity=looker(material.style.crop, material.style.landmarks),
        others=torch.cat([some.embedding, *(g.embedding.mean(0, keepdim=True) for g in ours)]),
        sface_others=sface_gallery(looker, some, ours),
    )


def people(content: Gallery, *, count: int = 500) -> Gallery:
    """One photo each of the first `count` people: those whose photos lie in one folder are one person."""
    first = {
        str(pathlib.PurePath(name).parent) if "/" in name else name: index
        for index, name in reversed(list(enumerate(content.names)))
    }
    return content[torch.tensor(sorted(first.values())[:count])]


def sface_gallery(looker: Measurer, some: Gallery, ours: list[Gallery]) -> Float[Tensor, "people 128"] | None:
    """SFace's vectors of other people, and of our other identities, each a mean."""
    if "identity" not in looker.estimators:
        return None
    embed = looker.estimators["identity"]
    return torch.cat(
        [
            embed(some.crop, some.landmarks),
            *(F.normalize(embed(g.crop, g.landmarks).mean(0, keepdim=True), dim=1) for g in ours),
        ]
    )


def table(metrics: dict) -> str:
    """The table in Markdown."""
    rows: dict[str, dict[str, int | float]] = metrics["table"]
    keys = list(dict.fromkeys(key for row in rows.values() for key in row))
    lines = [["", *(key.replace("_", " ") for key in keys)], ["---"] * (len(keys) + 1)]
    lines += [
        [name, *(f"{row[key]:.3g}" if key in row else "" for key in keys)] for name, row in rows.items()
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def marks_beside(
    arguments: argparse.Namespace, material: Dataset, config: Config, device: torch.device
) -> dict:
    """What `evaluate` compares with, as the flags `--ours` and `--upper` ask for it."""
    ours = [
        prepare(other, arguments.content, size=config.size, cache=arguments.cache, seed=config.seed).style
        for other in arguments.ours
    ]
    upper = None
    if arguments.upper:
        network = vgg19(
            arguments.vgg19, arguments.vgg19_scales, box=boxed(material.content.crop), device=device
        )
        upper = pixel_upper_bound(material, config, network, device)
    return {"ours": ours, "upper": upper, "upper_faces": arguments.upper}


def pixel_upper_bound(
    material: Dataset, config: Config, network, device: torch.device
) -> Callable[[Gallery], UInt8[Tensor, "n 3 size size"]]:
    """Optimises the pixels of crops under the run's own losses (train/preview.py)."""
    bank = style_bank(material.style, network, device=device)

    def made(faces: Gallery) -> UInt8[Tensor, "n 3 size size"]:
        batches = torch.arange(len(faces)).split(config.batch)
        return torch.cat(
            [optimise_faces(faces[rows], bank, network, config, device=device) for rows in batches]
        )

    return made
