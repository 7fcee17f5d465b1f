"""A rule set read again after a change: what stayed is not parsed again.

Records are named by their content, so a definition under the same key is the same definition, and the object that was
made of it can be used again. `layers` relies on that identity to see what changed.
"""

from collections.abc import Iterable, Mapping
from itertools import chain

from service.matching.entities import Entity, Rule
from service.matching.expression import entities_of
from service.matching.ruleset import RuleSet
from service.model.errors import InvalidRules


class RuleLoader:
    """Remembers the set that it loaded last. Not to be used by two threads at once."""

    def __init__(self) -> None:
        self._known: dict[str, Entity | Rule] = {}

    def __call__(self, records: Mapping[str, bytes]) -> RuleSet:
        """The set of these records; what stayed are the same objects as before.

        Raises:
            InvalidRules: as `RuleSet.from_records`.
        """
        ruleset = self._changed(records) or RuleSet.from_records(records)
        self._known = _by_key(ruleset, records)
        return ruleset

    def _changed(self, records: Mapping[str, bytes]) -> RuleSet | None:
        """None where it is easier, or necessary for the right messages, to read all of them."""
        known = self._known
        new = [key for key in records if key not in known]
        if len(new) * 4 > len(records):
            return None
        kept = {key: known[key] for key in records if key in known}
        entities = {one.id: (key, one) for key, one in kept.items() if isinstance(one, Entity)}
        gone = {one.id for key, one in known.items() if isinstance(one, Entity) and key not in kept}
        context = _context(new, records, entities)
        try:  # with what they refer to: a reference to nothing is found here ...
            read = RuleSet.from_records({key: records[key] for key in (*new, *context)})
        except InvalidRules:
            return None
        asked = set(new)
        fresh = {key: one for key, one in _by_key(read, (*new, *context)).items() if key in asked}
        added = {one.id for one in fresh.values() if isinstance(one, Entity)}
        # ... and what can be wrong between old and new here. Either is told, in the right words, by reading all.
        if _ids_twice(chain(kept.values(), fresh.values())) or any(
            not gone.isdisjoint(_named(one) - added) for one in kept.values() if gone
        ):
            return None
        every = {**kept, **fresh}
        keys = sorted(records)
        ordered = [every[key] for key in keys]
        return RuleSet(
            tuple(one for one in ordered if isinstance(one, Entity)),
            tuple(one for one in ordered if isinstance(one, Rule)),
            records,
        )


def _context(
    new: Iterable[str], records: Mapping[str, bytes], entities: Mapping[str, tuple[str, Entity]]
) -> dict[str, Entity]:
    """The kept entities whose ids stand in the new records, and those that these need."""
    text = b"\n".join(records[key] for key in new).decode("utf-8", "replace")
    wanted = [word for word in _mentioned(text) if word in entities]
    out: dict[str, Entity] = {}
    while wanted:
        key, entity = entities[wanted.pop()]
        if key not in out:
            out[key] = entity
            wanted.extend(name for name in _named(entity) if name in entities)
    return out


def _mentioned(text: str) -> set[str]:
    """What follows an @, as ids are written: too many rather than too few."""
    out = set()
    for piece in text.split("@")[1:]:
        end = 0
        while end < len(piece) and (piece[end].isascii() and (piece[end].isalnum() or piece[end] == "-")):
            end += 1
        out.add(piece[:end])
    return out


def _named(one: Entity | Rule) -> set[str]:
    """Ids of the entities that it refers to."""
    return one.needed() if isinstance(one, Entity) else entities_of(one.expression)


def _ids_twice(definitions: Iterable[Entity | Rule]) -> bool:
    seen: set[tuple[type, str]] = set()
    count = 0
    for one in definitions:
        seen.add((type(one), one.id))
        count += 1
    return len(seen) != count


def _by_key(ruleset: RuleSet, keys: Iterable[str]) -> dict[str, Entity | Rule]:
    """Each definition under its key: both stand in the order of the keys where they were read from records."""
    ordered = sorted(keys)
    definitions: Iterable[Entity | Rule] = chain(ruleset.entities, ruleset.rules)
    return dict(zip(ordered, definitions, strict=True))
