"""What a picture or video that leaves the program says of itself: which marks it has, what it was made from, and the plain statement in its metadata.

The statement is an XMP packet with IPTC's digital source type for composites with trained media (https://cv.iptc.org/newscodes/digitalsourcetype/),
which viewers, search engines and platforms read. It is a statement, not a proof: whoever rewrites the file can take it out. The signed manifest is
made in credentials.py, the invisible watermark in watermark.py, the visible label in label.py; image.py puts them on.
"""

import mmap
import re
from dataclasses import dataclass, field

from .keys import Credential

VERSION = "0.4.0"
"""Of this program."""


@dataclass(frozen=True, slots=True)
class Origin:
    """What a picture was made from. What is empty is not known, and left out of the manifest."""

    parent: bytes | None = field(default=None, repr=False)
    """The file that came in. Its own manifest is kept in the output's, less what could tell on somebody (thumbnails, places, serial numbers)."""
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
    """The signed one, in every file that can hold it (all formats written but BMP)."""
    label: bool = False
    """The visible one."""
    credential: Credential | None = None
    """What signs; None: the operator's or this user's own (keys.py)."""


SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmp:CreatorTool="facehub {version}" Iptc4xmpExt:DigitalSourceType="{source_type}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def mark() -> bytes:
    """The XMP packet of a picture made by this version of the program."""
    return _PACKET.format(version=VERSION, source_type=SOURCE_TYPE).encode()


def read_mark(file: bytes | mmap.mmap) -> str | None:
    """The program that a picture or video file says it was made by, if it also says that a trained network took part; None if it does not."""
    if file.find(SOURCE_TYPE.encode()) < 0:
        return None
    tool = re.search(rb'xmp:CreatorTool="([^"<>]{1,100})"', file)
    return tool.group(1).decode(errors="replace") if tool else "an unnamed program"
