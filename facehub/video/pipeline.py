"""Stages that work ahead of each other: groups of items, and a thread that fetches the next items early."""

import contextlib
import queue
import threading
from collections.abc import Generator, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

THREAD_NAME = "facehub film"


def batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """The items in groups of `size`; the last may be smaller."""
    group: list[T] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group


def prefetch(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """The items, made by another thread that is at most `depth` of them ahead. Its errors are raised here.

    Closing it early waits until the thread has stopped and closed `items`.
    """
    line: queue.Queue = queue.Queue(depth)
    over, end = threading.Event(), object()

    def work() -> None:
        problem: BaseException | None = None
        try:
            for item in items:
                line.put((item, None))
                if over.is_set():
                    break
        except BaseException as raised:
            problem = raised
        finally:
            items.close()
        if not over.is_set():
            line.put((end, problem))

    thread = threading.Thread(target=work, name=THREAD_NAME, daemon=True)
    thread.start()
    try:
        while (got := line.get())[0] is not end:
            yield got[0]
        if got[1] is not None:
            raise got[1]
    finally:
        over.set()
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                line.get(timeout=0.02)
