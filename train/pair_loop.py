"""The training on pairs, read from top to bottom: draw, paint, weigh, step; then the discriminators.

At twice the base's resolution the whole face's box is compared. A network that paints at four times the
base's (subpixel.py) is compared there in two patches a face, around an eye and elsewhere, because that is
where the detail is and the rest is a matter of arithmetic (pair_patches.py).
"""

import copy
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from facehub.errors import BadSetting
from facehub.identity.weights import AnyGenerator
from facehub.networks.double import DoubleGenerator, DoubleHead, begin_larger
from facehub.networks.subpixel import HeadedGenerator, SubpixelGenerator, doubled

from . import losses, pair_losses
from .config import PairConfig
from .data.face_box import BOX, window
from .data.pair_batches import NATURAL, RETURN, PairBatch, PairSource
from .landmarks import LandmarkNet
from .networks.discriminator import FEATURES, FeatureDiscriminator, PatchDiscriminator, hinge, mean_inside
from .networks.vgg import VGG19
from .pair_box import FaceBox
from .pair_patches import FinePatches, patch_terms
from .precision import autocast
from .shown import as_shown, coarsened, glimpsed, shifted

LAYERS = tuple(FEATURES)
"""VGG-19's layers in the losses of the face's box."""


@dataclass(frozen=True, slots=True)
class PairTeachers:
    """The frozen networks behind the losses."""

    network: VGG19
    points: LandmarkNet
    sface: nn.Module
    """SFace, or what else gives unit vectors of crops and landmarks."""
    face: Float[Tensor, " k"]
    """Its mean vector of the identity's photos."""


@dataclass(frozen=True, slots=True)
class PairStep:
    """What a step was like."""

    step: int
    steps: int
    losses: dict[str, float]
    seconds: float
    stage: str = "pairs"


HEADS: dict[int, type[DoubleGenerator] | type[SubpixelGenerator]] = {2: DoubleGenerator, 4: SubpixelGenerator}
"""The network by how many times the side of its base's crop it paints."""


