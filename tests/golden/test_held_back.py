"""Situations by an examiner who had not seen the rules at work (held_back.yaml), with the table alone and with the
second opinion; nothing that the table can know may depend on the latter.
"""

from pathlib import Path
from typing import Any

import pytest
import yaml

from service.adapters.rule_files import load_rules
from service.adapters.sense import KiwiVeto
from service.matching.engine import Engine
from service.model.article import Article

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "held_back.yaml").read_text(encoding="utf-8"))
RULES = load_rules(HERE / "held_back_entities.yaml")


@pytest.fixture(scope="module", params=["table", "kiwi"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "table":
        return Engine(RULES)
    pytest.importorskip("kiwipiepy")
    return Engine(RULES, veto=KiwiVeto())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['of']}: {_start(case)}")
def test_situation(engine: Engine, case: dict[str, Any]) -> None:
    if case.get("kiwi") and engine._veto is None:
        pytest.skip("only the second opinion can know")
    given = {name: case[name] for name in ("title", "text", "html", "lang") if name in case}
    findings = engine.examine(Article("case", **given))
    counted = {entity: sum(mention.entity == entity for mention in findings.mentions) for entity in case["counts"]}
    told = [(one.entity, one.text, str(one.zone), one.reason) for one in (*findings.mentions, *findings.suppressed)]
    assert counted == case["counts"], told


def test_cases_are_many_and_differ() -> None:
    assert len({_start(case) for case in CASES}) == len(CASES) >= 170
    known = {entity.id for entity in RULES.entities}
    assert all(set(case["counts"]) <= known for case in CASES)


def _start(case: dict[str, Any]) -> str:
    return str(case.get("title", "") + case.get("text", case.get("html", "")))[:60].replace("\n", " ")
