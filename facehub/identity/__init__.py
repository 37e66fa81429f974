"""Identities as folders: read, checked and saved.

Names are loaded when first used, because they need PyTorch.
"""

from typing import TYPE_CHECKING

from ..lazy import load_lazily

if TYPE_CHECKING:
    from .folder import Identity as Identity
    from .folder import read as read
    from .folder import save as save
    from .schema import BASES as BASES
    from .schema import CONSENT as CONSENT
    from .schema import NAME as NAME
    from .schema import check_consent as check_consent

_HOMES = {
    "Identity": "folder",
    "read": "folder",
    "save": "folder",
    "BASES": "schema",
    "CONSENT": "schema",
    "NAME": "schema",
    "check_consent": "schema",
}

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]

__getattr__, __dir__ = load_lazily(__name__, _HOMES, __all__)
