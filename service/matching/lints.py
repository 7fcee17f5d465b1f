"""What is allowed in rule files and will probably be regretted: noise to come, and rules that cannot do their work.

Each says what is wrong, of which definition, and what to do. Nothing here refuses a rule set.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from service.ingest.normalise import fold
from service.ingest.wordlist import read_groups
from service.matching.canonical import canonical
from service.matching.engine import Engine
from service.matching.entities import Entity, Rule
from service.matching.expiry import expired
from service.matching.expression import And, EntityTerm, Expression, Not, Or, entities_of, nodes_of
from service.matching.hangul import HANGUL, script_of
from service.matching.implication import implies
from service.matching.ruleset import RuleSet
from service.matching.sense import Reading
from service.model.article import Article
from service.model.mention import Reason

HUGE_OR = 100
SHORT = 2
"""Syllables: names that long hide in other words."""
OFTEN_INSIDE = 5
"""Times that a name stands in longer words of the articles given before it is told."""
EXAMPLES = 4


class Kind(StrEnum):
    """What is wrong, as a word that a program can filter by."""

    COMMON_WORD = "common_word"
    IN_WORDS = "inside_words"
    SHARED = "shared_surface"
    NEVER = "never_fires"
    DUPLICATE = "duplicate_rule"
    HUGE_OR = "huge_or"
    EXPIRED = "expired"
    UNUSED = "unused_entity"


@dataclass(frozen=True, slots=True)
class Lint:
    """One warning."""

    kind: Kind
    what: str
    """`entity` or `rule`."""
    id: str
    message: str


def lint(
    ruleset: RuleSet,
    *,
    now_s: float,
    reading: Callable[[str], Reading] | None = None,
    min_confidence: float = 0.5,
    articles: Iterable[Article] = (),
) -> Iterator[Lint]:
    """Every warning about a rule set.

    Args:
        ruleset: what is looked at.
        now_s: seconds since the epoch, to know what has expired.
        reading: what a surface is by itself (`Veto.reading`); None: nobody is asked.
        min_confidence: as the engine is to run.
        articles: texts to look for names within longer words; a list of frequent words is always looked at.
    """
    yield from _common_words(ruleset.entities, reading)
    yield from _shared(ruleset.entities)
    yield from _inside_words(ruleset, min_confidence, articles)
    yield from _never(ruleset)
    yield from _duplicates(ruleset.rules)
    for rule in expired(ruleset.rules, now_s):
        yield Lint(Kind.EXPIRED, "rule", rule.id, f"expired on {rule.expires}; remove it or give it a later date")
    for rule in ruleset.rules:
        for node in nodes_of(rule.expression):
            if isinstance(node, Or) and len(node.parts) > HUGE_OR:
                yield Lint(
                    Kind.HUGE_OR,
                    "rule",
                    rule.id,
                    f"an OR of {len(node.parts)} parts; make them aliases of one entity, or several rules with one tag",
                )
    yield from _unused(ruleset)


def _common_words(entities: Iterable[Entity], reading: Callable[[str], Reading] | None) -> Iterator[Lint]:
    if reading is None:
        return
    for entity in entities:
        for alias in entity.aliases:
            if alias.needs or entity.not_in or len(alias.text) > SHORT or script_of(alias.text[0]) != HANGUL:
                continue
            if reading(alias.text) is Reading.WORD:
                message = (
                    f"{alias.text} is a common word and no name that the dictionary knows; every use of it will count. "
                    "Give it needs: or not_in:"
                )
                yield Lint(Kind.COMMON_WORD, "entity", entity.id, message)


def _shared(entities: Iterable[Entity]) -> Iterator[Lint]:
    owners: dict[str, dict[str, bool]] = defaultdict(dict)
    for entity in entities:
        for alias in entity.aliases:
            owners[fold(alias.text)][entity.id] = bool(alias.needs)
    for surface, of in owners.items():
        if len(of) > 1 and not all(of.values()):
            first, *others = of
            message = (
                f"{surface} is a surface of {', '.join(others)} too: each use counts for all of them. Give it needs: "
                "where it means the one and not the other"
            )
            yield Lint(Kind.SHARED, "entity", first, message)


@dataclass(slots=True)
class _Seen:
    """Where one surface of one entity stood."""

    counted: int = 0
    as_part: Counter[str] = field(default_factory=Counter)
    """Longer words in which it counted."""
    inside: Counter[str] = field(default_factory=Counter)
    """Longer words in which it did not."""


def _inside_words(ruleset: RuleSet, min_confidence: float, articles: Iterable[Article]) -> Iterator[Lint]:
    entities = ruleset.entities
    engine = Engine(RuleSet(entities, (), {}), min_confidence=min_confidence)
    words = [word for group in read_groups("service.matching", "frequent.txt").values() for word in group]
    listed: dict[tuple[str, str], _Seen] = defaultdict(_Seen)
    for word in words:
        _look(engine, Article(word, text=word), listed)
    for (entity, surface), seen in listed.items():
        if seen.as_part and len(surface.replace(" ", "")) <= SHORT:
            yield Lint(
                Kind.IN_WORDS,
                "entity",
                entity,
                f"{surface} counts in the frequent word {_examples(seen.as_part)}: list it under not_in:, or give "
                "the surface needs:",
            )
    given: dict[tuple[str, str], _Seen] = defaultdict(_Seen)
    for article in articles:
        _look(engine, article, given)
    for (entity, surface), seen in given.items():
        inside = seen.inside.total()
        if inside >= OFTEN_INSIDE and inside > seen.counted:
            yield Lint(
                Kind.IN_WORDS,
                "entity",
                entity,
                f"{surface} stands {inside} times inside other words ({_examples(seen.inside)}) and {seen.counted} "
                "times as itself in the articles given; is it what you mean? Longer surfaces are surer",
            )


def _look(engine: Engine, article: Article, seen: dict[tuple[str, str], _Seen]) -> None:
    findings = engine.examine(article)
    for mention in (*findings.mentions, *findings.suppressed):
        assert mention.entity is not None
        here = seen[mention.entity, mention.surface]
        if mention.reason is None:
            here.counted += 1
            if mention.text != mention.surface:
                here.as_part[mention.text] += 1
        elif mention.reason in (Reason.BOUNDARY, Reason.COMPOUND):
            here.inside[mention.text] += 1


def _examples(words: Counter[str]) -> str:
    return ", ".join(word for word, _ in words.most_common(EXAMPLES))


def _never(ruleset: RuleSet) -> Iterator[Lint]:
    dead = {entity.id for entity in ruleset.entities if _is_dead(entity)}
    for entity in sorted(dead):
        yield Lint(
            Kind.NEVER, "entity", entity, "each of its surfaces is in its own not_in: none can ever count; take it out"
        )
    for rule in ruleset.rules:
        expression = rule.expression
        if implies(expression, And((expression, Not(expression)))):
            message = "asks for something and excludes it: it can never fire. Look at what stands after NOT"
            yield Lint(Kind.NEVER, "rule", rule.id, message)
        elif dead and _asks_for_dead(expression, dead):
            yield Lint(Kind.NEVER, "rule", rule.id, "asks for an entity that can never count: it can never fire")


def _is_dead(entity: Entity) -> bool:
    excluded = {fold(one) for one in entity.not_in}
    return bool(excluded) and all(fold(alias.text) in excluded for alias in entity.aliases)


def _asks_for_dead(node: Expression, dead: set[str]) -> bool:
    if isinstance(node, EntityTerm):
        return node.id in dead
    if isinstance(node, And):
        return any(_asks_for_dead(part, dead) for part in node.parts)
    if isinstance(node, Or):
        return all(_asks_for_dead(part, dead) for part in node.parts)
    return False


def _duplicates(rules: Sequence[Rule]) -> Iterator[Lint]:
    first: dict[str, str] = {}
    for rule in rules:
        form = canonical(rule.expression)
        if form in first:
            message = f"asks for the same as {first[form]}: whoever has both is told twice. Remove one"
            yield Lint(Kind.DUPLICATE, "rule", rule.id, message)
        first.setdefault(form, rule.id)


def _unused(ruleset: RuleSet) -> Iterator[Lint]:
    used = {name for rule in ruleset.rules for name in entities_of(rule.expression)}
    used |= {name for entity in ruleset.entities for name in entity.needed()}
    for entity in ruleset.entities:
        if entity.id not in used:
            yield Lint(Kind.UNUSED, "entity", entity.id, "no rule asks for it; write one, or remove it")
