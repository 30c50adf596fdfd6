"""Calls that run side by side and give their results in the order they were begun."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def in_order(
    pool: ThreadPoolExecutor,
    work: Callable[[Item], Result],
    items: Iterable[Item],
    threads: int,
) -> Iterator[Result]:
    """Yields the results of some work in the order of its items.

    Items are taken as they are needed, so that there may be any number of them. What was not begun
    when the caller stops is cancelled.

    Args:
        pool: Runs the work.
        work: Called with each item.
        items: What to work on.
        threads: Threads of the pool.
    """
    waiting: deque[Future[Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(work, item))
            # One more than the threads, so that none waits for the reader.
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
