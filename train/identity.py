"""`python -m train PHOTOS --name NAME --out FOLDER`: a folder of photos of one person -> an identity that swaps.

Gathers and weeds the photos, trains (loop.py), measures the result on people it never saw (evaluate.py) and saves the identity's folder. Stopped
at any moment and started again with the same arguments it goes on where it was. Several GPUs: `torchrun --nproc-per-node=N -m train ...`.

In RUNS/<short name>, until it is done: photos.json and photos.webp (which photos teach and why the others don't), preview.png (held-out faces),
tensorboard/, log.jsonl, curves.png, held_out.png (the faces that were measured), checkpoint.pt.
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
import torch.distributed as dist
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from facehub import hub, image
from facehub.errors import BadSetting, FaceHubError
from facehub.generators import Generator
from facehub.identity import check_consent, save
from facehub.sharing import closing
from facehub.sheets import contact_sheet, row
from facehub.swap import Swapper

from . import estimators, landmarks, lighting
from .config import Config
from .evaluate import evaluate, outputs, table, upper_mark
from .features import VGG19, vgg19
from .loop import Run, Step, Teachers, fit
from .material import Material, prepare
from .measures import Looker
from .photos import Gallery
from .recognition import SFace
from .sheets import curves
from .style import boxed, style_bank
from .targets import optimised

SAVE_EVERY = 40
"""Steps between checkpoints and previews."""


def train(
    material: Material,
    config: Config,
    *,
    vgg: pathlib.Path | None,
    scales: pathlib.Path | None,
    sface: pathlib.Path | None,
    folder: pathlib.Path,
    device: torch.device,
    start: Generator | None = None,
) -> tuple[Generator, list[dict]]:
    """Runs all stages; `folder` keeps the optimised faces, the checkpoint, the log and a preview. Returns the averaged network and the log.

    `start`: a network to go on from, or one of half the size, to which a branch is added. Of several processes only the first writes; all
    return the same.
    """
    network = vgg19(vgg, scales, box=boxed(material.content.crop)).to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    teachers = _teachers(material, network, sface, device)
    say(f"Style bank: {len(material.style)} photos and their mirror images. Content: {len(material.content)} faces.")
    first = material.content[torch.arange(min(config.target_faces, len(material.content)))]
    if start is not None and start.size == config.size:
        targets = outputs(start.to(device), first.crop)  # it keeps what it can, as in Li and Hoiem, Learning without Forgetting, ECCV 2016
    else:
        targets = _optimised(first, teachers, config, folder / "targets", device)
    checkpoint, log = folder / "checkpoint.pt", folder / "log.jsonl"
    earlier, rows = None, []
    if checkpoint.exists():
        earlier = Run.of(torch.load(checkpoint, map_location=device, weights_only=True), device)
        rows = [json.loads(line) for line in log.read_text().splitlines()]
        say(f"Goes on after step {earlier.step} of stage {earlier.stage + 1}.")
    elif start is not None:
        earlier = Run.started(start, config, device)
    board = SummaryWriter(str(folder / "tensorboard"), purge_step=len(rows)) if first_process() else None
    run = earlier if checkpoint.exists() else None  # one that was over before, and only has to be measured
    for step, run in fit(material.content, targets, teachers, config, device=device, run=earlier):
        rows.append(dataclasses.asdict(step) | {"stage": run.stage, "name": step.stage})
        if board is None:
            continue
        for name, value in step.losses.items():
            board.add_scalar(f"{step.stage}/{name}", value, len(rows))
        if step.step % SAVE_EVERY == 0 or step.step == step.steps:
            keep(run, rows, folder)
            board.add_image("held out", preview(run.average, material.held_out, folder / "preview.png"), len(rows))
        print(f"\r{told(step)}", end="\n" if step.step % SAVE_EVERY == 0 else "", flush=True)
    if board is not None:
        board.close()
        try:
            curves(rows, folder / "curves.png")
        except ImportError:
            say("matplotlib is not installed: no loss curves were drawn.")
    if run is None:
        raise BadSetting("Nothing was trained: give at least one of --coarse-steps, --fine-steps and --steps more than 0.")
    return run.average, rows


def _optimised(first: Gallery, teachers: Teachers, config: Config, folder: pathlib.Path, device: torch.device) -> UInt8[Tensor, "n 3 size size"]:
    """What the network first learns to imitate; of several processes the first makes it and the others read it."""
    faces, begun = (lambda: optimised(first, teachers.bank, teachers.network, config, folder=folder, device=device)), time.monotonic()
    targets: list[Tensor] = []
    if first_process():
        for batch in faces():
            targets.append(batch)
            done = sum(map(len, targets))
            left = (time.monotonic() - begun) / done * (len(first) - done) / 60
            print(f"\rOptimised faces: {done} of {len(first)}, {left:.0f} min left   ", end="", flush=True)
        print()
    if dist.is_initialized():
        dist.barrier()
    return torch.cat(targets or list(faces()))


def _teachers(material: Material, network: VGG19, sface: pathlib.Path | None, device: torch.device) -> Teachers:
    bank = style_bank(material.style, network, device=device)
    light, points = lighting.read().to(device), landmarks.read().to(device)
    if sface is None:
        return Teachers(bank, network, lighting=light, points=points)
    recogniser = SFace(sface).to(device)
    with torch.no_grad():
        faces = recogniser(material.style.crop.to(device).float() / 255, material.style.landmarks.to(device))
    return Teachers(bank, network, recogniser, torch.nn.functional.normalize(faces.mean(0), dim=0), light, points)


def first_process() -> bool:
    return not dist.is_initialized() or dist.get_rank() == 0


def say(sentence: str) -> None:
    """Once, however many processes there are."""
    if first_process():
        print(sentence, flush=True)


def keep(run: Run, rows: list[dict], folder: pathlib.Path) -> None:
    """Checkpoint and log, each whole or not at all; the log is first, so that it is never behind the checkpoint."""
    (folder / "log.part").write_text("".join(json.dumps(row) + "\n" for row in rows))
    torch.save(run.state(), folder / "checkpoint.part")
    os.replace(folder / "log.part", folder / "log.jsonl")
    os.replace(folder / "checkpoint.part", folder / "checkpoint.pt")


def preview(generator: Generator, faces: Gallery, file: pathlib.Path, *, count: int = 12) -> UInt8[Tensor, "3 height width"]:
    """Held-out inputs above what the network makes of them."""
    crop = faces.crop[:count]
    sheet = contact_sheet(torch.cat([crop, outputs(generator, crop)]), columns=len(crop))
    image.write(file, sheet)
    return sheet


def told(step: Step) -> str:
    losses = ", ".join(f"{k} {v:.3f}" for k, v in step.losses.items())
    return f"{step.stage}: {step.step} of {step.steps}, {losses}, {(step.steps - step.step) * step.seconds / 60:.0f} min left in this stage   "


def _file(file: pathlib.Path | None) -> dict[str, str] | None:
    return file and {"name": file.name, "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}


def beginning(given: str) -> dict:
    """Which weights a run started from, and how those were made: so that the whole way can be gone again."""
    start = hub.load(given)
    record = start.folder / "training.json"
    made = json.loads(record.read_text(encoding="utf-8")) if record.is_file() else None
    repository = given if "/" in given and not pathlib.Path(given).exists() else None
    return {"identity": start.name, "repository": repository, "model": _file(start.folder / "model.safetensors"), "training": made}


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
    flags.add_argument("--sface", type=pathlib.Path, help="SFace's ONNX file for the identity loss; without it that loss is left out")
    flags.add_argument("--start", help="an identity, name or folder: of this size, to learn on; of half of it, to get a branch and stay as it is")
    flags.add_argument("--estimators", type=pathlib.Path, help="folder with the networks that measure pose and expression (train/estimators.py)")
    flags.add_argument("--upper", type=int, default=48, help="faces whose pixels are optimised, the upper mark; 0: none (default: %(default)s)")
    flags.add_argument("--ours", type=pathlib.Path, action="append", default=[], help="photos of another of our identities, for ID retrieval")
    flags.add_argument("--push", metavar="USER/NAME", help="publish the identity there once it is saved (docs/hub.md)")
    closing(flags)
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
        if "WORLD_SIZE" in os.environ:  # started by torchrun
            dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
            device = torch.device(device.type, dist.get_rank() % torch.cuda.device_count()) if device.type == "cuda" else device
        run(arguments, config, device, folder)
    except FaceHubError as problem:
        return fail(str(problem))
    except KeyboardInterrupt:
        return fail(f"\nStopped. The last checkpoint is in {folder}: the same command goes on from there.")
    except (MemoryError, RuntimeError) as problem:
        if not isinstance(problem, MemoryError) and "out of memory" not in str(problem) and "allocate memory" not in str(problem):
            raise
        return fail(f"\nOut of memory. The last checkpoint is in {folder}: the same command with --batch below {config.batch} goes on from there.")
    except OSError as problem:
        what = f"{problem.strerror or problem}: {problem.filename or folder}"
        return fail(f"\n{what}. Make room or mend it; the same command goes on from the last checkpoint in {folder}.")
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
    return 0


def fail(sentence: str) -> int:
    print(sentence, file=sys.stderr)
    return 1


def run(arguments: argparse.Namespace, config: Config, device: torch.device, folder: pathlib.Path) -> None:
    """Everything from photos to the saved identity."""
    consent = read_consent(arguments.consent)
    if arguments.push and first_process():
        hub.Hub().check_push(arguments.push, consent, private=arguments.private, gated=arguments.gated)
    folder.mkdir(parents=True, exist_ok=True)
    looks_with = estimators.read(arguments.estimators)
    report = folder if first_process() else None
    material = prepare(arguments.photos, arguments.content, size=config.size, cache=arguments.cache, seed=config.seed, report=report)
    start = hub.load(arguments.start).generator("cpu") if arguments.start else None
    generator, rows = train(
        material, config, vgg=arguments.vgg19, scales=arguments.vgg19_scales, sface=arguments.sface, folder=folder, device=device, start=start
    )
    if not first_process():
        return
    try:
        looker = Looker(looks_with)
    except FaceHubError as problem:
        print(f"{problem} The identity is saved unmeasured: `python -m train.evaluate {arguments.out} ... --save` measures it where dlib is.")
        finish(arguments, config, generator, material, {}, rows, device, samples=[])
        return
    ours = [prepare(other, arguments.content, size=config.size, cache=arguments.cache, seed=config.seed).style for other in arguments.ours]
    upper = None
    if arguments.upper:
        network = vgg19(arguments.vgg19, arguments.vgg19_scales, box=boxed(material.content.crop)).to(device)
        upper = upper_mark(material, config, network.to(memory_format=torch.channels_last), device)  # pyright: ignore[reportCallIssue]
    metrics, sheet = evaluate(generator, material, looker, ours=ours, upper=upper, upper_faces=arguments.upper)
    image.write(folder / "held_out.png", sheet)
    print(table(metrics))
    finish(arguments, config, generator, material, metrics, rows, device, samples=arguments.sample)


def finish(arguments, config, generator, material, metrics, rows, device, *, samples) -> None:
    """Saves the identity's folder: weights, card, how it was made, and swaps of the sample pictures."""
    consent = read_consent(arguments.consent)
    generator = generator.to("cpu")
    pictures = {}
    for path in samples:
        photo = image.read(path).photo
        pictures[path.stem] = contact_sheet(row(photo, Swapper(generator)(photo[None], faces="largest"), side=256), columns=3)
    training = {
        "command": " ".join(["python -m train", *map(shlex.quote, sys.argv[1:])]),
        "config": dataclasses.asdict(config),
        "machine": machine(device),
        "versions": {"python": platform.python_version(), "torch": torch.__version__},
        "seconds": {name: round(sum(r["seconds"] for r in rows if r["name"] == name)) for name in dict.fromkeys(r["name"] for r in rows)},
        "losses": [rows[i] for i in range(0, len(rows), max(1, len(rows) // 100))],
        "losses_from": {
            "vgg19": _file(arguments.vgg19),
            "sface": _file(arguments.sface),
            "lighting": _file(lighting.WEIGHTS),
            "landmarks": _file(landmarks.WEIGHTS),
        },
        "started_from": beginning(arguments.start) if arguments.start else None,
        "photos": list(material.style.names),
        "left_out": material.weeded,
        "content_faces": len(material.content),
        "credits": arguments.credits,
    }
    folder = save(
        arguments.out,
        generator=generator,
        title=arguments.name,
        consent=consent,
        metrics=metrics,
        training=training,
        samples=pictures,
        credits=arguments.credits,
    )
    print(f"Saved {folder}. Try it: python -m facehub swap photo.jpg --identity {folder} --out result.png")
    if arguments.push:
        try:
            pushed = hub.Hub().push(folder, arguments.push, private=arguments.private, gated=arguments.gated)
        except FaceHubError as problem:
            closed = "".join(f" --{name}" for name in ("private", "gated") if getattr(arguments, name))
            later = f"python -m facehub push {folder} {arguments.push}{closed}"
            raise FaceHubError(f"{problem} The identity is saved: `{later}` publishes it.") from problem
        print(f"Published: {pushed.url}, at {pushed.commit[:12]}.")
