"""Longer names that an entity excludes with `not_in`: which of them holds an occurrence, in a step or two."""

from bisect import bisect_right
from itertools import accumulate

Span = tuple[int, int]


class Blockers:
    """Finds of `not_in` of one term in one text."""

    __slots__ = ("_found", "_glued", "_reach", "_starts")

    def __init__(self) -> None:
        self._found: list[Span] = []
        self._glued: dict[int, int] = {}
        self._starts: list[int] | None = None
        self._reach: list[int] = []

    def add(self, text: str, start: int, end: int) -> None:
        """One find. Inside a longer word (소개미 국방부) it blocks only what begins where it does."""
        if "가" <= text[start] <= "힣" and "가" <= text[start - 1] <= "힣":
            self._glued[start] = max(end, self._glued.get(start, 0))
        else:
            self._found.append((start, end))

    def holding(self, start: int, end: int) -> Span | None:
        """The find that holds start:end."""
        if self._glued.get(start, 0) >= end:
            return start, self._glued[start]
        if self._starts is None:
            self._found.sort()
            self._starts = [found for found, _ in self._found]
            self._reach = list(accumulate((reach for _, reach in self._found), max))
        number = bisect_right(self._starts, start) - 1
        if number < 0 or self._reach[number] < end:
            return None
        reach = self._reach[number]
        return next(found for found in self._found if found[1] == reach)
