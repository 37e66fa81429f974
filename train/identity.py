"""`python -m train PHOTOS --name NAME --out FOLDER`: a folder of photos of one person -> an identity that swaps.

Gathers and weeds the photos, trains (loop.py), measures the result on people it never saw (evaluate.py) and saves the identity's folder. Stopped
at any moment and started again with the same arguments it goes on where it was.
"""

import argparse
import dataclasses
import hashlib
import json
import os
import pathlib
import platform
import shlex
import sys
import time

import torch
import torch.nn.functional as F
from jaxtyping import UInt8
from torch import Tensor

from facehub import image
from facehub.errors import BadSetting, FaceHubError
from facehub.faces import Finder, Recogniser, box
from facehub.generators import Generator
from facehub.identity import check_consent, save
from facehub.swap import Swapper
from facehub.types import Swapped

from .config import Config
from .evaluate import compare, see
from .features import vgg19
from .loop import Run, Step, fit, window
from .photos import Gallery, gather, joined
from .style import style_bank
from .targets import optimised
from .weeding import weed

SAVE_EVERY = 40
"""Steps between checkpoints and previews."""

MARGIN = 0.75
"""How much of a sample photo is shown around the face's landmarks, in units of their box."""


def held_out(name: str) -> bool:
    """One person in ten is kept for measuring: by the photo's top folder, where there is one, so that no one is on both sides."""
    return int(hashlib.sha256(name.split("/")[0].encode()).hexdigest(), 16) % 10 == 0


@dataclasses.dataclass(frozen=True, slots=True)
class Material:
    """What a run learns from and is measured on."""

    style: Gallery
    content: Gallery
    held_out: Gallery
    weeded: dict[str, str]
    """Name -> reason of each photo of the identity that was left out."""


def prepare(photos: pathlib.Path, content: list[pathlib.Path], *, size: int, cache: pathlib.Path, seed: int) -> Material:
    """The people measured on come from the first content folder.

    Raises NoFace or BadPhoto when a folder holds nothing to use, BadSetting when too few photos of the identity remain.
    """
    style = gather(photos, size=size, cache=cache)
    weeded = weed(style)
    style = style[torch.tensor([name not in weeded for name in style.names])]
    if len(style) < 16:
        raise BadSetting(f"Only {len(style)} of the photos in {photos} can be used, but 16 is the least: {json.dumps(weeded, indent=1)}")
    first, *others = [others_than(photos, folder, gather(folder, size=size, cache=cache)) for folder in content]
    kept = torch.tensor([held_out(name) for name in first.names])
    faces, measured = joined([first[~kept], *others]), first[kept]
    shuffle = torch.Generator().manual_seed(seed)
    faces = faces[torch.randperm(len(faces), generator=shuffle)]
    measured = measured[torch.randperm(len(measured), generator=shuffle)]
    return Material(style=style, content=faces, held_out=measured, weeded=weeded)


def others_than(photos: pathlib.Path, folder: pathlib.Path, gallery: Gallery) -> Gallery:
    """The gallery of `folder` without the identity's own photos, where they lie in the same tree: nobody is swapped with themselves."""
    own = photos.resolve()
    return gallery[torch.tensor([own not in (folder / name).resolve().parents for name in gallery.names])]


def train(
    material: Material, config: Config, *, vgg: pathlib.Path | None, scales: pathlib.Path | None, folder: pathlib.Path, device: torch.device
) -> tuple[Generator, list[dict]]:
    """Runs all stages; `folder` keeps the optimised faces, the checkpoint, the log and a preview. Returns the averaged network and the log."""
    network = vgg19(vgg, scales).to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    bank = style_bank(material.style, network, device=device)
    print(f"Style bank: {len(material.style)} photos and their mirror images. Content: {len(material.content)} faces.", flush=True)
    first = material.content[torch.arange(min(config.target_faces, len(material.content)))]
    targets, begun = [], time.monotonic()
    for batch in optimised(first, bank, network, config, folder=folder / "targets", device=device):
        targets.append(batch)
        done = sum(map(len, targets))
        print(f"\rOptimised faces: {done} of {len(first)}, {time.monotonic() - begun:.0f} s", end="", flush=True)
    print()
    checkpoint, log = folder / "checkpoint.pt", folder / "log.jsonl"
    earlier = Run.of(torch.load(checkpoint, map_location=device, weights_only=True), device) if checkpoint.exists() else None
    rows = [json.loads(line) for line in log.read_text().splitlines()] if earlier else []
    run = earlier
    for step, run in fit(material.content, torch.cat(targets), bank, network, config, device=device, run=earlier):
        rows.append(dataclasses.asdict(step) | {"stage": run.stage, "name": step.stage})
        if step.step % SAVE_EVERY == 0 or step.step == step.steps:
            keep(run, rows, folder)
            preview(run.average, material.held_out, folder / "preview.png")
        print(f"\r{told(step)}", end="\n" if step.step % SAVE_EVERY == 0 else "", flush=True)
    if run is None:
        raise BadSetting("Nothing was trained: give at least one of --coarse-steps, --fine-steps and --steps more than 0.")
    return run.average, rows


