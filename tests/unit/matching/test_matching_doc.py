"""docs/matching.md: every row of its tables, and the files that it names."""

import re
from pathlib import Path

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.model.article import Article

ROOT = Path(__file__).parents[3]
DOC = (ROOT / "docs" / "matching.md").read_text(encoding="utf-8")
ROWS = [
    tuple(cell.strip() for cell in line.strip("|").split("|"))
    for line in DOC.splitlines()
    if line.startswith("|") and not line.startswith(("| text", "|---"))
]
ENGINE = Engine(load_rules(Path(__file__).parent / "watched.yaml"))


@pytest.mark.parametrize(("text", "counts", "why"), ROWS, ids=[row[0][:30] for row in ROWS])
def test_row(text: str, counts: str, why: str) -> None:
    wanted = [] if counts == "-" else counts.split(", ")
    findings = ENGINE.examine(Article("doc", text=text))
    assert [mention.surface for mention in findings.mentions] == wanted, why


def test_there_are_rows_and_the_files_named_exist() -> None:
    assert len(ROWS) >= 20
    named = re.findall(r"`((?:service|tests)/[^`]+)`", DOC)
    assert len(named) >= 4
    assert all((ROOT / name).exists() for name in named)
