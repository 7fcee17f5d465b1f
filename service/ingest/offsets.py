"""The way back: from a position in rewritten text to the position in the text that was given.

A map is a list of pieces, not an entry a character: text that needed one change costs two pieces. Maps of successive
rewritings are applied one after the other.
"""

import re
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass

Replace = Callable[[re.Match[str]], str]


@dataclass(frozen=True, slots=True)
class OffsetMap:
    """Pieces in order: where each begins after the rewriting, and what it covered before."""

    after: list[int]
    begin: list[int]
    end: list[int]
    """-1 where the piece was copied, so that positions inside it count."""

    def start(self, position: int) -> int:
        """Where the character that now stands at `position` began."""
        piece = bisect_right(self.after, position) - 1
        if self.end[piece] < 0:
            return self.begin[piece] + position - self.after[piece]
        return self.begin[piece]

    def stop(self, position: int) -> int:
        """Where the character that now ends at `position` ended (exclusive, as `position` is)."""
        if position <= 0:
            return self.start(0)
        piece = bisect_right(self.after, position - 1) - 1
        if self.end[piece] < 0:
            return self.begin[piece] + position - self.after[piece]
        return self.end[piece]


class Rewriter:
    """Builds a rewritten text and its map, piece by piece, from left to right."""

    __slots__ = ("_after", "_begin", "_end", "_length", "_parts", "_source")

    def __init__(self, source: str) -> None:
        self._source = source
        self._parts: list[str] = []
        self._length = 0
        self._after: list[int] = []
        self._begin: list[int] = []
        self._end: list[int] = []

    def copy(self, begin: int, end: int) -> None:
        """Take source[begin:end] as it is."""
        if begin < end:
            self._after.append(self._length)
            self._begin.append(begin)
            self._end.append(-1)
            self._parts.append(self._source[begin:end])
            self._length += end - begin

    def put(self, text: str, begin: int, end: int) -> None:
        """Write `text` in place of source[begin:end]; empty text removes it."""
        if text:
            self._after.append(self._length)
            self._begin.append(begin)
            self._end.append(end)
            self._parts.append(text)
            self._length += len(text)

    @property
    def length(self) -> int:
        """Characters written so far."""
        return self._length

    def finish(self) -> tuple[str, OffsetMap]:
        """The text and the way back."""
        if not self._after:
            self._after, self._begin, self._end = [0], [0], [0]
        return "".join(self._parts), OffsetMap(self._after, self._begin, self._end)


def rewrite(source: str, pattern: re.Pattern[str], replace: Replace) -> tuple[str, OffsetMap | None]:
    """`source` with every find of `pattern` replaced; None for a map when nothing was found."""
    found = pattern.search(source)
    if found is None:
        return source, None
    out = Rewriter(source)
    done = 0
    for each in pattern.finditer(source, found.start()):
        begin, end = each.span()
        other = replace(each)
        if other == each[0]:
            continue
        out.copy(done, begin)
        out.put(other, begin, end)
        done = end
    out.copy(done, len(source))
    return out.finish()
