"""The training loop: three stages, one record a step. It prints, saves and pushes nothing.

The paper trains on its losses alone, 160,000 samples from an orthogonal start. We let the network imitate
optimised faces (pixel_optimisation.py), at half the size and then at full size. The losses alone, even from
there, lead to one face for everybody within 300 steps; in the last stage they therefore take turns with
imitation.
docs/training.md has the runs. The paper's own recipe is `coarse_steps=0, fine_steps=0, turns=1, identity=0,
landmarks=0, steps=10000`.

Several processes, started by torchrun, share each batch and average their gradients: the steps are those of
one process.
"""

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import UInt8
from torch import Tensor

from facehub.errors import BadSetting
from facehub.networks.generator import Generator, grow
from facehub.training_progress import Stage

from .config import Config
from .data.gallery import Gallery
from .objectives import Teachers, imitation_terms, loss_terms
from .processes import average_over_processes
from .run import Run, seeded, to_device


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did."""

    stage: Stage
    step: int
    """Counted from 1 within the stage."""
    steps: int
    losses: dict[str, float]
    """Unweighted means over the batch, and their weighted sum as "total"."""
    seconds: float


def fit(
    content: Gallery,
    targets: UInt8[Tensor, "targets 3 size size"],
    teachers: Teachers,
    config: Config,
    *,
    device: torch.device,
    run: Run | None = None,
) -> Iterator[tuple[Step, Run]]:
    """Trains; `targets` are the optimised forms of the first faces of `content`. Give the `Run` of an
    earlier step to go on from there."""
    run = run or Run(generator=to_device(seeded(config.seed, lambda: Generator(config.size // 2)), device))
    stages = (
        (Stage.HALF_SIZE, config.coarse_steps, config.rate),
        (Stage.FULL_SIZE, config.fine_steps, config.rate),
        (Stage.LOSSES, config.steps, config.fine_rate),
    )
    while run.stage < len(stages):
        name, steps, rate = stages[run.stage]
        if steps and run.step == 0:
            if run.stage > 0 and run.generator.size < config.size:
                run.generator = to_device(seeded(config.seed + 1, lambda: grow(run.average)), device)
            run.reset_optimiser()
        while run.step < steps:
            begun = time.perf_counter()
            choice = torch.Generator().manual_seed(hash((config.seed, run.stage, run.step)) % 2**31)
            _anneal(run.optimiser, rate, config.last_rate, run.step / steps)
            if name is Stage.LOSSES and run.step % config.turns == config.turns - 1:
                parts, weights = loss_terms(
                    run.generator, content, teachers, config, choice, device, run.step / steps
                )
            else:
                parts, weights = imitation_terms(
                    run.generator, content, targets, teachers.network, config, choice, device
                )
            loss = sum(
                (weights[k] * v.mean() for k, v in parts.items()), start=torch.zeros((), device=device)
            )
            run.optimiser.zero_grad()
            loss.backward()
            losses = average_over_processes(
                run.generator, {k: v.detach().mean() for k, v in parts.items()} | {"total": loss.detach()}
            )
            if not all(map(math.isfinite, losses.values())):
                where = f"{name}, step {run.step + 1}"
                raise BadSetting(
                    f"The losses are no longer numbers ({where}): lower --rate, --fine-rate or --alpha and "
                    "start again."
                )
            torch.nn.utils.clip_grad_norm_(run.generator.parameters(), 10.0)
            run.optimiser.step()
            run.step += 1
            run.update_average(min(config.average, run.step / (run.step + 10)))
            yield Step(name, run.step, steps, losses, time.perf_counter() - begun), run
        run.stage, run.step = run.stage + 1, 0


def _anneal(optimiser: torch.optim.Adam, first: float, last: float, progress: float) -> None:
    """Cosine from the first to the last learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = last + (first - last) * 0.5 * (1 + math.cos(math.pi * progress))
