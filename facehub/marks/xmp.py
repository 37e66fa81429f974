"""The plain statement in a file's metadata: an XMP packet with IPTC's digital source type.

Viewers, search engines and platforms read it. It is a statement, not a proof: it is not signed, so anybody
can write, copy or remove it. The packet is read as XML, without document types and entities; what only looks
like one, elsewhere in the file, does not count.
"""

from dataclasses import dataclass
from xml.parsers import expat

from ..text import one_line
from .origin import VERSION
from .source_type import SOURCE_TYPE, generated_term

MAX_PACKET_BYTES = 4 << 20
"""A longer packet is not read."""

MAX_PROGRAM_LETTERS = 100
"""Of the program's name that are shown."""

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns# "
_SOURCE_TYPE_NAME = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/ DigitalSourceType"
_PROGRAM_NAME = "http://ns.adobe.com/xap/1.0/ CreatorTool"
_PROPERTIES = (_SOURCE_TYPE_NAME, _PROGRAM_NAME)

_PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
 <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
  <rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
   xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
   xmp:CreatorTool="facehub {version}" Iptc4xmpExt:DigitalSourceType="{source_type}"/>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


@dataclass(frozen=True, slots=True)
class Statement:
    """What an XMP packet says. Anybody can write one."""

    program: str
    """The program that it names, on one line."""
    term: str
    """IPTC's term, one of `source_type.GENERATED_TERMS`."""


class _BadPacket(Exception):
    """A packet with a document type, which none needs."""


def mark() -> bytes:
    """The XMP packet of a picture made by this version of the program."""
    return _PACKET.format(version=VERSION, source_type=SOURCE_TYPE).encode()


def read(packet: bytes | str | None) -> Statement | None:
    """What an XMP packet says; None if it is no packet, or does not say that the file was generated."""
    data = packet.encode(errors="replace") if isinstance(packet, str) else packet or b""
    if not data or len(data) > MAX_PACKET_BYTES:
        return None
    try:
        values = _properties(data.strip(b"\0 \t\r\n"))
    except (expat.ExpatError, _BadPacket, UnicodeError, ValueError):
        return None
    term = generated_term(values.get(_SOURCE_TYPE_NAME))
    if term is None:
        return None
    return Statement(one_line(values.get(_PROGRAM_NAME), MAX_PROGRAM_LETTERS) or "an unnamed program", term)


def _properties(packet: bytes) -> dict[str, str]:
    """The values of our properties: attributes or elements of an rdf:Description that stands in rdf:RDF."""
    values: dict[str, str] = {}
    path: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        path.append(name)
        if path[-2:] == [_RDF + "RDF", _RDF + "Description"]:
            values.update({key: attributes[key] for key in _PROPERTIES if key in attributes})
        elif _is_property(path) and _RDF + "resource" in attributes:
            values[name] = attributes[_RDF + "resource"]

    def text(content: str) -> None:
        if _is_property(path):
            values[path[-1]] = (values.get(path[-1], "") + content)[:1000]

    def refuse(*_: object) -> None:
        raise _BadPacket

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler, parser.EndElementHandler = start, lambda _: path.pop()
    parser.CharacterDataHandler, parser.StartDoctypeDeclHandler = text, refuse
    parser.Parse(packet, True)
    return values


def _is_property(path: list[str]) -> bool:
    return path[-3:-1] == [_RDF + "RDF", _RDF + "Description"] and path[-1] in _PROPERTIES
