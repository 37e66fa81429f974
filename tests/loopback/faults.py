"""Ways in which a hub fails, on demand."""

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to requests whose `METHOD /path` matches; the first that matches counts, as long as it
    lasts.
    """

    pattern: str
    times: float = float("inf")
    status: int = 0
    """Answer with this instead."""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """Instead of the right one, which is not even looked for."""
    cut: int | None = None
    """Break off after so many bytes of the body."""
    hold: threading.Event | None = None
    """Answer only once this is set."""
    change: Callable[[bytes], bytes] | None = None
    """What becomes of the right body."""
    after: Callable[[], None] | None = None
    """Called once the answer is out."""
    reached: threading.Event = field(default_factory=threading.Event)
    """Set when a request has run into it."""

    def meets(self, request: str) -> bool:
        if self.times <= 0 or not re.search(self.pattern, request):
            return False
        self.times -= 1
        self.reached.set()
        return True
