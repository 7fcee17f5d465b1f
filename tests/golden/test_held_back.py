"""Situations by an examiner who had not seen the rules at work (held_back.yaml), with the table alone and with the
second opinion; nothing that the table can know may depend on the latter.
"""

from pathlib import Path
from typing import Any

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from tests.situations import cases, engine_fixture, examined

HERE = Path(__file__).parent
CASES = cases(HERE / "held_back.yaml")
RULES = load_rules(HERE / "held_back_entities.yaml")
engine = engine_fixture(RULES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['of']}: {_start(case)}")
def test_situation(engine: Engine, case: dict[str, Any]) -> None:
    if case.get("kiwi") and engine.veto is None:
        pytest.skip("only the second opinion can know")
    examined(engine, case)


def test_cases_are_many_and_differ() -> None:
    assert len({_start(case) for case in CASES}) == len(CASES) >= 170
    known = {entity.id for entity in RULES.entities}
    assert all(set(case["counts"]) <= known for case in CASES)


def _start(case: dict[str, Any]) -> str:
    return str(case.get("title", "") + case.get("text", case.get("html", "")))[:60].replace("\n", " ")
