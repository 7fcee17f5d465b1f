"""The tests that rules carry: what each says must fire, asked of the engine that production runs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from service.actions.rules_explain import part_dict
from service.matching.engine import Engine
from service.matching.entities import Example, Rule
from service.matching.trace import trace
from service.model.article import Article


@dataclass(frozen=True, slots=True)
class Tested:
    """One test that was run."""

    rule: Rule
    failure: dict[str, Any] | None
    """What is wrong, for JSON; None: it passed."""


def run_tests(engine: Engine, rules: Iterable[Rule]) -> Iterator[Tested]:
    """Every test of these rules, in order. Expiry is left aside: a test is about what the rule says."""
    for rule in rules:
        for example in rule.tests:
            yield Tested(rule, _failure(engine, rule, example))


def _failure(engine: Engine, rule: Rule, example: Example) -> dict[str, Any] | None:
    given = example.article
    article = Article("test", **given)  # type: ignore[arg-type]  # its keys are fields of text
    fires = any(hit.rule.id == rule.id for hit in engine.match(article).hits)
    if fires is example.fires:
        return None
    return {
        "rule": rule.id,
        "article": dict(given),
        "fires": fires,
        "expected": example.fires,
        "parts": [part_dict(part) for part in trace(engine, rule, article)],
    }
