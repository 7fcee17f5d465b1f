"""Every sentence of situations.yaml, with the table alone and with the second opinion; nothing may depend on the latter."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from service.adapters.rule_files import load_rules
from service.adapters.sense import KiwiVeto
from service.matching.engine import Engine
from service.model.article import Article

HERE = Path(__file__).parent
CASES: list[dict[str, Any]] = yaml.safe_load((HERE / "situations.yaml").read_text(encoding="utf-8"))
RULES = load_rules(HERE / "watched.yaml")


@pytest.fixture(scope="module", params=["table", "kiwi"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "table":
        return Engine(RULES)
    pytest.importorskip("kiwipiepy")
    return Engine(RULES, veto=KiwiVeto())


@pytest.mark.parametrize("case", CASES, ids=lambda case: (case.get("title") or case.get("text") or case["html"])[:30])
def test_situation(engine: Engine, case: dict[str, Any]) -> None:
    given = {name: case[name] for name in ("title", "text", "html", "lang") if name in case}
    findings = engine.examine(Article("case", **given))
    counted = {entity: sum(mention.entity == entity for mention in findings.mentions) for entity in case["counts"]}
    assert counted == case["counts"], [(one.entity, one.text, one.reason) for one in findings.suppressed]
    assert findings.mentions == tuple(sorted(findings.mentions, key=lambda one: (one.field != "title", one.start)))


def test_cases_are_many_and_differ() -> None:
    texts = [case.get("text") or case.get("html") for case in CASES]
    assert len(set(texts)) == len(texts) >= 70
