"""Text that somebody else wrote: from a hub, a card, a consent record, a picture's metadata.

Imports nothing of ours.

Such text may hold terminal escapes, characters that turn the direction of writing, or a megabyte on one line.
Every such text goes through `one_line` before it is printed, logged, or quoted in a sentence.
"""

import unicodedata


def one_line(text: object, limit: int) -> str:
    """At most `limit` printable characters on one line; empty for what is no text.

    Control, format and unassigned characters (Unicode categories C*) become spaces, and runs of white space
    one.
    """
    if not isinstance(text, str):
        return ""
    printable = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: limit * 4])
    return " ".join(printable.split())[:limit]
