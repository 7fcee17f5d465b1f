"""Sentences with what must be found in them (YAML files), asked of the table alone and of the table with kiwi."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from service.adapters.sense import KiwiVeto
from service.matching.engine import Engine
from service.matching.findings import Findings
from service.matching.ruleset import RuleSet
from service.model.article import Article


def cases(file: Path) -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return read


def engine_fixture(rules: RuleSet) -> Callable[..., Engine]:
    """A fixture named `engine`; each test that takes it runs without and with the second opinion."""

    @pytest.fixture(scope="module", params=["table", "kiwi"])
    def engine(request: pytest.FixtureRequest) -> Engine:
        if request.param == "table":
            return Engine(rules)
        pytest.importorskip("kiwipiepy")
        return Engine(rules, veto=KiwiVeto())

    return engine


def examined(engine: Engine, case: dict[str, Any]) -> Findings:
    """What is found in a case; fails when its entities are not counted as it says, and tells what was."""
    given = {name: case[name] for name in ("title", "text", "html", "lang") if name in case}
    findings = engine.examine(Article("case", **given))
    counted = {entity: sum(mention.entity == entity for mention in findings.mentions) for entity in case["counts"]}
    told = [(one.entity, one.text, str(one.zone), one.reason) for one in (*findings.mentions, *findings.suppressed)]
    assert counted == case["counts"], told
    return findings
