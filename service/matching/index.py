"""Which rules are worth running: each waits at something it cannot be true without, and wakes when that was found.

The cost of an article follows what it says, not how many rules exist. `evaluate` is the plain meaning of a rule; the
property test runs it over all rules and compares.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from service.matching.entities import Rule
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not
from service.matching.lexicon import Lexicon

Node = tuple[str, "int | tuple[Node, ...]"]
"""An expression with numbers in place of names: ("term", 3), ("and", (...)), ("or", (...)), ("not", (one,))."""


_NOTHING: frozenset[int] = frozenset()
"""One for all: Python makes a new one of 200 bytes at each call."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be run. Most are a plain conjunction: sets decide those."""

    number: int
    rule: Rule
    node: Node
    every: tuple[int, ...] | None
    """For a conjunction: terms that must all be there, in the order of the rule ..."""
    none: frozenset[int]
    """... and terms of which none may be."""
    is_one_term: bool
    """It waits at its only term, so it is true when it wakes."""

    def is_true(self, present: Mapping[int, object]) -> bool:
        """Whether it fires where these terms are."""
        if self.every is None:
            return evaluate(self.node, present)
        for term in self.every:
            if term not in present:
                return False
        return not self.none or self.none.isdisjoint(present)

    def could_be_true(self, present: Container[int]) -> bool:
        """Whether it could fire where at most these terms are. May say yes too often; never no where it fires."""
        return all(term in present for term in self.every) if self.every is not None else _could(self.node, present)

    def terms(self) -> Iterator[int]:
        """All terms that have a say in it, negated ones too."""
        return _terms(self.node)

    def positive(self, present: Container[int]) -> Iterable[int]:
        """The terms that make it true, in the order of the rule, each once."""
        return self.every if self.every is not None else dict.fromkeys(_positive(self.node, present))


def evaluate(node: Node, present: Container[int]) -> bool:
    """The meaning of an expression: obvious and slow."""
    kind, value = node
    if kind == "term":
        return value in present
    assert isinstance(value, tuple)
    if kind == "not":
        return not evaluate(value[0], present)
    return (all if kind == "and" else any)(evaluate(part, present) for part in value)


def _could(node: Node, present: Container[int]) -> bool:
    """`evaluate`, where no term is known to be absent in the end: NOT stops nothing."""
    kind, value = node
    if isinstance(value, int):
        return value in present
    return kind == "not" or (all if kind == "and" else any)(_could(part, present) for part in value)


def _terms(node: Node) -> Iterator[int]:
    _, value = node
    if isinstance(value, int):
        yield value
    else:
        for part in value:
            yield from _terms(part)


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
        waiting: dict[int, list[CompiledRule]] = {}
        self.rules: list[CompiledRule] = []
        for number, rule in enumerate(rules):
            node = _compile(rule.expression, numbers, lexicon)
            every, none = _conjunction(node)
            compiled = CompiledRule(number, rule, node, every, none, every is not None and len(every) == 1 and not none)
            self.rules.append(compiled)
            for term in _anchors(node, waiting):
                waiting.setdefault(term, []).append(compiled)
        self._waiting = {term: tuple(compiled) for term, compiled in waiting.items()}

    def candidates(self, present: Iterable[int]) -> Iterator[CompiledRule]:
        """Rules worth running, some of them more than once. May name too many; never leaves one out."""
        for term in present:
            yield from self._waiting.get(term, ())

    def relevant(self, present: Collection[int]) -> set[int]:
        """Terms with a say in any rule that could fire where at most these terms are. Empty: no rule can."""
        waiting = self._waiting
        out: set[int] = set()
        for term in present:
            if term in waiting:
                for compiled in waiting[term]:
                    if compiled.is_one_term:
                        out.add(term)
                    elif compiled.could_be_true(present):
                        out.update(compiled.terms())
        return out

    def fired(self, present: Mapping[int, object]) -> list[CompiledRule]:
        """The rules that are true, in the order of the rule set."""
        waiting = self._waiting
        out: dict[int, CompiledRule] = {}
        for term in present:
            if term in waiting:
                for compiled in waiting[term]:
                    if compiled.is_one_term or compiled.is_true(present):
                        out[compiled.number] = compiled
        return [out[number] for number in sorted(out)] if len(out) > 1 else list(out.values())


def _anchors(node: Node, waiting: Mapping[int, Sequence[CompiledRule]]) -> tuple[int, ...]:
    """Terms of which one must be there: of a conjunction the part where the fewest rules wait already."""
    kind, value = node
    if isinstance(value, int):
        return (value,)
    parts = [_anchors(part, waiting) for part in value if _reachable(part)]
    if kind == "or":
        return tuple(dict.fromkeys(term for part in parts for term in part))
    return min(parts, key=lambda terms: (len(terms), sum(len(waiting.get(term, ())) for term in terms)))


def _compile(expression: Expression, numbers: Mapping[str, int], lexicon: Lexicon) -> Node:
    if isinstance(expression, EntityTerm):
        return ("term", numbers[expression.id])
    if isinstance(expression, LiteralTerm):
        return ("term", lexicon.literal(expression.text))
    if isinstance(expression, Not):
        return ("not", (_compile(expression.part, numbers, lexicon),))
    kind = "and" if isinstance(expression, And) else "or"
    return (kind, tuple(_compile(part, numbers, lexicon) for part in expression.parts))


def _reachable(node: Node) -> bool:
    kind, value = node
    if isinstance(value, int):
        return True
    if kind == "not":
        return False
    return (any if kind == "and" else all)(map(_reachable, value))


def _conjunction(node: Node) -> tuple[tuple[int, ...] | None, frozenset[int]]:
    """The terms of a conjunction of terms and negated terms; None when it is anything else."""
    kind, value = node
    if isinstance(value, int):
        return (value,), _NOTHING
    if kind != "and":
        return None, _NOTHING
    every: dict[int, None] = {}
    none: set[int] = set()
    for part_kind, part in value:
        if isinstance(part, int):
            every[part] = None
        elif part_kind == "not" and isinstance(negated := part[0][1], int):
            none.add(negated)
        else:
            return None, _NOTHING
    return tuple(every), frozenset(none) if none else _NOTHING
