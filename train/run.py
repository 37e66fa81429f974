"""The state of a training run: networks, optimiser and position, as a checkpoint holds them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facehub.errors import BadSetting
from facehub.networks.generator import Generator, grow

from .config import Config


@dataclass(slots=True)
class Run:
    """Everything that changes during training. Saved and loaded again, the run continues as if never
    stopped."""

    generator: Generator
    stage: int = 0
    step: int = 0
    frozen: tuple[str, ...] = ()
    """Names of the weights that are not trained: those of a given network that was grown."""
    ema: AveragedModel = field(init=False)
    """Moving average of the weights."""
    optimiser: torch.optim.Adam = field(init=False)

    def __post_init__(self):
        self.reset_optimiser()

    @property
    def average(self) -> Generator:
        """The averaged network: what ships."""
        return self.ema.module  # pyright: ignore[reportReturnType] -- torch types it as Module

    def update_average(self, decay: float) -> None:
        """Move the average towards the generator, keeping the share `decay` of it."""
        self.ema.multi_avg_fn = get_ema_multi_avg_fn(decay)
        self.ema.update_parameters(self.generator)

    def state(self) -> dict:
        """Everything as tensors and plain values, for `torch.save`."""
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
    def from_state(cls, state: dict, device: torch.device) -> "Run":
        """The run of a checkpoint."""
        generator = to_device(Generator(state["size"]), device)
        run = cls(
            stage=count(state, "stage"),
            step=count(state, "step"),
            generator=generator,
            frozen=tuple(state.get("frozen", ())),
        )
        run.generator.load_state_dict(state["generator"])
        run.average.load_state_dict(state["average"])
        run.optimiser.load_state_dict(state["optimiser"])
        return run

    def reset_optimiser(self) -> None:
        """Make a new optimiser and a new average of the generator as it is now."""
        self.ema = AveragedModel(self.generator).requires_grad_(False)
        self.ema.n_averaged.fill_(1)  # the copy counts; else the first update would copy again
        learning = [
            p.requires_grad_(name not in self.frozen) for name, p in self.generator.named_parameters()
        ]
        self.optimiser = torch.optim.Adam([p for p in learning if p.requires_grad], lr=1e-3)

    @classmethod
    def from_generator(cls, start: Generator, config: Config, device: torch.device) -> "Run":
        """Start from a trained network, at the second stage.

        A network of the same size is trained further as a whole. One of half the size is frozen and gets a
        further branch (paper, section 4.1: 128 -> 256 px). Raises BadSetting for any other size.
        """
        if start.size == config.size:
            return cls(generator=to_device(start, device), stage=1)
        if start.size * 2 != config.size:
            sizes = f"{config.size // 2} or {config.size} px, or --size {start.size} or {start.size * 2}"
            raise BadSetting(
                f"A network of {start.size} px cannot start one of {config.size} px: give one of {sizes}."
            )
        larger = to_device(seeded(config.seed + 1, lambda: grow(start)), device)
        kept = tuple(name for name in start.state_dict() if not name.startswith("to_rgb."))
        return cls(generator=larger, stage=1, frozen=kept)


def seeded(seed: int, make: Callable[[], Generator]) -> Generator:
    """A network whose random start depends on the seed alone, also when a run goes on; leaves the global
    generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()


def count(state: dict, name: str) -> int:
    """A number of stages or steps in a checkpoint. Raises ValueError for anything else."""
    value = state[name]
    if type(value) is not int or value < 0:
        raise ValueError(f"{name} is no count")
    return value


def to_device(generator: Generator, device: torch.device) -> Generator:
    return generator.to(device).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