def keep(run: Run, rows: list[dict], folder: pathlib.Path) -> None:
    """Checkpoint and log, each whole or not at all."""
    torch.save(run.state(), folder / "checkpoint.part")
    os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")
    (folder / "log.part").write_text("".join(json.dumps(row) + "\n" for row in rows))
    os.replace(folder / "log.part", folder / "log.jsonl")


def told(step: Step) -> str:
    losses = ", ".join(f"{k} {v:.3f}" for k, v in step.losses.items())
    return f"{step.stage}: {step.step} of {step.steps}, {losses}, {(step.steps - step.step) * step.seconds / 60:.0f} min left in this stage   "


@torch.inference_mode()
def outputs(generator: Generator, crop: UInt8[Tensor, "n 3 size size"]) -> UInt8[Tensor, "n 3 size size"]:
    """What the network makes of crops, at the crops' size; outside the face's box the crops themselves."""
    device = next(generator.parameters()).device
    top, bottom, left, right = window(crop.shape[-1])
    made = crop.clone()
    for rows in torch.arange(len(crop)).split(32):
        small = F.avg_pool2d(crop[rows].to(device).float() / 255, crop.shape[-1] // generator.size)
        output = F.interpolate(generator(small).clamp(0, 1), size=crop.shape[-2:], mode="bilinear")
        made[rows, :, top:bottom, left:right] = (output * 255).round().to(torch.uint8).cpu()[:, :, top:bottom, left:right]
    return made


def preview(generator: Generator, faces: Gallery, file: pathlib.Path, *, count: int = 12) -> None:
    """Held-out inputs above what the network makes of them."""
    crop = faces.crop[:count]
    image.write(file, contact_sheet(torch.cat([crop, outputs(generator, crop)]), columns=count))


def row(photo: UInt8[Tensor, "3 height width"], swapped: Swapped, *, side: int) -> UInt8[Tensor, "3 3 side side"]:
    """Input, raw output and result around the largest face, each `side` px square: a row of the paper's Figure 5."""
    left, top, right, bottom = box(swapped.faces.landmarks[:1])[0].tolist()
    height, width = photo.shape[-2:]
    half = min(max(right - left, bottom - top) * (0.5 + MARGIN), min(height, width) / 2)
    x, y = min(max((left + right) / 2, half), width - half), min(max((top + bottom) / 2, half), height - half)
    rows, columns = slice(round(y - half), round(y + half)), slice(round(x - half), round(x + half))
    pictures = torch.stack([photo, swapped.raw[0], swapped.blended[0]])[:, :, rows, columns]
    shown = F.interpolate(pictures.float(), size=(side, side), mode="bicubic", antialias=True)
    return shown.round().clamp(0, 255).to(torch.uint8)


def contact_sheet(crop: UInt8[Tensor, "n 3 size size"], *, columns: int) -> UInt8[Tensor, "3 height width"]:
    """Row by row; `n` must be a multiple of `columns`."""
    rows = crop.unflatten(0, (-1, columns))
    return rows.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)


def measure(generator: Generator, material: Material, *, faces: int = 100) -> dict:
    """The card's numbers: the report of evaluate.py on held-out faces."""
    finder, recogniser = Finder(turn=False), Recogniser()
    crop = material.held_out.crop[:faces]
    identity = see(material.style.crop, finder, recogniser).embedding
    report = compare(see(outputs(generator, crop), finder, recogniser), see(crop, finder, recogniser), identity)
    return dataclasses.asdict(report)


