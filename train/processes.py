"""Several processes of one run, started by torchrun: who writes, and how batches and gradients are shared."""

import torch
import torch.distributed as dist
from torch import Tensor

from facehub.networks.generator import Generator


def first_process() -> bool:
    """Whether this is the process that writes and prints."""
    return not dist.is_initialized() or dist.get_rank() == 0


def local_share(whole: Tensor) -> Tensor:
    """This process's share of what was drawn for a batch."""
    return whole[dist.get_rank() :: dist.get_world_size()] if dist.is_initialized() else whole


def average_over_processes(generator: Generator, means: dict[str, Tensor]) -> dict[str, float]:
    """Average the gradients in place and the losses over all processes; losses as numbers."""
    if dist.is_initialized():
        numbers = torch.stack(list(means.values()))
        for tensor in (numbers, *(p.grad for p in generator.parameters() if p.grad is not None)):
            dist.all_reduce(tensor)
            tensor /= dist.get_world_size()
        means = dict(zip(means, numbers, strict=True))
    return {k: v.item() for k, v in means.items()}
