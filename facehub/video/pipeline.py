"""Stages that work ahead of each other: groups of items, a thread that fetches the next items early, and
threads that each work on an item with one core.

Side by side they use the cores better than one item on all of them: small operations gain nothing from more
cores, and stages of a film that each ask for all get in each other's way.
"""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

import torch

S = TypeVar("S")
T = TypeVar("T")

THREAD_NAME = "facehub film"

_CORES = threading.Lock()


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
    """`work` of each item, in order; threads do up to `at_once` of them at the same time, each on one core.

    Closing it early waits for what is at work.
    """
    if at_once == 1:
        yield from map(work, items)
        return
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(at_once, THREAD_NAME, use_one_core) as pool:
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > at_once:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for one in waiting:
                one.cancel()


def use_one_core() -> None:
    """Make PyTorch use one core in this thread alone."""
    use_cores(1)


def use_cores(count: int) -> None:
    """Make PyTorch use so many cores in this thread alone.

    The number is kept for each thread, but setting it also sets that of threads to come: another one sets
    that back.
    """
    with _CORES:
        usual = torch.get_num_threads()
        torch.set_num_threads(count)
        again = threading.Thread(target=torch.set_num_threads, args=(usual,))
        again.start()
        again.join()


def prefetch(items: Generator[T, None, None], depth: int) -> Generator[T, None, None]:
    """The items, made on one core by another thread, at most `depth` of them ahead. Errors are raised here.

    Closing it early waits until the thread has stopped and closed `items`.
    """
    line: queue.Queue = queue.Queue(depth)
    over, end = threading.Event(), object()

    def work() -> None:
        problem: BaseException | None = None
        use_one_core()
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
