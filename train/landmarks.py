"""`python -m train.landmarks CONTENT... --out train/landmarks.safetensors`: the network that sees where a
face's parts are, behind the landmark loss.

A small convolutional network taught by dlib's predictor (Kazemi and Sullivan, CVPR 2014): dlib's landmarks
of the aligned content faces are its targets, while faces are turned, scaled, shifted, mirrored, tinted and
partly covered. Unlike dlib's regression trees it hands back a gradient, so a loss can ask that eyes, mouth
and jaw stay where they are in the input. Not in the paper, which leaves pose and expression to the content
loss.

It looks at the face's box at 48 x 40 px, whatever the size of the crop: one network serves all sizes, and
costs next to nothing beside VGG-19.
"""

import argparse
import hashlib
import itertools
import json
import pathlib
import shlex
import sys
import time

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from safetensors.torch import save_file
from torch import Tensor, nn

from facehub.blending.alignment import reference_landmarks
from facehub.errors import FaceHubError
from facehub.networks.pretrained import load_frozen

from . import losses
from .data.dataset import held_out
from .data.face_box import BOX, boxed
from .data.gallery import MIRROR, Gallery, gather, joined
from .flags import add_cache_flag
from .precision import autocast

WEIGHTS = pathlib.Path(__file__).with_name("landmarks.safetensors")

INPUT_SIZE = (48, 40)
"""Height and width that the network looks at."""


