"""The tree of a rule: what must be found, as frozen values that print back to the language."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class EntityTerm:
    """`@entity`: any surface of it, counted."""

    id: str
    at: int = 0
    """Offset into the text of the rule."""

    def __str__(self) -> str:
        return f"@{self.id}"


@dataclass(frozen=True, slots=True)
class LiteralTerm:
    """`"literal"`: boundary-checked like an entity of kind other."""

    text: str
    at: int = 0

    def __str__(self) -> str:
        return f'"{self.text}"'


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
        return f"NOT {_inside(self.part)}"


Expression: TypeAlias = EntityTerm | LiteralTerm | And | Or | Not
Term: TypeAlias = EntityTerm | LiteralTerm


def _inside(part: Expression) -> str:
    return f"({part})" if isinstance(part, And | Or) else str(part)


def terms_of(expression: Expression) -> Iterator[Term]:
    """Every term in it, in order of the text."""
    if isinstance(expression, EntityTerm | LiteralTerm):
        yield expression
    elif isinstance(expression, Not):
        yield from terms_of(expression.part)
    else:
        for part in expression.parts:
            yield from terms_of(part)


def is_reachable(expression: Expression) -> bool:
    """Whether something positive must be found for it to be true: a rule without it would fire on nothing at all."""
    if isinstance(expression, EntityTerm | LiteralTerm):
        return True
    if isinstance(expression, Not):
        return False
    if isinstance(expression, And):
        return any(map(is_reachable, expression.parts))
    return all(map(is_reachable, expression.parts))
