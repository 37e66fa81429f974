"""The statement in the file, written and read."""

from xml.etree import ElementTree

from facehub.provenance import SOURCE_TYPE, VERSION, mark, read_mark


def test_packet_is_xml_that_says_what_it_should():
    packet = mark().decode().split("?>", 1)[1].rsplit("<?xpacket", 1)[0]
    described = next(ElementTree.fromstring(packet).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description"))
    assert described.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == SOURCE_TYPE
    assert described.get("{http://ns.adobe.com/xap/1.0/}CreatorTool") == f"facehub {VERSION}"


def test_mark_is_found_wherever_it_stands():
    assert read_mark(b"before" + mark() + b"after") == f"facehub {VERSION}"
    assert read_mark(b"no mark here") is None
    assert read_mark(SOURCE_TYPE.encode()) == "an unnamed program"
