"""Give freed memory back to the system once nothing needs a large photo any more.

The C library keeps what was freed for the next allocation, in each thread's arena: after three photos of 39
megapixels with 24 faces 340 MB. Giving it back takes some milliseconds and stops other threads' allocations
meanwhile, so it happens in a thread of its own, a moment after the last use, and for large photos only.
"""

import contextlib
import ctypes
import queue
import threading
import time
import weakref
from collections.abc import Iterator

TRIM_MEGAPIXELS = 4.0
"""Photos from this size on are worth giving memory back to the system for."""

PAUSE_S = 0.5
"""After the last use: what ends together is given back together, and the frames that held it are gone."""


class FreedMemory:
    """Gives memory back after what it watches is gone."""

    def __init__(self, pause_s: float = PAUSE_S):
        self.pause_s = pause_s
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()  # may be put into from a finalizer
        threading.Thread(target=self._work, name="freed-memory", daemon=True).start()

    def watch(self, holder: object, megapixels: float) -> None:
        """Give memory back once `holder`, which holds a photo of this size, is gone. Small ones are not worth
        it."""
        if megapixels >= TRIM_MEGAPIXELS:
            weakref.finalize(holder, self._asked.put, None).atexit = False

    @contextlib.contextmanager
    def after(self, megapixels: float) -> Iterator[None]:
        """Give memory back after the block, which works on a photo of this size."""
        try:
            yield
        finally:
            if megapixels >= TRIM_MEGAPIXELS:
                self._asked.put(None)

    def _work(self) -> None:
        while True:
            self._asked.get()
            time.sleep(self.pause_s)
            with contextlib.suppress(queue.Empty):
                while True:
                    self._asked.get_nowait()
            give_back_memory()


def give_back_memory() -> None:
    """Return freed memory to the system, where the C library keeps it (glibc); does nothing elsewhere."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)
