"""One process of those that swap for others: it gets photos and networks as messages, and keeps no photo.

serving.py starts such processes by Ray, of which nothing is known here.
"""

import platform
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .blending.masks import Masker
from .detection.finder import finder_by_name
from .detection.selection import FaceSelection
from .errors import BadSetting, FaceHubError
from .marks.origin import VERSION
from .networks.generator import FaceGenerator
from .swapped import Swapped
from .swapper import Swapper
from .types import Crops, Detections, Photos

MAX_NETWORKS = 8
"""Networks that a replica keeps; the one that was used longest ago makes room."""


class Network(NamedTuple):
    """What a replica swaps with."""

    reference: Any
    """What the replica's `fetch` makes a generator of: a reference of Ray's object store."""
    key: str
    """Its name in a replica's memory."""
    detail: float
    """As `Swapper` takes it."""


@dataclass(frozen=True)
class Request:
    """A stack of photos, and what `Swapper.swap_stacks` takes for it."""

    network: Network
    photos: Photos
    faces: FaceSelection
    strength: float
    detections: Detections | None
    masker: Masker | None


class Replica:
    """A process that swaps. `fetch` gives the network behind a reference."""

    def __init__(self, version: str, finder: str, device: str, fetch: Callable[[Any], FaceGenerator]):
        if version != VERSION:
            raise BadSetting(
                f"{platform.node()} has facehub {VERSION}, but who asks has {version}: "
                "install the same on both."
            )
        self.device, self.fetch, self.finder = torch.device(device), fetch, finder_by_name(finder)
        self._swappers: OrderedDict[str, Swapper] = OrderedDict()

    def swap(self, requests: Sequence[Request]) -> list[Swapped | FaceHubError]:
        """The answers in order. Requests with the same network and settings share its calls."""
        groups: dict[tuple, list[int]] = {}
        for index, one in enumerate(requests):
            groups.setdefault((one.network.key, one.masker, one.faces, one.strength), []).append(index)
        answers: dict[int, Swapped | FaceHubError] = {}
        for indices in groups.values():
            some = [requests[index] for index in indices]
            answers |= zip(indices, self._swap_alike(some), strict=True)
        return [answers[index] for index in range(len(requests))]

    def find(self, photos: Photos) -> Detections:
        return moved(self.finder(photos.to(self.device)), "cpu")

    def paint(self, network: Network, crops: Crops) -> Crops:
        """The network's whole output for crops, which a swap has in part only."""
        return self._swapper(network).paint(crops.to(self.device)).cpu()

    def _swap_alike(self, some: Sequence[Request]) -> Sequence[Swapped | FaceHubError]:
        first = some[0]
        try:
            made = self._swapper(first.network).swap_stacks(
                [one.photos for one in some],
                faces=first.faces,
                strength=first.strength,
                detections=[moved(one.detections, self.device) for one in some],
                masker=first.masker,
            )
        except FaceHubError as problem:
            return [problem] * len(some)
        return [one if isinstance(one, FaceHubError) else without_input(one) for one in made]

    def _swapper(self, network: Network) -> Swapper:
        swapper = self._swappers.pop(network.key, None) or Swapper(
            self.fetch(network.reference), finder=self.finder, detail=network.detail, device=self.device
        )
        self._swappers[network.key] = swapper
        while len(self._swappers) > MAX_NETWORKS:
            self._swappers.popitem(last=False)
        return swapper


def moved(record: Any, device: torch.device | str) -> Any:
    """A tensor, or a record with all tensors in it, on a device. Other values stay."""
    if isinstance(record, Tensor):
        return record.to(device)
    if is_dataclass(record) and not isinstance(record, type):
        return replace(
            record, **{one.name: moved(getattr(record, one.name), device) for one in fields(record)}
        )
    return record


def without_input(made: Swapped) -> Swapped:
    """A result as it travels: on the CPU, without network and photos, which the asker has."""
    light = moved(replace(made, photos=made.blended), "cpu")
    return replace(light, photos=light.blended, network=_gone)  # one tensor, which travels once


def _gone(crops: Crops) -> Crops:
    raise FaceHubError("The network is not here: ask the swapper that made this.")
