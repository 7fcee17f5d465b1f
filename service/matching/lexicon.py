"""What the automaton looks for: surfaces of entities, literals of rules and of `needs`, and what blocks them.

Compiled once from a rule set. A term is an entity or a literal; terms have numbers, entities first. A pattern is one
normal form; it may be a surface of several terms and block others.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from service.ingest.normalise import fold
from service.matching.automaton import Find, build
from service.matching.entities import Alias, Entity, Kind
from service.matching.expression import LiteralTerm, terms_of
from service.matching.hangul import HANGUL, KANA, LATIN, final_of, script_of
from service.matching.josa import need, tails
from service.matching.ruleset import RuleSet

FREE_LANGUAGES = frozenset(("zh", "ja"))
"""They write without spaces and without josa: their surfaces have no boundary rules."""
MIN_ACRONYM, MAX_ACRONYM = 2, 4


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
    literals: tuple[str, ...]
    """Normal forms; literal number n is term len(entities) + n."""
    patterns: list[Pattern]
    find: Find
    literal_terms: dict[str, int] = field(default_factory=dict)

    def literal(self, text: str) -> int:
        """Number of the term of a literal."""
        return self.literal_terms[fold(text)]


def compile_lexicon(ruleset: RuleSet) -> Lexicon:
    """The lexicon of a rule set."""
    number_of = {entity.id: number for number, entity in enumerate(ruleset.entities)}
    literals: dict[str, int] = {}
    for text in _literals(ruleset):
        literals.setdefault(fold(text), len(number_of) + len(literals))
    surfaces: dict[str, list[Surface]] = {}
    blocks: dict[str, list[int]] = {}
    for number, entity in enumerate(ruleset.entities):
        for spelling in dict.fromkeys(one for excluded in entity.not_in for one in _spellings(fold(excluded))):
            blocks.setdefault(spelling, []).append(number)
        for alias in entity.aliases:
            surface = _surface(number, entity, alias, number_of, literals)
            surfaces.setdefault(surface.text, []).append(surface)
    for text, number in literals.items():
        surfaces.setdefault(text, []).append(_make(number, None, text, text, "other", None))
    patterns: list[str] = []
    meanings: list[Pattern] = []
    for text, found in surfaces.items():
        patterns.append(text)
        meanings.append(Pattern(tuple(found), tuple(blocks.pop(text, ()))))
    for text, terms in blocks.items():
        patterns.append(text)
        meanings.append(Pattern((), tuple(terms)))
    return Lexicon(ruleset.entities, tuple(literals), meanings, build(patterns), literals)


def _spellings(text: str) -> tuple[str, ...]:
    """What is written with spaces is written without as well: 中 외교부, 中외교부; LG 트윈스, LG트윈스.

    Not the other way round: 서울시의 회계 is no 서울시의회.
    """
    return (text, text.replace(" ", "")) if " " in text else (text,)


def _literals(ruleset: RuleSet) -> Iterator[str]:
    for rule in ruleset.rules:
        for term in terms_of(rule.expression):
            if isinstance(term, LiteralTerm):
                yield term.text
    for entity in ruleset.entities:
        for alias in entity.aliases:
            yield from (need for need in alias.needs if not need.startswith("@"))


def _surface(number: int, entity: Entity, alias: Alias, ids: dict[str, int], literals: dict[str, int]) -> Surface:
    surface = _make(number, entity.id, fold(alias.text), alias.text, entity.kind, alias.lang)
    surface.accept = entity.compound_accept
    surface.ambiguous = alias.ambiguous
    surface.blocked = bool(entity.not_in)
    surface.case = alias.text if alias.case_exact else None
    surface.acronym = alias.text.isascii() and alias.text.isupper() and MIN_ACRONYM <= len(alias.text) <= MAX_ACRONYM
    if alias.needs:
        surface.needs = tuple(ids[need[1:]] if need.startswith("@") else literals[fold(need)] for need in alias.needs)
    if entity.titles:
        surface.titles = tuple(_titles(surface.text, tuple(map(fold, entity.titles))))
    return surface


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
        need=need(kind, final_of(text[-1])),
        first=first,
        last=last,
        free=(
            (lang or "").split("-")[0] in FREE_LANGUAGES and LATIN not in (first, last) and HANGUL not in (first, last)
        )
        or KANA in (first, last),
        is_josa=first == HANGUL and bool(tails().josa(text)),
    )
