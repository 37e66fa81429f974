"""Fast face-swap: one generator an identity, photos in, photos out, identities shared as folders.

    from facehub import Swapper, image, load
    swap = Swapper(load("tom_cruise").generator())
    swapped = swap(image.read("photo.jpg").photo[None])
    image.write("result.png", swapped.blended[0])

Names are loaded when first used, so that `import facehub` costs nothing.
"""

import importlib

from .provenance import VERSION as __version__

_HOMES = {
    "Swapper": "swap",
    "Faces": "types",
    "Found": "types",
    "Swapped": "types",
    "Generator": "generators",
    "Identity": "identity",
    "Hub": "hub",
    "load": "hub",
    "identities": "hub",
    "save": "identity",
    "FaceHubError": "errors",
    "BadPhoto": "errors",
    "BadVideo": "errors",
    "NoFace": "errors",
    "BadIdentity": "errors",
    "UnknownIdentity": "errors",
    "Withdrawn": "errors",
    "HubUnreachable": "errors",
    "HubRefused": "errors",
    "DiskFull": "errors",
    "Stopped": "errors",
    "BadSetting": "errors",
}

__all__ = ["__version__", *_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str):
    if name in _HOMES:
        return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
