"""A run on pairs from its first step to its last: log, checkpoints, a preview each minute, and the end by
itself when nothing gets better (until_good.py)."""

import dataclasses
import math
import pathlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image
from facehub.blending.filters import luma
from facehub.errors import BadSetting
from facehub.networks.subpixel import HeadedGenerator
from facehub.sheets import make_grid
from facehub.training_progress import Progress, ProgressCallback, Stage

from . import losses, pair_losses
from .checkpoint import CHECKPOINT, LOG, read_log, read_state, save_checkpoint
from .data.face_box import boxed
from .data.pair_batches import PairSource
from .data.pairs import cut, outline_mask
from .data.portraits import Portrait, evenly
from .evaluation.outputs import outputs
from .pair_loop import PairRun, PairTeachers, fit_pairs
from .run import count
from .until_good import CHECK_EVERY, Check, last_step

FIRST_PREVIEW_S, PREVIEW_EVERY_S = 30.0, 60.0
"""Time until the first preview and checkpoint, and between two of them."""

SHOWN = 8
"""Faces in a preview."""

SUMMARY = ("total", "pixels", "features", "likeness", "landmarks")
"""The losses of a step that are told; the log has all."""

PACE_STEPS = 20
"""Last steps whose mean gives the time left."""

STRAIGHT = torch.tensor([[1.0, 0, 0], [0, 1, 0]]).numpy()
"""The frame of a crop as aligned."""


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Faces that are never learned from, as crops."""

    crop: UInt8[Tensor, "n 3 size size"]
    landmarks: Float[Tensor, "n 68 2"]
    """In crop pixels."""
    mask: Float[Tensor, "n 1 size size"]
    """1 inside the face's outline."""

    @classmethod
    def of(cls, faces: list[Portrait], size: int) -> "HeldOut":
        """`SHOWN` of the faces, evenly chosen."""
        chosen = evenly(faces, SHOWN)
        crops = [torch.from_numpy(cut(face, STRAIGHT, size)).permute(2, 0, 1) for face in chosen]
        points = [face.landmarks * size - 0.5 for face in chosen]
        masks = [torch.from_numpy(outline_mask(some, size)).float()[None] for some in points]
        landmarks = torch.stack([torch.from_numpy(some).float() for some in points])
        return cls(torch.stack(crops), landmarks, torch.stack(masks))

    def swapped(self, generator: HeadedGenerator) -> UInt8[Tensor, "n 3 size size"]:
        """What the network makes of them, inside the outline."""
        made, crop = outputs(generator, self.crop).float(), self.crop.float()
        return (crop + self.mask * (made - crop)).round().to(torch.uint8)


def train_pairs(
    run: PairRun,
    source: PairSource,
    teachers: PairTeachers,
    shown: HeldOut,
    folder: pathlib.Path,
    report: ProgressCallback,
    *,
    until_good: bool = False,
    now: Callable[[], float] = time.monotonic,
) -> list[dict]:
    """Train to the last step, from the checkpoint in `folder` if there is one; return the log, a row a step.

    `until_good` ends earlier when the held-out faces have stopped getting better: the rates then fall as at
    the end of a whole run. Raises BadSetting when the checkpoint is damaged or the losses are no numbers,
    DiskFull.
    """
    rows = resume(run, folder)
    if rows:
        report(Progress(message=f"Goes on after step {run.step}."))
    whole, seen = run.config, now() - PREVIEW_EVERY_S + FIRST_PREVIEW_S

    def look() -> None:
        save_checkpoint(run, rows, folder)
        image.write(folder / "preview.png", sheet(shown, run.average))

    while run.step < (steps := last_step(checks_of(rows), whole) if until_good else whole.steps):
        run.config = dataclasses.replace(whole, steps=steps)
        for step in fit_pairs(source, teachers, run):
            rows.append(_row(step.step, step.losses, step.seconds))
            pace = [row["seconds"] for row in rows[-PACE_STEPS:]]
            left = sum(pace) / len(pace) * (steps - step.step)
            found = {name: rows[-1]["losses"][name] for name in SUMMARY if name in rows[-1]["losses"]}
            report(
                Progress(
                    stage=Stage.PAIRS,
                    step=step.step,
                    steps=steps,
                    losses=found,
                    seconds=step.seconds,
                    seconds_left=left,
                )
            )
            if until_good and step.step % CHECK_EVERY == 0:
                rows[-1]["held_out"] = dataclasses.asdict(check(run, teachers, shown))
            if step.step == steps or now() - seen >= PREVIEW_EVERY_S:
                look()
                seen = now()
            if until_good and last_step(checks_of(rows), whole) != steps:
                report(Progress(message="Held-out faces have stopped getting better: the last steps begin."))
                break
    return rows


