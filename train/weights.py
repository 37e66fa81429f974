"""Other people's networks that training needs, by name: fetched once, known by commit and SHA-256, never
fetched with `--offline`."""

import os
import pathlib

import torch

from facehub.errors import BadSetting
from facehub.hub.api import Hub
from facehub.hub.pinned import PinnedFile
from facehub.training_progress import Progress, ProgressCallback

from .progress import tell_fetched

SFACE = PinnedFile(
    what="SFace, the network that knows whose face it is,",
    repo="opencv/face_recognition_sface",
    revision="3d7082438a6e4551e840c9b2bb60b71e8da4b524",
    name="face_recognition_sface_2021dec_int8bq.onnx",
    size=10_667_852,
    sha256="fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
    flag="--sface",
)
"""OpenCV's file; Apache-2.0."""

VGG19 = "vgg19-dcbb9e9d.pth"
"""Torchvision's file, 548 MB; its SHA-256 begins with the eight digits of its name."""


def sface_file(
    given: pathlib.Path | None, *, offline: bool, report: ProgressCallback, hub: Hub | None = None
) -> pathlib.Path:
    """The file that was given, or the one that the hub has. Raises HubUnreachable, BadSetting."""
    if given is not None:
        return given
    tell = tell_fetched(
        report, lambda done, total: f"Fetching SFace: {done / 1e6:.1f} of {total / 1e6:.1f} MB."
    )
    return SFACE.fetch(hub, offline=offline, on_progress=tell)


def check_vgg19(given: pathlib.Path | None, *, offline: bool, report: ProgressCallback) -> None:
    """Say that VGG-19 will be downloaded. Raises BadSetting when it is not here and may not be."""
    if given is not None:
        if not given.is_file():
            raise BadSetting(
                f"--vgg19 names {given}, but there is no such file: correct it, or leave it out."
            )
        return
    place = pathlib.Path(torch.hub.get_dir()) / "checkpoints" / VGG19
    if place.is_file():
        return
    if offline or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0"):
        raise BadSetting(
            f"VGG-19 is not here, and nothing may be fetched: put torchvision's {VGG19} there as {place} "
            "(its SHA-256 begins with dcbb9e9d), or name a safetensors file with --vgg19."
        )
    report(Progress(message="Fetching VGG-19 (548 MB) from torchvision, once."))
