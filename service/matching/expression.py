"""The tree of a rule: what must be found, as frozen values that print back to the language.

`str` is canonical: parsed again it gives an equal tree, so two rules that print alike mean the same. `at` is the offset
into the text of the rule, for messages to point at; it has no part in equality.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

FieldName = Literal["source", "lang", "section", "author", "url"]
ZoneName = Literal["title", "subhead", "lead", "body", "caption", "quote", "dateline", "related", "any"]
Unit = Literal["sentence", "paragraph"]


@dataclass(frozen=True, slots=True)
class EntityTerm:
    """`@entity`: any surface of it, counted."""

    id: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"@{self.id}"


@dataclass(frozen=True, slots=True)
class LiteralTerm:
    """`"literal"`: boundary-checked like an entity of kind other."""

    text: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class RawTerm:
    """`raw:"Google+"`: a word in just these characters, as the article was given."""

    text: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f'raw:"{self.text}"'


@dataclass(frozen=True, slots=True)
class WildcardTerm:
    """`충칭*`: any word that begins so."""

    stem: str
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.stem}*"


@dataclass(frozen=True, slots=True)
class FieldIs:
    """`source: "가온일보"`: what is known about the article. False where it is not known."""

    name: FieldName
    value: str
    """A glob, or the whole value."""
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f'{self.name}: "{self.value}"'


@dataclass(frozen=True, slots=True)
class And:
    """All of them, anywhere in the article."""

    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        return " AND ".join(map(_inside, self.parts))


@dataclass(frozen=True, slots=True)
class Or:
    """At least one of them."""

    parts: tuple["Expression", ...]

    def __str__(self) -> str:
        return " OR ".join(map(_inside, self.parts))


@dataclass(frozen=True, slots=True)
class Not:
    """Not anywhere in the article."""

    part: "Expression"

    def __str__(self) -> str:
        return f"NOT {_operand(self.part)}"


@dataclass(frozen=True, slots=True)
class Near:
    """`A NEAR/n B`, `A ONEAR/n B`: at most `words` words strictly between, in one paragraph of one zone."""

    left: "Expression"
    right: "Expression"
    words: int
    ordered: bool = False
    """`left` comes first."""
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{_operand(self.left)} {self.operator} {_operand(self.right)}"

    @property
    def operator(self) -> str:
        """As it is written."""
        return f"{'ONEAR' if self.ordered else 'NEAR'}/{self.words}"


@dataclass(frozen=True, slots=True)
class Same:
    """`A SAME SENTENCE B`: all of them in one sentence (paragraph)."""

    unit: Unit
    parts: tuple["Expression", ...]
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f" SAME {self.unit.upper()} ".join(map(_operand, self.parts))


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`ATLEAST/n A`: found so often, places that overlap counted once."""

    count: int
    part: "Expression"
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"ATLEAST/{self.count} {_operand(self.part)}"


@dataclass(frozen=True, slots=True)
class SomeOf:
    """`n OF (A, B, C)`: so many of them are true."""

    count: int
    parts: tuple["Expression", ...]
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.count} OF ({', '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Outside:
    """`A NOT IN (x, y)`: a find of A inside a find of x or y does not count; others do."""

    part: "Expression"
    holders: tuple["Expression", ...]
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        part = str(self.part) if isinstance(self.part, Term) else f"({self.part})"
        return f"{part} NOT IN ({', '.join(map(str, self.holders))})"


@dataclass(frozen=True, slots=True)
class Zoned:
    """`title: A`: only what stands in this zone."""

    zone: ZoneName
    part: "Expression"
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"{self.zone}: {_operand(self.part)}"


@dataclass(frozen=True, slots=True)
class First:
    """`FIRST/n A`: only what begins within the first `characters` of the body."""

    characters: int
    part: "Expression"
    at: int = field(default=0, compare=False)

    def __str__(self) -> str:
        return f"FIRST/{self.characters} {_operand(self.part)}"


Term: TypeAlias = EntityTerm | LiteralTerm | RawTerm | WildcardTerm
Expression: TypeAlias = Term | FieldIs | And | Or | Not | Near | Same | AtLeast | SomeOf | Outside | Zoned | First


def _inside(part: Expression) -> str:
    """As a part of AND or OR."""
    return f"({part})" if isinstance(part, And | Or) else str(part)


def _operand(part: Expression) -> str:
    """After or around an operator that binds tighter."""
    return f"({part})" if isinstance(part, And | Or | Near | Same) else str(part)


def parts_of(expression: Expression) -> tuple[Expression, ...]:
    """What an operator stands over, in order of the text."""
    if isinstance(expression, And | Or | Same | SomeOf):
        return expression.parts
    if isinstance(expression, Near):
        return expression.left, expression.right
    if isinstance(expression, Outside):
        return expression.part, *expression.holders
    if isinstance(expression, Not | AtLeast | Zoned | First):
        return (expression.part,)
    return ()


def nodes_of(expression: Expression) -> Iterator[Expression]:
    """It and all that it stands over, each before its parts, in order of the text."""
    yield expression
    for part in parts_of(expression):
        yield from nodes_of(part)


def terms_of(expression: Expression) -> Iterator[Term]:
    """Every term in it, in order of the text."""
    return (node for node in nodes_of(expression) if isinstance(node, Term))


def entities_of(expression: Expression) -> set[str]:
    """Ids of the entities that it names."""
    return {node.id for node in nodes_of(expression) if isinstance(node, EntityTerm)}


def renamed(expression: Expression, name: Callable[[str], str]) -> Expression:
    """The same expression over entities of other ids."""

    def again(part: Expression) -> Expression:
        return renamed(part, name)

    if isinstance(expression, EntityTerm):
        return EntityTerm(name(expression.id), expression.at)
    if isinstance(expression, And | Or | Same | SomeOf):
        return replace(expression, parts=tuple([again(part) for part in expression.parts]))
    if isinstance(expression, Near):
        return replace(expression, left=again(expression.left), right=again(expression.right))
    if isinstance(expression, Outside):
        holders = tuple([again(holder) for holder in expression.holders])
        return replace(expression, part=again(expression.part), holders=holders)
    if isinstance(expression, Not | AtLeast | Zoned | First):
        return replace(expression, part=again(expression.part))
    return expression


def fields_of(expression: Expression) -> Iterator[FieldIs]:
    """Every field in it, in order of the text."""
    return (node for node in nodes_of(expression) if isinstance(node, FieldIs))


def is_reachable(expression: Expression) -> bool:
    """Whether something positive must be found for it to be true: a rule without it would fire on nothing at all."""
    if isinstance(expression, Not | FieldIs):
        return False
    if isinstance(expression, And):
        return any(map(is_reachable, expression.parts))
    if isinstance(expression, SomeOf):
        return sum(not is_reachable(part) for part in expression.parts) < expression.count
    if isinstance(expression, Outside):
        return is_reachable(expression.part)
    return all(map(is_reachable, parts_of(expression)))
