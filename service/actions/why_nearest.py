"""Of the rules that a subscription watches the one that was nearest to firing, and what it lacked."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from service.actions.why_words import Words
from service.alerting.selectors import Selector
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.matching.explain import explain
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not, Or, terms_of
from service.model.article import Article

MAX_OCCURRENCES = 5
"""Of each missing term: what stands there and does not count."""
MAX_CHOICE = 5
"""Of terms of which one would have been enough: that many are named."""
_ENTITY = re.compile(r"(?<![^ ])@([a-z0-9-]+)")


@dataclass(frozen=True, slots=True)
class Nearest:
    """A rule that did not fire."""

    rule: Rule
    missing: tuple[str, ...]
    """Terms that it would have needed; those of which one was enough stand together, with OR."""
    unwanted: tuple[str, ...]
    """Terms that are there and must not be."""
    present: tuple[str, ...]
    nearly: tuple[str, ...]
    """Where a missing name stands all the same, and why it does not count there."""


def watched_by(rules: Iterable[Rule], written: Iterable[str]) -> list[Rule]:
    """Those that what a subscription wrote may reach; by an entity when the rule names it."""
    selector = Selector.of(written)
    return [rule for rule in rules if selector.fits(rule.id, rule.tags, _entities(rule.expression))]


def nearest(engine: Engine, article: Article, rules: Iterable[Rule], words: Words | None = None) -> Nearest | None:
    """The rule with the fewest missing terms, of equals the one of which most is there; None when there is none."""
    _, occurrences = engine.inspect(article)
    present = {engine.term_name(one.surface.term) for one in occurrences if one.reason is None and not one.merged}
    best: tuple[int, int, str] | None = None
    chosen: Rule | None = None
    for rule in rules:
        lacking = _lacking(rule.expression, present)
        there = sum(str(term) in present for term in terms_of(rule.expression))
        rank = (len(lacking), -there, rule.id)
        if best is None or rank < best:
            best, chosen = rank, rule
    if chosen is None:
        return None
    lacking = _lacking(chosen.expression, present)
    missing = [text for text, is_unwanted in lacking if not is_unwanted]
    return Nearest(
        chosen,
        tuple(missing),
        tuple(text for text, is_unwanted in lacking if is_unwanted),
        tuple(dict.fromkeys(text for term in terms_of(chosen.expression) if (text := str(term)) in present)),
        tuple(_nearly(engine, article, missing, words or Words())),
    )


def _entities(expression: Expression) -> list[str]:
    return [term.id for term in terms_of(expression) if isinstance(term, EntityTerm)]


def _lacking(expression: Expression, present: Collection[str]) -> list[tuple[str, bool]]:
    """The fewest terms that stand between the rule and firing: (term, whether it must go instead of come)."""
    if isinstance(expression, EntityTerm | LiteralTerm):
        text = str(expression)
        return [] if text in present else [(text, False)]
    if isinstance(expression, Not):
        return [(text, True) for term in terms_of(expression.part) if (text := str(term)) in present and
                not _lacking(expression.part, present)]  # fmt: skip
    if isinstance(expression, And):
        return list(dict.fromkeys(one for part in expression.parts for one in _lacking(part, present)))
    if isinstance(expression, Or):
        terms = [str(part) for part in expression.parts if isinstance(part, EntityTerm | LiteralTerm)]
        if len(terms) == len(expression.parts) and not any(term in present for term in terms):
            more = f" OR … (+{len(terms) - MAX_CHOICE})" if len(terms) > MAX_CHOICE else ""
            return [(" OR ".join(terms[:MAX_CHOICE]) + more, False)]
        return min((_lacking(part, present) for part in expression.parts), key=len)
    # an operator of the language that is newer than this page: every term of it
    return [(str(term), False) for term in terms_of(expression) if str(term) not in present]


def _nearly(engine: Engine, article: Article, missing: Iterable[str], words: Words) -> Iterator[str]:
    for name in dict.fromkeys(name for text in missing for name in _ENTITY.findall(text)):
        for number, one in enumerate(explain(engine, article, name)):
            if number == MAX_OCCURRENCES:
                break
            failed = next((step for step in one.steps if not step.passed), None)
            why = "" if failed is None else f": {words.uncounted(failed.question, failed.answer)}"
            zone = words.term("zone", one.mention.zone.value)
            yield words.say("does_not_count", term=f"@{name}", text=one.mention.text, zone=zone, why=why)
