"""A training run of seconds, alone or under torchrun: `python -m tests.train.tiny FOLDER [pause]` keeps its
log in FOLDER.

`pause` waits after each step for a line on standard input, so that a test can kill the run where it wants.
"""

import pathlib
import sys

import torch
import torch.distributed as dist

from train import precision, stages
from train.config import Config
from train.data.dataset import Dataset
from train.data.gallery import Gallery
from train.landmarks import LandmarkNet
from train.lighting import Lighting
from train.networks.vgg import VGG19
from train.objectives import Teachers
from train.style_bank import style_bank

CONFIG = Config(
    size=32, batch=2, styles=2, target_faces=4, target_steps=2, coarse_steps=3, fine_steps=3, steps=4, seed=5
)
CPU = torch.device("cpu")


def gallery(n: int, seed: int = 0) -> Gallery:
    random = torch.Generator().manual_seed(seed)
    return Gallery(
        names=tuple(f"person{i}/photo.png" for i in range(n)),
        crop=torch.randint(0, 256, (n, 3, 32, 32), dtype=torch.uint8, generator=random),
        landmarks=32 * torch.rand(n, 68, 2, generator=random),
        embedding=torch.rand(n, 128, generator=random),
        found=torch.ones(n, dtype=torch.long),
        width_px=torch.full((n,), 100.0),
    )


def material() -> Dataset:
    return Dataset(style=gallery(3, seed=1), content=gallery(6), held_out=gallery(2, seed=2), weeded={})


def network() -> VGG19:
    torch.manual_seed(0)
    return VGG19().eval()


def teachers() -> Teachers:
    """Random networks: the loop must not care what they know."""
    torch.manual_seed(1)
    vgg = network()
    light, points = (frozen.eval().requires_grad_(False) for frozen in (Lighting(), LandmarkNet()))
    return Teachers(style_bank(material().style, vgg, device=CPU), vgg, lighting=light, points=points)


def main() -> None:
    folder, pause = pathlib.Path(sys.argv[1]), "pause" in sys.argv[2:]
    torch.set_num_threads(1)
    if "pause" not in sys.argv and dist.is_torchelastic_launched():
        dist.init_process_group("gloo")
    stages.SAVE_EVERY = 1
    precision.bf16_pays = lambda device: False  # sums in bfloat16 differ by some percent with their order
    stages.vgg19 = lambda *_, **__: network()
    keep = stages.save_checkpoint

    def kept(*arguments):
        keep(*arguments)
        if pause:
            print("\nkept", flush=True)
            sys.stdin.readline()

    stages.save_checkpoint = kept
    stages.train(material(), CONFIG, vgg=None, scales=None, sface=None, folder=folder, device=CPU)


if __name__ == "__main__":
    main()
