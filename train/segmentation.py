"""`python -m train.segmentation lfw_parts celebamask`: the network that tells hair, face, background and
what lies before the face apart.

Learns from folders of marked photos (parts.py), turned, scaled, shifted, mirrored, lit from a side,
blurred, tinted and with things painted over them (occluders.py); ends on a running mean of its weights.
What a pixel's label allows is a set of classes, and the loss is -log of their probability. Measured as
published systems are: LFW Part Labels in the photo's own frame over three classes, and CelebAMask-HQ's
skin.
"""

import argparse
import copy
import dataclasses
import hashlib
import json
import math
import pathlib
import shlex
import sys
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from facehub.blending.filters import LUMA
from facehub.errors import FaceHubError
from facehub.networks.segmentation import (
    CLASSES,
    INPUT_PX,
    WEIGHTS,
    Segmentation,
    fuse_batch_norm,
    load_segmentation,
)

from .data import parts
from .data.gallery import MIRROR
from .data.occluders import RandomSource, covered, masked, spectacled
from .data.parts import UNKNOWN, WIDE, Parts
from .flags import add_config_flags, config_from


@dataclasses.dataclass(frozen=True, slots=True)
class SegmentationConfig:
    """The numbers of a run."""

    steps: int = 4000
    batch: int = 32
    rate: float = 5e-3
    """Highest learning rate of AdamW, reached after a tenth of the steps (one cycle)."""
    decay: float = 0.02
    mean_over: float = 100.0
    """Steps over which the weights are averaged (exponentially)."""
    seed: int = 0


def moved(
    wide: UInt8[Tensor, "n 3 wide wide"],
    allowed: UInt8[Tensor, "n 1 wide wide"],
    landmarks: Float[Tensor, "n 68 2"],
    chance: RandomSource,
) -> tuple[Float[Tensor, "n 3 size size"], UInt8[Tensor, "n 1 size size"], Float[Tensor, "n 68 2"]]:
    """Crops turned, scaled, shifted and mirrored about the one that a swap would cut; a quarter of them
    shows the whole head, smaller."""
    n = len(wide)
    far = (torch.rand(n, generator=chance.choice) < 0.25).float()
    turn, mirror = chance.between(-0.3, 0.3), torch.where(chance.between(0, 1) < 0.5, -1.0, 1.0)
    scale = chance.between(0.88, 1.15) * (1 + far * chance.between(0.2, 0.5))
    squeeze = chance.between(0.93, 1.07)
    scale = torch.stack([scale * squeeze, scale / squeeze], 1) * INPUT_PX / WIDE
    shift = chance.between(-0.08, 0.08, 2)
    linear = (
        torch.stack([turn.cos() * mirror, -turn.sin(), turn.sin() * mirror, turn.cos()], 1).reshape(n, 2, 2)
        * scale[:, :, None]
    )
    wide_from_crop = torch.cat([linear, shift[:, :, None]], 2)  # in grid_sample's units, from -1 to 1
    grid = F.affine_grid(wide_from_crop, [n, 3, INPUT_PX, INPUT_PX], align_corners=False)
    crop = F.grid_sample(wide.float() / 255, grid, padding_mode="border", align_corners=False)
    label = F.grid_sample(allowed.float() - UNKNOWN, grid, mode="nearest", align_corners=False) + UNKNOWN
    unit = (landmarks + 0.5) / (WIDE / 2) - 1
    points = ((unit - shift[:, None]) @ torch.linalg.inv(linear).mT + 1) * (INPUT_PX / 2) - 0.5
    points = torch.where(mirror[:, None, None] < 0, points[:, MIRROR], points)
    return crop, label.round().to(torch.uint8), points


def tinted(crop: Float[Tensor, "n 3 size size"], chance: RandomSource) -> Float[Tensor, "n 3 size size"]:
    """Of another camera: light from a side, exposure, colour cast, gray, blur, coarse pixels and noise."""
    size = crop.shape[-1]
    axis = torch.linspace(-1, 1, size)
    angle = chance.between(0, 2 * torch.pi, 1, 1, 1)
    side = (
        (angle.cos() * axis + angle.sin() * axis[:, None])
        * chance.between(0, 0.8, 1, 1, 1)
        * chance.happens(0.5)
    )
    crop = crop * (1 + side).clamp(0.12, 1.6)
    crop = crop * chance.between(0.85, 1.18, 3, 1, 1) * chance.between(0.7, 1.3, 1, 1, 1) + chance.between(
        -0.08, 0.08, 1, 1, 1
    )
    crop = crop.clamp(1e-3, 1) ** chance.between(0.7, 1.45, 1, 1, 1)
    gray = torch.einsum("nchw,c->nhw", crop, crop.new_tensor(LUMA))[:, None]
    crop = crop.lerp(
        gray.expand_as(crop), torch.where(chance.happens(0.12), 1.0, chance.between(-0.4, 0.4, 1, 1, 1))
    )
    soft = F.avg_pool2d(F.pad(crop, (2, 2, 2, 2), mode="replicate"), 5, 1)
    coarse = F.interpolate(F.avg_pool2d(crop, 2), scale_factor=2.0, mode="bilinear")
    crop = crop.lerp(
        torch.where(chance.happens(0.5), soft, coarse), chance.between(-0.8, 1.0, 1, 1, 1).clamp(min=0)
    )
    return (crop + chance.between(0, 0.04, 1, 1, 1) * torch.randn(crop.shape, generator=chance.choice)).clamp(
        0, 1
    )


