"""The type of number in which networks run when faces are swapped.

8-bit integers (int8.py) and bfloat16 are faster only where the processor has instructions for them: others
imitate bfloat16, eight times slower than float32 (VGG-19 on 16 boxes, two AVX2 cores).
`python -m benchmarks.precision` measures both sides.
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
    return cpu_has("avx512_bf16") or cpu_has("amx_bf16")


def int8_pays(device: torch.device) -> bool:
    """Whether the processor has instructions that multiply and add four 8-bit integers at a time, and torch
    the convolutions that use them."""
    known = hasattr(torch.ops.onednn, "qconv2d_pointwise")
    return device.type == "cpu" and known and (cpu_has("avx512_vnni") or cpu_has("amx_int8"))


def cpu_has(instructions: str) -> bool:
    """Whether the processor has them, by PyTorch's name. Never before torch 2.11, where float32 is safe."""
    return bool(getattr(torch.cpu, "get_capabilities", dict)().get(instructions))


def float_dtype(dtype: torch.dtype) -> torch.dtype:
    """The type of what is no product of 8-bit integers where networks run in `dtype`."""
    if dtype != torch.int8:
        return dtype
    return torch.bfloat16 if bf16_pays(torch.device("cpu")) else torch.float32


def inference_dtype(device: torch.device, choice: str | None = None) -> torch.dtype:
    """The type for a device. `choice`: one of `PRECISIONS`; None: what `FACEHUB_PRECISION` says, else auto.

    auto is float16 on CUDA; on a processor 8-bit integers or bfloat16 where it has instructions for them, in
    this order; and float32 elsewhere. Raises BadSetting for another word, and for int8 where it does not pay.
    """
    choice = choice or os.environ.get(VARIABLE) or "auto"
    if choice not in PRECISIONS:
        raise BadSetting(
            f'The precision "{choice[:40]}" is unknown: set {VARIABLE} to {" or ".join(PRECISIONS)}.'
        )
    if choice == "int8" and not int8_pays(device):
        raise BadSetting(
            f"This {'GPU' if device.type == 'cuda' else 'processor'} is not used with 8-bit integers "
            f"(a processor with AVX512_VNNI or AMX is): set {VARIABLE} to auto."
        )
    if choice != "auto":
        return getattr(torch, choice)
    if device.type == "cuda":
        return torch.float16
    if int8_pays(device):
        return torch.int8
    return torch.bfloat16 if bf16_pays(device) else torch.float32
