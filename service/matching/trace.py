"""A rule in an article, part by part: is it true there, and why. What `explain --rule` and `rules test` print."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from service.matching.compile import narrowed
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.matching.expression import (
    And,
    AtLeast,
    Expression,
    FieldIs,
    Near,
    Not,
    Or,
    Outside,
    Same,
    SomeOf,
    Term,
    Zoned,
    parts_of,
)
from service.matching.findings import mention_of
from service.matching.occurrence import Occurrence
from service.matching.scene import EVERYWHERE, Scene, Where
from service.model.article import Article

SHOWN = 3
"""Places named for one part."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a rule."""

    depth: int
    text: str
    """As it is written in the canonical form."""
    true: bool
    why: str


def trace(engine: Engine, rule: Rule, article: Article) -> Iterator[Part]:
    """The parts of a rule, the whole first, each before what it stands over."""
    yield from _Tracer(engine, engine.scene(article)).walk(rule.expression, EVERYWHERE, 0)


class _Tracer:
    def __init__(self, engine: Engine, scene: Scene) -> None:
        self._engine = engine
        self._scene = scene

    def walk(self, expression: Expression, where: Where, depth: int) -> Iterator[Part]:
        true = self._is_true(expression, where)
        yield Part(depth, str(expression), true, self._why(expression, where, true=true))
        inside = narrowed(where, expression)
        for part in parts_of(expression):
            yield from self.walk(part, inside, depth + 1)

    def _is_true(self, expression: Expression, where: Where) -> bool:
        return self._engine.node(expression, where).is_true(self._scene)

    def _why(self, expression: Expression, where: Where, *, true: bool) -> str:  # noqa: C901, PLR0911 - one line an operator
        if isinstance(expression, Term):
            return self._of_term(expression, where, true=true)
        if isinstance(expression, FieldIs):
            known = self._known(expression)
            return f"it is {known!r}" if known is not None else "the article does not say"
        if isinstance(expression, Not):
            return "it is not there" if true else "it is there"
        if isinstance(expression, And | Or | SomeOf):
            verdicts = [self._is_true(part, where) for part in expression.parts]
            wanted = expression.count if isinstance(expression, SomeOf) else 1 if isinstance(expression, Or) else "all"
            return f"{sum(verdicts)} of {len(verdicts)} true, {wanted} needed"
        if true:
            return self._places(self._engine.node(expression, where).evidence(self._scene))
        if isinstance(expression, Near):
            order = " in this order" if expression.ordered else ""
            return f"not both with at most {expression.words} words between{order}, in one paragraph"
        if isinstance(expression, Same):
            return f"not all in one {expression.unit}"
        if isinstance(expression, AtLeast):
            return f"not there {expression.count} times"
        if isinstance(expression, Outside):
            return "not there, or only inside of what is excluded"
        if isinstance(expression, Zoned):
            return f"not in {expression.zone}"
        return f"not within the first {expression.characters} characters of the body"

    def _known(self, expression: FieldIs) -> str | None:
        value: str | None = getattr(self._scene.document.article, expression.name)
        return value

    def _of_term(self, term: Term, where: Where, *, true: bool) -> str:
        node = self._engine.node(term, where)
        if true:
            return self._places(node.evidence(self._scene))
        numbers = set(node.terms())
        seen = [one for one in self._scene.occurrences if one.surface.term in numbers and not one.merged]
        if not seen:
            return "stands nowhere in the article"
        if any(one.reason is None for one in seen):
            return "stands elsewhere only: " + self._places(one for one in seen if one.reason is None)
        return "does not count: " + "; ".join(self._place(one) for one in seen[:SHOWN])

    def _places(self, occurrences: Iterable[Occurrence]) -> str:
        found = list({id(one): one for one in occurrences}.values())
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        return "; ".join(self._place(one) for one in found[:SHOWN]) + more

    def _place(self, one: Occurrence) -> str:
        mention = mention_of(self._scene.document, one)
        reason = f", {mention.reason.value}" if mention.reason is not None else ""
        return f"{mention.text} ({mention.field} {mention.start}-{mention.end}, {mention.zone.value}{reason})"
