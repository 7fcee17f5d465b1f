"""Which articles have a thing in common: an address, a body, a title, a sentence, a band of the signature.

Nearly every sentence stands in one article only, so that what holds one holds it bare; of several the latest are
looked at.
"""

from collections.abc import Hashable
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V", bound=Hashable)


class Postings(Generic[K, V]):
    """From a key to what has it, in the order in which it was added. `V` is no dict."""

    __slots__ = ("_of",)

    def __init__(self) -> None:
        self._of: dict[K, V | dict[V, None]] = {}

    def add(self, key: K, one: V) -> None:
        """Put `one` last."""
        there = self._of.get(key)
        if there is None:
            self._of[key] = one
        elif isinstance(there, dict):
            there[one] = None
        elif there != one:
            self._of[key] = {there: None, one: None}

    def remove(self, key: K, one: V) -> None:
        """Take `one` out; nothing happens where it is not."""
        there = self._of.get(key)
        if isinstance(there, dict):
            there.pop(one, None)
            if len(there) == 1:
                self._of[key] = next(iter(there))
        elif there is not None and there == one:
            del self._of[key]

    def latest(self, key: K, count: int) -> tuple[V, ...]:
        """At most `count`, the last added first."""
        there = self._of.get(key)
        if there is None:
            return ()
        if isinstance(there, dict):
            return tuple(islice(reversed(there), count))
        return (there,)

    def __len__(self) -> int:
        """Keys."""
        return len(self._of)
