"""The real portal page, where it is at hand: exactly the mentions of its gold, with titles and without."""

import json
from pathlib import Path

import pytest

from service.adapters.rule_files import load_rules
from service.ingest.decode import decode_file
from service.matching.engine import Engine
from service.model.mention import Reason

SEED = Path("/work/shared/seed")
pytestmark = pytest.mark.skipif(
    not (SEED / "portal-page.gold.json").exists(), reason="the page is not in the repository"
)

RULES = """\
entities:
  - {id: 'seoul', name: 서울시, kind: government%(titles)s}
  - {id: 'chongqing', name: 충칭, kind: place, aliases: [충칭시]%(titles)s}
"""


@pytest.mark.parametrize("titles", [True, False])
def test_exactly_the_gold(tmp_path: Path, titles: bool) -> None:
    gold = json.loads((SEED / "portal-page.gold.json").read_text(encoding="utf-8"))
    raw = (SEED / "portal-page.txt").read_bytes()
    (tmp_path / "r.yaml").write_text(RULES % {"titles": ", titles: [시장]" if titles else ""}, encoding="utf-8")
    findings = Engine(load_rules(tmp_path)).examine(decode_file("portal-page.txt", raw))
    text = raw.decode("utf-8")
    offsets = {"title": 0, "text": text.index("\n") + 1}

    def place(field: str, start: int) -> tuple[int, int]:
        at = offsets[field] + start
        return text.count("\n", 0, at), at - text.rfind("\n", 0, at) - 1

    got = [(one.entity, *place(one.field, one.start), one.surface, one.via, one.text) for one in findings.mentions]
    names = {"서울시": "seoul", "충칭": "chongqing"}
    wanted = [
        (names[one["entity"]], one["line"], one["column"], one["surface"], one["via"], one["eojeol"])
        for one in gold["mentions"]
        if titles or one["via"] is None
    ]
    assert sorted(map(str, got)) == sorted(map(str, wanted))
    for one in findings.suppressed:
        line, _ = place(one.field, one.start)
        if line in (2, 3):
            assert one.reason is Reason.DUPLICATE
        elif line in (1, 4, 5, *range(17, 29)):
            assert one.reason is Reason.ZONE
        elif titles:
            assert (line, one.reason) == (8, Reason.ZONE), "the dateline"
    if not titles:
        assert {one.reason for one in findings.suppressed} == {Reason.DUPLICATE, Reason.ZONE, Reason.TITLE}
