"""Changing what has a revision: from a named one, or from whichever stands."""

import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

from service.model.errors import ChangedMeanwhile

T = TypeVar("T")
TRIES = 4
"""Of a change that was made from no named revision: it is made anew from what stands."""


async def made_anew(change: Callable[[], Awaitable[T]], expected: Collection[int] | None) -> T:
    """What `change` gives, which looks at what stands each time; one that loses is made anew if no revision was named.

    Raises:
        ChangedMeanwhile: it lost, at each try; and whatever else `change` raises.
    """
    for _ in range(TRIES - 1 if expected is None else 0):
        with contextlib.suppress(ChangedMeanwhile):
            return await change()
    return await change()


def check_expected(name: str, revision: int, expected: Collection[int] | None) -> None:
    """Raises ChangedMeanwhile when a record is not at one of the revisions that it may be at."""
    if expected is not None and revision not in expected:
        wanted = " or ".join(map(str, sorted(expected))) or "none"
        raise ChangedMeanwhile(f"{name} is at revision {revision} and not {wanted}; look again.")
