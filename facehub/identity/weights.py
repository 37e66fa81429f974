"""model.safetensors: the header is compared with the network before anything is allocated, then the values
are read.

The format is eight bytes of header length, a JSON header, and the tensors
(https://huggingface.co/docs/safetensors/index#format).

huggingface_hub's `parse_safetensors_file_metadata` is not used: it fetches a header of any length that the
file names.
"""

import functools
import json
import math
import pathlib
import struct
from collections.abc import Callable

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ..errors import BadIdentity
from ..files import sha256_of
from ..networks.double import DoubleGenerator, UnfilteredDoubleGenerator
from ..networks.generator import Generator
from ..networks.subpixel import HeadedGenerator, SubpixelGenerator
from ..text import one_line
from .schema import DOUBLE, NETWORK, SUBPIXEL, UNFILTERED_DOUBLE

MAX_BYTES = 64_000_000
MAX_HEADER_BYTES = 100_000
"""Ten times what the largest network needs."""

DTYPES = {"F32": 4, "F16": 2, "BF16": 2}
"""Types that weights may be stored as, and bytes per value."""

AnyGenerator = Generator | HeadedGenerator

BUILDERS: dict[str, Callable[[int], AnyGenerator]] = {
    NETWORK: Generator,
    SUBPIXEL: SubpixelGenerator,
    DOUBLE: DoubleGenerator,
    UNFILTERED_DOUBLE: UnfilteredDoubleGenerator,
}
"""How the network that config.json names is built, from the side of its crop in pixels.

Same keys as `schema.SIZES`.
"""


def build(size: int, network: str = NETWORK) -> AnyGenerator:
    """The network for crops of `size` px, with random weights."""
    return BUILDERS[network](size)


def network_of(generator: AnyGenerator) -> str:
    """The name under which config.json lists a generator's network."""
    return next((name for name, builder in BUILDERS.items() if builder is type(generator)), NETWORK)


@functools.lru_cache(64)
def shapes(size: int, network: str = NETWORK) -> dict[str, tuple[int, ...]]:
    """Name and shape of each tensor of the network for crops of `size` px."""
    with torch.device("meta"):
        return {name: tuple(value.shape) for name, value in build(size, network).state_dict().items()}


def sha256(file: pathlib.Path) -> str:
    """Hash of a file of weights; remembered until the file changes. Raises OSError."""
    status = file.stat()
    return _sha256(file, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@functools.lru_cache(64)
def _sha256(file: pathlib.Path, *_: int) -> str:
    return sha256_of(file)


def check_header(beginning: bytes, file_bytes: int, wanted: dict[str, tuple[int, ...]], shown: str) -> None:
    """Raise BadIdentity unless a file of `file_bytes` bytes that begins so holds exactly the tensors
    `wanted`."""
    length = struct.unpack("<Q", beginning[:8])[0] if len(beginning) >= 8 else 0
    if not 2 <= length <= MAX_HEADER_BYTES:
        raise BadIdentity(
            f"{shown} is no safetensors file: its header would have {length:,} bytes, "
            f"but 2 to {MAX_HEADER_BYTES:,} make sense."
        )
    try:
        header = json.loads(beginning[8 : 8 + length].decode("utf-8"))
        found = {
            name: (entry["dtype"], tuple(entry["shape"]))
            for name, entry in header.items()
            if name != "__metadata__"
        }
        if not all(
            isinstance(dtype, str) and all(type(side) is int for side in shape)
            for dtype, shape in found.values()
        ):
            raise ValueError("types or sides of another kind")
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as problem:
        raise BadIdentity(
            f"{shown} is no safetensors file: its header cannot be read, so get the identity again."
        ) from problem
    _compare(found, wanted, shown)
    expected = 8 + length + sum(DTYPES[dtype] * math.prod(shape) for dtype, shape in found.values())
    if file_bytes != expected:
        raise BadIdentity(
            f"{shown} has {file_bytes:,} bytes, but its header describes {expected:,}: get the identity "
            "again."
        )


def _compare(found: dict[str, tuple[str, tuple]], wanted: dict[str, tuple[int, ...]], shown: str) -> None:
    """Raise BadIdentity at the first tensor that is missing, unknown, or of another shape or type than the
    network's."""
    if absent := sorted(wanted.keys() - found.keys()):
        raise BadIdentity(f"{shown} lacks {absent[0]}: it does not belong to this config.json.")
    if unknown := sorted(found.keys() - wanted.keys()):
        raise BadIdentity(f"{shown} holds {unknown[0][:80]!r}, which the network does not have.")
    for name, shape in wanted.items():
        dtype, got = found[name]
        if got != shape or dtype not in DTYPES:
            had = f"{one_line(dtype, 20)} {str(list(got))[:80]}"
            raise BadIdentity(
                f"{name} in {shown} is {had}, but the network needs {list(shape)} of 16 or 32 bit floats."
            )


def load(file: pathlib.Path, wanted: dict[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The tensors as stored.

    Raises BadIdentity when the file holds others, is damaged, or has values that are not finite.
    """
    try:
        with open(file, "rb") as opened:
            check_header(opened.read(8 + MAX_HEADER_BYTES), file.stat().st_size, wanted, file.name)
        with safe_open(file, "pt") as opened:
            weights = {name: opened.get_tensor(name) for name in wanted}
    except (SafetensorError, OSError, ValueError) as problem:
        raise BadIdentity(
            f"{file.name} is no safetensors file, or damaged: get the identity again."
        ) from problem
    for name, tensor in weights.items():
        if not tensor.isfinite().all():
            raise BadIdentity(
                f"{name} in {file.name} holds values that are not finite: "
                "the training went wrong, so get another revision."
            )
    return weights
