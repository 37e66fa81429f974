"""Identities on a Hugging Face Hub, or on a hub of one's own.

Names are loaded when first used, because they need huggingface_hub and PyTorch.
"""

from typing import TYPE_CHECKING

from ..lazy import load_lazily

if TYPE_CHECKING:
    from .api import Hub as Hub
    from .download import RemoteIdentity as RemoteIdentity
    from .listing import HubEntry as HubEntry
    from .upload import Pushed as Pushed
    from .withdrawals import Withdrawals as Withdrawals

_HOMES = {
    "Hub": "api",
    "HubEntry": "listing",
    "Pushed": "upload",
    "RemoteIdentity": "download",
    "Withdrawals": "withdrawals",
}

__all__ = [*_HOMES]  # pyright: ignore[reportUnsupportedDunderAll]

__getattr__, __dir__ = load_lazily(__name__, _HOMES, __all__)
