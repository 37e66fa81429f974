"""How old files are, by a clock that does not jump.

Against the wall clock everything is old at once when somebody sets it, or a network corrects it, by a day.
What this process saw is therefore timed by the monotonic clock. What was there before it is as old as it
says.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path


class Ages:
    """The ages of a set of files, from one look to the next."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self.clock = clock
        self._looked = -math.inf
        self._written: dict[Path, tuple[tuple[int, int], float]] = {}
        self._lock = threading.Lock()

    def look(self, paths: Iterable[Path]) -> dict[Path, float]:
        """Seconds since each was written to; those that are gone are left out.

        Takes the whole set each time: what was written since the last look is at most as old as that.
        """
        with self._lock:
            now, seen = self.clock(), {}
            for path in paths:
                try:
                    status = path.lstat()
                except OSError:
                    continue
                stamp = status.st_ino, status.st_mtime_ns
                known = self._written.get(path)
                if known is None or known[0] != stamp:
                    age = min(max(0.0, time.time() - status.st_mtime), now - self._looked)
                    known = stamp, now - age
                seen[path] = known
            self._written, self._looked = seen, now
            return {path: now - written for path, (_, written) in seen.items()}