@dataclass(slots=True)
class PairRun:
    """All that a run needs to go on."""

    config: PairConfig
    generator: HeadedGenerator
    device: torch.device
    step: int = 0
    average: HeadedGenerator = field(init=False)
    """Moving average of the weights: what ships."""
    judge: FeatureDiscriminator = field(init=False)
    """Discriminator of the face at twice the base's resolution."""
    fine_judge: PatchDiscriminator | None = field(init=False)
    """Discriminator of patches at four times the base's resolution; None where the network does not paint
    there."""
    painting: torch.optim.Adam = field(init=False)
    judging: torch.optim.Adam = field(init=False)

    def __post_init__(self):
        config, fine = self.config, isinstance(self.generator, SubpixelGenerator)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            self.judge = self._ready(FeatureDiscriminator())
            self.fine_judge = self._ready(PatchDiscriminator()) if fine else None
        self.generator = self._ready(self.generator)
        self.average = copy.deepcopy(self.generator).requires_grad_(False)
        groups = [
            {"params": list(self.generator.head.parameters()), "lr": config.head_rate},
            {"params": list(self.generator.base.parameters()), "lr": config.base_rate},
        ]
        self.painting = torch.optim.Adam(groups, betas=(0.5, 0.99))
        judges = [weight for judge in self.judges for weight in judge.parameters()]
        self.judging = torch.optim.Adam(judges, lr=config.judge_rate, betas=(0.5, 0.99))

    def _ready(self, module):
        return module.to(self.device).to(memory_format=torch.channels_last).train()

    @property
    def judges(self) -> list[nn.Module]:
        return [judge for judge in (self.judge, self.fine_judge) if judge is not None]

    @classmethod
    def started(cls, base: AnyGenerator, config: PairConfig, device: torch.device) -> "PairRun":
        """From a trained network without a head, which gets a new one, or from one that has this head.

        A head for twice the side begins one for four times; of any other only the base is used. Raises
        BadSetting when the base paints another size than `config` asks for.
        """
        kind = HEADS[config.times]
        if isinstance(base, kind) and base.size == config.size:
            return cls(config, base, device)
        head, base = (base.head, base.base) if isinstance(base, HeadedGenerator) else (None, base)
        if base.size * config.times != config.size:
            raise BadSetting(
                f"A network of {base.size} px cannot grow to {config.size} px: start from an identity whose "
                f"network, or base of it, has {config.size // config.times} px."
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(config.seed)
            generator = kind(config.size)
        generator.base.load_state_dict(base.state_dict())
        if isinstance(head, DoubleHead) and isinstance(generator, SubpixelGenerator):
            begin_larger(generator.head, head)
        return cls(config, generator, device)

    PARTS = ("generator", "average", "judge", "fine_judge", "painting", "judging")

    def state(self) -> dict:
        parts = {name: getattr(self, name) for name in self.PARTS}
        return {"step": self.step} | {name: part.state_dict() for name, part in parts.items() if part}

    def load(self, state: dict) -> None:
        self.step = state["step"]
        for name in self.PARTS:
            if name in state:
                getattr(self, name).load_state_dict(state[name])

    def set_rates(self) -> None:
        """Falling linearly over the last steps, to a twelfth."""
        done, config = self.step / max(self.config.steps, 1), self.config
        share = 1.0 if done < config.decay_from else max(1 / 12, (1 - done) / (1 - config.decay_from))
        for group, rate in zip(self.painting.param_groups, (config.head_rate, config.base_rate), strict=True):
            group["lr"] = rate * share
        for group in self.judging.param_groups:
            group["lr"] = config.judge_rate * share


def fit_pairs(source: PairSource, teachers: PairTeachers, run: PairRun) -> Iterator[PairStep]:
    """Trains to the last step of the run's config. Run, source and seed decide its losses on one machine."""
    config = run.config
    while run.step < config.steps:
        begun = time.perf_counter()
        torch.manual_seed(config.seed * 1_000_003 + run.step)
        batch = source.batch(config.batch, seed=config.seed, step=run.step).to(run.device)
        run.set_rates()
        told = _step(batch, teachers, run)
        with torch.no_grad():
            decay = min(config.average, (run.step + 1) / (run.step + 10))
            for kept, new in zip(run.average.parameters(), run.generator.parameters(), strict=True):
                kept.lerp_(new, 1 - decay)
        run.step += 1
        yield PairStep(run.step, config.steps, told, time.perf_counter() - begun)


def _step(batch: PairBatch, teachers: PairTeachers, run: PairRun) -> dict[str, float]:
    config = run.config
    judged = run.step >= config.warm_up
    paired = (batch.kind != NATURAL).float()
    face_box = FaceBox.of(batch, config.times // 2)
    with autocast(run.device):
        made, passed = _painted(run.generator, batch, config)
        terms = _face_terms(made, face_box, paired, batch, teachers, config)
        seen, wanted = _seen(made, face_box, teachers)
        away = pair_losses.features(seen, wanted, face_box.weight)
        terms["features"] = config.features * pair_losses.mean_of(away, paired)
        if judged:
            terms |= _likeness(batch, made, face_box, teachers, config)
            verdict = mean_inside(run.judge(seen), face_box.mask)
            terms["adversarial"] = -config.adversarial * verdict
        known = face_box.mask * paired[:, None, None, None]
        painted = {name: found.detach() for name, found in seen.items()}
        tries: list[tuple] = [(run.judge, (wanted, known), (painted, face_box.mask))]
        if run.fine_judge is not None:
            patches = FinePatches.painted(run.generator, made, passed, batch, config)  # pyright: ignore[reportArgumentType]
            terms |= patch_terms(patches, teachers.network, config)
            if judged:
                verdict = mean_inside(run.fine_judge(patches.shown), patches.known)
                terms["fine adversarial"] = -config.fine_adversarial * verdict
            shown = patches.shown.detach()
            tries.append((run.fine_judge, (patches.real, patches.known), (shown, patches.known)))
        loss = torch.stack([term.float() for term in terms.values()]).sum()
    run.painting.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(run.generator.parameters(), 8.0)
    run.painting.step()
    if judged:
        terms |= _judge(run, tries)
    return {name: float(term.detach()) for name, term in terms.items()}


def _painted(generator: HeadedGenerator, batch: PairBatch, config: PairConfig) -> tuple[Tensor, Tensor]:
    """The face's box at twice the base's resolution, and features to go on from."""
    side = config.size * 2 // config.times
    crop = F.avg_pool2d(batch.input, config.times // 2).contiguous(memory_format=torch.channels_last)
    return doubled(generator.head, generator.seen, crop, window(side))


def _seen(made: Tensor, box: FaceBox, teachers: PairTeachers) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """VGG-19's features of the painted face in its photo, and of the target."""
    with torch.no_grad():
        wanted = teachers.network(box.target, LAYERS)
    return teachers.network(made * box.inside + box.input * (1 - box.inside), LAYERS), wanted


def _face_terms(
    made: Tensor,
    box: FaceBox,
    paired: Tensor,
    batch: PairBatch,
    teachers: PairTeachers,
    config: PairConfig,
) -> dict[str, Tensor]:
    difference = made - box.target
    colour = pair_losses.chroma(difference)
    terms = {
        "pixels": config.pixels * pair_losses.mean_of(pair_losses.weighted(difference, box.weight), paired),
        "chroma": config.chroma * pair_losses.mean_of(pair_losses.weighted(colour, box.weight), paired),
        "low": config.low * pair_losses.mean_of(pair_losses.low(difference, box.weight), paired),
        "tone": config.tone * pair_losses.share_of(pair_losses.tone(difference, box.skin), 1 - paired),
        "lattice": config.lattice * pair_losses.lattice(made).mean(),
        "around": 2 * pair_losses.share_of(pair_losses.weighted(difference, 1 - box.mask), 1 - paired),
    }
    painted, target = shifted(made.float(), box.target.float())
    with torch.no_grad():
        points = teachers.points(target)
    apart = losses.eyes_apart(batch.landmarks) * 128 / config.size
    moved = pair_losses.landmarks(teachers.points(coarsened(painted)), points, apart)
    terms["landmarks"] = config.landmarks * moved.mean()
    return terms


def _likeness(
    batch: PairBatch, made: Tensor, box: FaceBox, teachers: PairTeachers, config: PairConfig
) -> dict[str, Tensor]:
    crop = F.adaptive_avg_pool2d(batch.input, 128)
    points = (batch.landmarks + 0.5) * 128 / config.size - 0.5
    top, bottom, left, right = BOX
    face = as_shown(made.float(), box.input, box.inside, box.landmarks)
    swapped = crop.clone()
    swapped[:, :, top:bottom, left:right] = F.adaptive_avg_pool2d(face, (bottom - top, right - left))
    output = teachers.sface(*glimpsed(swapped, points)).float()
    with torch.no_grad():
        photo = teachers.sface(crop, points).float()
    stranger = (batch.kind != RETURN).float()
    return {
        "likeness": config.likeness * pair_losses.likeness(output, teachers.face).mean(),
        "left": config.left * pair_losses.mean_of(pair_losses.left(output, photo), stranger),
    }


def _judge(run: PairRun, tries: list) -> dict[str, Tensor]:
    """A step of the discriminators.

    `tries`: for each discriminator what it sees of real and made pictures, each with the mask inside which it
    judges.
    """
    with autocast(run.device):
        found = [
            hinge(judge(real), judge(made), real_mask, made_mask)
            for judge, (real, real_mask), (made, made_mask) in tries
        ]
    run.judging.zero_grad()
    torch.stack(found).sum().backward()
    run.judging.step()
    return dict(zip(pair_losses.JUDGES, found, strict=False))
