"""Zones: which part of an article a place belongs to, and which paragraphs only repeat others.

Judged line by line (`lines`), then by where a line stands: what follows the last paragraph of the story after a
by-line or copyright notice is other articles' headlines, however it looks.
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from service.ingest.lines import Kind, head_end, is_story_by_its_end, kind_of, tail_start
from service.model.mention import UNCOUNTED_ZONES, Zone

_KEY = re.compile(r"[\s\"'.,…·]+")
MIN_CONTAINED = 15
"""Characters (without spaces and marks) from which a summary may be a part of a paragraph, not all of it."""
SUMMARY_LINES = 12
"""Summaries stand at the top: only so many lines are looked for inside others, which keeps it linear."""
HEAD_LENGTH = 16

_BY_KIND = {
    Kind.CAPTION: Zone.CAPTION,
    Kind.BYLINE: Zone.BYLINE,
    Kind.NOTICE: Zone.BOILERPLATE,
    Kind.RELATED_HEAD: Zone.RELATED,
    Kind.SHORT: Zone.SUBHEAD,
}


@dataclass(slots=True)
class Line:
    """A line that is not blank, as offsets into the text."""

    start: int
    end: int
    kind: Kind
    zone: Zone | None = None
    head: int = 0
    """Where the words begin, after a dateline."""
    tail: int = 0
    """Where they end, before a credit or by-line."""
    head_zone: Zone = Zone.DATELINE
    duplicate: bool = False


class ZoneMap:
    """Zones of a text, by position."""

    __slots__ = ("_starts", "_zones", "lines")

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self._starts = [0]
        self._zones: list[tuple[Zone, bool]] = [(Zone.TITLE, False)]
        for line in lines:
            assert line.zone is not None
            if line.head > line.start:
                self._add(line.start, line.head_zone, False)
            self._add(line.head, line.zone, line.duplicate)
            if line.tail < line.end:
                self._add(line.tail, Zone.BYLINE, False)

    def _add(self, start: int, zone: Zone, duplicate: bool) -> None:  # noqa: FBT001
        self._starts.append(start)
        self._zones.append((zone, duplicate))

    def at(self, position: int) -> tuple[Zone, bool]:
        """Zone at `position`, and whether its paragraph only repeats another."""
        return self._zones[bisect_right(self._starts, position) - 1]

    def line_at(self, position: int) -> Line | None:
        """The line that holds `position`."""
        index = bisect_right(self.lines, position, key=lambda line: line.start) - 1
        return self.lines[index] if index >= 0 else None

    def counted(self, text: str) -> list[str]:
        """The words of every paragraph that counts, in order."""
        return [
            text[line.head : line.tail] for line in self.lines if not line.duplicate and line.zone not in UNCOUNTED_ZONES
        ]


def read_zones(text: str, begin: int, title: str, hints: Sequence[Zone | None] = ()) -> ZoneMap:
    """Zones of text[begin:]; `title` (normalised) stands before it and never makes a duplicate but of the first line."""
    lines = _split(text, begin, hints)
    _place(lines)
    _mark_repeats(text, lines, title)
    for line in lines:
        if line.zone is Zone.BODY and line.kind is Kind.STORY and not line.duplicate:
            line.zone = Zone.LEAD
            break
    return ZoneMap(lines)


def _split(text: str, begin: int, hints: Sequence[Zone | None]) -> list[Line]:
    lines: list[Line] = []
    at = begin
    for number, raw in enumerate(text[begin:].split("\n")):
        if raw and not raw.isspace():
            start, end = at, at + len(raw)
            if raw[0] == " " or raw[-1] == " ":
                line = raw.strip()
                start += len(raw) - len(raw.lstrip())
                end = start + len(line)
            else:
                line = raw
            hint = hints[number] if number < len(hints) else None
            if is_story_by_its_end(line) and "=" not in line[:40] and hint is None:
                lines.append(Line(start, end, Kind.STORY, None, start, end))
            else:
                lines.append(_look_closely(line, start, end, hint))
        at += len(raw) + 1
    return lines


def _look_closely(line: str, start: int, end: int, hint: Zone | None) -> Line:
    head, is_place = head_end(line)
    rest = line[head:]
    kind = kind_of(rest) if rest else Kind.BYLINE
    if kind is Kind.NOTICE or kind is Kind.BYLINE:
        whole = kind_of(line)
        kind = whole if whole in (Kind.NOTICE, Kind.BYLINE) else kind
    out = Line(start, end, kind, hint, start + head, end, Zone.DATELINE if is_place else Zone.BYLINE)
    if kind in (Kind.STORY, Kind.CAPTION, Kind.SHORT, Kind.ITEM) or hint is Zone.CAPTION:
        out.tail = start + head + tail_start(rest)
        if out.tail == out.head:
            out.zone = out.zone or Zone.BYLINE
    return out


def _place(lines: list[Line]) -> None:
    """Give each line its zone: by its kind, and by what stands around it."""
    stories = [line for line in lines if line.kind is Kind.STORY and line.zone is None]
    tail = _tail_index(lines, sum(line.end - line.start for line in stories))
    last_story = max((n for n, line in enumerate(lines) if n < tail and line.kind is Kind.STORY), default=len(lines))
    in_related = False
    for number, line in enumerate(lines):
        if line.zone is None:
            zone = _BY_KIND.get(line.kind)
            if line.kind is Kind.RELATED_HEAD:
                in_related = True
            elif in_related or number >= tail:
                listed = line.kind in (Kind.LINK, Kind.ITEM, Kind.SHORT, Kind.CAPTION)
                if listed or number >= tail:
                    zone = zone if zone in UNCOUNTED_ZONES else Zone.RELATED
                elif line.kind is Kind.STORY:
                    in_related = False
            elif line.kind is Kind.LINK and number > last_story:
                zone = Zone.RELATED
            elif line.kind is Kind.SHORT and not stories:
                zone = Zone.BODY
            line.zone = zone or Zone.BODY


def _tail_index(lines: list[Line], story: int) -> int:
    """Number of the line where the article is over: a by-line or notice after which little is told."""
    told = 0
    for number, line in enumerate(lines):
        if line.zone is None and line.kind is Kind.STORY:
            told += line.end - line.start
        elif told and line.kind in (Kind.BYLINE, Kind.NOTICE) and story - told < told / 2:
            return number
    return len(lines)


def _mark_repeats(text: str, lines: list[Line], title: str) -> None:
    counting = [line for line in lines if line.zone not in UNCOUNTED_ZONES]
    if counting and title and text[counting[0].head : counting[0].tail].strip() == title:
        counting.pop(0).duplicate = True
    seen: set[str] = set()
    for line in reversed(counting):  # of equal ones the last counts
        key = text[line.head : line.tail]
        if key in seen:
            line.duplicate = True
        seen.add(key)
    for number, line in enumerate(counting[:SUMMARY_LINES]):
        if not line.duplicate and number + 1 < len(counting) and line.kind is not Kind.CAPTION:
            line.duplicate = _is_told_later(text, line, counting[number + 1].start, counting[number + 1 :])


def _is_told_later(text: str, line: Line, after: int, later: list[Line]) -> bool:
    """Whether a later paragraph says all of `line`, spaces and marks aside. The first words decide quickly."""
    words = text[line.head : line.tail]
    start = 0
    while start < len(words) and not words[start].isalnum():
        start += 1
    first = words[start : start + HEAD_LENGTH]
    if len(first) < HEAD_LENGTH and len(later) > SUMMARY_LINES * 10:
        return False
    if text.find(first[:8], after) < 0:
        return False
    key = _KEY.sub("", words)
    if len(key) < MIN_CONTAINED:
        return False
    return any(
        key in _KEY.sub("", text[other.head : other.tail]) for other in later if text.find(first[:8], other.head, other.tail) >= 0
    )
