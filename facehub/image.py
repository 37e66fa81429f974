"""The border: picture files and PIL images come in as upright sRGB bytes, and results go out marked as generated. The only PIL in the library.

Going out is one way for all: label and watermark into the pixels, the file with its statement, then the signature, and nothing after it.
"""

import io
import os
import pathlib
import secrets
import struct
import tempfile
import warnings
import zlib
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from . import credentials, keys, label, provenance, watermark
from .errors import BadPhoto, BadSetting
from .provenance import Marks, Origin

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF")
"""What may be opened. A decoder that is not listed is never run on a stranger's bytes."""

MAX_MEGAPIXELS = 40.0
MIN_SIDE_PX = 64

SUFFIXES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP", ".tif": "TIFF", ".tiff": "TIFF", ".avif": "AVIF", ".bmp": "BMP"}
"""What can be written. All but BMP carry every mark; BMP can hold no metadata and no manifest, only what is in the pixels."""

_DAMAGE = (OSError, ValueError, SyntaxError, IndexError, TypeError, EOFError, struct.error, zlib.error, OverflowError, MemoryError, RuntimeError)
"""What Pillow's decoders raise on hostile or broken files, seen in its own tests."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, upright."""

    photo: UInt8[Tensor, "3 height width"]
    """RGB, sRGB."""
    alpha: UInt8[Tensor, "1 height width"] | None = None
    """255 = opaque; None where the file has no transparency."""
    file: bytes | None = field(default=None, repr=False, compare=False)
    """As it came in, for the manifest of what is made from it."""


