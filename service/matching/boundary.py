"""Where a name begins and ends inside an eojeol. Each answer names its reason, so that it can be explained.

The engine asks here only when the neighbouring character is no plain separator: `OPEN` before, `CLOSED` after.
"""

import re
from typing import NamedTuple

from service.ingest.wordlist import read_groups
from service.matching.hangul import ANY_FINAL, DIGIT, HAN, HANGUL, KANA, LATIN, OTHER, script_of
from service.matching.josa import MAX_TAIL, need, tails
from service.matching.lexicon import SHORT, Surface
from service.model.mention import Reason, Via

OPEN = frozenset(" \n\"'([{<·,…/~|▲△▶■□◆◇○●★☆『「《〈【〔→↑↓;:!?-–%")
"""Before a name of any script: it begins here. (A dot, an ampersand, an @ and digits need a look.)"""
CLOSED = frozenset(" \n\"')]}>·…/~|▲△▶■□◆◇○●★☆』」》〉】〕([<→↑↓;:!?-")
"""After a name of any script: it ends here."""

TAIL = re.compile(f"[가-힣]{{1,{MAX_TAIL + 1}}}")
"""What follows a name; one syllable more than any chain has is enough to know that it is none."""
_HANGUL = re.compile("[가-힣]")
_HAN_RUN = re.compile("[㐀-䶿一-鿿]{1,9}")
JUDGED_BY_NEXT = {
    # the copula, and not the people: 밀라노인 셈이다
    "인": re.compile(" (?:것|거|게 |걸|건 |곳|셈|만큼|데|점|줄|듯|탓|채|양 |바 |이상|반면|경우|까닭|덕분|동시에)"),
    # 에선, as headlines have it before what is said or felt there (런던선 ‘환호’), and not a railway (경인선)
    "선": re.compile(" ?[\"']"),
}
"""Tails of one syllable that are josa if this follows."""
_AT = "선"
"""What is no place does not stand before it: 김민선 is another name than 김민, 화물선 a ship."""
_LATIN_WORD = re.compile("[a-z]{1,9}")
_ORDINAL = "제"
"""제11번가 is a street and not the shop 11번가; 어제11번가 is the shop."""
_GROUPS = read_groups("service.matching", "prefixes.txt")
_SHORT_PREFIXES = frozenset(_GROUPS["hangul"])
_ATTRIBUTIVE = frozenset(_GROUPS["hangul-attributive"])
PREFIXES = _SHORT_PREFIXES | _ATTRIBUTIVE | frozenset(_GROUPS["hangul-long"])
HAN_PREFIXES = frozenset(_GROUPS["han"])
PREFIX_ENDS = frozenset(prefix[-1] for prefix in PREFIXES)
"""A Hangul name right after any other Hangul syllable is inside a word."""
LOOK_BACK = 2_000
"""Characters of a line in which quotation marks are counted; a line without end must not cost its square."""
NEARBY = 200
"""Characters on either side that tell a Chinese or Japanese line from a Korean one."""
_LONGEST_PREFIX = max(map(len, PREFIXES))
_DIGIT_JOINERS = frozenset("·,/:-~")
_CLOSING_QUOTES = frozenset("\"')]}>』」》〉】〕")
_SURE_CLOSERS = frozenset(")]}>』」》〉】〕")


_OPEN_TO_DIGITS = OPEN - _DIGIT_JOINERS
_OPEN_TO_JOSA = OPEN - _CLOSING_QUOTES
_CLOSED_TO_HANGUL = CLOSED | frozenset(".,%&+")


def open_before(surface: Surface) -> frozenset[str]:
    """Characters before this surface that decide at once that it begins there."""
    if surface.is_josa:
        return _OPEN_TO_JOSA
    return _OPEN_TO_DIGITS if surface.first == DIGIT else OPEN


class _Everything(frozenset[str]):
    """Every character."""

    __slots__ = ()

    def __contains__(self, _one: object) -> bool:
        return True


_EVERYTHING = _Everything()


