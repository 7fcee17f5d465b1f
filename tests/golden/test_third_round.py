"""Situations of all kinds of entities, judged before they were run (third_round.yaml), with the table alone and with
the second opinion. What a careful reader would judge otherwise stands there too: docs/matching.md calls it a limit.
"""

import re
from pathlib import Path
from typing import Any

import pytest

from service.adapters.rule_files import load_text
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from tests.situations import cases, engine_fixture, examined

HERE = Path(__file__).parent
CASES = cases(HERE / "third_round.yaml")


def _rules() -> RuleSet:
    """The entities, and a rule for each, so that the fast path has something to say."""
    entities = (HERE / "third_round_entities.yaml").read_text(encoding="utf-8")
    rules = [f"  - {{id: {one}, name: {one}, when: '@{one}'}}" for one in re.findall(r"\{id: ([a-z0-9-]+)", entities)]
    return load_text("\n".join([entities, "rules:", *rules]).encode(), "third_round_entities.yaml")


RULES = _rules()
engine = engine_fixture(RULES)


def _start(case: dict[str, Any]) -> str:
    return str(case.get("title", "") + case.get("text", case.get("html", "")))[:60].replace("\n", " ")


def _name(case: dict[str, Any]) -> str:
    return f"{case['of']}: {_start(case)}"


@pytest.mark.parametrize("case", [case for case in CASES if "limit" not in case], ids=_name)
def test_situation(engine: Engine, case: dict[str, Any]) -> None:
    if case.get("kiwi") and engine.veto is None:
        pytest.skip("only the second opinion can know")
    article = examined(engine, case).article
    fired = {hit.rule.id for hit in engine.match(article).hits}
    assert fired & set(case["counts"]) == {entity for entity, count in case["counts"].items() if count}


@pytest.mark.parametrize("case", [case for case in CASES if "limit" in case], ids=_name)
def test_limit(engine: Engine, case: dict[str, Any]) -> None:
    """When one of these is judged rightly, it is no limit any more: take the word out, there and in the page."""
    with pytest.raises(AssertionError):
        examined(engine, case)


def test_cases_are_many_and_of_every_kind() -> None:
    assert len({_start(case) for case in CASES}) == len(CASES) >= 450
    known = {entity.id: entity.kind for entity in RULES.entities}
    judged = {entity for case in CASES for entity in case["counts"]}
    assert judged <= set(known)
    assert {known[entity] for entity in judged} == {"place", "government", "company", "person", "product", "other"}
