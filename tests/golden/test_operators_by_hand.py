"""Operators by an examiner who wrote the answers down from the texts alone (operators.yaml); without the second opinion."""

from pathlib import Path

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.matching.entities import Rule
from service.model.article import Article

RULES = load_rules(Path(__file__).parent / "operators.yaml")
ENGINE = Engine(RULES)


@pytest.mark.parametrize("rule", RULES.rules, ids=lambda rule: rule.id)
def test_rule(rule: Rule) -> None:
    for example in rule.tests:
        article = Article("a", **example.article)  # type: ignore[arg-type]  # its keys are fields of text
        assert (rule.id in {hit.rule.id for hit in ENGINE.match(article).hits}) is example.fires, example.article


def test_each_rule_is_tried_both_ways() -> None:
    assert len(RULES.rules) >= 35
    assert sum(len(rule.tests) for rule in RULES.rules) >= 120
    alike = {rule.id for rule in RULES.rules if len({example.fires for example in rule.tests}) == 1}
    assert not alike
