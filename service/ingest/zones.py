"""Zones: which part of an article a place belongs to, and which paragraphs only repeat others.

Judged line by line (`lines`), then by where a line stands: what follows the last paragraph of the story after a
by-line or copyright notice is other articles' headlines, however it looks.
"""

import functools
from bisect import bisect_right
from collections.abc import Sequence

from service.ingest.lines import Kind, is_story_by_its_end, judge
from service.model.mention import UNCOUNTED_ZONES, Reason, Zone

_LEFT_ASIDE = " \"'.,…·"
"""When paragraphs are compared: normalised lines hold no other white space. Replacing costs a fifth of one `re.sub`."""
MIN_CONTAINED = 15
"""Characters (without spaces and marks) from which a summary may be a part of a paragraph, not all of it."""
SUMMARY_LINES = 12
"""Summaries stand at the top: only so many lines are looked for inside others, which keeps it linear."""
HEAD_LENGTH = 8
"""First characters that a summary and its paragraph share."""
SAMPLED = 5
"""Of the characters that follow, each so many is looked for before whole paragraphs are compared."""

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
_TITLE, _BYLINE = _PLACES[Zone.TITLE], _PLACES[Zone.BYLINE]
_BODY, _STORY = Zone.BODY, Kind.STORY
"""To look a member up in its enumeration costs ten times as much as a name does, and every line is asked."""
_SIGNED = (Kind.BYLINE, Kind.NOTICE)


_LISTED = frozenset((Kind.LINK, Kind.ITEM, Kind.SHORT, Kind.CAPTION))


class Line:
    """A line that is not blank, as offsets into the text. Ten an article: what most are is a default."""

    kind: Kind = Kind.STORY
    zone: Zone | None = None
    head_zone: Zone = Zone.DATELINE
    duplicate: bool = False

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.head = start
        """Where the words begin, after a dateline."""
        self.tail = end
        """Where they end, before a credit or by-line."""


class ZoneMap:
    """Zones of a text, by position."""

    __slots__ = ("_begins", "_places", "_starts", "lines")

    def __init__(self, lines: list[Line]) -> None:
        self.lines = lines
        self._begins: list[int] = []
        """Of the lines; made when first asked for."""
        self._starts = starts = [0]
        self._places = places = [_TITLE]
        for line in lines:
            start, head = line.start, line.head
            if head > start:
                starts.append(start)
                places.append(_PLACES[line.head_zone])
            starts.append(head)
            zone = line.zone or _BODY
            places.append((zone, Reason.DUPLICATE) if line.duplicate else _PLACES[zone])
            if line.tail < line.end:
                starts.append(line.tail)
                places.append(_BYLINE)

    def at(self, position: int) -> tuple[Zone, Reason | None]:
        """Zone at `position`, and why what stands there does not count (ZONE, DUPLICATE) or None."""
        return self._places[bisect_right(self._starts, position) - 1]

    def line_at(self, position: int) -> Line | None:
        """The line that holds `position`."""
        if not self._begins:
            self._begins = [line.start for line in self.lines]
        index = bisect_right(self._begins, position) - 1
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
        if line.zone is _BODY and not line.duplicate:
            line.zone = Zone.LEAD
            break
    return ZoneMap(lines)


def zone_of_head(text: str, begin: int, position: int) -> tuple[Zone, Reason | None] | None:
    """What `ZoneMap.at` says of a position in the dateline that a line begins with; None where it is in none.

    A dateline is one whatever stands around its line. Nearly every article names a city there, and many that name a
    watched city there name none in what they tell: those need no zones.
    """
    end = text.find("\n", begin)
    words = text[begin : end if end >= 0 else len(text)].rstrip()
    _, head, _, is_place = _judge_once(words)
    if position - begin >= head:
        return None
    return _PLACES[Zone.DATELINE if is_place else Zone.BYLINE]


def _split(text: str, begin: int, hints: Sequence[Zone | None]) -> list[Line]:
    lines: list[Line] = []
    at = begin
    hinted = len(hints)
    for number, raw in enumerate(text[begin:].split("\n")):
        if raw:
            words, start = raw.strip(), at
            if words is not raw:
                start += len(raw) - len(raw.lstrip())
            if words:
                one = Line(start, start + len(words))
                lines.append(one)
                hint = hints[number] if number < hinted else None
                if hint is not None or not is_story_by_its_end(words) or words.find("=", 0, 40) >= 0:
                    _look_closely(one, words, hint)
        at += len(raw) + 1
    return lines


