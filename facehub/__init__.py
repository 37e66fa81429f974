"""Fast face-swap: one generator per identity, photos in, photos out, identities shared as folders.

    import facehub
    facehub.swap("photo.jpg", "tom_cruise").save("result.jpg")

    from facehub import Swapper, image, load                    # many photos: the networks are loaded once
    swapper = Swapper(load("tom_cruise").generator())
    swapped = swapper(image.read("photo.jpg").photo[None])
    image.write("result.png", swapped.blended[0])

Names are loaded when first used, so that `import facehub` costs nothing.
"""

from .lazy import load_lazily
from .marks.origin import VERSION as __version__

_HOMES = {
    "image": "",
    "swap": "one_photo",
    "swap_faces": "face_plan",
    "Swapper": "swapper",
    "Faces": "types",
    "Detections": "types",
    "Swapped": "swapped",
    "Generator": "networks.generator",
    "Identity": "identity.folder",
    "save": "identity.folder",
    "Hub": "hub.api",
    "load": "registry",
    "identities": "registry",
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

__getattr__, __dir__ = load_lazily(__name__, _HOMES, __all__)
