"""The floating-point type in which networks run when faces are swapped.

bfloat16 is faster only where the processor multiplies it: others imitate it, eight times slower than float32
(VGG-19 on 16 boxes, two AVX2 cores). `python -m benchmarks.precision` measures both sides.
"""

import os

import torch

from ..choices import PRECISIONS
from ..errors import BadSetting

VARIABLE = "FACEHUB_PRECISION"
"""Environment variable that chooses one of `PRECISIONS`."""


def bf16_pays(device: torch.device) -> bool:
    """Whether the device has instructions for bfloat16."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported()
    able = getattr(
        torch.cpu, "get_capabilities", dict
    )()  # since torch 2.11; before, float32 is the safe choice
    return bool(able.get("avx512_bf16") or able.get("amx_bf16"))


def inference_dtype(device: torch.device, choice: str | None = None) -> torch.dtype:
    """The type for a device. `choice`: one of `PRECISIONS`; None: what `FACEHUB_PRECISION` says, else auto.

    auto is float16 on CUDA, bfloat16 on a processor that has instructions for it, and float32 elsewhere.
    Raises BadSetting for another word.
    """
    choice = choice or os.environ.get(VARIABLE) or "auto"
    if choice not in PRECISIONS:
        raise BadSetting(
            f'The precision "{choice[:40]}" is unknown: set {VARIABLE} to {" or ".join(PRECISIONS)}.'
        )
    if choice != "auto":
        return torch.float32 if choice == "float32" else torch.bfloat16
    if device.type == "cuda":
        return torch.float16
    return torch.bfloat16 if bf16_pays(device) else torch.float32
