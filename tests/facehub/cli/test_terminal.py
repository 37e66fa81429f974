"""Progress lines: on a terminal one line that leaves nothing behind; elsewhere nothing."""

import io

import pytest

from facehub.cli.hub import show_bytes
from facehub.cli.report import format_progress
from facehub.cli.terminal import ERASE, ProgressLine, clock


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True

    @property
    def screen(self) -> str:
        """The text of the line after all that was written."""
        return self.getvalue().rpartition(ERASE)[2]


def open_terminal(monkeypatch) -> Terminal:
    """Called within a test, because pytest sets stderr anew before each."""
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setattr("sys.stderr", stream := Terminal())
    return stream


def test_a_line_is_overwritten_and_erased(monkeypatch):
    terminal = open_terminal(monkeypatch)
    with ProgressLine() as line:
        line.show("1 of 20 photos")
        line.show("2 of 20")
        assert terminal.screen == "2 of 20"
        line.show("x" * 50)
        assert terminal.screen == "x" * 29, "a line that wraps cannot be erased"
    assert terminal.screen == ""
    assert "\n" not in terminal.getvalue()


def test_it_is_erased_when_the_work_fails(monkeypatch):
    terminal = open_terminal(monkeypatch)
    with pytest.raises(ValueError), ProgressLine() as line:
        line.show("1 of 2")
        raise ValueError
    assert terminal.screen == ""


def test_a_transfer_shows_its_bytes(monkeypatch):
    terminal = open_terminal(monkeypatch)
    with ProgressLine() as line:
        show_bytes(line, "Fetched")(1_500_000, 4_000_000)
        assert terminal.screen == "Fetched 1.5 of 4.0 MB"


def test_nothing_elsewhere(capsys):
    with ProgressLine() as line:
        line.show("1 of 2")
        line.erase()
    assert capsys.readouterr().err == ""


def test_times_for_people():
    assert [clock(s) for s in (0.4, 42.0, 725.0, 3800.0)] == ["0:00", "0:42", "12:05", "1:03:20"]
    assert format_progress(1, 5, 2, 10.0) == "1 of 5, 2 failed, 40 s left"
    assert format_progress(1, 1000, 0, 10.0).endswith("2.8 h left")
