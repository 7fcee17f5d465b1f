"""Several surfaces of one entity at one place are one mention: the longest; and a gloss repeats the name before it."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.matching.hangul import LATIN
from service.matching.occurrence import Occurrence

_BRACKETS = {"(": ")", "[": "]", "〔": "〕"}
_LEGAL_FORM = re.compile(r",? (?:inc|corp|corporation|co|ltd|llc|co\., ltd|ag|gmbh|plc|sa|university|city)\b\.?")
"""쿠팡(Coupang Inc.)"""
_CALLED = frozenset(("옛", "옛 이름", "구", "舊", "현", "現", "이하", "약칭", "별칭"))
_NAMED = re.compile("[가-힣]{1,5} ?(?:명|이름|표기|말로|어로)")
"""튀르키예(옛 터키), 키이우(러시아명 키예프)"""
_SEPARATORS = frozenset(",·/;:=")
MAX_SUFFIX = 4
"""Characters that may stand between a name and the bracket, or inside after the gloss: 나고야시(名古屋市)."""


def merge(occurrences: Sequence[Occurrence]) -> list[Occurrence]:
    """Of overlapping occurrences of one entity the best; the others are marked `merged`.

    What counts goes before what does not, and of that what stands there as a name; a name followed by its whole title
    (충칭+시장) before one that shares a syllable with it (충칭시+장), then the longest, then the first.
    """
    ordered = sorted(occurrences, key=_by_start)
    if all(one.end <= other.start for one, other in pairwise(ordered)):
        return ordered
    taken: set[int] = set()
    for one in sorted(ordered, key=_rank):
        place = range(one.start, one.end)
        one.merged = not taken.isdisjoint(place)
        if not one.merged:
            taken.update(place)
    return [one for one in ordered if not one.merged]


def _by_start(one: Occurrence) -> int:
    return one.start


def _rank(one: Occurrence) -> tuple[bool, bool, bool, int, int]:
    shares = one.via == "title" and one.verdict is not None and (one.verdict.why, True) in one.surface.titles
    return one.reason is not None, not one.stands, shares, one.start - one.end, one.start


def glosses(text: str, counted: Sequence[Occurrence]) -> Iterator[Occurrence]:
    """Of the mentions of one entity, in order, those in brackets right after another surface: they only repeat it."""
    previous: Occurrence | None = None
    for one in counted:
        if previous is not None and _glosses(text, previous, one):
            yield one
        else:
            previous = one


def _glosses(text: str, name: Occurrence, gloss: Occurrence) -> bool:
    if name.surface.text == gloss.surface.text or gloss.start - name.end > 30:
        return False
    opening = text.find("(", name.end, gloss.start)
    bracket = "("
    for other in "[〔":
        at = text.find(other, name.end, gloss.start)
        if at >= 0 and (opening < 0 or at < opening):
            opening, bracket = at, other
    suffix = text[name.end : max(opening, name.end)].rstrip(" ")
    if opening < 0 or len(suffix) > MAX_SUFFIX or not (suffix.isalnum() or not suffix):
        return False
    between = text[opening + 1 : gloss.start].rstrip(" ")
    if between and between[-1] not in _SEPARATORS and between not in _CALLED and not _NAMED.fullmatch(between):
        return False
    if _BRACKETS[bracket] in between:
        return False
    rest = gloss.end
    if gloss.surface.last == LATIN != name.surface.last and (form := _LEGAL_FORM.match(text, rest)):
        rest = form.end()
    while rest - gloss.end < MAX_SUFFIX and text[rest].isalnum():
        rest += 1
    return text[rest] == _BRACKETS[bracket] or text[rest] in _SEPARATORS
