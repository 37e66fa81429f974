"""What people do to pictures, for `benchmarks.watermark`."""

import io
import random

import numpy as np
from PIL import Image, ImageEnhance

ATTACKS = {
    "none": "as it is",
    "jpeg": "JPEG 70",
    "half": "half and back",
    "crop": "10 % cropped",
    "screen": "screenshot",
    "light": "light and colour",
    "platform": "1,080 px, JPEG 75",
    "webp": "WebP 50",
    "avif": "AVIF 30",
    "crop30": "30 % cropped",
    "quarter": "25 % of the size",
    "triple": "300 % of the size",
    "mirror": "mirrored",
    "turn": "turned by 90 degrees",
    "tilt": "tilted by 3 degrees at most",
    "aspect": "10 % wider or lower",
}
"""What is done to marked pictures, by name, and its title in the table."""

ENCODED = {"jpeg": ("JPEG", 70), "webp": ("WEBP", 50), "avif": ("AVIF", 30)}
"""Attacks that are a format and its quality."""

PLATFORM_PX, PLATFORM_QUALITY = 1080, 75
"""Longer side that a platform shows, and its JPEG quality."""

RESIZED = {"quarter": 0.25, "triple": 3.0}
"""Attacks that are a factor of the size."""

CROPPED = {"crop": 0.1, "crop30": 0.3}
"""Attacks that take away a share of width and height."""


def attacked(photo: np.ndarray, attack: str, chance: random.Random) -> np.ndarray:
    """The photo as it may come back. `attack`: one of ATTACKS."""
    picture = Image.fromarray(photo)
    width, height = picture.size
    if attack in ENCODED:
        return _encoded(picture, *ENCODED[attack])
    if attack == "platform":
        scale = PLATFORM_PX / max(width, height)
        size = (round(width * scale), round(height * scale))
        return _encoded(picture.resize(size, Image.Resampling.LANCZOS), "JPEG", PLATFORM_QUALITY)
    if attack in RESIZED:
        size = (round(width * RESIZED[attack]), round(height * RESIZED[attack]))
        return np.array(picture.resize(size, Image.Resampling.BICUBIC))
    if attack in CROPPED:
        away = (int(width * CROPPED[attack]), int(height * CROPPED[attack]))
        left, top = chance.randint(0, away[0]), chance.randint(0, away[1])
        return np.array(picture.crop((left, top, left + width - away[0], top + height - away[1])))
    if attack == "half":
        small = picture.resize((width // 2, height // 2), Image.Resampling.BICUBIC)
        return np.array(small.resize((width, height), Image.Resampling.BICUBIC))
    if attack == "mirror":
        return np.ascontiguousarray(photo[:, ::-1])
    if attack == "turn":
        return np.ascontiguousarray(np.rot90(photo, chance.choice((1, 3))))
    if attack == "tilt":
        return np.array(picture.rotate(chance.uniform(-3, 3), Image.Resampling.BICUBIC))
    if attack == "aspect":
        size = chance.choice(((round(width * 1.1), height), (width, round(height * 0.9))))
        return np.array(picture.resize(size, Image.Resampling.BICUBIC))
    if attack == "screen":
        return _screenshot(picture, chance)
    if attack == "light":
        changes = ((ImageEnhance.Brightness, 0.15), (ImageEnhance.Contrast, 0.15), (ImageEnhance.Color, 0.3))
        for enhance, by in changes:
            picture = enhance(picture).enhance(1 + chance.choice((-by, by)))
    return np.array(picture)


def _screenshot(picture: Image.Image, chance: random.Random) -> np.ndarray:
    """Shown at another size in a window, taken off the screen, sent on as a JPEG."""
    scale = chance.uniform(0.8, 1.3)
    size = (round(picture.width * scale), round(picture.height * scale))
    shown = picture.resize(size, Image.Resampling.BILINEAR)
    left, top = chance.randint(5, 40), chance.randint(20, 60)
    size = (shown.width + left + chance.randint(5, 40), shown.height + top + chance.randint(5, 40))
    window = Image.new("RGB", size, (245, 245, 247))
    window.paste(shown, (left, top))
    return _encoded(window, "JPEG", 80)


def _encoded(picture: Image.Image, format: str, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    picture.save(buffer, format, quality=quality)
    return np.array(Image.open(buffer).convert("RGB"))