def read(source: str | os.PathLike | bytes | BinaryIO, *, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """Decodes a picture file, given as a path, its bytes or an open file.

    Raises BadPhoto when it is missing, no picture, damaged, larger than `max_megapixels` (told from the header, before anything is decoded) or less
    than 64 px on a side.
    """
    name = os.path.basename(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else "The file"
    try:
        if isinstance(source, (str, os.PathLike)):
            data = pathlib.Path(source).read_bytes()
        else:
            data = source if isinstance(source, bytes) else source.read()
    except FileNotFoundError as problem:
        raise BadPhoto(f"{name} does not exist: check the path.") from problem
    except IsADirectoryError as problem:
        raise BadPhoto(f"{name} is a folder: name a picture in it.") from problem
    except OSError as problem:
        raise BadPhoto(f"{name} cannot be read ({problem.strerror or problem}): check its permissions.") from problem
    if not data:
        raise BadPhoto(f"{name} is empty: it may have been cut off while it was copied, so fetch it again.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            opened = Image.open(io.BytesIO(data), formats=FORMATS)
        except Image.DecompressionBombError as problem:
            raise BadPhoto(_too_large(name, None, max_megapixels)) from problem
        except (UnidentifiedImageError, *_DAMAGE) as problem:
            raise BadPhoto(f"{name} is not a picture that can be opened: use a JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF file.") from problem
        return replace(from_pil(opened, max_megapixels=max_megapixels, name=name), file=data)


def from_pil(image: Image.Image, *, max_megapixels: float = MAX_MEGAPIXELS, name: str = "The picture") -> Picture:
    """The same for a PIL image, which may not have been decoded yet."""
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        raise BadPhoto(_too_large(name, (width, height), max_megapixels))
    if min(width, height) < MIN_SIDE_PX:
        raise BadPhoto(f"{name} is {width} x {height} pixels, but each side must be at least {MIN_SIDE_PX}: use a larger one.")
    try:
        image.load()
        image = ImageOps.exif_transpose(image) or image
        alpha = _alpha(image)
        rgb = _srgb(image, alpha)
    except Image.DecompressionBombError as problem:
        raise BadPhoto(_too_large(name, (width, height), max_megapixels)) from problem
    except _DAMAGE as problem:
        raise BadPhoto(f"{name} is damaged or cut off: open it in a picture viewer and save it again, or use another one.") from problem
    return Picture(photo=_planes(rgb), alpha=None if alpha is None else _planes(alpha))


def read_labels(source: str | os.PathLike) -> UInt8[Tensor, "1 height width"]:
    """A picture whose pixels are numbers of classes: palette indices, or levels of gray. Raises BadPhoto for any other picture."""
    name = pathlib.Path(source).name
    try:
        with Image.open(source, formats=["PNG"]) as opened:
            if opened.mode in ("P", "L") and opened.width * opened.height <= MAX_MEGAPIXELS * 1e6:
                return torch.from_numpy(np.array(opened))[None]
    except (UnidentifiedImageError, *_DAMAGE) as problem:
        raise BadPhoto(f"{name} is no PNG that can be opened: fetch the masks again.") from problem
    raise BadPhoto(f"{name} has colours, but must hold the number of a class in each pixel: give a PNG with a palette or in gray.")


def to_pil(photo: UInt8[Tensor, "channels height width"], alpha: UInt8[Tensor, "1 height width"] | None = None) -> Image.Image:
    """RGB or gray, with transparency if given."""
    planes = [photo] if alpha is None else [photo, alpha]
    pixels = torch.cat(planes).permute(1, 2, 0).cpu().contiguous().numpy()
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)


def encode(
    photo: UInt8[Tensor, "channels height width"],
    *,
    format: str = "PNG",
    alpha: UInt8[Tensor, "1 height width"] | None = None,
    generated: bool = True,
    origin: Origin | None = None,
    marks: Marks | None = None,
) -> bytes:
    """The bytes of a picture file; `format` as in SUFFIXES. Carries nothing but the pixels and, unless `generated` is false, the marks.

    `origin` is what the picture was made from, for the manifest; `marks` which marks it gets, by default all but the visible one. They change
    pixels, by a few levels of 255 (watermark.py). Where the format has no transparency (JPEG, BMP) the pixels are kept and the alpha is dropped.
    """
    marks, origin = marks or Marks(), origin or Origin()
    format = {"JPG": "JPEG", "TIF": "TIFF"}.get(format.upper(), format.upper())
    if format not in SUFFIXES.values():
        raise BadSetting(f"{format} cannot be written: use one of {', '.join(sorted(set(SUFFIXES.values())))}.")
    number = secrets.randbits(watermark.ID_BITS)
    if generated:
        photo, alpha = marked(photo, alpha, marks, number)
    image = to_pil(photo, None if format in ("JPEG", "BMP") else alpha)
    options: dict = {
        "PNG": {"compress_level": 3},
        "JPEG": {"quality": 95, "subsampling": 0},
        "WEBP": {"quality": 95},
        "AVIF": {"quality": 90},
        "TIFF": {"compression": "tiff_deflate"},
        "BMP": {},
    }[format]
    if generated and format != "BMP":
        packet = provenance.mark()
        options |= {"tiffinfo": {700: packet}} if format == "TIFF" else {"xmp": packet}
        if format == "PNG":
            options = options | {"pnginfo": _png_text(packet)}
            options.pop("xmp")
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    if not (generated and marks.manifest and format in credentials.MEDIA):
        return buffer.getvalue()
    number_named = f"{number:08x}" if marks.watermark else ""
    return credentials.sign(buffer.getvalue(), format, marks.credential or keys.credential(), origin, number_named)


def marked(
    photo: UInt8[Tensor, "channels height width"], alpha: UInt8[Tensor, "1 height width"] | None, marks: Marks, number: int
) -> tuple[UInt8[Tensor, "3 height width"], UInt8[Tensor, "1 height width"] | None]:
    """The pixels with the marks that lie in pixels: the label, opaque where the picture is not, and over all the watermark with its number."""
    photos = photo.expand(3, -1, -1)[None]
    if marks.label:
        photos = label.draw(photos)
        if alpha is not None:
            top, left, height, width = label.box(*photo.shape[1:])
            alpha = alpha.clone()
            alpha[:, top : top + height, left : left + width] = 255
    if marks.watermark:
        photos = watermark.embed(photos, [watermark.Payload(provenance.VERSION, number)])
    return photos[0], alpha


def write(
    path: str | os.PathLike,
    photo: UInt8[Tensor, "channels height width"],
    *,
    alpha: UInt8[Tensor, "1 height width"] | None = None,
    generated: bool = True,
    origin: Origin | None = None,
    marks: Marks | None = None,
) -> None:
    """Writes a picture file, whole or not at all; the suffix chooses the format, the rest is as in `encode`. Raises BadSetting when it cannot be."""
    path = pathlib.Path(path)
    if path.suffix.lower() not in SUFFIXES:
        raise BadSetting(f'"{path.name}" has no suffix that can be written: use one of {", ".join(SUFFIXES)}.')
    data = encode(photo, format=SUFFIXES[path.suffix.lower()], alpha=alpha, generated=generated, origin=origin, marks=marks)
    part = None
    try:
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            part = pathlib.Path(file.name)
            file.write(data)
        part.chmod(0o644)
        os.replace(part, path)
    except FileNotFoundError as problem:
        raise BadSetting(f"The folder {path.parent} does not exist: make it first, or choose another.") from problem
    except OSError as problem:
        raise BadSetting(f"{path} cannot be written ({problem.strerror or problem}): choose another folder.") from problem
    finally:
        if part is not None:
            part.unlink(missing_ok=True)


def _too_large(name: str, size: tuple[int, int] | None, max_megapixels: float) -> str:
    what = f"{size[0]} x {size[1]} pixels ({size[0] * size[1] / 1e6:.0f} megapixels)" if size else "far"
    return f"{name} is {what}{'' if size else ' too large'}, but at most {max_megapixels:g} megapixels are taken: make it smaller first."


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
        colours = {"RGBA": "RGB", "LA": "L", "La": "L", "RGBa": "RGB", "1": "L", "PA": "RGB"}.get(image.mode, image.mode)
        try:
            embedded, wanted = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
            if converted := ImageCms.profileToProfile(image.convert(colours), embedded, wanted, outputMode="RGB"):
                return converted
        except (ImageCms.PyCMSError, OSError, TypeError, ValueError):
            pass  # a broken profile, or one for other channels: the pixels are still the best we have
    return image.convert("RGB")


def _from_deep(image: Image.Image) -> Image.Image:
    """16 bits to 8 by their upper half; floats by their own range where they leave [0, 1]; not-a-number is black."""
    values = np.array(image, dtype=np.float32)  # and in place: as doubles, 40 megapixels take 1.5 GB
    np.nan_to_num(values, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    if image.mode == "F":
        if low < 0 or high > 1:
            if high - low > 1e38:  # a difference that a float cannot hold
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


def _png_text(packet: bytes) -> PngInfo:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", packet.decode())
    return text
