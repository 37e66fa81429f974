"""IPTC's terms for where a picture came from, as far as they say that it was generated.

https://cv.iptc.org/newscodes/digitalsourcetype/
"""

import re

COMPOSITE = "compositeWithTrainedAlgorithmicMedia"
"""Our pictures: a photo with a part that a trained network painted."""

GENERATED_TERMS = (COMPOSITE, "trainedAlgorithmicMedia", "algorithmicMedia")
"""Edited with generative AI; made by generative AI; made by an algorithm that was not trained on media."""

ADDRESS = "http://cv.iptc.org/newscodes/digitalsourcetype/"

SOURCE_TYPE = ADDRESS + COMPOSITE
"""The source type of our pictures."""

_TERM = re.compile(r"https?://cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{1,60})/?")


def generated_term(source_type: object) -> str | None:
    """The term of a source type that says that the picture was generated; None for any other value."""
    match = _TERM.fullmatch(source_type.strip()) if isinstance(source_type, str) else None
    return match[1] if match and match[1] in GENERATED_TERMS else None
