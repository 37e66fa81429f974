"""The training loop: three stages, one record a step. It prints, saves and pushes nothing.

The paper trains on its losses alone, 160,000 samples from an orthogonal start. We let the network imitate optimised faces (targets.py), at half the
size and then at full size. The losses alone, even from there, lead to one face for everybody within 300 steps; in the last stage they therefore
take turns with imitation. docs/training.md has the runs. The paper's own recipe is
`coarse_steps=0, fine_steps=0, turns=1, identity=0, landmarks=0, steps=10000`.

Several processes, started by torchrun, share each batch and average their gradients: the steps are those of one process.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub.errors import BadSetting
from facehub.generators import Generator, grow
from facehub.masks import hull

from . import losses
from .config import Config
from .features import VGG19
from .landmarks import LandmarkNet
from .lighting import Lighting
from .photos import Gallery
from .precision import autocast
from .preview import terms
from .recognition import SFace
from .style import BOX, StyleBank, boxed

OUTSIDE = 0.15
"""Weight of what lies outside the face's outline while imitating."""


@dataclass(frozen=True, slots=True)
class Step:
    """What one step did."""

    stage: str
    step: int
    """Counted from 1 within the stage."""
    steps: int
    losses: dict[str, float]
    """Unweighted means over the batch, and their weighted sum as "total"."""
    seconds: float


@dataclass(slots=True)
class Run:
    """All that changes while training: save it, load it, and the run goes on as if nothing had happened."""

    generator: Generator
    stage: int = 0
    step: int = 0
    frozen: tuple[str, ...] = ()
    """Names of the weights that stay as they are: those of a network that was given and grown."""
    average: Generator = field(init=False)
    """Moving average of the weights: what ships."""
    optimiser: torch.optim.Adam = field(init=False)

    def __post_init__(self):
        self.begin()

    def state(self) -> dict:
        return {
            "stage": self.stage,
            "step": self.step,
            "size": self.generator.size,
            "frozen": list(self.frozen),
            "generator": self.generator.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
        }

    @classmethod
    def of(cls, state: dict, device: torch.device) -> "Run":
        generator = _ready(Generator(state["size"]), device)
        run = cls(stage=state["stage"], step=state["step"], generator=generator, frozen=tuple(state.get("frozen", ())))
        run.generator.load_state_dict(state["generator"])
        run.average.load_state_dict(state["average"])
        run.optimiser.load_state_dict(state["optimiser"])
        return run

    def begin(self) -> None:
        """A fresh optimiser and average for the generator as it is now."""
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        learning = [p.requires_grad_(name not in self.frozen) for name, p in self.generator.named_parameters()]
        self.optimiser = torch.optim.Adam([p for p in learning if p.requires_grad], lr=1e-3)

    @classmethod
    def started(cls, start: Generator, config: Config, device: torch.device) -> "Run":
        """A run that starts from a trained network, at the second stage.

        One of the same size goes on learning, all of it. One of half the size gets a further branch and stays as it is (paper, section 4.1:
        128 -> 256 px). Raises BadSetting for any other.
        """
        if start.size == config.size:
            return cls(generator=_ready(start, device), stage=1)
        if start.size * 2 != config.size:
            sizes = f"{config.size // 2} or {config.size} px, or --size {start.size} or {start.size * 2}"
            raise BadSetting(f"A network of {start.size} px cannot start one of {config.size} px: give one of {sizes}.")
        larger = _ready(_seeded(config.seed + 1, lambda: grow(start)), device)
        kept = tuple(name for name in start.state_dict() if not name.startswith("to_rgb."))
        return cls(generator=larger, stage=1, frozen=kept)


@dataclass(frozen=True, slots=True)
class Teachers:
    """The frozen networks behind the losses, and what they know of the identity."""

    bank: StyleBank
    network: VGG19
    sface: SFace | None = None
    """None: trained without the identity loss."""
    face: Float[Tensor, " 128"] | None = None
    """SFace's mean vector of the style photos."""
    lighting: Lighting | None = None
    """None: trained without the light loss."""
    points: LandmarkNet | None = None
    """None: trained without the landmark loss."""


