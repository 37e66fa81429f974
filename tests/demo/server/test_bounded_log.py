"""The log stays small, whatever is sent, and says what it left out."""

import logging

from uvicorn.config import Config

from demo.server.bounded_log import BoundedLog, bound_log


class Kept(logging.Handler):
    """Keeps what is written."""

    def __init__(self):
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def test_a_flood_of_refusals_is_counted_and_not_written():
    now, kept, log = [0.0], Kept(), logging.getLogger("flooded")
    kept.addFilter(BoundedLog(5, lambda: now[0]))
    log.addHandler(kept)
    log.propagate = False
    for minute in range(2):
        now[0] = 61.0 * minute
        for number in range(1000):
            log.warning("/%s refused: %s", number, "there is nothing there")
            if number == 500:
                log.error("something else")
    assert len(kept.lines) == 12
    assert kept.lines[6] == "/0 refused: there is nothing there (995 more of its kind were left out)"
    assert kept.lines.count("something else") == 2


def test_the_bound_is_on_our_own_lines_and_on_the_servers(monkeypatch):
    last = Kept()
    monkeypatch.setattr(logging, "lastResort", last)
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    server = logging.getLogger("uvicorn.error")
    before = list(server.filters)
    try:
        bound_log()
        Config(lambda: None)  # sets the server's loggers up, as each start of it does
        assert any(isinstance(one, BoundedLog) for one in last.filters)
        assert any(isinstance(one, BoundedLog) for one in server.filters)
    finally:
        for name in ("uvicorn.error", "uvicorn.asgi", "asyncio"):
            logging.getLogger(name).filters = before