class LandmarkNet(nn.Module):
    """68 landmarks of faces in their box (style.boxed), in pixels of a 128 px crop."""

    def __init__(self, width: int = 32):
        super().__init__()
        channels = (3, width, 2 * width, 4 * width)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            layers += [
                nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(after),
                nn.SiLU(),
            ]
            layers += [nn.Conv2d(after, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.SiLU()]
        self.layers = nn.Sequential(
            *layers, nn.Flatten(), nn.Linear(channels[-1] * 6 * 5, 256), nn.SiLU(), nn.Linear(256, 136)
        )
        self.register_buffer("usual", reference_landmarks(128))

    def forward(self, box: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 68 2"]:
        """RGB in [0, 1]."""
        if box.shape[-2:] != INPUT_SIZE:
            box = F.adaptive_avg_pool2d(box, INPUT_SIZE)
        return self.get_buffer("usual") + 10 * self.layers(box - 0.5).float().unflatten(1, (68, 2))


def read(file: pathlib.Path = WEIGHTS) -> LandmarkNet:
    """The trained network, frozen. Raises BadSetting when the file is not one of it."""
    return load_frozen(LandmarkNet(), file, trained_by="python -m train.landmarks")


def varied(
    crop: UInt8[Tensor, "n 3 128 128"], landmarks: Float[Tensor, "n 68 2"], choice: torch.Generator
) -> tuple[Float[Tensor, "n 3 48 40"], Float[Tensor, "n 68 2"]]:
    """Boxes of the crops turned, scaled, shifted, mirrored, tinted, blurred and partly covered, and the
    landmarks moved alike."""
    n = len(crop)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(n, *shape, generator=choice) * 2 - 1

    mirror = torch.where(drawn() < 0, -1.0, 1.0)
    turn, scale, shift = drawn() * 0.25, 1 + drawn() * 0.14, drawn(2) * 0.12
    linear = torch.stack(
        [torch.cos(turn) * mirror, -torch.sin(turn), torch.sin(turn) * mirror, torch.cos(turn)], 1
    ).reshape(n, 2, 2)
    crop_from_box = torch.cat(
        [linear * scale[:, None, None], shift[:, :, None]], 2
    )  # in grid_sample's units, from -1 to 1
    top, bottom, left, right = BOX
    grid = F.affine_grid(crop_from_box, [n, 3, 64, 64], align_corners=False)[
        :, top // 2 : bottom // 2, left // 2 : right // 2
    ]
    box = F.grid_sample(F.avg_pool2d(crop.float() / 255, 2), grid, padding_mode="border", align_corners=False)
    inverse = torch.linalg.inv(linear * scale[:, None, None])
    unit = (landmarks + 0.5) / 64 - 1
    points = ((unit - shift[:, None]) @ inverse.mT + 1) * 64 - 0.5
    points = torch.where(mirror[:, None, None] < 0, points[:, MIRROR], points)
    box = (box * (1 + drawn(3, 1, 1) * 0.25) + drawn(1, 1, 1) * 0.1).clamp(0, 1)
    box = box.lerp(F.avg_pool2d(box, 3, 1, 1, count_include_pad=False), drawn(1, 1, 1).clamp(min=0))
    return _covered(box, choice), points


def _covered(box: Float[Tensor, "n 3 h w"], choice: torch.Generator) -> Float[Tensor, "n 3 h w"]:
    """A rectangle of one colour over every third face."""
    n, _, height, width = box.shape
    y, x = torch.arange(height)[:, None], torch.arange(width)
    middle, half = torch.rand(n, 2, 1, 1, generator=choice), torch.rand(n, 2, 1, 1, generator=choice) * 0.2
    inside = ((y / height - middle[:, 0]).abs() < half[:, 0]) & (
        (x / width - middle[:, 1]).abs() < half[:, 1]
    )
    inside &= torch.rand(n, 1, 1, generator=choice) < 1 / 3
    return torch.where(inside[:, None], torch.rand(n, 3, 1, 1, generator=choice), box)


def train(faces: Gallery, *, steps: int, seed: int, batch: int = 64) -> LandmarkNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = LandmarkNet().to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 3e-3, total_steps=steps)
    choice = torch.Generator().manual_seed(seed)
    for step in range(steps):
        rows = torch.randint(len(faces), (batch,), generator=choice)
        box, points = varied(faces.crop[rows], faces.landmarks[rows], choice)
        with autocast("cpu"):
            found = network(box.contiguous(memory_format=torch.channels_last))
        loss = losses.landmarks(found, points).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            print(
                f"step {step + 1} of {steps}: {loss.item():.2%} of the distance between the eyes", flush=True
            )
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def measure(network: LandmarkNet, faces: Gallery) -> dict[str, float]:
    """How far the network is from dlib, in percent of the distance between the eyes, over faces as they are
    aligned."""
    found = torch.cat([network(boxed(crop.float() / 255)) for crop in faces.crop.split(64)])
    error = (found - faces.landmarks).norm(dim=2) / losses.eyes_apart(faces.landmarks)[:, None] * 100
    parts = {
        "all": slice(0, 68),
        "jaw": slice(0, 17),
        "brows": slice(17, 27),
        "nose": slice(27, 36),
        "eyes": slice(36, 48),
        "mouth": slice(48, 68),
    }
    return {name: error[:, some].mean().item() for name, some in parts.items()} | {
        "median of all": error.mean(1).median().item()
    }


def _halved(values: Tensor) -> Tensor:
    """In 16 bits, as it ships; counts stay whole numbers."""
    return (values.half() if values.is_floating_point() else values).contiguous()


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.landmarks",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument(
        "content",
        type=pathlib.Path,
        nargs="+",
        help="folder trees of photos, as for training; a tenth of the people is held out",
    )
    flags.add_argument("--out", type=pathlib.Path, default=WEIGHTS)
    flags.add_argument("--steps", type=int, default=2000)
    flags.add_argument("--seed", type=int, default=0)
    add_cache_flag(flags)
    arguments = flags.parse_args()
    try:
        begun = time.monotonic()
        faces = joined([gather(folder, size=128, cache=arguments.cache) for folder in arguments.content])
        kept = torch.tensor([held_out(name) for name in faces.names])
        network = train(faces[~kept], steps=arguments.steps, seed=arguments.seed)
        measured = measure(network, faces[kept])
        report = {
            "percent_of_the_distance_between_the_eyes_from_dlib_on_strangers": {
                name: round(value, 3) for name, value in measured.items()
            },
            "faces": {"learned_from": int((~kept).sum()), "strangers": int(kept.sum())},
            "data_sha256": hashlib.sha256(faces.crop.numpy().tobytes()).hexdigest(),
            "command": " ".join(["python -m train.landmarks", *map(shlex.quote, sys.argv[1:])]),
            "seed": arguments.seed,
            "steps": arguments.steps,
            "seconds": round(time.monotonic() - begun),
            "machine": f"CPU, {torch.get_num_threads()} threads, torch {torch.__version__}",
        }
        save_file({name: _halved(values) for name, values in network.state_dict().items()}, arguments.out)
        arguments.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
        print(json.dumps(report["percent_of_the_distance_between_the_eyes_from_dlib_on_strangers"], indent=1))
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
