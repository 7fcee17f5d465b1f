"""What the automaton looks for: surfaces of entities, words of rules and of `needs`, and what blocks them.

Compiled once from a rule set. A term is an entity or a word of a rule (literal, raw, wildcard); terms have numbers,
entities first. A pattern is one normal form; it may be a surface of several terms and block others.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from service.ingest.normalise import fold, normalise
from service.matching.automaton import Find, build
from service.matching.entities import Alias, Entity, Kind
from service.matching.expression import EntityTerm, LiteralTerm, RawTerm, Term, WildcardTerm, terms_of
from service.matching.hangul import HANGUL, KANA, LATIN, final_of, script_of
from service.matching.josa import need, tails
from service.matching.ruleset import RuleSet

FREE_LANGUAGES = frozenset(("zh", "ja"))
"""They write without spaces and without josa: their surfaces have no boundary rules."""
MIN_ACRONYM, MAX_ACRONYM = 2, 4
_GLUED = re.compile("[가-힣] | [가-힣]")
SHORT = 2
"""Characters of a name that is easily a part of other words."""


@dataclass(slots=True)
class Surface:
    """One surface of one term, with all that is known before a text is seen."""

    term: int
    owner: str | None
    """Entity id; None for a literal."""
    text: str
    """Normal form."""
    shown: str
    """As its author wrote it."""
    kind: Kind
    need: int
    """Bits of which `Tails.mask` must have one."""
    first: int
    """Script of the first character."""
    last: int
    free: bool = False
    """No boundary rules (zh, ja)."""
    is_josa: bool = False
    """Reads as a josa after a quotation (이란)."""
    titles: tuple[tuple[str, bool], ...] = ()
    """What may follow as a title of office, and whether its beginning is shared with the surface."""
    accept: bool = False
    """Compounds count."""
    ambiguous: bool | None = None
    needs: tuple[int, ...] | None = None
    """Terms of which one must be there."""
    case: str | None = None
    """The surface must stand there in just these letters."""
    acronym: bool = False
    blocked: bool = False
    """Its term has `not_in`."""
    wild: bool = False
    """Whatever follows it up to the end of the word belongs to it."""
    doubtful: bool | None = None
    """Whether the second opinion is to be asked; None: nobody has found out yet."""


@dataclass(slots=True)
class Pattern:
    """What one normal form means when it is found."""

    surfaces: tuple[Surface, ...] = ()
    blocks: tuple[int, ...] = ()
    """Terms that do not count inside it."""


@dataclass(slots=True)
class Lexicon:
    """All patterns, the automaton over them, and the terms by number."""

    entities: tuple[Entity, ...]
    words: tuple[Term, ...]
    """Literals, raw words and wildcards: word number n is term len(entities) + n."""
    patterns: list[Pattern]
    find: Find
    numbers: Mapping[str | Term, int] = field(default_factory=dict)
    """Of entities and words as `_key` has them."""

    def term(self, term: Term) -> int:
        """Number of a term of a rule."""
        return self.numbers[_key(term)]


def compile_lexicon(ruleset: RuleSet) -> Lexicon:
    """The lexicon of a rule set."""
    numbers: dict[str | Term, int] = {entity.id: number for number, entity in enumerate(ruleset.entities)}
    for term in _words(ruleset):
        numbers.setdefault(_key(term), len(numbers))
    words = tuple([key for key in numbers if not isinstance(key, str)])
    surfaces: dict[str, list[Surface]] = {}
    blocks: dict[str, list[int]] = {}
    for number, entity in enumerate(ruleset.entities):
        for spelling in dict.fromkeys(one for excluded in entity.not_in for one in _spellings(fold(excluded))):
            blocks.setdefault(spelling, []).append(number)
        for alias in entity.aliases:
            surface = _surface(number, entity, alias, fold(alias.text), numbers)
            surfaces.setdefault(surface.text, []).append(surface)
        for alias, text in _glued(entity.aliases):
            surfaces.setdefault(text, []).append(_surface(number, entity, alias, text, numbers))
    for number, word in enumerate(words, len(ruleset.entities)):
        surface = _word(number, word)
        surfaces.setdefault(surface.text, []).append(surface)
    patterns: list[str] = []
    meanings: list[Pattern] = []
    for text, found in surfaces.items():
        patterns.append(text)
        meanings.append(Pattern(tuple(found), tuple(blocks.pop(text, ()))))
    for text, terms in blocks.items():
        patterns.append(text)
        meanings.append(Pattern((), tuple(terms)))
    return Lexicon(ruleset.entities, words, meanings, build(patterns), numbers)


def _spellings(text: str) -> tuple[str, ...]:
    """What is written with spaces is written without as well: 中 외교부, 中외교부; LG 트윈스, LG트윈스.

    Not the other way round: 서울시의 회계 is no 서울시의회.
    """
    return (text, text.replace(" ", "")) if " " in text else (text,)


def _glued(aliases: Sequence[Alias]) -> Iterator[tuple[Alias, str]]:
    """Names of several words, one of them in Hangul, as they are also written: 갤럭시S25, 도널드트럼프."""
    spaced = [alias for alias in aliases if " " in alias.text and not alias.case_exact]
    if not spaced:
        return
    given = {fold(alias.text) for alias in aliases}
    for alias in spaced:
        text = fold(alias.text)
        glued = text.replace(" ", "")
        if glued not in given and _GLUED.search(text):
            given.add(glued)
            yield alias, glued


def _key(term: Term) -> str | Term:
    """What equal terms share: entities their id, literals and wildcards their normal form, raw words every character.

    An id is there already, and quickly hashed: there may be a hundred thousand entities.
    """
    if isinstance(term, EntityTerm):
        return term.id
    if isinstance(term, LiteralTerm):
        return LiteralTerm(fold(term.text))
    return WildcardTerm(fold(term.stem)) if isinstance(term, WildcardTerm) else term


def _words(ruleset: RuleSet) -> Iterator[Term]:
    for rule in ruleset.rules:
        if not isinstance(rule.expression, EntityTerm):
            yield from (term for term in terms_of(rule.expression) if not isinstance(term, EntityTerm))
    for entity in ruleset.entities:
        for alias in entity.aliases:
            yield from (LiteralTerm(need) for need in alias.needs if not need.startswith("@"))


def _word(number: int, term: Term) -> Surface:
    """The only surface of a word of a rule."""
    if isinstance(term, RawTerm):
        surface = _make(number, None, normalise(term.text).text, term.text, "other", None)
        surface.case = term.text
        return surface
    text = term.stem if isinstance(term, WildcardTerm) else term.text if isinstance(term, LiteralTerm) else term.id
    surface = _make(number, None, text, text, "other", None)
    surface.wild = isinstance(term, WildcardTerm)
    return surface


def _surface(number: int, entity: Entity, alias: Alias, text: str, numbers: Mapping[str | Term, int]) -> Surface:
    surface = _make(number, entity.id, text, alias.text, entity.kind, alias.lang)
    surface.accept = entity.compound_accept
    surface.ambiguous = alias.ambiguous
    surface.blocked = bool(entity.not_in)
    surface.case = alias.text if alias.case_exact else None
    surface.acronym = alias.text.isascii() and alias.text.isupper() and MIN_ACRONYM <= len(alias.text) <= MAX_ACRONYM
    if alias.needs:
        surface.needs = tuple([numbers[_needed(need)] for need in alias.needs])
    if entity.titles:
        surface.titles = tuple(_titles(surface.text, tuple(map(fold, entity.titles))))
    return surface


def _needed(need: str) -> str | Term:
    return need[1:] if need.startswith("@") else LiteralTerm(fold(need))


def _titles(surface: str, titles: tuple[str, ...]) -> Iterator[tuple[str, bool]]:
    """서울시 with the title 시장: 시장 (서울시시장, never seen) and, sharing the 시, 장."""
    for title in titles:
        yield title, False
        for shared in range(1, len(title)):
            if surface.endswith(title[:shared]):
                yield title[shared:], True


def _make(  # noqa: PLR0913
    term: int, owner: str | None, text: str, shown: str, kind: Kind, lang: str | None
) -> Surface:
    first, last = script_of(text[0]), script_of(text[-1])
    return Surface(
        term=term,
        owner=owner,
        text=text,
        shown=shown,
        kind=kind,
        need=need(None if owner is None else kind, final_of(text[-1]), short=len(text) == SHORT),
        first=first,
        last=last,
        free=(
            (lang or "").split("-")[0] in FREE_LANGUAGES and LATIN not in (first, last) and HANGUL not in (first, last)
        )
        or KANA in (first, last),
        is_josa=first == HANGUL and bool(tails().josa(text)),
    )
