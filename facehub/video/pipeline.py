"""Stages that work ahead of each other: groups of items, and a thread that fetches the next items early."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

S = TypeVar("S")
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


def ordered(work: Callable[[S], T], items: Iterable[S], at_once: int = 1) -> Generator[T, None, None]:
    """`work` of each item, in order; threads do up to `at_once` of them at the same time."""
    if at_once == 1:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(at_once, thread_name_prefix=THREAD_NAME) as threads:
        running: deque[Future[T]] = deque()
        for item in items:
            running.append(threads.submit(work, item))
            if len(running) == at_once:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


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
