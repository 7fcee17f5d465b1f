"""Lines out of a body that comes in parts: each as soon as it is whole, none held that is longer than allowed.

Shared by `bongsu ingest` and POST /v1/articles, so that a line has the same number and the same faults in both.
"""

from collections.abc import Iterator
from typing import NamedTuple

BOM = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """One line that is not blank."""

    number: int
    """From 1, blank lines counted."""
    raw: bytes
    """Without white space at either end, and without a byte order mark in front of the first."""
    too_long: bool = False
    """It was longer than allowed, and is not kept."""


class LineReader:
    """Feed it parts; it gives the lines that they end."""

    def __init__(self, max_line_bytes: int) -> None:
        """A longer line is told as `too_long` where it ends; what comes of it meanwhile is forgotten."""
        self._max = max_line_bytes
        self._number = 0
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, part: bytes) -> Iterator[Line]:
        """The lines that end in this part. Exhaust it before the next call."""
        begin = 0
        while (end := part.find(b"\n", begin)) >= 0:
            self._hold(part[begin:end])
            begin = end + 1
            yield from self._ended()
        if begin < len(part):
            self._hold(part[begin:])

    def end(self) -> Iterator[Line]:
        """The last line, where no line end follows it."""
        if self._held:
            yield from self._ended()

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > self._max:
            self._parts.clear()
        else:
            self._parts.append(part)

    def _ended(self) -> Iterator[Line]:
        self._number += 1
        raw = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        too_long = self._held > self._max
        self._parts.clear()
        self._held = 0
        if too_long:
            yield Line(self._number, b"", too_long=True)
            return
        line = raw.strip()
        if self._number == 1:
            line = line.removeprefix(BOM).lstrip()
        if line:
            yield Line(self._number, line)
