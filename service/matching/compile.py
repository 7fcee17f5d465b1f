"""From the tree of a rule to nodes with numbers: zones and FIRST sink to the terms that they restrict."""

import re
from dataclasses import replace
from fnmatch import translate
from functools import lru_cache

from service.matching.evaluate import (
    AllOf,
    AnyOf,
    AnyPlace,
    CountOf,
    FieldFits,
    Leaf,
    NearBy,
    Node,
    NoneOf,
    Often,
    OutsideOf,
    Place,
    Together,
    plain,
)
from service.matching.expression import (
    And,
    AtLeast,
    Expression,
    FieldIs,
    First,
    Near,
    Not,
    Or,
    Outside,
    Same,
    SomeOf,
    Term,
    Zoned,
)
from service.matching.lexicon import Lexicon
from service.matching.scene import EVERYWHERE, Where


class Compiler:
    """Makes nodes. Equal terms are one node: there may be a hundred thousand rules about a few names."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        self._leaves: dict[tuple[int, Where], Leaf] = {}

    def node(self, expression: Expression, where: Where = EVERYWHERE) -> Node:  # noqa: PLR0911 - one line an operator
        """The node of an expression that stands in `where`."""
        if isinstance(expression, And):
            return AllOf(tuple([self.node(part, where) for part in expression.parts]))
        if isinstance(expression, Or):
            nodes = tuple([self.node(part, where) for part in expression.parts])
            places = tuple([node for node in nodes if isinstance(node, Place)])
            return AnyPlace(places) if len(places) == len(nodes) else AnyOf(nodes)
        if isinstance(expression, Not):
            return NoneOf(self.node(expression.part, where))
        if isinstance(expression, Near):
            left, right = self.place(expression.left, where), self.place(expression.right, where)
            return NearBy(left, right, expression.words, expression.ordered)
        if isinstance(expression, Same):
            places = tuple([self.place(part, where) for part in expression.parts])
            return Together(places, expression.unit == "sentence")
        if isinstance(expression, AtLeast):
            return Often(expression.count, self.place(expression.part, where))
        if isinstance(expression, SomeOf):
            return CountOf(expression.count, tuple([self.node(part, where) for part in expression.parts]))
        if isinstance(expression, FieldIs):
            return FieldFits(expression.name, _pattern(expression.name, expression.value))
        return self._place(expression, where)

    def place(self, expression: Expression, where: Where = EVERYWHERE) -> Place:
        """The node of an expression that the parser has found to be a place."""
        node = self.node(expression, where)
        assert isinstance(node, Place), expression
        return node

    def _place(self, expression: Term | Outside | Zoned | First, where: Where) -> Node:
        if isinstance(expression, Zoned | First):
            return self.node(expression.part, narrowed(where, expression))
        if isinstance(expression, Outside):
            holders = tuple([self._number(holder) for holder in expression.holders])
            return OutsideOf(self.place(expression.part, where), holders)
        term = self._number(expression)
        leaf = self._leaves.get((term, where))
        if leaf is None:
            leaf = self._leaves[term, where] = Leaf(term, where)
        return leaf

    def _number(self, expression: Expression) -> int:
        assert isinstance(expression, Term), expression
        return self._lexicon.term(expression)


def narrowed(where: Where, expression: Expression) -> Where:
    """Where the parts of an expression stand that stands in `where` itself."""
    if isinstance(expression, Zoned):
        return replace(where, zone=expression.zone)
    if isinstance(expression, First):
        return replace(where, first=expression.characters)
    return where


@lru_cache(maxsize=10_000)
def _pattern(name: str, value: str) -> re.Pattern[str]:
    """A glob (`*` any text, `?` one character), or the whole value; of a language `ko` means ko-KR too."""
    wanted = plain(value)
    found = translate(wanted.replace("[", "[[]"))
    if name == "lang" and not {"*", "?"} & set(wanted):
        found = f"(?:{found}|{translate(wanted.replace('[', '[[]') + '-*')})"
    return re.compile(found)
