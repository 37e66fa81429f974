"""What a mark says: the program's version, where a picture came from, and which marks it gets."""

from dataclasses import dataclass, field

from .signing_key import SigningCredential

VERSION = "0.4.0"
"""The version of this program."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a picture was made from. Empty fields are unknown, and left out of the manifest."""

    parent: bytes | None = field(default=None, repr=False)
    """The file that came in. Its manifest is kept in the output's, without thumbnails, places and serial
    numbers."""
    identity: str = ""
    """The identity's short name."""
    repository: str = ""
    """Where the identity came from, as user/name."""
    revision: str = ""
    """The commit of that repository, or a hash of the weights."""
    basis: str = ""
    """Of consent: see docs/responsible-use.md."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Which marks a picture gets. The plain statement is in every file that can hold it."""

    watermark: bool = True
    """The invisible one, over the whole picture."""
    manifest: bool = True
    """The signed one, in every file that can hold it (all formats that are written except BMP)."""
    label: bool = False
    """The visible one."""
    credential: SigningCredential | None = None
    """What signs; None: the operator's or this user's own (signing_key.py)."""
