"""Wait for a condition, with a deadline: what tests do instead of sleeping."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

POLL_S = 0.01
PATIENCE_S = 60.0
"""A deadline ends a test that would hang and measures nothing: on a busy machine nothing may fail for being slow."""
REST = 3.0
"""Rests so many times as long as asking took: who reads whole topics to see how far others are must not slow them."""
LONGEST_REST_S = 1.0


async def wait_until(
    condition: Callable[[], Any | Awaitable[Any]], timeout_s: float = PATIENCE_S, what: str = ""
) -> Any:
    """Ask again and again until `condition()` (or what it returns, awaited) is true; returns that.

    Fails after `timeout_s`, or PATIENCE_S when that is longer.
    """
    timeout_s = max(timeout_s, PATIENCE_S)
    deadline = time.monotonic() + timeout_s
    while True:
        asked = time.monotonic()
        result = condition()
        if inspect.isawaitable(result):
            result = await result
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s:g} s: {what or _source(condition)}")
        await asyncio.sleep(_rest_s(asked))


def wait_for(condition: Callable[[], Any], timeout_s: float = PATIENCE_S, what: str = "") -> Any:
    """The same for tests without an event loop."""
    timeout_s = max(timeout_s, PATIENCE_S)
    deadline = time.monotonic() + timeout_s
    while True:
        asked = time.monotonic()
        if result := condition():
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {timeout_s:g} s: {what or _source(condition)}")
        time.sleep(_rest_s(asked))


def _rest_s(asked: float) -> float:
    return max(POLL_S, min(LONGEST_REST_S, REST * (time.monotonic() - asked)))


def _source(condition: Callable[[], Any]) -> str:
    if isinstance(condition, partial):
        return f"{_source(condition.func)} of {condition.args}"
    try:
        return inspect.getsource(condition).strip()
    except (OSError, TypeError):
        return repr(condition)
