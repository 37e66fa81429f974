"""Load the small networks that ship with the program: strictly, and frozen."""

import pathlib
from typing import TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from ..errors import BadSetting

Network = TypeVar("Network", bound=nn.Module)


def load_frozen(network: Network, file: pathlib.Path, *, trained_by: str) -> Network:
    """The network with the weights of a safetensors file, in 32 bits, evaluating, without gradients.

    Raises BadSetting when the file holds other names, shapes or numbers than finite ones; the sentence names
    `trained_by`, the command that makes it.
    """
    try:
        weights, own = load_file(file), network.state_dict()
        if any(
            name in own and values.is_floating_point() != own[name].is_floating_point()
            for name, values in weights.items()
        ):
            raise RuntimeError("whole numbers where there must be none, or the other way round")
        network.load_state_dict(
            {
                name: values.float() if values.is_floating_point() else values
                for name, values in weights.items()
            }
        )
    except (OSError, SafetensorError, RuntimeError) as problem:
        raise BadSetting(
            f"{file} does not hold the weights that belong there: make them with `{trained_by}`."
        ) from problem
    if not all(values.isfinite().all() for values in weights.values()):
        raise BadSetting(f"{file} holds values that are not finite: make it again with `{trained_by}`.")
    return network.eval().requires_grad_(False)
