"""Every sentence of situations.yaml, with the table alone and with the second opinion; nothing may depend on the latter."""

from pathlib import Path
from typing import Any

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from tests.situations import cases, engine_fixture, examined

HERE = Path(__file__).parent
CASES = cases(HERE / "situations.yaml")
engine = engine_fixture(load_rules(HERE / "watched.yaml"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: (case.get("title") or case.get("text") or case["html"])[:30])
def test_situation(engine: Engine, case: dict[str, Any]) -> None:
    mentions = examined(engine, case).mentions
    assert mentions == tuple(sorted(mentions, key=lambda one: (one.field != "title", one.start)))


def test_cases_are_many_and_differ() -> None:
    texts = [case.get("text") or case.get("html") for case in CASES]
    assert len(set(texts)) == len(texts) >= 70
