"""What is watched, inside: small frozen values, since there may be a hundred thousand of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from service.matching.expression import Expression

Kind = Literal["place", "government", "company", "person", "product", "other"]
KINDS: tuple[Kind, ...] = ("place", "government", "company", "person", "product", "other")


@dataclass(frozen=True, slots=True)
class Alias:
    """One surface, as its author wrote it, with the conditions that hold for it (its own, or else the entity's)."""

    text: str
    lang: str | None = None
    ambiguous: bool | None = None
    """None: the sense check finds out by itself."""
    needs: tuple[str, ...] = ()
    case_exact: bool = False


@dataclass(frozen=True, slots=True)
class Entity:
    """A watched entity (design 3.2)."""

    id: str
    name: str
    kind: Kind
    aliases: tuple[Alias, ...]
    """All surfaces; the name is the first."""
    not_in: tuple[str, ...] = ()
    titles: tuple[str, ...] = ()
    compound_accept: bool = False

    def needed(self) -> set[str]:
        """Ids of the entities that its surfaces take as evidence."""
        return {need[1:] for alias in self.aliases for need in alias.needs if need.startswith("@")}


@dataclass(frozen=True, slots=True)
class Example:
    """A test of a rule: an article and whether the rule fires on it."""

    article: Mapping[str, str]
    fires: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: an expression, and what goes with an alert."""

    id: str
    name: str
    when: str
    expression: Expression
    tags: tuple[str, ...] = ()
    policy: Mapping[str, Any] | None = None
    """How it is told where a subscription does not say otherwise, as `PolicyModel` wrote it."""
    owner: str | None = None
    expires: str | None = None
    shadow: bool = False
    tests: tuple[Example, ...] = ()
