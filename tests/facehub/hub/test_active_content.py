"""What a browser could run in a card is found in whatever way it is written, and in time linear in the card's
length.
"""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from facehub import registry
from facehub.errors import BadIdentity
from facehub.hub.active_content import active_content, check_card

ACTIVE = [
    "<script>alert(1)</script>",
    "< / script >",
    "<img/src=x/onerror=alert(1)>",
    "<img src=x onerror=alert(1)>",
    "<img\nsrc\n=\nx\nonerror\n=\ny>",
    "<img src='a'\x0conerror='b'>",
    '<img src="a"onerror="b">',
    '<img alt=">" onerror=x>',
    "<img =x onerror=y>",
    "<details/open/ontoggle=alert(1)>",
    "<unknown onclick=alert(1)>",
    "<b <1 onclick=x>",
    "<b <i onclick=x>",
    "< a<img src=x onerror=alert(1)>",
    "<https://example.org/onclick=alert(1)>",
    "<p style='background: url(//evil)'>",
    "<a href='java&Tab;script:alert(1)'>",
    "<a href='" + " " * 5000 + "javascript:alert(1)'>",
    "<a href=data:text/html;base64,PHNjcmlwdD4=>",
    "<img srcset='a.png, javascript:alert(1)'>",
    "<math><mi xlink:href=x>",
    "[x](java&#115;cript:alert(1))",
    "[x](java&#x73;cript:alert(1))",
    "[x](java&#00000000000000115;cript:alert(1))",
    "[x](javascript\\:alert(1))",
    "[x](data:text/html,<b>)",
    "[x](data:image/svg+xml;base64,AAAA)",
    "[x]: <java\nscript:alert(1)>",
    "[x](\x01vbscript:alert(1))",
    '`<a title="` <img src=x onerror=alert(1)>',
    "<!-- <img src=x onerror=alert(1)>",
    "> <img src=x\n> onerror=alert(1)>",
    "- > <div\n  > # onerror=alert(1) >",
]

HARMLESS = [
    "For x < y and on = 3, see <https://example.org/?a=b&c=d> and `a<b>c`; script, style and links are "
    "words.",
    "If a <b and c> d, then std::vector<float> x = 3 << 2; one = hub.pull('x')",
    '<p align="center"><img src="samples/one.webp" width=80% alt="Ada"></p>',
    "<a href='https://example.org/a:b'>a link</a>, <ada@example.org>, <!-- a comment -->",
    "<details open><summary>More</summary></details>",
    "data: text of the table; &#99999999999999999999999; &lt;script&gt;",
]


@pytest.mark.parametrize("text", ACTIVE)
def test_active(text):
    assert active_content(f"# A face\n\n{text}\n")
    with pytest.raises(BadIdentity, match="README.md of ada/face holds '.*', which a browser could run"):
        check_card(text, "ada/face")


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless(text):
    assert active_content(f"# A face\n\n{text}\n") == ""


def test_cards_of_ours_pass():
    cards = [identity.card for identity in registry.identities()]
    assert cards
    assert [active_content(card) for card in cards] == [""] * len(cards)


REPEATED = [
    "<",
    "< / ",
    "<a ",
    '<img x="',
    "<a b='<a b=\"",
    "<!--",
    "&#1",
    "\\",
    "> ",
    ">\n",
    " ",
    "a=",
    "<[^",
    "<a =",
]


@pytest.mark.parametrize("part", [*REPEATED, "<p id=' class=\"<p id=\" class='", "<a href='"])
def test_time_is_linear(part):
    """22 kB took 25 s, and 900 kB never ended, where a pattern backtracked: here a megabyte may take 10 µs a
    byte.
    """
    text = part * (900_000 // len(part))
    begun = time.thread_time()
    active_content(text)
    assert time.thread_time() - begun < 9


@given(st.text(alphabet="<>/='\" \n&#;:abonclickjavscript1\\", max_size=300))
def test_no_text_breaks_it(text):
    active_content(text)
    assert active_content(text + "<img src=x onerror=alert(1)>")


@given(
    st.sampled_from(["onclick", "ONERROR", "onx"]),
    st.sampled_from([" ", "\n", "/", "\t", "\x0c"]),
    st.booleans(),
)
def test_an_event_handler_is_found_after_any_gap(name, gap, quoted):
    value = '"alert(1)"' if quoted else "alert(1)"
    assert active_content(f"<b{gap}{name}={value}>")
