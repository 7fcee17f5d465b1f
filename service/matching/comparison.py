"""How one rule set differs from another, definition by definition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from service.matching.canonical import canonical
from service.matching.entities import Entity, Rule
from service.matching.expression import entities_of
from service.matching.layers import with_dependents
from service.matching.ruleset import RuleSet


@dataclass(frozen=True, slots=True)
class Differences:
    """Of one kind of definition, by id."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: Mapping[str, Mapping[str, tuple[Any, Any]]]
    """Of each that is in both: field to what it was and what it is."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """From one set to another."""

    entities: Differences
    rules: Differences
    affected: tuple[str, ...]
    """Rules that are as they were and yet mean something else: an entity that they ask for changed."""


def compare(before: RuleSet, after: RuleSet) -> Comparison:
    """What one has to know who puts `after` in force where `before` was."""
    entities = _differences(before.entities, after.entities)
    rules = _differences(before.rules, after.rules)
    told = {*rules.added, *rules.changed}
    touched = {*entities.added, *entities.removed, *entities.changed}
    with_dependents(touched, {entity.id: entity for entity in after.entities})
    affected = tuple(
        rule.id for rule in after.rules if rule.id not in told and not touched.isdisjoint(entities_of(rule.expression))
    )
    return Comparison(entities, rules, affected)


def _differences(before: Iterable[Entity | Rule], after: Iterable[Entity | Rule]) -> Differences:
    old, new = {one.id: one for one in before}, {one.id: one for one in after}
    changed = {}
    for name, one in new.items():
        if name in old and old[name] != one and (what := _fields(old[name], one)):
            changed[name] = what
    return Differences(
        tuple(name for name in new if name not in old), tuple(name for name in old if name not in new), changed
    )


def _fields(old: Entity | Rule, new: Entity | Rule) -> dict[str, tuple[Any, Any]]:
    out = {}
    for field in fields(new):
        was, now = getattr(old, field.name), getattr(new, field.name)
        if field.name == "expression" or was == now:
            continue
        if field.name == "when" and _same_meaning(old, new):
            continue  # written otherwise
        out[field.name] = (was, now)
    return out


def _same_meaning(old: Entity | Rule, new: Entity | Rule) -> bool:
    if not isinstance(old, Rule) or not isinstance(new, Rule):
        return False
    return canonical(old.expression) == canonical(new.expression)
