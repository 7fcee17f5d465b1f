"""Which of the rules that fired in one article say less than another that fired too.

A implies B when there is no article in which A is true and B is not: `@seoul AND @chongqing` implies `@seoul`. Whoever
is told by A need not be told by B. Names and literals are taken as independent of each other, so what is found here is
true of any articles; where it costs too much to find out the answer is no, and somebody is told twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from service.matching.entities import Rule
from service.matching.expression import And, Expression, Not, Or
from service.model.tenants import tenant_of

MAX_RULES = 50
"""Of more rules of one tenant in one article none is asked about: pairs grow with the square."""
MAX_MUTES = 32
"""Broader rules that one rule names; an alert has to stay thin."""
MAX_TRIES = 500
"""Partial assignments tried for one pair."""
MAX_ATOMS = 100
"""Names and literals of one pair."""


def mutes(rules: Sequence[Rule]) -> list[tuple[str, ...]]:
    """For each rule of one article the ids of those of its tenant that it implies and that do not imply it."""
    out: list[tuple[str, ...]] = [()] * len(rules)
    if len(rules) < 2:
        return out
    tenants: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        tenants.setdefault(tenant_of(rule.id), []).append(number)
    for numbers in tenants.values():
        if 1 < len(numbers) <= MAX_RULES:
            for number, broader in zip(numbers, _mutes([rules[number] for number in numbers]), strict=True):
                out[number] = broader
    return out


def _mutes(rules: Sequence[Rule]) -> list[tuple[str, ...]]:
    keys = [_Key(rule.when, rule.expression) for rule in rules]
    out = []
    for narrow in keys:
        broader = (
            rule.id
            for rule, broad in zip(rules, keys, strict=True)
            if broad is not narrow and _implies(narrow, broad) and not _implies(broad, narrow)
        )
        out.append(tuple(sorted(broader)[:MAX_MUTES]))
    return out


def implies(narrow: Expression, broad: Expression) -> bool:
    """Whether `broad` is true wherever `narrow` is. May say no too often, never yes too often."""
    atoms = list(dict.fromkeys((*_atoms(narrow), *_atoms(broad))))
    if len(atoms) > MAX_ATOMS or set(_atoms(narrow)).isdisjoint(_atoms(broad)):
        return False
    tries = iter(range(MAX_TRIES))
    return not _could_differ(narrow, broad, atoms, 0, {}, tries)


@dataclass(frozen=True, slots=True)
class _Key:
    """Two of one tenant are compared: what one text says of the other is the same whatever its entities are called."""

    when: str
    expression: Expression = field(compare=False)


@lru_cache(maxsize=200_000)
def _implies(narrow: _Key, broad: _Key) -> bool:
    return implies(narrow.expression, broad.expression)


def _could_differ(  # noqa: PLR0913 - one step of a search
    narrow: Expression, broad: Expression, atoms: list[str], at: int, given: dict[str, bool], tries: Iterator[int]
) -> bool:
    """Whether some assignment that agrees with `given` makes `narrow` true and `broad` false."""
    if next(tries, None) is None:
        return True  # who knows
    first, second = _value(narrow, given), _value(broad, given)
    if first is False or second is True:
        return False
    if first is True and second is False:
        return True
    differs = False
    for value in (True, False):
        given[atoms[at]] = value
        differs = differs or _could_differ(narrow, broad, atoms, at + 1, given, tries)
    del given[atoms[at]]
    return differs


def _value(expression: Expression, given: dict[str, bool]) -> bool | None:
    """True or false whatever the other atoms are; None: it depends on them."""
    if isinstance(expression, Not):
        value = _value(expression.part, given)
        return None if value is None else not value
    if isinstance(expression, And | Or):
        decides = isinstance(expression, Or)
        values = [_value(part, given) for part in expression.parts]
        if decides in values:
            return decides
        return None if None in values else not decides
    return given.get(str(expression))


def _atoms(expression: Expression) -> Iterator[str]:
    """What is true or false by itself, as written: every node that is not AND, OR or NOT."""
    if isinstance(expression, Not):
        yield from _atoms(expression.part)
    elif isinstance(expression, And | Or):
        for part in expression.parts:
            yield from _atoms(part)
    else:
        yield str(expression)