def fit(
    content: Gallery,
    targets: UInt8[Tensor, "targets 3 size size"],
    teachers: Teachers,
    config: Config,
    *,
    device: torch.device,
    run: Run | None = None,
) -> Iterator[tuple[Step, Run]]:
    """Trains; `targets` are the optimised forms of the first faces of `content`. Give the `Run` of an earlier step to go on from there."""
    run = run or Run(generator=_ready(_seeded(config.seed, lambda: Generator(config.size // 2)), device))
    stages = (
        ("imitate at half size", config.coarse_steps, config.rate),
        ("imitate", config.fine_steps, config.rate),
        ("losses", config.steps, config.fine_rate),
    )
    while run.stage < len(stages):
        name, steps, rate = stages[run.stage]
        if steps and run.step == 0:
            if run.stage > 0 and run.generator.size < config.size:
                run.generator = _ready(_seeded(config.seed + 1, lambda: grow(run.average)), device)
            run.begin()
        while run.step < steps:
            begun = time.perf_counter()
            choice = torch.Generator().manual_seed(hash((config.seed, run.stage, run.step)) % 2**31)
            _anneal(run.optimiser, rate, config.last_rate, run.step / steps)
            if name == "losses" and run.step % config.turns == config.turns - 1:
                parts, weights = _losses(run.generator, content, teachers, config, choice, device, run.step / steps)
            else:
                parts, weights = _imitation(run.generator, content, targets, teachers.network, config, choice, device)
            loss = sum((weights[k] * v.mean() for k, v in parts.items()), start=torch.zeros((), device=device))
            run.optimiser.zero_grad()
            loss.backward()
            losses = _shared(run.generator, {k: v.detach().mean() for k, v in parts.items()} | {"total": loss.detach()})
            if not all(map(math.isfinite, losses.values())):
                where = f"{name}, step {run.step + 1}"
                raise BadSetting(f"The losses are no longer numbers ({where}): lower --rate, --fine-rate or --alpha and start again.")
            torch.nn.utils.clip_grad_norm_(run.generator.parameters(), 10.0)
            run.optimiser.step()
            run.step += 1
            _blend(run.average, run.generator, min(config.average, run.step / (run.step + 10)))
            yield Step(name, run.step, steps, losses, time.perf_counter() - begun), run
        run.stage, run.step = run.stage + 1, 0


def _losses(generator, content, teachers, config, choice, device, progress) -> tuple[dict[str, Tensor], dict[str, float]]:
    """The paper's losses on a batch of content photos, each mirrored at random, and those of the face and landmark networks."""
    rows = torch.randint(len(content), (config.batch,), generator=choice)
    mirror = torch.rand(config.batch, generator=choice) < 0.5
    faces = _mirrored(content[_mine(rows)], _mine(mirror))
    crop, landmarks = _floats(faces.crop, device), faces.landmarks.to(device)
    best = teachers.bank.best(landmarks, config.styles)
    with autocast(device):
        with torch.no_grad():
            photo = teachers.network(boxed(crop))
        output = generator(crop, window(generator.size)).float()
        parts = terms(output, photo, best, teachers.network)
        if teachers.lighting is not None and config.light:
            with torch.no_grad():
                light = teachers.lighting(boxed(crop))
            parts["light"] = losses.light(teachers.lighting(output).float(), light.float())
        if teachers.points is not None and config.landmarks:
            with torch.no_grad():
                places = teachers.points(boxed(crop))
            parts["landmarks"] = losses.landmarks(teachers.points(output), places)
        if teachers.sface is not None and teachers.face is not None and config.identity:
            with torch.no_grad():
                inputs = teachers.sface(crop, landmarks)
            whole = crop.clone()
            boxed(whole).copy_(output)
            parts["identity"] = losses.identity(teachers.sface(whole, landmarks).float(), inputs.float(), teachers.face)
    alpha = config.alpha * min(1.0, progress / config.ramp) if config.ramp else config.alpha
    weights = {"content": 1.0, "style": alpha, "light": config.light, "variation": config.gamma}
    return parts, weights | {"identity": config.identity, "landmarks": config.landmarks}


def _imitation(generator, content, targets, network, config, choice, device) -> tuple[dict[str, Tensor], dict[str, float]]:
    """How far the network is from the optimised faces: pixels, and at full size VGG features, so that it learns sharp ones.

    What lies outside the face counts little: there the optimised faces hold noise, and the mask gives the photo back.
    """
    rows = torch.randint(len(targets), (config.batch,), generator=choice)
    matrix, tint = _jitter(config.batch, choice)
    rows, matrix, tint = _mine(rows), _mine(matrix).to(device), _mine(tint).to(device)
    crop, target = _floats(content.crop[rows], device), _floats(targets[rows], device)
    weight = OUTSIDE + (1 - OUTSIDE) * hull(crop, content.landmarks[rows].to(device))
    crop, target, weight = _jittered(crop, target, weight, matrix, tint)
    if generator.size < crop.shape[-1]:
        crop, target, weight = (F.avg_pool2d(t, t.shape[-1] // generator.size) for t in (crop, target, weight))
    crop, target, weight = (t.contiguous(memory_format=torch.channels_last) for t in (crop, boxed(target), boxed(weight)))
    with autocast(device):
        output = generator(crop, window(generator.size)).float()
        parts = {"pixels": _weighted((output - target).abs(), weight)}
        if generator.size == config.size:
            with torch.no_grad():
                wanted = network(target)
            found = network(output)
            parts["features"] = torch.stack([_weighted((found[k] - wanted[k]).float().square(), weight) for k in wanted]).mean(0)
    return parts, {"pixels": 20.0, "features": 1.0}


def _mine(whole: Tensor) -> Tensor:
    """This process's share of what was drawn for a batch."""
    return whole[dist.get_rank() :: dist.get_world_size()] if dist.is_initialized() else whole


def _shared(generator: Generator, means: dict[str, Tensor]) -> dict[str, float]:
    """Averages the gradients and the losses over all processes."""
    if dist.is_initialized():
        numbers = torch.stack(list(means.values()))
        for tensor in (numbers, *(p.grad for p in generator.parameters() if p.grad is not None)):
            dist.all_reduce(tensor)
            tensor /= dist.get_world_size()
        means = dict(zip(means, numbers, strict=True))
    return {k: v.item() for k, v in means.items()}


def _weighted(error: Float[Tensor, "n c y x"], weight: Float[Tensor, "n 1 h w"]) -> Float[Tensor, " n"]:
    """Mean of the error by the weight, brought to the error's resolution."""
    weight = F.adaptive_avg_pool2d(weight, (error.shape[-2], error.shape[-1]))
    return (error.mean(1, keepdim=True) * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))


def window(size: int) -> tuple[int, int, int, int]:
    """The face's box for a network of this size."""
    top, bottom, left, right = (round(edge * size / 128) for edge in BOX)
    return top, bottom, left, right


def _jitter(n: int, choice: torch.Generator) -> tuple[Float[Tensor, "n 2 3"], Float[Tensor, "n 3"]]:
    """Small turns, scales, shifts and mirror images, and tints."""
    turn, grow_by = (torch.rand(n, generator=choice) - 0.5) * 0.2, 1 + (torch.rand(n, generator=choice) - 0.5) * 0.12
    shift = (torch.rand(n, 2, generator=choice) - 0.5) * 0.12
    mirror = torch.where(torch.rand(n, generator=choice) < 0.5, -1.0, 1.0)
    tint = 1 + (torch.rand(n, 3, generator=choice) - 0.5) * 0.3
    linear = torch.stack([torch.cos(turn) * mirror, -torch.sin(turn), torch.sin(turn) * mirror, torch.cos(turn)], dim=1).reshape(n, 2, 2)
    return torch.cat([linear * grow_by[:, None, None], shift[:, :, None]], dim=2), tint


def _jittered(
    crop: Float[Tensor, "n 3 size size"],
    target: Float[Tensor, "n 3 size size"],
    weight: Float[Tensor, "n 1 size size"],
    matrix: Float[Tensor, "n 2 3"],
    tint: Float[Tensor, "n 3"],
) -> tuple[Tensor, Tensor, Tensor]:
    """Input and target moved and tinted alike: what a swap of the changed photo would be."""
    together = torch.cat([crop, target, weight], dim=1)
    grid = F.affine_grid(matrix, list(together.shape), align_corners=False)
    moved = F.grid_sample(together, grid, padding_mode="border", align_corners=False)
    tint = tint[:, :, None, None]
    return (moved[:, :3] * tint).clamp(0, 1), (moved[:, 3:6] * tint).clamp(0, 1), moved[:, 6:]


def _mirrored(faces: Gallery, mirror: Tensor) -> Gallery:
    n = len(faces)
    return faces.mirrored()[torch.arange(n) + n * mirror]


def _floats(crop: UInt8[Tensor, "n 3 h w"], device: torch.device) -> Float[Tensor, "n 3 h w"]:
    return (crop.to(device).float() / 255).contiguous(memory_format=torch.channels_last)


def _seeded(seed: int, make: Callable[[], Generator]) -> Generator:
    """A network whose random start depends on the seed alone, also when a run goes on; leaves the global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def _ready(generator: Generator, device: torch.device) -> Generator:
    return generator.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def _anneal(optimiser: torch.optim.Adam, first: float, last: float, progress: float) -> None:
    """Cosine from the first to the last learning rate."""
    for group in optimiser.param_groups:
        group["lr"] = last + (first - last) * 0.5 * (1 + math.cos(math.pi * progress))


@torch.no_grad()
def _blend(average: Generator, generator: Generator, decay: float) -> None:
    for kept, new in zip(average.parameters(), generator.parameters(), strict=True):
        kept.lerp_(new, 1 - decay)
