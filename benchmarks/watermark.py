"""`python -m benchmarks.watermark PHOTOS [--photos N] [--unmarked N]`: invisible watermarks under what people do to pictures, in one run.

For each method: how much of its message is read right (bits), how often all of it, and whether its mark is found, by attack; PSNR; milliseconds;
and, for ours, how often an unmarked photo is taken for a marked one. invisible-watermark and blind-watermark are in the table where they are
installed (both want OpenCV and PyWavelets); they get 48 bits as ours, and, as neither can tell whether there is a mark, count as found when every
bit is right.
"""

import argparse
import contextlib
import io
import json
import math
import multiprocessing
import pathlib
import random
import statistics
import time
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image, ImageEnhance

from benchmarks.machine import here
from facehub import image, watermark, watermark_reader

SEED = 6
KEYS = (
    ("none", "as it is"), ("jpeg", "JPEG 70"), ("half", "half and back"), ("crop", "10 % cropped"), ("screen", "screenshot"),
    ("light", "light and colour"),
)  # fmt: skip


class Answer(NamedTuple):
    """What a method reads from a picture: the bits, and whether it says that there is a mark (None: it cannot tell)."""

    bits: np.ndarray
    found: bool | None


class Ours:
    name = "facehub"

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        marked = watermark.embed(torch.from_numpy(photo).permute(2, 0, 1)[None], [watermark.payload(torch.from_numpy(bits))])
        return marked[0].permute(1, 2, 0).numpy()

    def read(self, photo: np.ndarray) -> Answer:
        found = watermark_reader.detect(torch.from_numpy(np.array(photo)).permute(2, 0, 1))
        bits = watermark.bits([found.payload])[0].numpy() if found.payload else np.zeros(watermark.BITS, bool)
        return Answer(bits, found.present)


class FaceOnly(Ours):
    """Ours, kept in an ellipse of a quarter of the picture's width and height about its centre, as if only the painted face carried it."""

    name = "facehub, face only"

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        height, width = photo.shape[:2]
        y, x = np.mgrid[:height, :width]
        inside = ((y - height / 2) / (height * 0.25)) ** 2 + ((x - width / 2) / (width * 0.22)) ** 2 <= 1
        return np.where(inside[..., None], super().embed(photo, bits), photo)


class InvisibleWatermark:
    """PyPI's invisible-watermark with its default method, dwtDct."""

    name = "invisible-watermark, dwtDct"

    def __init__(self):
        from imwatermark import WatermarkDecoder, WatermarkEncoder  # pyright: ignore[reportMissingImports]

        self.encoder, self.decoder = WatermarkEncoder(), WatermarkDecoder("bits", watermark.BITS)

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        self.encoder.set_watermark("bits", bits.astype(int).tolist())
        return self.encoder.encode(photo[..., ::-1].copy(), "dwtDct")[..., ::-1]

    def read(self, photo: np.ndarray) -> Answer:
        return Answer(np.array(self.decoder.decode(photo[..., ::-1].copy(), "dwtDct"), bool), None)


class BlindWatermark:
    """PyPI's blind-watermark."""

    name = "blind-watermark"

    def embed(self, photo: np.ndarray, bits: np.ndarray) -> np.ndarray:
        core = self._core()
        core.read_img_arr(photo[..., ::-1].astype(np.float32))
        core.read_wm(bits.astype(bool))
        return core.embed().clip(0, 255).round().astype(np.uint8)[..., ::-1]

    def read(self, photo: np.ndarray) -> Answer:
        core = self._core()
        core.read_img_arr(photo[..., ::-1].astype(np.float32))
        return Answer(np.asarray(core.extract(photo[..., ::-1].astype(np.float32), (watermark.BITS,))).ravel() > 0.5, None)

    def _core(self):
        from blind_watermark.bwm_core import WaterMarkCore  # pyright: ignore[reportMissingImports]

        return WaterMarkCore(password_img=1)


