"""Which rules are worth running: each waits at something it cannot be true without, and wakes when that was found.

The cost of an article follows what it says, not how many rules exist. A rule that wakes is asked first whether all else
that it needs was found at all (`could_be_true`); most go back to sleep there. `true` runs every rule on what was found:
obvious and slow, and the property test compares.
"""

from collections.abc import Collection, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass

from service.matching.compile import Compiler
from service.matching.entities import Rule
from service.matching.evaluate import AllOf, Leaf, Node, NoneOf
from service.matching.expiry import expires_s
from service.matching.lexicon import Lexicon
from service.matching.occurrence import Occurrence
from service.matching.scene import EVERYWHERE, Scene

_NOTHING: frozenset[int] = frozenset()
"""One for all: Python makes a new one of 200 bytes at each call."""


@dataclass(frozen=True, slots=True)
class CompiledRule:
    """A rule ready to be run. Most are a plain conjunction: sets decide those."""

    number: int
    rule: Rule
    node: Node
    every: tuple[int, ...] | None
    """For a conjunction: terms that must all count, in the order of the rule ..."""
    none: frozenset[int]
    """... and terms of which none may."""
    is_one_term: bool
    """It waits at its only term, so it is true when it wakes."""
    expires_s: float | None = None
    """Seconds since the epoch from which it does not fire."""

    def is_true(self, scene: Scene) -> bool:
        """Whether it fires there."""
        if self.every is None:
            return self.node.is_true(scene)
        counted = scene.counted
        for term in self.every:
            if term not in counted:
                return False
        return not self.none or self.none.isdisjoint(counted)

    def could_be_true(self, present: Container[int]) -> bool:
        """Whether it could fire where at most these terms are. May say yes too often; never no where it fires."""
        if self.every is None:
            return self.node.could(present)
        for term in self.every:  # noqa: SIM110 - most rules that wake are decided here
            if term not in present:
                return False
        return True

    def terms(self) -> Iterable[int]:
        """All terms that have a say in it, negated ones too."""
        return self.node.terms() if self.every is None else (*self.every, *self.none)

    def evidence(self, scene: Scene) -> list[Occurrence]:
        """The occurrences that make it true, each once."""
        if self.every is not None:
            counted = scene.counted
            return [one for term in self.every for one in counted[term]]
        return list({id(one): one for one in self.node.evidence(scene)}.values())


class RuleIndex:
    """All rules, each under the terms it waits for."""

    def __init__(self, rules: Sequence[Rule], lexicon: Lexicon) -> None:
        compiler = Compiler(lexicon)
        waiting: dict[int, list[CompiledRule]] = {}
        self.rules: list[CompiledRule] = []
        beyond: set[int] = set()
        for number, rule in enumerate(rules):
            node = compiler.node(rule.expression)
            every, none = _conjunction(node)
            is_one_term = every is not None and len(every) == 1 and not none
            until = expires_s(rule.expires) if rule.expires is not None else None
            compiled = CompiledRule(number, rule, node, every, none, is_one_term, until)
            self.rules.append(compiled)
            if every is None:
                beyond.update(node.beyond())
            for term in node.anchors(waiting) or ():
                waiting.setdefault(term, []).append(compiled)
        terms = range(len(lexicon.entities) + len(lexicon.words))
        self._waiting = [tuple(waiting[term]) if term in waiting else () for term in terms]
        """By term: a look into a list is one step, into a dictionary of a hundred thousand three."""
        self.beyond = frozenset(beyond)
        """Terms that some rule asks for in zones that do not count by default."""

    def candidates(self, present: Iterable[int]) -> Iterator[CompiledRule]:
        """Rules worth running, some of them more than once. May name too many; never leaves one out."""
        for term in present:
            yield from self._waiting[term]

    def awake(self, present: Collection[int]) -> tuple[set[int], int]:
        """Terms with a say in any rule that could fire where at most these terms are (none: no rule can).

        And how many rules were asked: as many as `candidates` names.
        """
        waiting = self._waiting
        out: set[int] = set()
        asked = 0
        for term in present:
            rules = waiting[term]
            asked += len(rules)
            for compiled in rules:
                if compiled.is_one_term:
                    out.add(term)
                elif compiled.could_be_true(present):
                    out.update(compiled.terms())
        return out, asked

    def fired(self, scene: Scene) -> list[CompiledRule]:
        """The rules that are true, in the order of the rule set."""
        waiting = self._waiting
        out: dict[int, CompiledRule] = {}
        for term in scene.counted:
            for compiled in waiting[term]:
                if compiled.is_one_term or compiled.is_true(scene):
                    out[compiled.number] = compiled
        for term in scene.beyond:
            for compiled in waiting[term]:
                if compiled.number not in out and compiled.is_true(scene):
                    out[compiled.number] = compiled
        return [out[number] for number in sorted(out)] if len(out) > 1 else list(out.values())

    def true(self, scene: Scene) -> list[CompiledRule]:
        """What `fired` must give, by running every rule."""
        return [compiled for compiled in self.rules if compiled.node.is_true(scene)]


def _conjunction(node: Node) -> tuple[tuple[int, ...] | None, frozenset[int]]:
    """The terms of a conjunction of terms and negated terms; None when it is anything else."""
    every: dict[int, None] = {}
    none: set[int] = set()
    for part in node.nodes if isinstance(node, AllOf) else (node,):
        leaf = part.node if isinstance(part, NoneOf) else part
        if not isinstance(leaf, Leaf) or leaf.where is not EVERYWHERE:
            return None, _NOTHING
        if leaf is part:
            every[leaf.term] = None
        else:
            none.add(leaf.term)
    return tuple(every), frozenset(none) if none else _NOTHING