def _look_closely(one: Line, words: str, hint: Zone | None) -> None:
    kind, head, tail, is_place = (_judge_again if len(words) <= MAX_REMEMBERED_LINE else _judge_once)(words)
    one.kind = kind
    one.zone = hint or (Zone.BYLINE if head == tail else None)  # nothing of its own between dateline and credit
    one.tail = one.start + tail
    one.head = one.start + head
    if not is_place:
        one.head_zone = Zone.BYLINE


_judge_again = functools.lru_cache(maxsize=10_000)(judge)
"""Chrome comes again: the same copyright lines, portal hints and related headlines in article after article."""
MAX_REMEMBERED_LINE = 120
_judge_once = functools.lru_cache(maxsize=4)(judge)
"""A line that is longer comes again only when its dateline was asked about before the zones were."""


def _place(lines: list[Line]) -> list[Line]:  # noqa: C901 - one pass, once an article
    """Give each line its zone: by its kind, and by what stands around it. Returns those that tell the story."""
    stories = [line for line in lines if line.kind is _STORY and line.zone is None]
    if len(stories) == len(lines):
        for line in lines:
            line.zone = _BODY
        return stories
    tail = _tail_index(lines, sum([line.end - line.start for line in stories]))
    last_story = len(lines)
    for number in range(tail - 1, -1, -1):
        if lines[number].kind is _STORY:
            last_story = number
            break
    in_related = False
    for number, line in enumerate(lines):
        kind = line.kind
        if kind is _STORY and number < tail:
            in_related = False
            if line.zone is None:
                line.zone = _BODY
            continue
        if kind is Kind.RELATED_HEAD:
            in_related = True
        if line.zone is None:
            zone = _BY_KIND.get(kind)
            if number >= tail or (in_related and kind in _LISTED):
                zone = zone if zone in UNCOUNTED_ZONES else Zone.RELATED
            elif kind is Kind.LINK and number > last_story:
                zone = Zone.RELATED
            elif kind is Kind.SHORT and not stories:
                zone = _BODY
            line.zone = zone or _BODY
    return stories


def _tail_index(lines: list[Line], story: int) -> int:
    """Number of the line where the article is over: a by-line or notice after which little is told."""
    told = 0
    for number, line in enumerate(lines):
        if line.kind is _STORY:
            if line.zone is None:
                told += line.end - line.start
        elif told and line.kind in _SIGNED and story - told < told / 2:
            return number
    return len(lines)


def _mark_repeats(text: str, lines: list[Line], title: str) -> None:
    counting = [line for line in lines if line.zone not in UNCOUNTED_ZONES]
    for number, line in enumerate(counting[:SUMMARY_LINES]):
        if title and text[line.head : line.tail].strip() == title:
            counting.pop(number).duplicate = True
            break
        if line.kind is _STORY:
            break
    keys = [text[line.head : line.tail] for line in counting]
    if len(set(keys)) < len(keys):
        seen: set[str] = set()
        for line, key in zip(reversed(counting), reversed(keys), strict=True):  # of equal ones the last counts
            line.duplicate = key in seen
            seen.add(key)
    letters: dict[int, str] = {}
    """What is left of paragraphs without spaces and marks, by their number."""
    for number, later in enumerate(counting[1 : SUMMARY_LINES + 1]):
        key = keys[number]
        start = 0
        while start < len(key) and not key[start].isalnum():
            start += 1
        if text.find(key[start : start + HEAD_LENGTH], later.start) >= 0:
            line = counting[number]
            if not line.duplicate and line.kind is not Kind.CAPTION:
                line.duplicate = _is_told_later(text, counting, number, line.head + start, letters)


def _is_told_later(text: str, counting: list[Line], number: int, start: int, letters: dict[int, str]) -> bool:
    """Whether a later paragraph says all of this one from `start` on, spaces and marks aside."""
    end = counting[number].tail
    first = text[start : min(start + HEAD_LENGTH, end)]
    sample = text[start + HEAD_LENGTH : end : SAMPLED]
    key = ""
    for later in range(number + 1, len(counting)):
        other = counting[later]
        words = text[other.head : other.tail]
        if first not in words or not _may_hold(words, sample):
            continue
        key = key or _letters(text[start:end])
        if len(key) < MIN_CONTAINED:
            return False
        if later not in letters:
            letters[later] = _letters(words)
        if key in letters[later]:
            return True
    return False


def _may_hold(words: str, sample: str) -> bool:
    """Whether all of these characters are in `words`: two paragraphs that only begin alike part at once."""
    for character in sample:  # noqa: SIM110 - a generator would cost as much as the loop
        if character not in words and character not in _LEFT_ASIDE:
            return False
    return True


def _letters(text: str) -> str:
    for mark in _LEFT_ASIDE:
        text = text.replace(mark, "")
    return text
