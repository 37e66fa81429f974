"""The statement in the file, written and read: as XML, where a statement stands, and nothing else."""

from xml.etree import ElementTree

import pytest

from facehub.marks import xmp
from facehub.marks.origin import VERSION
from facehub.marks.source_type import ADDRESS, GENERATED_TERMS, SOURCE_TYPE
from facehub.marks.xmp import Statement, mark, read

OURS = Statement(f"facehub {VERSION}", "compositeWithTrainedAlgorithmicMedia")


def packet(description: str, before: str = "") -> bytes:
    return f"""<?xml version="1.0"?>{before}<x:xmpmeta xmlns:x="adobe:ns:meta/">
    <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
     xmlns:i="http://iptc.org/std/Iptc4xmpExt/2008-02-29/">{description}</rdf:RDF></x:xmpmeta>""".encode()


def test_packet_is_xml_that_says_what_it_should():
    text = mark().decode().split("?>", 1)[1].rsplit("<?xpacket", 1)[0]
    described = next(
        ElementTree.fromstring(text).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    )
    assert described.get("{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType") == SOURCE_TYPE
    assert described.get("{http://ns.adobe.com/xap/1.0/}CreatorTool") == f"facehub {VERSION}"
    assert read(mark()) == OURS
    assert read(mark().decode()) == OURS


@pytest.mark.parametrize("term", GENERATED_TERMS)
@pytest.mark.parametrize(
    "form",
    [
        '<rdf:Description xmp:CreatorTool="a program" i:DigitalSourceType="{}"/>',
        "<rdf:Description><xmp:CreatorTool>a program</xmp:CreatorTool>"
        "<i:DigitalSourceType>{}</i:DigitalSourceType></rdf:Description>",
        '<rdf:Description xmp:CreatorTool="a program"><i:DigitalSourceType rdf:resource="{}"/>'
        "</rdf:Description>",
    ],
)
def test_each_form_and_each_term_of_generated_media_is_read(form, term):
    assert read(packet(form.format(ADDRESS + term))) == Statement("a program", term)


@pytest.mark.parametrize(
    "other",
    [
        b"",
        b"no mark here",
        SOURCE_TYPE.encode(),
        b"before" + mark() + b"after",
        packet(f"<rdf:Description>{SOURCE_TYPE}</rdf:Description>"),
        packet(f'<rdf:Description xmp:CreatorTool="{SOURCE_TYPE}"/>'),
        packet(f'<rdf:Description i:DigitalSourceType="{ADDRESS}digitalCapture"/>'),
        packet(f'<rdf:Description i:DigitalSourceType="see {SOURCE_TYPE}"/>'),
        packet(f'<xmp:History i:DigitalSourceType="{SOURCE_TYPE}"/>'),
        packet(f"<!-- <rdf:Description i:DigitalSourceType='{SOURCE_TYPE}'/> -->"),
        mark()[: len(mark()) // 2],
        mark() + b" " * xmp.MAX_PACKET_BYTES,
    ],
)
def test_what_only_looks_like_a_statement_does_not_count(other):
    assert read(other) is None


def test_a_packet_with_a_document_type_is_not_read():
    """Entities grow without bound (a billion laughs) or read other files; no packet needs them."""
    described = '<rdf:Description i:DigitalSourceType="&t;"/>'
    for declared in (
        f'<!DOCTYPE x [<!ENTITY t "{SOURCE_TYPE}">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    ):
        assert read(packet(described, declared)) is None
    laughs = "".join(f'<!ENTITY l{i + 1} "{f"&l{i};" * 10}">' for i in range(9))
    assert read(packet(described, f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}<!ENTITY t "&l9;">]>')) is None


def test_the_programs_name_is_one_line_without_terminal_codes():
    name = "evil\u202e &#x9b;2J&#x85;" + "long" * 100
    found = read(packet(f'<rdf:Description xmp:CreatorTool="{name}" i:DigitalSourceType="{SOURCE_TYPE}"/>'))
    assert found.program.startswith("evil 2J long") and len(found.program) == 100
    assert (
        read(packet(f'<rdf:Description i:DigitalSourceType="{SOURCE_TYPE}"/>')).program
        == "an unnamed program"
    )
