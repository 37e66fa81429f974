"""A GPU that is not there: fake CUDA tensors, and answers for the few places that read values of them.

A fake tensor (torch's FakeTensorMode) has a device, a type and a shape, but no values. An operation on
tensors of two devices raises, and so does reading a value, for which the CPU would wait for the GPU.

Autograd asks the CUDA driver for streams before it runs a formula of a CUDA tensor. Of the device "meta" it
asks nothing, and for FakeTensorMode it is a device like others: as the `STAND_IN` it lets backward passes run
as they are. What the code does on CUDA alone is not done then, so tests take both.
"""

import functools
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode

from facehub.blending import alignment, direct
from train import pair_losses

READING = (Tensor.item, Tensor.__bool__, Tensor.__float__, Tensor.__int__, Tensor.nonzero, torch.bincount)
"""Operations that wait for values; `tolist` and `cpu` besides."""


ONES = {Tensor.__bool__: True, Tensor.__float__: 1.0}
"""What tensors on the CPU hold, in the type that an operation gives."""


STAND_IN = "meta"
"""A device whose fake tensors have gradients without a driver."""

_device = "cuda"


def cuda(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.empty(shape, dtype=dtype, device=_device)


def on_cuda(module: torch.nn.Module, *, learns: bool = False) -> torch.nn.Module:
    """The module with its tensors on the fake device; `.to` would look for a driver."""
    for part in module.modules():
        for name, value in part._parameters.items():
            if value is not None:
                part._parameters[name] = torch.nn.Parameter(cuda(*value.shape), requires_grad=learns)
        for name, value in part._buffers.items():
            part._buffers[name] = cuda(*value.shape, dtype=value.dtype)
    return module.train(learns)


class Answers(TorchFunctionMode):
    """What is read of CUDA tensors, function by function: each has its answers, in the order of its reads.

    A read that has none raises KeyError, and names the function. Tensors of the CPU are read freely: all 1.
    """

    def __init__(self, answers: Mapping[str, Sequence[Any]]):
        super().__init__()
        self.left = {place: list(values) for place, values in answers.items()}

    def __torch_function__(self, func: Callable, types: object, args: tuple = (), kwargs: dict | None = None):
        if func in READING:
            return self.answer() if args[0].device.type == _device else ONES.get(func, 1)
        if func is Tensor.__getitem__ and args[0].device.type == _device:
            return func(args[0], _on_device(args[1]))
        return func(*args, **(kwargs or {}))

    def answer(self) -> Any:
        frame = sys._getframe(1)
        while (code := frame.f_code).co_name.startswith("<") or not _ours(frame.f_globals):
            frame = frame.f_back
        place = f"{frame.f_globals['__name__'].rpartition('.')[2]}.{code.co_name}"
        if not self.left.get(place):
            raise KeyError(f"{place} reads a value of a CUDA tensor once more than it is known to")
        value = self.left[place].pop(0)
        return value() if callable(value) else value


def _on_device(index: Any) -> Any:
    """An index whose lists are tensors: PyTorch would bring lists to the GPU, for which it needs a driver."""
    if isinstance(index, tuple):
        return tuple(map(_on_device, index))
    return torch.arange(len(index), device=_device) if isinstance(index, list) else index


@contextmanager
def no_gpu(device: str = "cuda") -> Iterator[FakeTensorMode]:
    """Fake tensors within, also of what the library keeps for the whole process.

    `device`: that of `cuda` and `on_cuda`. Autograd runs on `STAND_IN`; on "cuda" gradients are empty.
    """
    landmarks, weights = alignment.reference_face(), pair_losses.LANDMARK_WEIGHTS
    with FakeTensorMode(allow_non_fake_inputs=device == STAND_IN) as mode, ExitStack() as patches:
        reference, kept = mode.from_tensor(landmarks), mode.from_tensor(weights)
        for patch in (
            mock.patch.object(alignment, "reference_face", lambda: reference),
            mock.patch.object(direct, "_charge", direct._charge.__wrapped__),
            mock.patch.object(pair_losses, "LANDMARK_WEIGHTS", kept),
            mock.patch.object(sys.modules[__name__], "_device", device),
        ):
            patches.enter_context(patch)
        if device == STAND_IN:  # which has no autocast
            of_cpu = functools.partial(torch.autocast, "cpu", enabled=False)
            patches.enter_context(mock.patch.object(torch, "autocast", lambda *_, **__: of_cpu()))
        else:
            patches.enter_context(mock.patch.object(Tensor, "backward", _backward))
        yield mode


def _backward(loss: Tensor) -> None:
    """Gradients of the weights that a loss depends on: autograd itself would ask the driver for streams."""
    nodes, seen = [loss.grad_fn], set()
    while nodes:
        node = nodes.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if (weight := getattr(node, "variable", None)) is not None:
            weight.grad = torch.empty_like(weight)
        nodes += [before for before, _ in node.next_functions]


def _ours(names: dict[str, Any]) -> bool:
    return names.get("__name__", "").startswith(("facehub.", "train."))


@contextmanager
def answered(answers: Mapping[str, Sequence[Any]]) -> Iterator[None]:
    """Answer the reads within, no more and no fewer than there are answers."""
    mode = Answers(answers)

    def tolist(tensor: Tensor) -> Any:
        return mode.answer() if tensor.device.type == _device else np.ones(tensor.shape, int).tolist()

    with mode, mock.patch.object(FakeTensor, "tolist", tolist):
        yield
    left = {place: len(values) for place, values in mode.left.items() if values}
    assert not left, f"answers that nobody asked for: {left}"
