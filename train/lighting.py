"""`python -m train.lighting YALE --out train/lighting.safetensors`: the network that tells light from
light, behind the light loss.

A Siamese network (paper, section 3.2, equation 6 and Figure 4, whose layers it does not state) trained on
Extended Yale B (Georghiades, Belhumeur and Kriegman 2001; Lee, Ho and Kriegman 2005): frontal faces under
64 flashes whose azimuth and elevation stand in the file names. Two faces count as lit alike when the same
flash lit them, *whoever they are*, because the swap changes the person and must not change the light; as
lit differently when the flashes stand 20 degrees or more apart. With one picture varied twice as the equal
pair instead, 500 steps of seed 0 recognise 65 % of the strangers' equal pairs, with other people 99 % (80 %
and 95 % of all pairs). People it is measured on are not among those it learns from.

Light is a matter of large areas: the network sees 48 x 40 px of luminance between brows and chin, all that
Yale's pictures hold, whatever the size of the crop: one network serves all sizes.
"""

import argparse
import dataclasses
import hashlib
import itertools
import json
import math
import pathlib
import re
import shlex
import sys
import time

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from safetensors.torch import save_file
from torch import Tensor, nn

from facehub import image
from facehub.blending.alignment import reference_landmarks
from facehub.blending.filters import LUMA
from facehub.detection.finder import Finder
from facehub.errors import BadSetting, FaceHubError
from facehub.geometry import fit_affine, invert, warp
from facehub.networks.pretrained import load_frozen

from . import losses
from .data.face_box import boxed

WEIGHTS = pathlib.Path(__file__).with_name("lighting.safetensors")

INPUT_SIZE = (48, 40)
"""Height and width that the network looks at."""

INNER = (0.27, 0.77, 0.25, 0.75)
"""Top, bottom, left, right of what the network looks at, in parts of the face's box."""

APART = 20.0
"""Degrees between two flashes from which on the light counts as different."""


class Lighting(nn.Module):
    """Features of how a face is lit: mean squared difference about 1 between different lights, near 0
    between equal ones."""

    def __init__(self):
        super().__init__()
        channels = (1, 16, 32, 64, 64)
        layers: list[nn.Module] = []
        for before, after in itertools.pairwise(channels):
            layers += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2, ceil_mode=True)]
        self.layers = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 3 * 3, 64))

    def forward(self, box: Float[Tensor, "n 3 h w"]) -> Float[Tensor, "n 64"]:
        """The face's box of crops (style.boxed), RGB in [0, 1]."""
        (height, width), (top, bottom, left, right) = box.shape[-2:], INNER
        inner = box[
            :, :, round(top * height) : round(bottom * height), round(left * width) : round(right * width)
        ]
        gray = torch.einsum("nchw,c->nhw", inner, inner.new_tensor(LUMA))[:, None]
        return self.layers(F.adaptive_avg_pool2d(gray, INPUT_SIZE) - 0.5)


def read(file: pathlib.Path = WEIGHTS) -> Lighting:
    """The trained network, frozen. Raises BadSetting when the file is not one of it."""
    return load_frozen(Lighting(), file, trained_by="python -m train.lighting")


@dataclasses.dataclass(frozen=True, slots=True)
class LitFace:
    """Faces under known light, as the light loss sees them."""

    box: Float[Tensor, "faces 3 h w"]
    person: tuple[str, ...]
    direction: Float[Tensor, "faces 3"]
    """Unit vectors to the flash; x to the picture's right (Yale's positive azimuths stand on the left of
    the picture), y down, z to the camera."""

    def __getitem__(self, keep: Bool[Tensor, " faces"]) -> "LitFace":
        return LitFace(
            self.box[keep],
            tuple(p for p, k in zip(self.person, keep.tolist(), strict=True) if k),
            self.direction[keep],
        )


def gather(folder: pathlib.Path, *, size: int) -> LitFace:
    """All faces below the folder, aligned through the landmarks of each person's picture under the frontal
    flash."""
    finder = Finder(turn=False, min_score=-1.0)
    boxes, people, directions = [], [], []
    for person in sorted(p for p in folder.iterdir() if p.is_dir()):
        files = [
            (f, m) for f in sorted(person.iterdir()) if (m := re.search(r"A([+-]\d+)E([+-]\d+)$", f.stem))
        ]
        frontal = next((f for f, m in files if int(m[1]) == 0 and int(m[2]) == 0), None)
        if frontal is None:
            continue
        photo = image.read(frontal).photo[None]
        margin = photo.shape[-1] // 2
        found = finder(F.pad(photo.float(), (margin,) * 4, mode="replicate").to(torch.uint8))
        if not len(found.photo):
            continue
        photo_from_crop = invert(fit_affine(found.landmarks[:1] - margin, reference_landmarks(size)[None]))
        for file, angles in files:
            crop = warp(
                image.read(file).photo[None], torch.zeros(1, dtype=torch.long), photo_from_crop, (size, size)
            )
            azimuth, elevation = math.radians(int(angles[1])), math.radians(int(angles[2]))
            boxes.append(boxed(crop)[0])
            people.append(person.name)
            directions.append(
                (
                    -math.sin(azimuth) * math.cos(elevation),
                    -math.sin(elevation),
                    math.cos(azimuth) * math.cos(elevation),
                )
            )
    if len(set(people)) < 4:
        raise BadSetting(
            f"{folder} holds too few people of Extended Yale B: give the folder with yaleB01, yaleB02 ... "
            "in it."
        )
    return LitFace(torch.stack(boxes), tuple(people), torch.tensor(directions))


