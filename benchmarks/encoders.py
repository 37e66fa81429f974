"""`python -m benchmarks.encoders [--large]`: picture encoders side by side, in time and in bytes.

On the astronaut of 512 px, or the same enlarged to 12 megapixels. PNG loses nothing in any of them; JPEG and
WebP at the quality that previews have. What is used (facehub/image.py) is marked with an asterisk.
"""

import io
import pathlib
from collections.abc import Callable
from functools import partial

import cv2
import numpy as np
import torch
from PIL import Image
from torchvision.io import encode_jpeg, encode_png

from benchmarks.machine import begin, flags, milliseconds, table, write
from benchmarks.pipeline import enlarged
from facehub import image

PHOTO = pathlib.Path(__file__).parent.parent / "demo" / "examples" / "astronaut.png"

PNG_FILTERS = ("SUB", "UP", "PAETH")


def pillow(picture: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def opencv(pixels: np.ndarray, suffix: str, options: tuple[int, ...]) -> bytes:
    return cv2.imencode(suffix, cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), options)[1].tobytes()


def torchvision(encoder: Callable[..., torch.Tensor | list[torch.Tensor]], *arguments: object) -> bytes:
    made = encoder(*arguments)
    assert isinstance(made, torch.Tensor)
    return made.numpy().tobytes()


def encoders(photo: torch.Tensor) -> dict[str, Callable[[], bytes]]:
    """By name."""
    pixels = np.ascontiguousarray(photo.permute(1, 2, 0).numpy())
    picture = Image.fromarray(pixels)
    level, strategy, rle = cv2.IMWRITE_PNG_COMPRESSION, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE
    works: dict[str, Callable[[], bytes]] = {
        f"PNG, Pillow, level {n}": partial(pillow, picture, "PNG", compress_level=n) for n in (1, 3)
    }
    works["PNG, torchvision, level 1"] = partial(torchvision, encode_png, photo, 1)
    works["PNG, OpenCV, level 1"] = partial(opencv, pixels, ".png", (level, 1))
    for name in PNG_FILTERS:
        chosen = (cv2.IMWRITE_PNG_FILTER, getattr(cv2, f"IMWRITE_PNG_FILTER_{name}"))
        star = " *" if name == "PAETH" else ""
        works[f"PNG, OpenCV, level 1, RLE, {name}{star}"] = partial(
            opencv, pixels, ".png", (*chosen, strategy, rle, level, 1)
        )
    for method in (0, 2, 4):
        star = " *" if method == 2 else ""
        works[f"WebP, Pillow, method {method}{star}"] = partial(
            pillow, picture, "WEBP", quality=95, method=method
        )
    works["WebP, OpenCV"] = partial(opencv, pixels, ".webp", (cv2.IMWRITE_WEBP_QUALITY, 95))
    works["JPEG 4:4:4, Pillow *"] = partial(pillow, picture, "JPEG", quality=95, subsampling=0)
    full = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
    works["JPEG 4:4:4, OpenCV"] = partial(opencv, pixels, ".jpg", (cv2.IMWRITE_JPEG_QUALITY, 95, *full))
    works["JPEG 4:2:0, torchvision"] = partial(torchvision, encode_jpeg, photo, 95)
    return works


def main() -> None:
    parser = flags("benchmarks.encoders", __doc__, repeats=7)
    parser.add_argument("--large", action="store_true", help="12 megapixels instead of 512 px")
    arguments = parser.parse_args()
    machine, photo = begin(arguments), image.read(PHOTO).photo
    works = encoders(enlarged(photo, 3000, 4000) if arguments.large else photo)
    taken = milliseconds(works, arguments.repeats)
    sizes = {name: len(work()) / 1e3 for name, work in works.items()}
    table(["encoder", "ms", "kB"], [[name, taken[name], sizes[name]] for name in works])
    write(arguments, machine, {"ms": taken, "kB": sizes})


if __name__ == "__main__":
    main()
