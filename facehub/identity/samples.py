"""The pictures that show what an identity does: `samples/NAME.webp`.

New ones are WebP, a fifth of a PNG's size at a quality of 95. PNG, which older identities hold, is read too.
"""

import pathlib
import re
import shutil
from collections.abc import Mapping

from jaxtyping import UInt8
from torch import Tensor

from .. import formats, image
from ..files import lies_within

FOLDER = "samples"

FORMATS = (formats.WEBP, formats.PNG)
"""The one that is written, then others that are read."""

SUFFIXES = tuple(suffix for one in FORMATS for suffix in one.suffixes)

NAME = re.compile(rf"{FOLDER}/[A-Za-z0-9][A-Za-z0-9_-]{{0,63}}({'|'.join(map(re.escape, SUFFIXES))})")
"""Of a sample's file, in the identity's folder."""

Sample = UInt8[Tensor, "3 height width"] | pathlib.Path
"""A picture to write, which is marked then; or a file to copy, which is marked already."""


def sample_files(folder: pathlib.Path) -> tuple[pathlib.Path, ...]:
    """The samples in an identity's folder, by name; links to elsewhere are left out."""
    found = sorted(p for p in (folder / FOLDER).glob("*") if p.suffix in SUFFIXES)
    return tuple(p for p in found if lies_within(p, folder))


def write_samples(folder: pathlib.Path, samples: Mapping[str, Sample]) -> list[str]:
    """Write pictures into the `samples` of an identity's folder, which must not exist yet; returns the names
    of their files."""
    inner = folder / FOLDER
    inner.mkdir()
    return [_write(inner, name, sample) for name, sample in samples.items()]


def _write(inner: pathlib.Path, name: str, sample: Sample) -> str:
    if isinstance(sample, pathlib.Path):
        return pathlib.Path(shutil.copy(sample, inner / f"{name}{sample.suffix}")).name
    file = inner / f"{name}{FORMATS[0].suffixes[0]}"
    image.write(file, sample)
    return file.name


def is_sample(data: bytes) -> bool:
    """Whether a file's first 16 bytes are those of a picture that may be a sample."""
    return formats.by_content(data) in FORMATS
