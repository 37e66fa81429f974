"""Sheets: titles over their columns, in the letters that they have."""

import torch

from facehub import sheets

SHEET = torch.full((3, 40, 240), 7, dtype=torch.uint8)


def bars(titles: list[str]) -> torch.Tensor:
    """(columns, 28, 120): the line of titles, column by column, dark on light."""
    titled = sheets.with_titles(SHEET, titles)
    assert titled.shape == (3, 40 + sheets.TITLE_HEIGHT_PX, 240)
    assert torch.equal(titled[:, sheets.TITLE_HEIGHT_PX :], SHEET), "the sheet is as it was"
    return torch.stack(titled[0, : sheets.TITLE_HEIGHT_PX].float().split(120, dim=1))


def test_a_title_stands_over_its_column():
    first, second = bars(["", "Ada"])
    assert (first == 255).all()
    assert second.min() < 60


def test_a_title_too_wide_ends_in_an_ellipsis_and_stays_in_its_column():
    long, empty = bars(["The quick brown fox jumps over the lazy dog " * 2, ""])
    assert (empty == 255).all()
    assert (long[:, : 120 - sheets.TITLE_MARGIN_PX] < 128).any()
    font = sheets.font_for("abc")
    assert sheets.fitted("abc", font, 100.0) == "abc"
    short = sheets.fitted("abcdefghijklm", font, 50.0)
    assert short.endswith("…") and font.getlength(short) <= 50 < font.getlength(short[:-1] + "gh")


def test_letters_beyond_ascii_are_drawn_each_in_their_own_shape():
    """The old font drew each of them as "?"."""
    one, other = bars(["Élodie", "Ölodie"])
    assert not torch.equal(one, other)
    assert not torch.equal(*bars(["Élodie", "?lodie"]))


def test_the_font_with_the_fewest_missing_letters_is_taken():
    for text in ("Ada", "Александр", "王小明"):
        lacking = [sum(sheets._lacks(font, letter) for letter in set(text)) for font in sheets._fonts()]
        chosen = sheets._fonts().index(sheets.font_for(text))
        assert lacking[chosen] == min(lacking)
    assert sheets._lacks(sheets._fonts()[0], "王"), "a letter that the built-in font does not have"
