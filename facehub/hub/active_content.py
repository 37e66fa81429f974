"""What a browser could run in a card: found by tokenizing, in time linear in the card's length.

A card is shown as text by our page, but as Markdown or HTML elsewhere, by renderers that differ. So no
rendering is trusted: tags are tokenized wherever one could begin, in the card as it stands and without the
prefixes of quotes (`>`), as the WHATWG tokenizer does it
(https://html.spec.whatwg.org/multipage/parsing.html#tokenization), and held against an allow-list of
elements, attributes and schemes. Schemes are also looked for in the text with its character references,
backslashes and white space resolved, which covers Markdown links.

No library does this here, by reasoning and not by measurement (docs/hub.md, "What a card may hold"): by its
rules markdown-it-py should be quadratic in inline HTML, a tree builder (html5ever behind nh3) in open
formatting elements, and html.parser in older releases of Python.
"""

import html
import re

from ..errors import BadIdentity
from ..text import one_line

ELEMENTS = frozenset(
    {
        "a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd", "del",
        "details", "div", "dl", "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr",
        "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "picture", "pre", "q", "s", "samp", "small",
        "source", "span", "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th",
        "thead", "time", "tr", "tt", "u", "ul", "var", "wbr",
    }
)  # fmt: skip
"""Elements that may have attributes with values."""

UNSAFE_ELEMENTS = frozenset(
    {
        "applet", "base", "body", "embed", "fencedframe", "form", "frame", "frameset", "head", "html",
        "iframe", "link", "listing", "marquee", "math", "meta", "noembed", "noframes", "noscript", "object",
        "plaintext", "portal", "script", "style", "svg", "template", "textarea", "title", "xmp",
    }
)  # fmt: skip
"""Elements that act, or change how the rest is read, even without attributes.

Names in neither list may be words in angle brackets (`List<int>`), but have no attributes with values.
"""

ATTRIBUTES = frozenset(
    {
        "abbr", "align", "alt", "aria-hidden", "aria-label", "border", "cellpadding", "cellspacing", "cite",
        "class", "colspan", "datetime", "dir", "height", "href", "id", "lang", "media", "name", "open",
        "reversed", "role", "rowspan", "scope", "sizes", "src", "srcset", "start", "summary", "target",
        "title", "type", "valign", "value", "width",
    }
)  # fmt: skip
"""Attributes that may have a value. Without a value any attribute is harmless, or a word in a sentence."""

LINKS = frozenset(("cite", "href", "src", "srcset"))
"""Attributes whose value is an address."""

SCHEMES = frozenset(("", "http", "https", "mailto"))
"""Schemes of addresses in tags; empty: relative."""

UNSAFE_SCHEMES = re.compile(
    r"(?:java|vb|live)script:|data:(?:(?:text|application|multipart|message)/|image/svg)"
)
"""Schemes that run code, in text without white space."""

TAG = re.compile(r"<([/\s]{0,8})([a-z][^\s/><]{0,60})", re.IGNORECASE)
"""The beginning of a tag, or of what an older renderer takes for one (`< / script`)."""

NAME = re.compile(r"(?:[^\s/><]|<(?![a-z]))(?:[^\s/>=<]|<(?![a-z]))*", re.IGNORECASE)
"""Name of an attribute. It ends where another tag may begin, which is looked at by itself."""

GAP = re.compile(r"[\s/]*")
SPACE = re.compile(r"\s*")
BARE = re.compile(r"(?:(?!/on)[^\s>])*", re.IGNORECASE)
"""A value without quotes. It goes on after a slash, but some renderers end it there
(`<img/src=x/onerror=...>`)."""

QUOTE = re.compile(r"(?m)^[ \t]*>[ \t>]*")
INVISIBLE = re.compile(r"[\s\\\x00-\x20\x7f-\x9f\u00ad\u200b-\u200f\u2060\ufeff]+")

STEPS_PER_CHARACTER = 3
"""Limit on the tokenizer's work. A text that needs more is refused: it is made to be slow."""


def check_card(card: str, repo: str) -> None:
    """Raise BadIdentity when a card holds what a browser could run."""
    if found := active_content(card):
        raise BadIdentity(
            f"README.md of {repo} holds {one_line(found, 40)!r}, which a browser could run: "
            "ask its owner for a card of plain Markdown."
        )


def active_content(text: str) -> str:
    """The first thing in a text that a browser could run; empty when there is none."""
    unquoted = QUOTE.sub("", text)
    return _tags(text) or (_tags(unquoted) if unquoted != text else "") or _schemes(text)


def _tags(text: str) -> str:
    """The first tag that is not allowed. Every `<` is looked at, also within values, code and comments."""
    budget = STEPS_PER_CHARACTER * len(text) + 10_000
    for found in TAG.finditer(text):
        name = found[2].lower()
        if name in UNSAFE_ELEMENTS:
            return found[0]
        position = end = found.end()
        while not found[1].strip("/"):
            position = GAP.match(text, end).end()  # pyright: ignore[reportOptionalMemberAccess]
            attribute = NAME.match(text, position)
            if attribute is None:
                break
            value, position = _value(text, attribute.end())
            if value and not _allowed(name, attribute[0].lower(), value):
                return text[found.start() : attribute.end() + 1] if end == found.end() else attribute[0] + "="
            budget -= position - end
            end = position
            if budget < 0:
                return found[0]
    return ""


def _value(text: str, position: int) -> tuple[str, int]:
    """The value of an attribute whose name ends at `position`, and where it ends."""
    equals = SPACE.match(text, position).end()  # pyright: ignore[reportOptionalMemberAccess]
    if text[equals : equals + 1] != "=":
        return "", position
    start = SPACE.match(text, equals + 1).end()  # pyright: ignore[reportOptionalMemberAccess]
    quote = text[start : start + 1]
    if quote in ('"', "'") and quote:
        end = text.find(quote, start + 1)
        end = len(text) if end < 0 else end
        return text[start + 1 : end], min(end + 1, len(text))
    end = BARE.match(text, start).end()  # pyright: ignore[reportOptionalMemberAccess]
    return text[start:end], end


def _allowed(element: str, attribute: str, value: str) -> bool:
    if element.endswith(":"):  # an address in angle brackets
        return not attribute.startswith("on")
    if element not in ELEMENTS or attribute not in ATTRIBUTES:
        return False
    if attribute not in LINKS:
        return True
    addresses = value.split(",") if attribute == "srcset" else [value]
    return all(_scheme(address) in SCHEMES for address in addresses)


def _scheme(address: str) -> str:
    """The scheme of an address as a browser reads it: character references resolved, white space dropped."""
    if ":" not in address and "&" not in address:
        return ""
    plain = INVISIBLE.sub("", _unescaped(address)).lower()
    scheme, colon, _ = plain.partition(":")
    return scheme if colon and re.fullmatch(r"[a-z][a-z0-9+.-]*", scheme) else ""


def _schemes(text: str) -> str:
    found = UNSAFE_SCHEMES.search(INVISIBLE.sub("", _unescaped(text)).lower())
    return found[0] if found else ""


def _unescaped(text: str) -> str:
    """The text with its character references resolved."""
    text = re.sub(r"&#([xX]?)0+(?=[0-9a-fA-F])", r"&#\1", text)
    # Python refuses to read numbers of thousands of digits. None of more than 7 is a character.
    return html.unescape(re.sub(r"&#[xX]?[0-9a-fA-F]{8,}", "", text))