def pairs(lit: LitFace, count: int, choice: torch.Generator) -> tuple[Tensor, Tensor, Bool[Tensor, " count"]]:
    """Indices of two faces each, and whether one flash lit both: every second pair."""
    cosine = lit.direction @ lit.direction.T
    same, apart = (
        (cosine > 0.9999).float().fill_diagonal_(0),
        (cosine < math.cos(math.radians(APART))).float(),
    )
    first = torch.randint(len(lit.box), (count,), generator=choice)
    alike = torch.arange(count) % 2 == 0
    second = torch.multinomial(
        torch.where(alike[:, None], same[first], apart[first]) + 1e-12, 1, generator=choice
    )[:, 0]
    return first, second, alike


def varied(
    box: Float[Tensor, "n 3 h w"], choice: torch.Generator, mirror: Bool[Tensor, " n"]
) -> Float[Tensor, "n 3 h w"]:
    """Shifted, scaled, blurred and of another exposure: what is not light."""
    n = len(box)
    scale = 1 + (torch.rand(n, generator=choice) - 0.5) * 0.16
    matrix = torch.zeros(n, 2, 3)
    matrix[:, 0, 0], matrix[:, 1, 1] = scale * torch.where(mirror, -1.0, 1.0), scale
    matrix[:, :, 2] = (torch.rand(n, 2, generator=choice) - 0.5) * 0.16
    moved = F.grid_sample(
        box,
        F.affine_grid(matrix, list(box.shape), align_corners=False),
        padding_mode="border",
        align_corners=False,
    )
    blurred = F.avg_pool2d(moved, 5, 1, 2, count_include_pad=False)
    mixed = moved.lerp(blurred, torch.rand(n, 1, 1, 1, generator=choice))
    gain, gamma = (1 + (torch.rand(n, 1, 1, 1, generator=choice) - 0.5) * width for width in (0.4, 0.5))
    return ((mixed * gain).clamp(1e-3, 1) ** gamma + 0.02 * torch.randn(mixed.shape, generator=choice)).clamp(
        0, 1
    )


def contrastive(
    first: Float[Tensor, "n k"], second: Float[Tensor, "n k"], alike: Bool[Tensor, " n"]
) -> Float[Tensor, ""]:
    """Hadsell, Chopra and LeCun, CVPR 2006, equation 4, with margin 1 on the root of equation 6."""
    distance = (losses.light(first, second) + 1e-8).sqrt()
    return torch.where(alike, distance.square(), (1 - distance).clamp(min=0).square()).mean()


def train(lit: LitFace, *, steps: int, seed: int, batch: int = 64) -> Lighting:
    """`batch` pairs a step, half of them lit alike; both faces of a pair are mirrored or neither, which
    keeps what is said about their light."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Lighting()
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 2e-3, total_steps=steps)
    choice = torch.Generator().manual_seed(seed)
    for step in range(steps):
        first, second, alike = pairs(lit, batch, choice)
        mirror = torch.rand(batch, generator=choice) < 0.5
        loss = contrastive(
            network(varied(lit.box[first], choice, mirror)),
            network(varied(lit.box[second], choice, mirror)),
            alike,
        )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 200 == 199:
            print(f"step {step + 1} of {steps}: loss {loss.item():.4f}", flush=True)
    return network.eval().requires_grad_(False)


@torch.inference_mode()
def measure(network: Lighting, lit: LitFace, *, count: int = 4000, seed: int = 1) -> dict[str, float]:
    """How often the network is right about pairs (distance below 1/2: alike), and the mean of equation 6
    for both kinds."""
    first, second, alike = pairs(lit, count, torch.Generator().manual_seed(seed))
    features = network(lit.box)
    distance = losses.light(features[first], features[second])
    right = (distance.sqrt() < 0.5) == alike
    return {
        "accuracy": right.float().mean().item(),
        "accuracy_same_light": right[alike].float().mean().item(),
        "accuracy_different_light": right[~alike].float().mean().item(),
        "loss_same_light": distance[alike].mean().item(),
        "loss_different_light": distance[~alike].mean().item(),
    }


def main() -> int:
    flags = argparse.ArgumentParser(
        prog="python -m train.lighting",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("yale", type=pathlib.Path, help="the folder of Extended Yale B: one folder a person")
    flags.add_argument("--out", type=pathlib.Path, default=WEIGHTS)
    flags.add_argument("--steps", type=int, default=3000)
    flags.add_argument("--seed", type=int, default=0)
    arguments = flags.parse_args()
    try:
        begun = time.monotonic()
        lit = gather(arguments.yale, size=128)
        people = sorted(set(lit.person))
        unseen = set(people[::5])
        kept = torch.tensor([person in unseen for person in lit.person])
        network = train(lit[~kept], steps=arguments.steps, seed=arguments.seed)
        accuracy = {
            "128": measure(network, lit[kept]),
            "256": measure(network, _of(gather(arguments.yale, size=256), unseen)),
        }
        report = {
            "people_never_seen": sorted(unseen),
            "people_learned_from": [p for p in people if p not in unseen],
            "pictures": len(lit.person),
            "data_sha256": hashlib.sha256(lit.box.numpy().tobytes()).hexdigest(),
            "by_crop_size": accuracy,
            "command": " ".join(["python -m train.lighting", *map(shlex.quote, sys.argv[1:])]),
            "seed": arguments.seed,
            "steps": arguments.steps,
            "seconds": round(time.monotonic() - begun),
            "machine": f"CPU, {torch.get_num_threads()} threads, torch {torch.__version__}",
        }
        save_file({k: v.contiguous() for k, v in network.state_dict().items()}, arguments.out)
        arguments.out.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
        print(json.dumps(accuracy, indent=1))
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def _of(lit: LitFace, people: set[str]) -> LitFace:
    return lit[torch.tensor([person in people for person in lit.person])]


if __name__ == "__main__":
    raise SystemExit(main())
