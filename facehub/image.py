"""The border: picture files and PIL images come in as upright sRGB bytes; results go out marked as generated.

Results go out one way only: label and watermark into the pixels, the file with its statement, then the
signature, and nothing after it.
"""

import io
import os
import pathlib
import secrets
import struct
import warnings
import zlib
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from . import files, formats
from .decoding import DECODER_ERRORS, decode
from .errors import BadPhoto, BadSetting
from .formats import Format
from .marks import manifest, signing_key, visible_label, watermark, xmp
from .marks.origin import Marks, Origin

MAX_MEGAPIXELS = 40.0
"""Of a photo that comes in, unless the caller says otherwise."""

MIN_SIDE_PX = 64
"""Of a photo that comes in: the shorter side, px."""

XMP_TAG = 700
"""The number of the XMP packet's field in a TIFF file."""

PNG_XMP = "XML:com.adobe.xmp"
"""The keyword of the XMP packet's text in a PNG file."""

PNG_HEAD_BYTES = 33
"""Signature and header of a PNG file, behind which further chunks may stand."""

PNG_OPTIONS = (
    *(cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_PAETH),
    *(cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE),
    *(cv2.IMWRITE_PNG_COMPRESSION, 1),
)
"""Of OpenCV's encoder."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, upright."""

    photo: UInt8[Tensor, "3 height width"]
    """RGB, sRGB."""
    alpha: UInt8[Tensor, "1 height width"] | None = None
    """255 = opaque; None where the file has no transparency."""
    file: bytes | None = field(default=None, repr=False, compare=False)
    """As it came in, for the manifest of what is made from it."""
    xmp: bytes | str | None = field(default=None, repr=False, compare=False)
    """The XMP packet in the file's metadata: a stranger's text."""