def closed_after(surface: Surface) -> frozenset[str]:
    """Characters after this surface that decide at once that it ends there."""
    if surface.wild:
        return _EVERYTHING
    return CLOSED if surface.last in (LATIN, DIGIT) else _CLOSED_TO_HANGUL


class Verdict(NamedTuple):
    """What the right side says: it counts (no reason), perhaps via a title or compound; and what stood there."""

    reason: Reason | None
    via: Via | None = None
    why: str = ""


FITS = Verdict(None)


def tail_at(text: str, end: int) -> str:
    """The Hangul that follows `end` without a break."""
    found = TAIL.match(text, end)
    return found[0] if found else ""


def begins(text: str, start: int, surface: Surface) -> bool:  # noqa: PLR0911 - one line a script
    """Whether a name may begin at `start`, whatever stands before it."""
    before = text[start - 1]
    if surface.is_josa and _is_particle(text, start, surface):
        return False
    if before in OPEN:
        return not (surface.first == DIGIT and before in _DIGIT_JOINERS and text[start - 2].isdigit())
    if surface.free:
        return True
    script = script_of(before)
    if script == OTHER:
        return _begins_after_mark(text, start, surface, before)
    if surface.first == HANGUL:
        return script in (LATIN, HAN, KANA) or (script == HANGUL and _after_prefix(text, start, surface))
    if surface.first == LATIN:
        return script not in (LATIN, DIGIT)
    if surface.first == DIGIT:
        if before == _ORDINAL:
            return script_of(text[start - 2]) == HANGUL
        return script not in (DIGIT, LATIN)
    if surface.first in (HAN, KANA) and script in (HAN, KANA):
        is_prefix = before in HAN_PREFIXES and script_of(text[start - 2]) not in (HAN, KANA)
        return is_prefix or _is_free_line(text, start)
    return True


def _begins_after_mark(text: str, start: int, surface: Surface, before: str) -> bool:
    if surface.first not in (LATIN, DIGIT):
        return True
    further = text[start - 2] if start > 1 else "\n"
    joined = further.isascii() and further.isalnum()
    if before in "@_#" and surface.first == LATIN:
        return before == "#"
    if before == ".":
        return not joined
    return not (before in "&+'’" and joined)


def _after_prefix(text: str, start: int, surface: Surface) -> bool:
    begin = start
    while begin > 0 and start - begin <= _LONGEST_PREFIX and "가" <= text[begin - 1] <= "힣":
        begin -= 1
    prefix, prefixes = text[begin:start], PREFIXES
    if len(surface.text) <= SHORT:
        if prefix in _ATTRIBUTIVE and "가" <= text[start + len(surface.text)] <= "힣":
            return False
        prefixes = PREFIXES if surface.kind in ("place", "government") else _SHORT_PREFIXES
    return prefix in prefixes and script_of(text[begin - 1]) in (OTHER, HAN)


def _is_particle(text: str, start: int, surface: Surface) -> bool:
    """Whether 이란 and the like is the josa after a word or a closing quotation, and not the name."""
    before = text[start - 1]
    if before in _CLOSING_QUOTES:
        closes = before in _SURE_CLOSERS or _closes(text, start - 1)
        return closes and not tail_at(text, start + len(surface.text))
    return script_of(before) in (LATIN, DIGIT, HAN, KANA) or (
        script_of(before) == HANGUL and not _after_prefix(text, start, surface)
    )


def _closes(text: str, at: int) -> bool:
    """Whether the straight quotation mark at `at` closes one: it is an even one of its line."""
    line = text.rfind("\n", max(0, at - LOOK_BACK), at) + 1
    return text.count(text[at], max(line, at - LOOK_BACK), at + 1) % 2 == 0


def _is_free_line(text: str, at: int) -> bool:
    """Whether the line is Chinese or Japanese: it has no Hangul."""
    begin = max(text.rfind("\n", max(0, at - NEARBY), at) + 1, at - NEARBY)
    end = text.find("\n", at, at + NEARBY)
    return _HANGUL.search(text, begin, end if end >= 0 else at + NEARBY) is None


