"""From gathered faces to a trained network: all stages, with checkpoints, log and previews."""

import dataclasses
import pathlib
import time

import torch
import torch.distributed as dist
from jaxtyping import UInt8
from torch import Tensor
from torch.utils.tensorboard import SummaryWriter

from facehub import image
from facehub.errors import BadSetting
from facehub.networks.generator import Generator
from facehub.sheets import make_grid
from facehub.training_progress import Progress, ProgressCallback, Stage

from . import landmarks, lighting
from .checkpoint import load_checkpoint, save_checkpoint
from .config import Config
from .data.dataset import Dataset
from .data.face_box import boxed
from .data.gallery import Gallery
from .evaluation.outputs import outputs
from .evaluation.plots import curves
from .loop import Step, fit
from .networks.sface import SFace
from .networks.vgg import VGG19, vgg19
from .objectives import Teachers
from .pixel_optimisation import load_or_optimise
from .processes import first_process
from .progress import printer
from .run import Run
from .style_bank import style_bank

SAVE_EVERY = 40
"""Steps between checkpoints and previews."""


def train(
    material: Dataset,
    config: Config,
    *,
    vgg: pathlib.Path | None,
    scales: pathlib.Path | None,
    sface: pathlib.Path | None,
    folder: pathlib.Path,
    device: torch.device,
    start: Generator | None = None,
    report: ProgressCallback | None = None,
) -> tuple[Generator, list[dict]]:
    """Run all stages and return the averaged network and the log.

    `folder` keeps the optimised faces, the checkpoint, the log and a preview. `start`: a network to train
    on from, or one of half the size, to which a branch is added. `report` receives each record of progress,
    which is printed by default. Of several processes only the first writes; all return the same. Raises
    BadSetting, DiskFull.
    """
    report = report or printer("text")
    network = vgg19(vgg, scales, box=boxed(material.content.crop), device=device)
    teachers = load_teachers(material, network, sface, device)
    bank = f"Style bank: {len(material.style)} photos and their mirror images."
    report(Progress(message=f"{bank} Content: {len(material.content)} faces."))
    first = material.content[torch.arange(min(config.target_faces, len(material.content)))]
    if start is not None and start.size == config.size:
        # it keeps what it can, as in Li and Hoiem, Learning without Forgetting, ECCV 2016
        targets = outputs(start.to(device), first.crop)
    else:
        targets = optimise_targets(first, teachers, config, folder / "targets", device, report)
    run, rows = load_checkpoint(folder, device) or (None, [])
    earlier = run
    if run is not None:
        report(Progress(message=f"Goes on after step {run.step} of stage {run.stage + 1}."))
    elif start is not None:
        earlier = Run.from_generator(start, config, device)
    board = SummaryWriter(str(folder / "tensorboard"), purge_step=len(rows)) if first_process() else None
    for step, run in fit(material.content, targets, teachers, config, device=device, run=earlier):
        rows.append(dataclasses.asdict(step) | {"stage": run.stage, "name": step.stage})
        if board is None:
            continue
        for name, value in step.losses.items():
            board.add_scalar(f"{step.stage}/{name}", value, len(rows))
        if step.step % SAVE_EVERY == 0 or step.step == step.steps:
            save_checkpoint(run, rows, folder)
            sheet = write_preview(run.average, material.held_out, folder / "preview.png")
            board.add_image("held out", sheet, len(rows))
        report(progress_of(step))
    if board is not None:
        board.close()
        try:
            curves(rows, folder / "curves.png")
        except ImportError:
            report(Progress(message="matplotlib is not installed: no loss curves were drawn."))
    if run is None:
        raise BadSetting(
            "Nothing was trained: give at least one of --coarse-steps, --fine-steps and --steps more than 0."
        )
    return run.average, rows


def progress_of(step: Step) -> Progress:
    """The record of one step of the loop."""
    return Progress(
        stage=step.stage,
        step=step.step,
        steps=step.steps,
        losses=step.losses,
        seconds=step.seconds,
        seconds_left=(step.steps - step.step) * step.seconds,
    )


def optimise_targets(
    first: Gallery,
    teachers: Teachers,
    config: Config,
    folder: pathlib.Path,
    device: torch.device,
    report: ProgressCallback,
) -> UInt8[Tensor, "n 3 size size"]:
    """The faces that the network first learns to imitate. Of several processes the first makes them and the
    others read them."""

    def faces():
        return load_or_optimise(first, teachers.bank, teachers.network, config, folder=folder, device=device)

    begun, targets = time.monotonic(), list[Tensor]()
    if first_process():
        for batch in faces():
            targets.append(batch)
            done = sum(map(len, targets))
            left = (time.monotonic() - begun) / done * (len(first) - done)
            report(Progress(stage=Stage.TARGETS, step=done, steps=len(first), seconds_left=left))
    if dist.is_initialized():
        dist.barrier()
    return torch.cat(targets or list(faces()))


def load_teachers(
    material: Dataset, network: VGG19, sface: pathlib.Path | None, device: torch.device
) -> Teachers:
    """The frozen networks that judge, the identity's style bank and its mean face vector."""
    bank = style_bank(material.style, network, device=device)
    light, points = lighting.read().to(device), landmarks.read().to(device)
    if sface is None:
        return Teachers(bank, network, lighting=light, points=points)
    recogniser = SFace(sface).to(device)
    with torch.no_grad():
        faces = recogniser(material.style.crop.to(device).float() / 255, material.style.landmarks.to(device))
    face = torch.nn.functional.normalize(faces.mean(0), dim=0)
    return Teachers(bank, network, recogniser, face, light, points)


def write_preview(
    generator: Generator, faces: Gallery, file: pathlib.Path, *, count: int = 12
) -> UInt8[Tensor, "3 height width"]:
    """Write and return held-out inputs above what the network makes of them."""
    crop = faces.crop[:count]
    sheet = make_grid(torch.cat([crop, outputs(generator, crop)]), columns=len(crop))
    image.write(file, sheet)
    return sheet