def read(source: str | os.PathLike | bytes | BinaryIO, *, max_megapixels: float = MAX_MEGAPIXELS) -> Picture:
    """Decode a picture file, given as a path, its bytes or an open file.

    Raises BadPhoto when it is missing, no picture, damaged, larger than `max_megapixels` (the header says so,
    before anything is decoded) or less than 64 px on a side.
    """
    name = os.path.basename(os.fspath(source)) if isinstance(source, (str, os.PathLike)) else "The file"
    data = _content(source, name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            opened = Image.open(io.BytesIO(data), formats=[one.name for one in formats.FORMATS if one.reads])
        except Image.DecompressionBombError as problem:
            raise BadPhoto(_too_large(name, None, max_megapixels)) from problem
        except (UnidentifiedImageError, *DECODER_ERRORS) as problem:
            raise BadPhoto(
                f"{name} is not a picture that can be opened: "
                "use a JPEG, PNG, WebP, BMP, TIFF, GIF or AVIF file."
            ) from problem
        picture = from_pil(opened, max_megapixels=max_megapixels, name=name)
        return replace(picture, file=data, xmp=opened.info.get("xmp") or opened.info.get(PNG_XMP))


def read_statement(source: str | os.PathLike | bytes | BinaryIO) -> xmp.Statement | None:
    """The statement that a picture file was generated; None if its metadata has none. Raises BadPhoto."""
    return xmp.read(read(source).xmp)


def from_pil(
    image: Image.Image, *, max_megapixels: float = MAX_MEGAPIXELS, name: str = "The picture"
) -> Picture:
    """The same for a PIL image, which may not have been decoded yet."""
    width, height = image.size
    if width * height > max_megapixels * 1e6:
        raise BadPhoto(_too_large(name, (width, height), max_megapixels))
    if min(width, height) < MIN_SIDE_PX:
        raise BadPhoto(
            f"{name} is {width} x {height} pixels, but each side must be at least {MIN_SIDE_PX}: "
            "use a larger one."
        )
    try:
        photo, alpha = decode(image)
    except Image.DecompressionBombError as problem:
        raise BadPhoto(_too_large(name, (width, height), max_megapixels)) from problem
    except DECODER_ERRORS as problem:
        raise BadPhoto(
            f"{name} is damaged or cut off: open it in a picture viewer and save it again, "
            "or use another one."
        ) from problem
    return Picture(photo=photo, alpha=alpha)


def read_labels(source: str | os.PathLike) -> UInt8[Tensor, "1 height width"]:
    """A picture whose pixels are numbers of classes: palette indices, or levels of gray.

    Raises BadPhoto for any other picture.
    """
    name = pathlib.Path(source).name
    try:
        with Image.open(source, formats=[formats.PNG.name]) as opened:
            if opened.mode in ("P", "L") and opened.width * opened.height <= MAX_MEGAPIXELS * 1e6:
                return torch.from_numpy(np.array(opened))[None]
    except (UnidentifiedImageError, *DECODER_ERRORS) as problem:
        raise BadPhoto(f"{name} is no PNG that can be opened: fetch the masks again.") from problem
    raise BadPhoto(
        f"{name} has colours, but must hold the number of a class in each pixel: "
        "give a PNG with a palette or in gray."
    )


def to_pil(
    photo: UInt8[Tensor, "channels height width"], alpha: UInt8[Tensor, "1 height width"] | None = None
) -> Image.Image:
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
    """The bytes of a picture file: only the pixels and, unless `generated` is false, the marks.

    `format` is a name or suffix of formats.py. `origin` says what the picture was made from, for the
    manifest. `marks` says which marks it gets, by default all but the visible one; they change pixels, by a
    few levels of 255 (watermark.py). Where the format has no transparency (JPEG, BMP) the alpha is dropped.
    Raises BadSetting.
    """
    marks, origin = marks or Marks(), origin or Origin()
    kind = formats.by_name(format)
    if kind is None or not kind.writes:
        names = ", ".join(sorted(one.name for one in formats.FORMATS if one.writes))
        raise BadSetting(f"{format.upper()} cannot be written: use one of {names}.")
    number = secrets.randbits(watermark.ID_BITS)
    if generated:
        photo, alpha = with_marks(photo, alpha, marks, number)
    file = _file(photo, alpha if kind.alpha else None, kind, stated=generated and kind.manifest)
    if not (generated and marks.manifest and kind.manifest):
        return file
    credential = marks.credential or signing_key.signing_credential()
    return manifest.sign(file, kind.media, credential, origin, f"{number:08x}" if marks.watermark else "")


def with_marks(
    photo: UInt8[Tensor, "channels height width"],
    alpha: UInt8[Tensor, "1 height width"] | None,
    marks: Marks,
    number: int,
) -> tuple[UInt8[Tensor, "3 height width"], UInt8[Tensor, "1 height width"] | None]:
    """The pixels with the visible label, opaque in any picture, and over all the numbered watermark."""
    photos = photo.expand(3, -1, -1)[None]
    if marks.label:
        photos = visible_label.draw(photos)
        if alpha is not None:
            top, left, height, width = visible_label.box(*photo.shape[1:])
            alpha = alpha.clone()
            alpha[:, top : top + height, left : left + width] = 255
    if marks.watermark:
        photos = watermark.embed(photos, [watermark.Payload(xmp.VERSION, number)])
    return photos[0], alpha


def write(
    path: str | os.PathLike,
    photo: UInt8[Tensor, "channels height width"],
    *,
    alpha: UInt8[Tensor, "1 height width"] | None = None,
    generated: bool = True,
    origin: Origin | None = None,
    marks: Marks | None = None,
    durable: bool = True,
) -> None:
    """Write a picture file, whole or not at all. The suffix chooses the format, the rest is as in `encode`.

    `durable`: wait until it is on the disk; false for files that may be gone after a crash.
    Raises BadSetting when it cannot be written.
    """
    path = pathlib.Path(path)
    if path.suffix.lower() not in formats.WRITE_SUFFIXES:
        suffixes = ", ".join(formats.WRITE_SUFFIXES)
        raise BadSetting(f'"{path.name}" has no suffix that can be written: use one of {suffixes}.')
    data = encode(photo, format=path.suffix[1:], alpha=alpha, generated=generated, origin=origin, marks=marks)
    try:
        with files.atomic(path, durable=durable) as part:
            part.write(data)
    except FileNotFoundError as problem:
        raise BadSetting(
            f"The folder {path.parent} does not exist: make it first, or choose another."
        ) from problem
    except OSError as problem:
        raise BadSetting(
            f"{path} cannot be written ({problem.strerror or problem}): choose another folder."
        ) from problem


def _content(source: str | os.PathLike | bytes | BinaryIO, name: str) -> bytes:
    """The bytes of a file. Raises BadPhoto when there are none."""
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
        raise BadPhoto(
            f"{name} cannot be read ({problem.strerror or problem}): check its permissions."
        ) from problem
    if not data:
        raise BadPhoto(f"{name} is empty: it may have been cut off while it was copied, so fetch it again.")
    return data


def _file(
    photo: UInt8[Tensor, "channels height width"],
    alpha: UInt8[Tensor, "1 height width"] | None,
    kind: Format,
    *,
    stated: bool,
) -> bytes:
    """The file before it is signed. `stated`: with the XMP packet."""
    packet = xmp.mark() if stated else b""
    if kind is formats.PNG:
        return _png(photo, alpha, packet)
    buffer, statement = io.BytesIO(), {}
    if stated:
        statement = {"tiffinfo": {XMP_TAG: packet}} if kind is formats.TIFF else {"xmp": packet}
    to_pil(photo, alpha).save(buffer, kind.name, **kind.options, **statement)
    return buffer.getvalue()


def _png(
    photo: UInt8[Tensor, "channels height width"],
    alpha: UInt8[Tensor, "1 height width"] | None,
    packet: bytes,
) -> bytes:
    """By OpenCV, whose filters and strategy take a third of Pillow's time for a smaller file
    (docs/performance.md). It knows texts in Latin letters only, so the packet is put in here."""
    planes = photo.flip(0) if alpha is None else torch.cat([photo.expand(3, -1, -1).flip(0), alpha])
    _, data = cv2.imencode(".png", planes.permute(1, 2, 0).cpu().contiguous().numpy(), PNG_OPTIONS)
    file = data.tobytes()
    if not packet:
        return file
    text = b"iTXt" + PNG_XMP.encode() + bytes(5) + packet  # not compressed, in no language
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    return file[:PNG_HEAD_BYTES] + chunk + file[PNG_HEAD_BYTES:]


def _too_large(name: str, size: tuple[int, int] | None, max_megapixels: float) -> str:
    what = (
        f"{size[0]} x {size[1]} pixels ({size[0] * size[1] / 1e6:.0f} megapixels)"
        if size
        else "far too large"
    )
    return f"{name} is {what}, but at most {max_megapixels:g} megapixels are taken: make it smaller first."
