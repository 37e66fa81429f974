"""Decode a PIL image of any mode to sRGB bytes: orientation, ICC profiles, palettes, deep pixels, alpha."""

import io
import struct
import zlib

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

DECODER_ERRORS = (
    OSError,
    ValueError,
    SyntaxError,
    IndexError,
    TypeError,
    EOFError,
    struct.error,
    zlib.error,
    OverflowError,
    MemoryError,
    RuntimeError,
)
"""What Pillow's decoders raise on hostile or broken files, as its own tests show."""

COLOUR_MODES = {"RGBA": "RGB", "LA": "L", "La": "L", "RGBa": "RGB", "1": "L", "PA": "RGB"}
"""Modes that ICC profiles do not know, and the mode with the same colours that they do."""

LARGE_DIFFERENCE = 1e38
"""Above it the difference of two floats of 32 bits may not be one."""


def decode(
    image: Image.Image,
) -> tuple[UInt8[Tensor, "3 height width"], UInt8[Tensor, "1 height width"] | None]:
    """Decode an image and turn it upright: RGB in sRGB, and the transparency, if any.

    In the transparency 255 = opaque. Raises any of DECODER_ERRORS.
    """
    image.load()
    image = ImageOps.exif_transpose(image) or image
    alpha = _alpha(image)
    rgb = _srgb(image, alpha)
    return _planes(rgb), None if alpha is None else _planes(alpha)


def _alpha(image: Image.Image) -> Image.Image | None:
    """The transparency of RGBA, LA, PA and of palettes and colours declared transparent."""
    if not image.has_transparency_data:
        return None
    return image.convert("RGBA").getchannel("A")


def _srgb(image: Image.Image, alpha: Image.Image | None) -> Image.Image:
    """RGB bytes in sRGB, through the embedded profile where there is one that can be used."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return _from_deep(image)
    if image.mode == "P":
        image = image.convert("RGBA" if alpha is not None else "RGB")
    if profile := image.info.get("icc_profile"):
        mode = COLOUR_MODES.get(image.mode, image.mode)
        try:
            embedded, srgb = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            if converted := ImageCms.profileToProfile(image.convert(mode), embedded, srgb, outputMode="RGB"):
                return converted
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a broken profile, or one for other channels: the pixels are still the best we have
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16 bits to 8 by their upper half; floats by their range if they leave [0, 1]; not-a-number is black."""
    values = np.array(image, dtype=np.float32)  # and in place: as doubles, 40 megapixels take 1.5 GB
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        if low < 0 or high > 1:
            if high - low > LARGE_DIFFERENCE:
                values *= 0.25
                low, high = 0.25 * low, 0.25 * high
            values -= low
            values /= max(high - low, 1e-12)
        values *= 255
    elif high > 255 or image.mode.startswith("I;16"):
        values /= 257
    return Image.fromarray(values.round(out=values).clip(0, 255, out=values).astype(np.uint8)).convert("RGB")


def _planes(image: Image.Image) -> UInt8[Tensor, "channels height width"]:
    pixels = torch.from_numpy(np.array(image))
    return pixels[None] if pixels.ndim == 2 else pixels.permute(2, 0, 1).contiguous()