def attacked(photo: np.ndarray, attack: str, chance: random.Random) -> np.ndarray:
    """The photo as it may come back."""
    picture = Image.fromarray(photo)
    width, height = picture.size
    if attack == "jpeg":
        return _jpeg(picture, 70)
    if attack == "half":
        return np.array(picture.resize((width // 2, height // 2), Image.Resampling.BICUBIC).resize((width, height), Image.Resampling.BICUBIC))
    if attack == "crop":  # a tenth of the width and of the height, anywhere
        left, top = chance.randint(0, width // 10), chance.randint(0, height // 10)
        return np.array(picture.crop((left, top, left + width - width // 10, top + height - height // 10)))
    if attack == "screen":  # shown at another size in a window, photographed off the screen by its own program, sent on as a JPEG
        scale = chance.uniform(0.8, 1.3)
        shown = picture.resize((round(width * scale), round(height * scale)), Image.Resampling.BILINEAR)
        left, top = chance.randint(5, 40), chance.randint(20, 60)
        window = Image.new("RGB", (shown.width + left + chance.randint(5, 40), shown.height + top + chance.randint(5, 40)), (245, 245, 247))
        window.paste(shown, (left, top))
        return _jpeg(window, 80)
    if attack == "light":
        for enhance, by in ((ImageEnhance.Brightness, 0.15), (ImageEnhance.Contrast, 0.15), (ImageEnhance.Color, 0.3)):
            picture = enhance(picture).enhance(1 + chance.choice((-by, by)))
    return np.array(picture)


def measure(method: Ours | InvisibleWatermark | BlindWatermark, files: list[pathlib.Path], processes: int | None) -> dict:
    """The numbers of one method over all photos."""
    with multiprocessing.Pool(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        each = pool.starmap(_trial, [(method, file, number) for number, file in enumerate(files)])
    rows = {key: {name: statistics.mean(float(one[key][name]) for one in each) for name in ("bits", "all", "found")} for key, _ in KEYS}
    psnr = [one["psnr"] for one in each]
    return {"method": method.name, "photos": len(files), "psnr": statistics.mean(psnr), "psnr_least": min(psnr), "attacks": rows,
            "embed_ms": statistics.median(one["embed_ms"] for one in each), "read_ms": statistics.median(one["read_ms"] for one in each)}  # fmt: skip


def false_positives(files: list[pathlib.Path], processes: int | None) -> dict:
    """How the score of unmarked photos is spread, and how far its tail reaches by a Gumbel distribution with the same mean and deviation."""
    with multiprocessing.Pool(processes, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        found = pool.map(_unmarked, files, chunksize=8)
    scores = [score for score, _, _ in found]
    mean, deviation = statistics.mean(scores), statistics.stdev(scores)
    scale = deviation * math.sqrt(6) / math.pi
    present, readable = (-math.expm1(-math.exp(-(limit - mean) / scale - 0.5772)) for limit in (watermark_reader.PRESENT, watermark_reader.READABLE))
    return {
        "photos": len(files), "taken_for_marked": sum(present for _, present, _ in found), "read": sum(read for _, _, read in found),
        "mean": mean, "deviation": deviation, "largest": max(scores), "above_readable": sum(s >= watermark_reader.READABLE for s in scores),
        "chance": present + readable * 2.0**-16,
    }  # fmt: skip


def main() -> None:
    flags = argparse.ArgumentParser(prog="python -m benchmarks.watermark", description=__doc__)
    flags.add_argument("folder", type=pathlib.Path, help="photos, in folders or not")
    flags.add_argument("--photos", type=int, default=100, help="to mark and attack (default: 100)")
    flags.add_argument("--unmarked", type=int, default=1000, help="to look for marks that are not there (default: 1000)")
    flags.add_argument("--processes", type=int, help="at once (default: one a core)")
    flags.add_argument("--json", type=pathlib.Path, help="also write the numbers here")
    arguments = flags.parse_args()
    with contextlib.suppress(ImportError):  # its import decides how processes start, which can be done only before the first
        import blind_watermark.bwm_core  # pyright: ignore[reportMissingImports]  # noqa: F401
    files = sorted(file for file in arguments.folder.rglob("*") if file.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))
    random.Random(SEED).shuffle(files)
    machine, results = here(), []
    print("| method | PSNR dB, mean / least | mark, read ms |", " | ".join(title for _, title in KEYS), "|")
    print("|---" * (3 + len(KEYS)) + "|")
    for kind in (Ours, FaceOnly, InvisibleWatermark, BlindWatermark):
        try:
            result = measure(kind(), files[: arguments.photos], arguments.processes)
        except ImportError as problem:
            print(f"| {kind.name}: not installed ({problem.name}) |")
            continue
        except RuntimeError as problem:
            print(f"| {kind.name}: {problem} |")
            continue
        results.append(result)
        cells = [f"{100 * cell['bits']:.1f} / {100 * cell['all']:.0f}" for cell in result["attacks"].values()]
        speed = f"{result['embed_ms']:.0f}, {result['read_ms']:.0f}"
        print(f"| {result['method']} | {result['psnr']:.1f} / {result['psnr_least']:.1f} | {speed} |", " | ".join(cells), "|", flush=True)
    print("Cells: bits read right in percent / photos with the whole message read right in percent.")
    ours = results[0]
    print("Ours, mark found:", ", ".join(f"{title} {100 * ours['attacks'][key]['found']:.0f} %" for key, title in KEYS))
    alarm = false_positives(files[arguments.photos : arguments.photos + arguments.unmarked], arguments.processes)
    print(f"{alarm['photos']} unmarked photos: {alarm['taken_for_marked']} taken for marked, {alarm['read']} with a message")
    print(f"their score: {alarm['mean']:.2f} +- {alarm['deviation']:.2f}, largest {alarm['largest']:.2f}, {alarm['above_readable']} at "
          f"{watermark_reader.READABLE:g} or more; chance of a false mark by the tail: {alarm['chance']:.1e}")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps({"machine": machine, "methods": results, "false_positives": alarm}, indent=1) + "\n")


def _trial(method, file: pathlib.Path, number: int) -> dict:
    photo = image.read(file).photo.permute(1, 2, 0).contiguous().numpy()
    chance = random.Random(number)
    bits = np.array([chance.random() < 0.5 for _ in range(watermark.BITS)])
    begun = time.perf_counter()
    marked = method.embed(photo, bits)
    row: dict = {"embed_ms": (time.perf_counter() - begun) * 1e3}
    row["psnr"] = 10 * math.log10(255**2 / max(float(np.square(marked.astype(float) - photo).mean()), 1e-9))
    for key, _ in KEYS:
        came_back = attacked(np.ascontiguousarray(marked), key, chance)
        begun = time.perf_counter()
        answer = _tried(method, came_back)
        row["read_ms"] = (time.perf_counter() - begun) * 1e3
        right = answer.bits == bits
        row[key] = {"bits": right.mean(), "all": right.all(), "found": right.all() if answer.found is None else answer.found}
    return row


def _tried(method, photo: np.ndarray) -> Answer:
    try:
        return method.read(photo)
    except (ValueError, IndexError, AssertionError, RuntimeError):  # a size that the library cannot read
        return Answer(np.zeros(watermark.BITS, bool), None)


def _unmarked(file: pathlib.Path) -> tuple[float, bool, bool]:
    found = watermark_reader.detect(image.read(file).photo)
    return found.score, found.present, found.payload is not None


def _jpeg(picture: Image.Image, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer).convert("RGB"))


if __name__ == "__main__":
    main()