def batches(
    faces: Parts, setting: SegmentationConfig
) -> Iterator[tuple[Float[Tensor, "n 3 size size"], UInt8[Tensor, "n 1 size size"]]]:
    """What the network sees, and the bits of what is allowed there."""
    choice = torch.Generator().manual_seed(setting.seed)
    order = torch.empty(0, dtype=torch.long)
    for _ in range(setting.steps):
        if len(order) < setting.batch:
            order = torch.cat([order, torch.randperm(len(faces), generator=choice)])
        rows, order = order[: setting.batch], order[setting.batch :]
        chance = RandomSource(len(rows), choice)
        crop, allowed, landmarks = moved(faces.wide[rows], faces.allowed[rows], faces.landmarks[rows], chance)
        crop, allowed = spectacled(crop, allowed, landmarks, choice)
        crop, allowed = masked(crop, allowed, landmarks, choice)
        crop, allowed = covered(crop, allowed, choice)
        yield tinted(crop, chance), allowed


def loss(logits: Float[Tensor, "n classes h w"], allowed: UInt8[Tensor, "n 1 h w"]) -> Float[Tensor, " n"]:
    """-log of the probability of the allowed classes, the mean over the pixels about which something is
    known.
    """
    members = (
        allowed >> torch.arange(len(CLASSES), device=allowed.device, dtype=torch.uint8)[:, None, None]
    ) & 1
    among = torch.where(members > 0, logits, -1e4).logsumexp(1)
    known = allowed[:, 0] != UNKNOWN
    return ((logits.logsumexp(1) - among) * known).flatten(1).sum(1) / known.flatten(1).sum(1).clamp(min=1)


def train(
    faces: Parts,
    setting: SegmentationConfig,
    heard: Callable[[str], None],
    *,
    start: Segmentation | None = None,
    device: torch.device | str = "cpu",
) -> Segmentation:
    """From random weights, or on from `start`, whose normalisations are folded and stay so. Pictures are
    varied on the CPU."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(setting.seed)
        network = copy.deepcopy(start).requires_grad_(True) if start else Segmentation()
    network = network.train().to(device=device, memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    mean = AveragedModel(
        network, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / setting.mean_over), use_buffers=True
    )
    optimiser = torch.optim.AdamW(network.parameters(), lr=setting.rate, weight_decay=setting.decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, setting.rate, total_steps=setting.steps, pct_start=0.1
    )
    recent = math.nan
    for step, (crop, allowed) in enumerate(batches(faces, setting), 1):
        crop, allowed = crop.to(device, memory_format=torch.channels_last), allowed.to(device)
        value = loss(network(crop), allowed).mean()
        optimiser.zero_grad()
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        mean.update_parameters(network)
        recent = value.item() if math.isnan(recent) else 0.98 * recent + 0.02 * value.item()
        if step % 100 == 0:
            heard(f"step {step} of {setting.steps}: loss {recent:.4f}")
    return mean.module.cpu().eval().requires_grad_(False)  # pyright: ignore[reportReturnType]


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.segmentation",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument(
        "folders",
        type=pathlib.Path,
        nargs="+",
        help="folders of marked photos, as LFW Part Labels or as CelebAMask-HQ",
    )
    flags.add_argument("--out", type=pathlib.Path, default=WEIGHTS)
    flags.add_argument("--start", type=pathlib.Path, help="train on from these weights")
    add_config_flags(flags, SegmentationConfig)
    flags.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    flags.add_argument(
        "--measure",
        action="store_true",
        help="train nothing: measure what --out holds, and renew the numbers in its record",
    )
    flags.add_argument(
        "--cache",
        type=pathlib.Path,
        default=pathlib.Path(".cache"),
        help="where landmarks are kept (default: %(default)s)",
    )
    arguments = flags.parse_args()
    setting = config_from(arguments, SegmentationConfig)
    record_file = arguments.out.with_suffix(".json")
    try:
        begun = time.monotonic()
        if arguments.measure:
            network, record = (
                load_segmentation(arguments.out),
                json.loads(record_file.read_text(encoding="utf-8")),
            )
        else:
            faces = parts.joined(
                [parts.load(folder, "train", cache=arguments.cache) for folder in arguments.folders]
            )
            print(f"{len(faces)} marked faces", flush=True)
            start = load_segmentation(arguments.start) if arguments.start else None
            network = fuse_batch_norm(
                train(
                    faces,
                    setting,
                    lambda sentence: print(sentence, flush=True),
                    start=start,
                    device=arguments.device,
                )
            )
            save_file({name: halved(values) for name, values in network.state_dict().items()}, arguments.out)
            record = {
                "faces": len(faces),
                "data_sha256": hashlib.sha256(
                    faces.wide.numpy().tobytes() + faces.allowed.numpy().tobytes()
                ).hexdigest(),
                "command": " ".join(["python -m train.segmentation", *map(shlex.quote, sys.argv[1:])]),
                "setting": dataclasses.asdict(setting),
                "seconds": round(time.monotonic() - begun),
                "started_from": json.loads(arguments.start.with_suffix(".json").read_text(encoding="utf-8"))
                if arguments.start
                else None,
                "machine": f"{described(arguments.device)}, torch {torch.__version__}",
            }
            record_file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
            network = load_segmentation(arguments.out)
        from .evaluation import mask_metrics

        record["measured"] = {
            folder.resolve().name: mask_metrics.measure(network, folder, cache=arguments.cache)
            for folder in arguments.folders
        }
        record_file.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        print(json.dumps(record["measured"], indent=1))
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def described(device: str) -> str:
    """What a run was made on, for its record."""
    return torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads of a CPU"


def halved(values: Tensor) -> Tensor:
    """In 16 bits, as it ships."""
    return values.half().contiguous()


if __name__ == "__main__":
    raise SystemExit(main())
