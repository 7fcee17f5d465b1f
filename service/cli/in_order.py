"""Work spread over processes, results in the order of what was given: `match --workers`, `rules backtest --workers`.

Batches, for to hand over one article costs nearly as much as to match it. A few batches are under way for each
process and no more: who reads the input waits for who writes the output, so a long input takes no memory.
"""

import multiprocessing
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any, TypeVar

from service.model.errors import BongsuError

Given = TypeVar("Given")
Made = TypeVar("Made")

FIRST_BATCH, BATCH = 32, 1_024
"""Batches double from the one to the other: the first answers come soon, and a long input is not handed over in
crumbs (20,000 articles by two processes: 5.1 s in batches of 64, 3.7 s in batches of 512)."""
UNDER_WAY = 3
"""Batches for each process: one in work, one waiting, one whose results wait for those before it."""

_work: list[Callable[[Any], Any]] = []


def in_order(
    given: Iterable[Given],
    make: Callable[[], Callable[[Given], Made]],
    *,
    workers: int,
    made: Callable[[Given], Made] | None = None,
) -> Iterator[Made]:
    """`make()(one)` for each of `given`, in order, by `workers` processes (1: by this one).

    What `make` gives (or `made`, where there is one already) is forked: rules are loaded once and their memory is
    shared. Where a fork would be unsafe (other threads run, or the system is not Linux) each process makes its own, so
    `make` must pickle.

    Raises:
        BongsuError: a process was killed; and whatever `make` or the work raises.
    """
    work = made or make()
    if workers == 1:
        yield from map(work, given)
        return
    pool = _pool(make, work, workers)
    try:
        pool.submit(_do, [])  # forks now, before who reads the input has started any thread
        source = iter(given)
        waiting: deque[Future[list[Made]]] = deque()
        batch = FIRST_BATCH
        while True:
            while len(waiting) < workers * UNDER_WAY and (some := list(islice(source, batch))):
                waiting.append(pool.submit(_do, some))
                batch = min(2 * batch, BATCH)
            if not waiting:
                return
            yield from waiting.popleft().result()
    except BrokenProcessPool:
        raise BongsuError("a process of --workers was killed, for want of memory perhaps; try fewer workers") from None
    finally:
        pool.shutdown(cancel_futures=True)  # waits for the batches in work: a pool left alone fails while Python ends


def _pool(make: Callable[[], Any], work: Callable[[Any], Any], workers: int) -> ProcessPoolExecutor:
    if sys.platform == "linux" and threading.active_count() == 1:
        forked = multiprocessing.get_context("fork")
        return ProcessPoolExecutor(workers, forked, initializer=_take, initargs=(work,))
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_make, initargs=(make,))


def _take(work: Callable[[Any], Any]) -> None:
    _work[:] = [work]


def _make(make: Callable[[], Callable[[Any], Any]]) -> None:
    _work[:] = [make()]


def _do(batch: list[Any]) -> list[Any]:
    return [_work[0](one) for one in batch]
