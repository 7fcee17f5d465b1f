"""Which rules are worth running: each waits at something it cannot be true without, and wakes when that was found.

The cost of an article follows what it says, not how many rules exist. `evaluate` is the plain meaning of a rule; the
property test runs it over all rules and compares.
"""

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.matching.entities import Rule
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not, Or, is_reachable
from service.matching.lexicon import Lexicon

Node = tuple[str, "int | tuple[Node, ...]"]
"""An expression with the numbers of terms in place of names: ("term", 3), ("and", (...)), ("or", ...), ("not", (one,))."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be run. Most are a plain conjunction: sets decide those."""

    number: int
    rule: Rule
    node: Node
    every: frozenset[int] | None
    """For a conjunction: terms that must all be there ..."""
    none: frozenset[int]
    """... and terms of which none may be."""

    def is_true(self, present: Mapping[int, object]) -> bool:
        """Whether it fires where these terms are."""
        if self.every is not None:
            return self.every <= present.keys() and self.none.isdisjoint(present)
        return evaluate(self.node, present)

    def positive(self, present: Container[int]) -> Iterator[int]:
        """The terms that make it true, in the order of the rule, each once."""
        return iter(dict.fromkeys(_positive(self.node, present)))


def evaluate(node: Node, present: Container[int]) -> bool:
    """The meaning of an expression: obvious and slow."""
    kind, value = node
    if kind == "term":
        return value in present
    assert isinstance(value, tuple)
    if kind == "not":
        return not evaluate(value[0], present)
    return (all if kind == "and" else any)(evaluate(part, present) for part in value)


def _positive(node: Node, present: Container[int]) -> Iterator[int]:
    kind, value = node
    if isinstance(value, int):
        if value in present:
            yield value
    elif kind != "not":
        for part in value:
            if evaluate(part, present):
                yield from _positive(part, present)


class RuleIndex:
    """All rules, each under the terms it waits for."""

    def __init__(self, rules: Sequence[Rule], lexicon: Lexicon) -> None:
        numbers = {entity.id: number for number, entity in enumerate(lexicon.entities)}
        self._waiting: dict[int, list[CompiledRule]] = {}
        self.rules: list[CompiledRule] = []
        for number, rule in enumerate(rules):
            node = _compile(rule.expression, numbers, lexicon)
            every, none = _conjunction(node)
            compiled = CompiledRule(number, rule, node, every, none)
            self.rules.append(compiled)
            for term in self._anchors(node):
                self._waiting.setdefault(term, []).append(compiled)

    def _anchors(self, node: Node) -> tuple[int, ...]:
        """Terms of which one must be there: of a conjunction the part where the fewest rules wait already."""
        kind, value = node
        if isinstance(value, int):
            return (value,)
        parts = [self._anchors(part) for part in value if _reachable(part)]
        if kind == "or":
            return tuple(dict.fromkeys(term for part in parts for term in part))
        return min(parts, key=lambda terms: (len(terms), sum(len(self._waiting.get(term, ())) for term in terms)))

    def candidates(self, present: Mapping[int, object]) -> Iterator[CompiledRule]:
        """Rules worth running. May name too many; never leaves one out."""
        if len(present) <= len(self._waiting):
            for term in present:
                yield from self._waiting.get(term, ())

    def fired(self, present: Mapping[int, object]) -> list[CompiledRule]:
        """The rules that are true, in the order of the rule set."""
        waiting = self._waiting
        out: dict[int, CompiledRule] = {}
        for term in present:
            for compiled in waiting.get(term, ()):
                if compiled.is_true(present):
                    out[compiled.number] = compiled
        return [out[number] for number in sorted(out)] if len(out) > 1 else list(out.values())


def _compile(expression: Expression, numbers: Mapping[str, int], lexicon: Lexicon) -> Node:
    if isinstance(expression, EntityTerm):
        return ("term", numbers[expression.id])
    if isinstance(expression, LiteralTerm):
        return ("term", lexicon.literal(expression.text))
    if isinstance(expression, Not):
        return ("not", (_compile(expression.part, numbers, lexicon),))
    kind = "and" if isinstance(expression, And) else "or"
    assert isinstance(expression, And | Or)
    assert is_reachable(expression) or kind
    return (kind, tuple(_compile(part, numbers, lexicon) for part in expression.parts))


def _reachable(node: Node) -> bool:
    kind, value = node
    if isinstance(value, int):
        return True
    if kind == "not":
        return False
    return (any if kind == "and" else all)(map(_reachable, value))


def _conjunction(node: Node) -> tuple[frozenset[int] | None, frozenset[int]]:
    """The terms of a conjunction of terms and negated terms; None when it is anything else."""
    kind, value = node
    if isinstance(value, int):
        return frozenset((value,)), frozenset()
    every: set[int] = set()
    none: set[int] = set()
    if kind != "and":
        return None, frozenset()
    for part_kind, part in value:
        if isinstance(part, int):
            every.add(part)
        elif part_kind == "not" and isinstance(part[0][1], int):
            none.add(part[0][1])
        else:
            return None, frozenset()
    return frozenset(every), frozenset(none)
