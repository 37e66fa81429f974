"""Strangers' text is one line, and no control code is left in it."""

from facehub.text import one_line


def test_control_and_direction_characters_are_gone():
    assert one_line("\u202eAda\x00 <b>\n", 80) == "Ada <b>"
    assert one_line("\x1b]0;title\x07red\x1b[31m\x9b2J", 80) == "]0;title red [31m 2J"


def test_length_and_kind():
    assert one_line("ab " * 100, 5) == "ab ab"
    assert one_line(None, 5) == one_line(7, 5) == ""
