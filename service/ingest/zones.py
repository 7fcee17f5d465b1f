"""Zones: which part of an article a place belongs to, and which paragraphs only repeat others.

Judged line by line (`lines`), then by where a line stands: what follows the last paragraph of the story after a
by-line or copyright notice is other articles' headlines, however it looks.
"""

import functools
import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from service.ingest.lines import Kind, is_story_by_its_end, judge
from service.model.mention import UNCOUNTED_ZONES, Reason, Zone

_KEY = re.compile(r"[\s\"'.,…·]+")
MIN_CONTAINED = 15
"""Characters (without spaces and marks) from which a summary may be a part of a paragraph, not all of it."""
SUMMARY_LINES = 12
"""Summaries stand at the top: only so many lines are looked for inside others, which keeps it linear."""
HEAD_LENGTH = 8
"""First characters that a summary and its paragraph share."""

_BY_KIND = {
    Kind.CAPTION: Zone.CAPTION,
    Kind.BYLINE: Zone.BYLINE,
    Kind.NOTICE: Zone.BOILERPLATE,
    Kind.RELATED_HEAD: Zone.RELATED,
    Kind.SHORT: Zone.SUBHEAD,
}


_PLACES: dict[Zone, tuple[Zone, Reason | None]] = {
    zone: (zone, Reason.ZONE if zone in UNCOUNTED_ZONES else None) for zone in Zone
}
_TITLE = _PLACES[Zone.TITLE]


_LISTED = frozenset((Kind.LINK, Kind.ITEM, Kind.SHORT, Kind.CAPTION))


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

    __slots__ = ("_places", "_starts", "lines")

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self._starts = starts = [0]
        self._places = places = [_TITLE]
        for line in lines:
            zone = line.zone or Zone.BODY
            if line.head > line.start:
                starts.append(line.start)
                places.append(_PLACES[line.head_zone])
            starts.append(line.head)
            places.append((zone, Reason.DUPLICATE) if line.duplicate else _PLACES[zone])
            if line.tail < line.end:
                starts.append(line.tail)
                places.append(_PLACES[Zone.BYLINE])

    def at(self, position: int) -> tuple[Zone, Reason | None]:
        """Zone at `position`, and why what stands there does not count (ZONE, DUPLICATE) or None."""
        return self._places[bisect_right(self._starts, position) - 1]

    def line_at(self, position: int) -> Line | None:
        """The line that holds `position`."""
        index = bisect_right(self.lines, position, key=lambda line: line.start) - 1
        return self.lines[index] if index >= 0 else None

    def counted(self, text: str) -> list[str]:
        """The words of every paragraph that counts, in order."""
        return [
            text[line.head : line.tail]
            for line in self.lines
            if not line.duplicate and line.zone not in UNCOUNTED_ZONES
        ]


def read_zones(text: str, begin: int, title: str, hints: Sequence[Zone | None] = ()) -> ZoneMap:
    """Zones of text[begin:]; `title` (normalised) makes a duplicate of the first line and of no other."""
    lines = _split(text, begin, hints)
    stories = _place(lines)
    _mark_repeats(text, lines, title)
    for line in stories:
        if line.zone is Zone.BODY and not line.duplicate:
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
    kind, head, tail, is_place = (_judge_again if len(line) <= MAX_REMEMBERED_LINE else judge)(line)
    zone = hint
    if head == tail:  # nothing of its own between dateline and credit
        zone = zone or Zone.BYLINE
    return Line(start, end, kind, zone, start + head, start + tail, Zone.DATELINE if is_place else Zone.BYLINE)


_judge_again = functools.lru_cache(maxsize=10_000)(judge)
"""Chrome comes again: the same copyright lines, portal hints and related headlines in article after article."""
MAX_REMEMBERED_LINE = 120


def _place(lines: list[Line]) -> list[Line]:
    """Give each line its zone: by its kind, and by what stands around it. Returns those that tell the story."""
    story = Kind.STORY
    stories = [line for line in lines if line.kind is story and line.zone is None]
    if len(stories) == len(lines):
        for line in lines:
            line.zone = Zone.BODY
        return stories
    tail = _tail_index(lines, sum(line.end - line.start for line in stories))
    last_story = max((number for number, line in enumerate(lines[:tail]) if line.kind is story), default=len(lines))
    in_related = False
    for number, line in enumerate(lines):
        kind = line.kind
        if kind is Kind.RELATED_HEAD:
            in_related = True
        elif kind is story and number < tail:
            in_related = False
        if line.zone is None:
            zone = _BY_KIND.get(kind)
            if number >= tail or (in_related and kind in _LISTED):
                zone = zone if zone in UNCOUNTED_ZONES else Zone.RELATED
            elif kind is Kind.LINK and number > last_story:
                zone = Zone.RELATED
            elif kind is Kind.SHORT and not stories:
                zone = Zone.BODY
            line.zone = zone or Zone.BODY
    return stories


def _tail_index(lines: list[Line], story: int) -> int:
    """Number of the line where the article is over: a by-line or notice after which little is told."""
    told = 0
    for number, line in enumerate(lines):
        if line.kind is Kind.STORY and line.zone is None:
            told += line.end - line.start
        elif told and line.kind in (Kind.BYLINE, Kind.NOTICE) and story - told < told / 2:
            return number
    return len(lines)


def _mark_repeats(text: str, lines: list[Line], title: str) -> None:
    counting = [line for line in lines if line.zone not in UNCOUNTED_ZONES]
    for number, line in enumerate(counting[:SUMMARY_LINES]):
        if title and text[line.head : line.tail].strip() == title:
            counting.pop(number).duplicate = True
            break
        if line.kind is Kind.STORY:
            break
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
    """Whether a later paragraph says all of `line`, spaces and marks aside. Its first words decide quickly."""
    start = line.head
    while start < line.tail and not text[start].isalnum():
        start += 1
    first = text[start : min(start + HEAD_LENGTH, line.tail)]
    if text.find(first, after) < 0:
        return False
    key = _KEY.sub("", text[line.head : line.tail])
    if len(key) < MIN_CONTAINED:
        return False
    return any(
        key in _KEY.sub("", text[other.head : other.tail])
        for other in later
        if text.find(first, other.head, other.tail) >= 0
    )