def machine(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def read_consent(file: pathlib.Path) -> dict[str, str]:
    """Raises BadIdentity when something is missing, so that nobody trains for an hour to be told."""
    try:
        consent = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as problem:
        raise BadSetting(f"{file} is no consent record that can be read ({problem}): write it as JSON.") from problem
    check_consent(consent)
    return consent


def parser() -> argparse.ArgumentParser:
    """One flag for each setting of config.py, besides the folders."""
    flags = argparse.ArgumentParser(prog="python -m train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("photos", type=pathlib.Path, help="a folder of photos of one person, 40 or more")
    flags.add_argument("--name", required=True, help="the person's name as shown")
    flags.add_argument("--out", type=pathlib.Path, required=True, help="the identity's folder; its last part is the identity's short name")
    flags.add_argument("--content", type=pathlib.Path, action="append", required=True, help="a folder tree of other people's photos; may be repeated")
    flags.add_argument("--consent", type=pathlib.Path, required=True, help="the consent record (JSON: basis, whose, scope, date, contact, licence)")
    flags.add_argument("--sample", type=pathlib.Path, action="append", default=[], help="a photo whose swap is shown in the card; may be repeated")
    flags.add_argument("--credits", default="", help="whose photos the samples show")
    flags.add_argument("--vgg19", type=pathlib.Path, help="VGG-19 weights (safetensors, torchvision's names); downloaded when not given")
    flags.add_argument("--vgg19-scales", type=pathlib.Path, help="their channel scales (safetensors)")
    flags.add_argument("--runs", type=pathlib.Path, default=pathlib.Path(".runs"), help="where unfinished runs are kept (default: %(default)s)")
    flags.add_argument("--cache", type=pathlib.Path, default=pathlib.Path(".cache"), help="where aligned faces are kept (default: %(default)s)")
    flags.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    for field in dataclasses.fields(Config):
        flags.add_argument(f"--{field.name.replace('_', '-')}", type=type(field.default), default=field.default, help=f"default {field.default}")
    return flags


def main() -> int:
    arguments = parser().parse_args()
    config = Config(**{field.name: getattr(arguments, field.name) for field in dataclasses.fields(Config)})
    device, folder = torch.device(arguments.device), arguments.runs / arguments.out.name
    try:
        read_consent(arguments.consent)
        folder.mkdir(parents=True, exist_ok=True)
        material = prepare(arguments.photos, arguments.content, size=config.size, cache=arguments.cache, seed=config.seed)
        for name, reason in material.weeded.items():
            print(f"Left out {name}: {reason}.")
        generator, rows = train(
            material, config, vgg=arguments.vgg19, scales=arguments.vgg19_scales, folder=folder, device=device
        )
        metrics = measure(generator, material)
        print(json.dumps(metrics, indent=1))
        finish(arguments, config, generator, material, metrics, rows, device)
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nStopped. The last checkpoint is in {folder}: the same command goes on from there.", file=sys.stderr)
        return 1
    return 0


def finish(arguments, config, generator, material, metrics, rows, device) -> None:
    """Saves the identity's folder: weights, card, how it was made, and swaps of the pictures given with --sample."""
    consent = read_consent(arguments.consent)
    swapper = Swapper(generator.to("cpu"))
    photos = {path.stem: image.read(path).photo for path in arguments.sample}
    samples = {
        name: contact_sheet(row(photo, swapper(photo[None], faces="largest"), side=256), columns=3) for name, photo in photos.items()
    }
    training = {
        "command": " ".join(["python -m train", *map(shlex.quote, sys.argv[1:])]),
        "config": dataclasses.asdict(config),
        "machine": machine(device),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": {name: round(sum(r["seconds"] for r in rows if r["name"] == name)) for name in dict.fromkeys(r["name"] for r in rows)},
        "losses": [rows[i] for i in range(0, len(rows), max(1, len(rows) // 100))],
        "photos": list(material.style.names),
        "left_out": material.weeded,
        "content_faces": len(material.content),
    }
    folder = save(
        arguments.out,
        generator=generator,
        title=arguments.name,
        consent=consent,
        metrics=metrics,
        training=training,
        samples=samples,
        credits=arguments.credits,
    )
    print(f"Saved {folder}. Try it: python -m facehub swap photo.jpg --identity {folder} --out result.png")
