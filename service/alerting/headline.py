"""Headlines of one story in versions: [속보] ... -> [1보] ... -> ...(종합) -> ...(종합2보).

A mark says that more has come or will come. What is left without marks is compared: equal, or very similar words.
"""

import re
from dataclasses import dataclass

_OPEN, _CLOSE = r"[\[(<【〔《]", r"[\])>】〕》]"
_MARK = re.compile(
    rf"{_OPEN}\s*(?P<mark>속보|긴급|상보|최종|(?:\d\s*차\s*)?종합(?:\s*\d+\s*보)?|\d+\s*보|"
    rf"(?:\d(?:st|nd|rd|th)\s+)?(?:LEAD|LD)|URGENT|BREAKING|FLASH|UPDATE\s*\d*)\s*{_CLOSE}"
    r"|^\s*(?P<word>속보|BREAKING|URGENT|UPDATE\s*\d+)\s*(?:[:|]|-(?=\s|\D))",
    re.IGNORECASE,
)
_EXCLUSIVE = re.compile(rf"{_OPEN}\s*단독\s*{_CLOSE}")
_WORD = re.compile(r"[^\W_]+")
_NUMBER = re.compile(r"\d[\d.,]*")
_DIGITS = re.compile(r"\d+")
_FLASH, _FULL, _SUMMARY, _FINAL = 1, 20, 30, 50
SIMILAR = 0.6
"""Share of the shorter headline's pairs of letters that the longer has: 서울 강남서 화재 / 서울 강남 아파트서 화재."""
MIN_SIMILAR_LETTERS = 6
"""Of shorter headlines only equal ones are one."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A title without its marks."""

    letters: str
    """Its letters and digits, casefolded."""
    rank: int
    """How far the story had come: 0 without a mark, 속보 and 1보 1, 2보 2, 상보 20, 종합 30, 종합2보 32, 최종 50."""
    numbers: frozenset[str]
    subject: str
    """Its first word without a last syllable that may be a particle: 강남서 is 강남."""


def read_headline(title: str | None) -> Headline:
    """A title with its marks read; all of it is a mark: no letters are left."""
    rank = 0
    text = title or ""
    for found in _MARK.finditer(text):
        rank = max(rank, _rank((found["mark"] or found["word"]).upper()))
    if rank:
        text = _MARK.sub(" ", text)
    text = _EXCLUSIVE.sub(" ", text)
    numbers = frozenset(number.replace(",", "").rstrip(".") for number in _NUMBER.findall(text))
    words = _WORD.findall(text.casefold())
    first = words[0] if words else ""
    return Headline("".join(words), rank, numbers, first[:-1] if len(first) > 2 else first)


def is_next(earlier: Headline, later: Headline) -> bool:
    """Whether `later` may tell the story of `earlier` further. One of them has to carry a mark.

    Numbers change as a story grows (3명 부상, 5명 부상): with a mark that says so, or where one of the two carries none
    and was written after the flash. Two flashes with other numbers are two events.
    """
    if not (earlier.rank or later.rank) or not earlier.letters:
        return False
    if earlier.letters == later.letters:
        return True
    grows = later.rank > earlier.rank or (later.rank == 0 and earlier.rank < _FULL)
    if not grows and not (earlier.numbers <= later.numbers or later.numbers <= earlier.numbers):
        return False
    if earlier.subject not in later.letters or later.subject not in earlier.letters:
        return False  # of two mayors, or two companies, the same is said in the same words
    return _likeness(earlier.letters, later.letters) >= SIMILAR


def _likeness(one: str, other: str) -> float:
    short, long = sorted((one, other), key=len)
    if len(short) < MIN_SIMILAR_LETTERS:
        return 0.0
    pairs = _pairs(short)
    return len(pairs & _pairs(long)) / len(pairs)


def _pairs(letters: str) -> set[str]:
    return {letters[at : at + 2] for at in range(len(letters) - 1)}


def _rank(mark: str) -> int:
    digits = _DIGITS.search(mark)
    number = int(digits[0]) if digits else 1
    if "종합" in mark or "LEAD" in mark or "LD" in mark:
        return min(_SUMMARY + (number if digits else 0), _FINAL - 1)
    if mark == "최종":
        return _FINAL
    if mark == "상보":
        return _FULL
    if mark.startswith("UPDATE"):
        return min(1 + number, _FULL - 1)
    return min(max(number, _FLASH), _FULL - 1)