def ends(text: str, end: int, surface: Surface) -> Verdict:  # noqa: C901, PLR0911 - one line a script
    """What the characters after a name say, up to the end of the eojeol."""
    if surface.free or surface.wild:
        return FITS
    after = text[end]
    script = script_of(after)
    if script == OTHER:
        return _ends_before_mark(text, end, surface, after)
    if script == HANGUL:
        tail = tail_at(text, end)
        if (
            tail in JUDGED_BY_NEXT
            and (tail != _AT or (surface.owner is not None and surface.kind != "person"))
            and JUDGED_BY_NEXT[tail].match(text, end + 1)
        ):
            return FITS
        if (
            text[end + len(tail)] == "("
            and is_glossed(text, end + len(tail))
            and not tails().is_suffix(tail, surface.kind)
        ):
            return _compound(surface, tail)  # 가(家): the syllable is a noun and no josa
        return _judge_tail(tail, surface, surface.need)
    if surface.last in (HAN, KANA) and script in (HAN, KANA) and _is_free_line(text, end):
        return FITS
    if script == HAN:
        run = _HAN_RUN.match(text, end)
        assert run is not None
        if run[0] in tails().han[surface.kind]:
            rest = tail_at(text, run.end())
            return _judge_tail(rest, surface, need(surface.kind, ANY_FINAL)) if rest else FITS
        return _compound(surface, run[0])
    if surface.last in (LATIN, DIGIT) and script in (LATIN, DIGIT):
        return Verdict(Reason.BOUNDARY, None, after)
    if script == DIGIT or text.startswith("vs", end):
        return FITS  # 한국8위, 한국vs홍콩
    word = _LATIN_WORD.match(text, end)
    if word is not None and word[0] in tails().latin.get(surface.kind, ()):
        rest = tail_at(text, word.end())
        return _judge_tail(rest, surface, need(surface.kind, ANY_FINAL)) if rest else FITS
    return _compound(surface, after)


def _ends_before_mark(text: str, end: int, surface: Surface, after: str) -> Verdict:
    if surface.last in (LATIN, DIGIT) and after in "&.@_,%'+":
        following = text[end + 1] if end + 1 < len(text) else "\n"
        joined = following.isascii() and following.isalnum()
        if surface.last == LATIN:
            inside = (
                after in "@_"
                or (after in "&+" and joined)
                or (after == "." and following.isascii() and following.isalpha())
            )
        else:
            inside = after == "%" or (after in ".,&+" and following.isdigit())
        if inside:
            return Verdict(Reason.BOUNDARY, None, after)
    return FITS


def is_glossed(text: str, bracket: int) -> bool:
    """Whether one Chinese character in brackets explains the syllable before: 가(家), 발(發)."""
    return text[bracket + 2 : bracket + 3] == ")" and script_of(text[bracket + 1]) == HAN


def _compound(surface: Surface, why: str) -> Verdict:
    return Verdict(None, "compound", why) if surface.accept else Verdict(Reason.COMPOUND, None, why)


def _judge_tail(tail: str, surface: Surface, wanted: int) -> Verdict:
    table = tails()
    if table.mask(tail) & wanted:
        return FITS
    for title, _shared in surface.titles:
        if tail.startswith(title) and table.follows(tail[len(title) :], title[-1]):
            return Verdict(None, "title", title)
    if (office := table.office(tail)) is not None or (office := _shared_office(tail, surface)) is not None:
        return Verdict(Reason.TITLE, None, office)
    if surface.accept and not table.changes(tail):
        return Verdict(None, "compound", tail)
    return Verdict(Reason.COMPOUND, None, tail)


def _shared_office(tail: str, surface: Surface) -> str | None:
    """서울시+장: an office that shares its first syllable with the name, and is not listed."""
    for length in (1, 2):
        office = surface.text[-1] + tail[:length]
        if office in tails().offices and tails().follows(tail[length:], tail[length - 1]):
            return tail[:length]
    return None
