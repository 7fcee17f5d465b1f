"""A changed rule set in force without compiling all of it: the engine that there is, and a small one over it.

The small engine holds the rules that are new or about which anything changed, with the entities that they ask for; of
the large one those rules, and the removed ones, are passed over. An article is read once. What is in the small engine
costs each article a second pass of a small automaton; when it has grown, all is compiled again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from service.ingest.reading import Document
from service.matching.engine import Engine
from service.matching.entities import Entity, Rule
from service.matching.expression import entities_of
from service.matching.findings import Findings
from service.matching.ruleset import RuleSet
from service.model.article import Article
from service.model.errors import BadInput

Compile = Callable[[RuleSet], Engine]
SHARE = 20
"""The small engine holds at most one rule in so many ..."""
AT_LEAST = 50
"""... and these are always few enough."""
_ANY = Article("tried", title="시험", text="봉수대에서 시험 신호를 올렸다.")


class Matches(Protocol):
    """What the match stage asks of an engine."""

    def match(self, article: Article, now_s: float | None = None) -> Findings:
        """The rules that fire."""
        ...


@dataclass(frozen=True, slots=True)
class Change:
    """From one set to another."""

    entities: tuple[Entity, ...]
    """That `rules` ask for."""
    rules: tuple[Rule, ...]
    """New, or no longer meaning what they did."""
    dropped: frozenset[str]
    """Ids of rules of the set before that are not to be asked any more."""


class Layered:
    """An engine and what has changed since."""

    def __init__(
        self, base: Engine, small: Engine | None, change: Change, ruleset: RuleSet, compile_engine: Compile
    ) -> None:
        self._base = base
        self._small = small
        self._dropped = change.dropped
        self._ruleset = ruleset
        self._compile = compile_engine
        self._order = {rule.id: number for number, rule in enumerate(ruleset.rules)}

    def match(self, article: Article, now_s: float | None = None) -> Findings:
        """As an engine of the whole set: the same rules in the same order."""
        document = Document(article)
        found = self._base.match_in(document, now_s)
        more = None if self._small is None else self._small.match_in(document, now_s)
        hits = [hit for hit in found.hits if hit.rule.id not in self._dropped]
        if more is not None and more.hits:
            hits.extend(more.hits)
            hits.sort(key=lambda hit: self._order[hit.rule.id])
        # Mentions of all entities are asked for by people only, and they may wait for an engine of the whole set.
        return Findings(
            document, tuple(hits), None, len(self._ruleset.entities),
            lambda: self._compile(self._ruleset).examine(article, now_s),
            woken=found.woken + (0 if more is None else more.woken),
            passed_over=found.passed_over if more is None else (*found.passed_over, *more.passed_over),
        )  # fmt: skip


class Compiler:
    """Compiles rule sets one after another. Not to be used by two threads at once."""

    def __init__(self, compile_engine: Compile) -> None:
        self._compile = compile_engine
        self._base: Engine | None = None

    def __call__(self, ruleset: RuleSet) -> Matches:
        """An engine of this set; of what did not change since the last nothing is compiled again."""
        base = self._base
        change = difference(base.ruleset, ruleset) if base is not None else None
        if base is None or change is None:
            self._base = engine = self._compile(ruleset)
            return engine
        small = self._compile(RuleSet(change.entities, change.rules, {})) if change.rules else None
        return Layered(base, small, change, ruleset, self._compile)


def difference(before: RuleSet, after: RuleSet) -> Change | None:
    """What changed between two sets that share their objects (`RuleLoader`); None when it is too much."""
    entities = {entity.id: entity for entity in after.entities}
    changed = {entity.id for entity in before.entities if entities.get(entity.id) is not entity}
    changed |= entities.keys() - {entity.id for entity in before.entities}
    with_dependents(changed, entities)
    limit = max(AT_LEAST, len(after.rules) // SHARE)
    if len(changed) > limit * 4:
        return None
    there = set(map(id, before.rules))
    rules = tuple(
        rule
        for rule in after.rules
        if id(rule) not in there or (changed and not changed.isdisjoint(entities_of(rule.expression)))
    )
    kept = {rule.id for rule in after.rules} - {rule.id for rule in rules}
    dropped = frozenset(rule.id for rule in before.rules if rule.id not in kept)
    if len(rules) > limit or len(dropped) > limit:
        return None
    wanted = {name for rule in rules for name in entities_of(rule.expression)}
    _with_needs(wanted, entities)
    return Change(tuple(entity for entity in after.entities if entity.id in wanted), rules, dropped)


def tried(before: RuleSet | None, after: RuleSet) -> None:
    """Compile what `before` did not have, ask it something, and throw it away.

    Where several tenants share an engine, what cannot be compiled must hurt only whoever wrote it.

    Raises:
        BadInput: no engine can be made of `after`, though one can of `before` (None: of nothing).
    """
    there = set() if before is None else set(map(id, (*before.entities, *before.rules)))
    rules = tuple(rule for rule in after.rules if id(rule) not in there)
    wanted = {entity.id for entity in after.entities if id(entity) not in there}
    wanted |= {name for rule in rules for name in entities_of(rule.expression)}
    _with_needs(wanted, {entity.id: entity for entity in after.entities})
    try:
        engine = Engine(RuleSet(tuple(entity for entity in after.entities if entity.id in wanted), rules, {}))
        engine.match(_ANY)
    except Exception as error:
        raise BadInput(f"it loads, and an engine of it does not work: {error!r}") from error


def with_dependents(changed: set[str], entities: dict[str, Entity]) -> None:
    """An entity whose evidence changed has changed."""
    needing = {name: needs for name, entity in entities.items() if (needs := entity.needed())} if changed else {}
    size = -1
    while size < len(changed):
        size = len(changed)
        changed.update(name for name, needs in needing.items() if not changed.isdisjoint(needs))


def _with_needs(wanted: set[str], entities: dict[str, Entity]) -> None:
    open_ = list(wanted)
    while open_:
        for name in entities[open_.pop()].needed() - wanted:
            wanted.add(name)
            open_.append(name)
