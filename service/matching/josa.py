"""What may follow a name up to the end of the eojeol: josa, copula, suffixes; and what makes it another word.

The lists are files (data/*.txt); the answer for one tail is a bit mask over kinds and final consonants, worked out once
and remembered: news use a few thousand tails, over and over.
"""

import functools

from service.ingest.wordlist import read_groups
from service.matching.entities import KINDS, Kind
from service.matching.hangul import ANY_FINAL, CONSONANT, RIEUL, VOWEL, final_of

_AFTER = {
    "any": ANY_FINAL,
    "vowel": VOWEL,
    "consonant": CONSONANT | RIEUL,
    "vowel-l": VOWEL | RIEUL,
    "not-l": CONSONANT,
}
MAX_CHAIN = 3
MAX_TAIL = 14
"""Syllables; no chain is longer, so a longer tail is another word."""
MAX_REMEMBERED = 200_000


_SHORT_PERSON, _WORD = len(KINDS), len(KINDS) + 1
"""Bits of their own have full names of two syllables, which with one more are another's full name (김민, 김민아), and
words of rules, which name no place that something could happen at (협약서는 is 협약서+는, 서울서는 is 서울+서는)."""


@functools.cache
def need(kind: Kind | None, final: int, *, short: bool = False) -> int:
    """Bits of `Tails.mask` of which one must be set for a name of `kind` that ends in `final`.

    Args:
        kind: None for a word of a rule.
        final: bits of `final_of`.
        short: the name has two syllables.
    """
    if kind is None:
        return final << 3 * _WORD
    return final << 3 * (_SHORT_PERSON if short and kind == "person" else KINDS.index(kind))


class Tails:
    """Judges tails. Shared by all engines: it knows only the language."""

    def __init__(self) -> None:
        self._forms = _forms()
        groups = read_groups("service.matching", "suffixes.txt")
        both = groups["any"]
        self._suffixes = {kind: frozenset((*both, *groups[kind])) for kind in KINDS}
        self._any = frozenset(both)
        self.changing = frozenset(groups["changing"])
        self.offices = frozenset(groups["office"])
        self.han = {kind: frozenset((*groups["han-any"], *groups.get(f"han-{kind}", ()))) for kind in KINDS}
        self.han["government"] = self.han["place"]
        self.latin = {"person": frozenset(groups["latin-person"])}
        """What may follow in Latin letters, by kind."""
        forms = read_groups("service.matching", "josa.txt")
        self._locative_more = frozenset(forms["locative-more any end"])
        self._locative = self._locative_more | frozenset(forms["locative any end"])
        self._name_ends = frozenset(forms["name-ends"])
        self.known: dict[str, int] = {}
        """Masks worked out so far: a look here saves the call of `mask`."""

    def mask(self, tail: str) -> int:
        """Three bits for each kind, and for what else `need` knows: after which finals `tail` keeps the name."""
        known = self.known.get(tail)
        if known is None:
            if len(self.known) >= MAX_REMEMBERED:
                self.known.clear()
            known = self.known[tail] = self._work_out(tail)
        return known

    def _work_out(self, tail: str) -> int:
        if not tail or len(tail) > MAX_TAIL:
            return 0 if tail else (1 << 3 * (_WORD + 1)) - 1
        josa = self.josa(tail)
        out = 0
        for number, kind in enumerate(KINDS):
            if self._keeps(tail, kind, 2):
                out |= ANY_FINAL << (3 * number)
            elif not (
                (kind in ("place", "government") and tail in ("인", "인들"))
                or (kind == "person" and tail in self._locative)
            ):
                out |= josa << (3 * number)
        if tail not in self._name_ends:
            out |= (out >> 3 * KINDS.index("person") & ANY_FINAL) << 3 * _SHORT_PERSON
        if tail not in self._locative_more:
            out |= (out >> 3 * KINDS.index("other") & ANY_FINAL) << 3 * _WORD
        return out

    def josa(self, tail: str) -> int:
        """Final consonants after which `tail` is a chain of josa or a copula."""
        return _chain(self._forms, tail, MAX_CHAIN)

    def _keeps(self, tail: str, kind: Kind, suffixes: int) -> bool:
        """Whether `tail` is a suffix that keeps a name of `kind`, then perhaps another, then josa."""
        allowed = self._suffixes[kind] if suffixes == 2 else self._any
        for length in range(1, min(len(tail), 6) + 1):
            if tail[:length] in allowed:
                rest = tail[length:]
                if not rest or self.josa(rest) & final_of(tail[length - 1]):
                    return True
                if suffixes > 1 and self._keeps(rest, kind, suffixes - 1):
                    return True
        return False

    def is_suffix(self, tail: str, kind: Kind) -> bool:
        """Whether all of `tail` is a suffix that keeps a name of `kind`."""
        return tail in self._suffixes[kind]

    def follows(self, rest: str, after: str) -> bool:
        """Whether `rest` may follow a title or a suffix that ends in `after`: nothing, josa, or 측, 등, 들."""
        if rest[:1] == "님":  # 시장님께
            rest, after = rest[1:], "님"
        return not rest or bool(self.josa(rest) & final_of(after)) or self._keeps(rest, "other", 1)

    def changes(self, tail: str) -> bool:
        """Whether `tail` makes another thing of a name whatever its kind: 인, 어, 산, 하다 ..."""
        return any(
            tail[:length] in self.changing and self.follows(tail[length:], tail[length - 1])
            for length in range(1, min(len(tail), 5) + 1)
        )

    def office(self, tail: str) -> str | None:
        """The title of office that `tail` begins with, if josa follow it."""
        for length in range(min(len(tail), 6), 0, -1):
            if tail[:length] in self.offices and self.follows(tail[length:], tail[length - 1]):
                return tail[:length]
        return None


Forms = dict[str, list[tuple[int, bool]]]


def _forms() -> Forms:
    """Each form with the finals it fits after, and whether more may follow it."""
    groups = read_groups("service.matching", "josa.txt")
    forms: Forms = {}
    for name, words in groups.items():
        after, _, ending = name.removeprefix("locative ").removeprefix("locative-more ").partition(" ")
        if after in _AFTER:
            for word in words:
                forms.setdefault(word, []).append((_AFTER[after], ending == "more"))
    copulas = (
        ("이", groups["copula"], ANY_FINAL, False),
        ("이었", ["", *groups["copula-past"]], ANY_FINAL, False),
        ("이었", groups["copula-past-noun"], ANY_FINAL, True),
        ("였", groups["copula-past"], VOWEL, False),
        ("였", groups["copula-past-noun"], VOWEL, True),
        ("", groups["copula-vowel"], VOWEL, False),
        ("", groups["copula-vowel-noun"], VOWEL, True),
        ("", groups["copula-whole"], ANY_FINAL, False),
        ("", groups["copula-noun"], ANY_FINAL, True),
        ("", groups["copula-vowel-whole"], VOWEL, False),
    )
    for stem, endings, finals, more in copulas:
        for ending in endings:
            forms.setdefault(stem + ending, []).append((finals, more))
    return forms


def _chain(forms: Forms, tail: str, left: int) -> int:
    """Finals after which `tail` is at most `left` forms in a row, each fitting the one before."""
    out = 0
    for after, _ in forms.get(tail, ()):
        out |= after
    if left > 1:
        for length in range(1, len(tail)):
            for after, more in forms.get(tail[:length], ()):
                if more and after & ~out and _chain(forms, tail[length:], left - 1) & final_of(tail[length - 1]):
                    out |= after
    return out


@functools.cache
def tails() -> Tails:
    """The one table of this process."""
    return Tails()
