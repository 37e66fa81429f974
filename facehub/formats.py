"""The table of picture formats: which suffix, what may be read and written, and what each can hold.

Imports nothing heavy, so that `--help` stays quick.
"""

import pathlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Format:
    """One kind of picture file."""

    name: str
    """As Pillow calls it."""
    media: str
    """MIME type, which is also C2PA's name."""
    suffixes: tuple[str, ...]
    """Lower case, the usual one first."""
    start: re.Pattern[bytes]
    """What the first bytes of a file match."""
    alpha: bool = False
    """Whether results may be written with transparency."""
    manifest: bool = True
    """Whether C2PA can sign it; such a file also holds an XMP packet."""
    in_browsers: bool = True
    """Whether browsers show it."""
    reads: bool = True
    """Whether strangers' files of this kind are decoded."""
    writes: bool = True
    """Whether results may be written in it."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """For Pillow's `save`: quality and compression. PNG is written by OpenCV (image.py)."""


def _format(name: str, suffixes: tuple[str, ...], start: bytes, **other: Any) -> Format:
    return Format(name, f"image/{name.lower()}", suffixes, re.compile(start, re.DOTALL), **other)


PNG = _format("PNG", (".png",), rb"\x89PNG", alpha=True, options={"compress_level": 3})
JPEG = _format("JPEG", (".jpg", ".jpeg"), rb"\xff\xd8", options={"quality": 95, "subsampling": 0})
WEBP = _format("WEBP", (".webp",), rb"RIFF....WEBP", alpha=True, options={"quality": 95})
TIFF = _format(
    "TIFF", (".tif", ".tiff"), rb"II\*\x00|MM\x00\*",
    alpha=True, in_browsers=False, options={"compression": "tiff_deflate"},
)  # fmt: skip
AVIF = _format("AVIF", (".avif",), rb"....ftypavi[fs]", alpha=True, options={"quality": 90})
BMP = _format("BMP", (".bmp",), rb"BM", manifest=False)
GIF = _format("GIF", (".gif",), rb"GIF8", writes=False)

FORMATS = (PNG, JPEG, WEBP, TIFF, AVIF, BMP, GIF)
"""All of them. A decoder that is not listed is never run on a stranger's bytes."""

READ_SUFFIXES = tuple(suffix for format in FORMATS if format.reads for suffix in format.suffixes)
"""Of photos that may come in."""

WRITE_SUFFIXES = tuple(suffix for format in FORMATS if format.writes for suffix in format.suffixes)
"""Of results."""

BROWSER_SUFFIXES = tuple(suffix for format in FORMATS if format.in_browsers for suffix in format.suffixes)
"""Of pictures that a page can show as they are."""


def photo_files(folder: pathlib.Path) -> list[pathlib.Path]:
    """List the files below a folder whose suffix is one of `READ_SUFFIXES`, sorted by path."""
    return sorted(p for p in folder.rglob("*") if p.suffix.lower() in READ_SUFFIXES and p.is_file())


def by_suffix(suffix: str) -> Format | None:
    """The format of files with this suffix (".JPG" and ".jpg" alike), None for an unknown one."""
    return next((format for format in FORMATS if suffix.lower() in format.suffixes), None)


def by_name(name: str) -> Format | None:
    """The format with this name or suffix without its dot ("jpeg", "JPG"), None for an unknown one."""
    known = (format for format in FORMATS if format.name == name.upper())
    return next(known, None) or by_suffix(f".{name}")


def by_content(file: bytes) -> Format | None:
    """The format that a file's first 16 bytes show, None for an unknown one."""
    return next((format for format in FORMATS if format.start.match(file)), None)
