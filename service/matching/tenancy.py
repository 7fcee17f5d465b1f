"""The rule sets of several tenants as one set, so that one engine reads an article once for all of them.

Each set was checked by itself: `@seoul` of a tenant means its own entity, whatever others call theirs. Here the ids get
the form that they have inside (`model.tenants`). What rules share across tenants is only how a word is found.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import TypeAlias, TypeVar

from service.matching.entities import Alias, Entity, Rule
from service.matching.expression import renamed
from service.matching.ruleset import RuleSet
from service.model.record import DEFAULT_TENANT
from service.model.tenants import qualified


class Joiner:
    """Puts sets together; of what stayed since the last time the objects stay too (`layers` sees changes by them).

    Not to be used by two threads at once.
    """

    def __init__(self) -> None:
        self._known: dict[str, _Qualifier] = {}

    def __call__(self, sets: Mapping[str, RuleSet]) -> RuleSet:
        """One set of these, by tenant. That of the default tenant alone is that very set."""
        self._known = {tenant: self._known.get(tenant) or _Qualifier(tenant) for tenant in sets}
        if sets.keys() == {DEFAULT_TENANT}:
            return sets[DEFAULT_TENANT]
        ordered = sorted(sets, key=lambda tenant: (tenant != DEFAULT_TENANT, tenant))
        parts = [sets[name] if name == DEFAULT_TENANT else self._known[name](sets[name]) for name in ordered]
        return RuleSet(
            tuple(entity for part in parts for entity in part.entities),
            tuple(rule for part in parts for rule in part.rules),
            {key: raw for part in parts for key, raw in part.to_records().items()},
        )


_One = TypeVar("_One")
_Made: TypeAlias = dict[int, tuple[_One, _One]]
"""By identity: what was given, which lives as long as this says so, and what was made of it."""


def _made(given: Iterable[_One], known: "_Made[_One]", make: Callable[[_One], _One]) -> "_Made[_One]":
    return {id(one): known.get(id(one)) or (one, make(one)) for one in given}


class _Qualifier:
    """The set of one tenant with the ids that it has inside."""

    def __init__(self, tenant: str) -> None:
        self._name = partial(qualified, tenant)
        self._entities: _Made[Entity] = {}
        self._rules: _Made[Rule] = {}

    def __call__(self, ruleset: RuleSet) -> RuleSet:
        self._entities = _made(ruleset.entities, self._entities, self._entity)
        self._rules = _made(ruleset.rules, self._rules, self._rule)
        return RuleSet(
            tuple([made for _, made in self._entities.values()]),
            tuple([made for _, made in self._rules.values()]),
            {self._name(key): raw for key, raw in ruleset.to_records().items()},
        )

    def _entity(self, one: Entity) -> Entity:
        return replace(one, id=self._name(one.id), aliases=tuple(map(self._alias, one.aliases)))

    def _alias(self, one: Alias) -> Alias:
        if not any(need.startswith("@") for need in one.needs):
            return one
        needs = tuple(f"@{self._name(need[1:])}" if need.startswith("@") else need for need in one.needs)
        return replace(one, needs=needs)

    def _rule(self, one: Rule) -> Rule:
        return replace(one, id=self._name(one.id), expression=renamed(one.expression, self._name))
