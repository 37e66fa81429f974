"""Says in the file itself that a picture was made with a trained network.

An XMP packet with IPTC's digital source type for composites with trained media (https://cv.iptc.org/newscodes/digitalsourcetype/), which
viewers, search engines and platforms read. It is a statement, not a proof: whoever rewrites the file can take it out.
"""

import re

VERSION = "0.2.0"
"""Of this program."""

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


def read_mark(file: bytes) -> str | None:
    """The program that a picture file says it was made by, if it also says that a trained network took part; None if it does not."""
    if SOURCE_TYPE.encode() not in file:
        return None
    tool = re.search(rb'xmp:CreatorTool="([^"<>]{1,100})"', file)
    return tool.group(1).decode(errors="replace") if tool else "an unnamed program"