def _row(step: int, found: dict[str, float], seconds: float) -> dict:
    """A row of the log. Raises BadSetting when a loss is no number."""
    total = sum(value for name, value in found.items() if name not in pair_losses.JUDGES)
    if not all(map(math.isfinite, [total, *found.values()])):
        raise BadSetting(
            f"The losses are no longer numbers (step {step}): lower --head-rate and --base-rate and start "
            "again."
        )
    rounded = {name: round(value, 4) for name, value in {**found, "total": total}.items()}
    return {
        "name": Stage.PAIRS.value,
        "stage": 0,
        "step": step,
        "losses": rounded,
        "seconds": round(seconds, 2),
    }


def resume(run: PairRun, folder: pathlib.Path) -> list[dict]:
    """Bring the run to the checkpoint in `folder`; the rows of the log up to it, none where there is no
    checkpoint. Raises BadSetting when it is damaged, or of another network or way."""
    file = folder / CHECKPOINT
    if not file.exists():
        return []

    def loaded(state: dict) -> int:
        if state.keys() != run.state().keys():
            raise KeyError("another way's state")
        run.load(state)
        return count(state, "step")

    step = read_state(file, run.device, loaded)
    return [row for row in read_log(folder / LOG) if row["step"] <= step]


def checks_of(rows: list[dict]) -> list[Check]:
    """What was measured on held-out faces, in order."""
    return [Check(**row["held_out"]) for row in rows if "held_out" in row]


def sheet(shown: HeldOut, generator: HeadedGenerator) -> UInt8[Tensor, "3 height width"]:
    """The faces above what the network makes of them."""
    return make_grid(torch.cat([shown.crop, shown.swapped(generator)]), columns=len(shown.crop))


@torch.no_grad()
def check(run: PairRun, teachers: PairTeachers, shown: HeldOut) -> Check:
    """Measure the averaged network on held-out faces."""
    size, device = shown.crop.shape[-1], run.device
    before = shown.crop.float().to(device) / 255
    after = shown.swapped(run.average).float().to(device) / 255
    points, mask = shown.landmarks.to(device), shown.mask.to(device)
    small = F.adaptive_avg_pool2d(after, 128)
    likeness = teachers.sface(small, (points + 0.5) * 128 / size - 0.5) @ teachers.face
    boxes = [boxed(F.adaptive_avg_pool2d(some, 256)) for some in (after, before)]
    apart = losses.eyes_apart(points) * 128 / size
    moved = pair_losses.landmarks(teachers.points(boxes[0]), teachers.points(boxes[1]), apart)
    detail = [_detail(some, mask) for some in (after, before)]
    return Check(
        step=run.step,
        likeness=round(float(likeness.mean()), 4),
        moved=round(float(moved.mean()), 4),
        sharpness=round(float((detail[0] / detail[1].clamp_min(1e-4)).mean()), 4),
    )


def _detail(
    crop: Float[Tensor, "n 3 size size"], mask: Float[Tensor, "n 1 size size"]
) -> Float[Tensor, " n"]:
    """Root mean square of luma less its mean over 3 px, inside the mask."""
    gray = luma(crop)
    fine = (gray - F.avg_pool2d(gray, 3, stride=1, padding=1, count_include_pad=False)).square()
    return ((fine * mask).sum((1, 2, 3)) / mask.sum((1, 2, 3)).clamp_min(1)).sqrt()
