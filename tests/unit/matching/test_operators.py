"""Operators where they are easily got wrong; docs/rules.md has the plain cases, and its examples run."""

from pathlib import Path

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.matching.expiry import expired, expires_s
from service.matching.findings import Findings
from service.model.article import Article
from service.model.errors import InvalidRules
from service.model.mention import Reason

ENTITIES = """
entities:
  - {id: harbour, name: 나루시, kind: government, aliases: [{text: 羅樓, lang: zh}], titles: [시장]}
  - {id: hill, name: 가람산, kind: place}
  - {id: lamp, name: 등불, kind: product, needs: [조명]}
"""
CHROME = "눈이 왔다고 한다.\n\n관련기사\n- 나루시에 온 눈\n- 나루시의 겨울"


def found(tmp_path: Path, when: str, now_s: float | None = None, expires: str = "", **article: str) -> Findings:
    until = f"    expires: {expires}\n" if expires else ""
    (tmp_path / "r.yaml").write_text(
        f"{ENTITIES}rules:\n  - id: r\n    when: >-\n      {when}\n{until}", encoding="utf-8"
    )
    return Engine(load_rules(tmp_path)).match(Article("a", **article), now_s)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("when", "article", "texts"),
    [
        ("@harbour NEAR/0 @hill", {"text": "나루시와 가람산은 가깝다."}, ["나루시와", "가람산은"]),
        ("@harbour NEAR/0 @hill", {"text": "나루시 옆 가람산은 높다."}, None),
        ("@harbour NEAR/1 @hill", {"text": "나루시 옆 가람산은 높다. 멀리 있는 나루시는 크다."}, ["나루시", "가람산은"]),
        ("@harbour NEAR/2 @harbour", {"text": "나루시는 크다."}, None),
        ("@harbour NEAR/2 @harbour", {"text": "나루시는 크고 나루시는 넓다."}, ["나루시는", "나루시는"]),
        ('@harbour NEAR/2 "나루시"', {"text": "나루시는 크다."}, None),
        ("@harbour NEAR/5 @hill", {"title": "나루시", "text": "가람산은 높다."}, None),
        ("any: (@harbour NEAR/5 @hill)", {"text": "[나루시=가람일보 나온새 기자] 가람산에 눈이 왔다."}, None),
        ("any: (@harbour SAME PARAGRAPH @hill)", {"text": "[나루시=가람일보 나온새 기자] 가람산에 눈이 왔다."}, ["나루시", "가람산에"]),
        ("@harbour SAME SENTENCE @hill", {"text": "나루시는 크다. 가람산은 높고 나루시는 낮다."}, ["가람산은", "나루시는"]),
        ('ATLEAST/2 (@harbour OR "나루시")', {"text": "나루시는 크다."}, None),
        ("ATLEAST/2 @harbour", {"text": "나루시(羅樓)는 크다."}, None),
        ('ATLEAST/2 (@harbour NOT IN ("나루시 축제"))', {"text": "나루시 축제는 나루시의 자랑이고 나루시는 넓다."}, ["나루시의", "나루시는"]),
        ("2 OF (@harbour, @hill, NOT @lamp)", {"text": "나루시는 크다."}, ["나루시는"]),
        ("2 OF (@harbour, @hill, NOT @lamp)", {"text": "나루시에 조명과 등불이 켜졌다."}, None),
        ("related: @harbour", {"text": CHROME}, ["나루시에", "나루시의"]),
        ("ATLEAST/2 related: @harbour", {"text": CHROME}, ["나루시에", "나루시의"]),
        ("related: @lamp", {"text": CHROME + "\n- 등불 소식"}, None),
        ("related: @lamp", {"text": "조명이 켜졌다고 한다.\n\n관련기사\n- 등불 소식"}, ["등불"]),
        ("@harbour", {"text": CHROME}, None),
        ("body: @harbour", {"text": '주민은 "나루시에 눈이 왔다"고 했다.'}, ["나루시에"]),
        ("FIRST/1 @harbour", {"title": "나루시", "text": "나루시는 크다."}, ["나루시는"]),
        ("FIRST/4 @hill", {"text": "나루시 가람산"}, None),
        ("FIRST/5 @hill", {"text": "나루시 가람산"}, ["가람산"]),
        ('raw:"KBO"', {"html": "<p>올해 <b>KBO</b>는 늦게 연다.</p>"}, ["KBO</b>는"]),
        ('raw:"KBO"', {"text": "올해 kbo는 늦게 연다."}, None),
        ('raw:"ＫＢＯ"', {"text": "올해 ＫＢＯ는 늦게 연다. KBO는 그대로다."}, ["ＫＢＯ는"]),
        ('raw:"A&amp;B"', {"text": "A&amp;B는 회사다. A&B도 회사다."}, ["A&amp;B는"]),
        ('raw:"A&B"', {"html": "<p>A&amp;B는 회사다. a&amp;b는 아니다.</p>"}, ["A&amp;B는"]),
        ('raw:"A&B"', {"html": "<p>올해 <b>A</b>&amp;B가 온다.</p>"}, ["A</b>&amp;B가"]),
        ('raw:"A&B"', {"html": "<title>A&amp;B의 봄</title><p>눈이 왔다.</p>"}, ["A&amp;B의"]),
        ('raw:"A&B"', {"html": "<p>A&amp;amp;B는 회사다.</p>"}, None),
        ('raw:"Nuri Tab"', {"html": "<p>새 Nuri\n  Tab은 얇다.</p>"}, ["Nuri\n  Tab은"]),
        ('raw:"G++"', {"text": "G++는 언어다."}, ["G++는"]),
        ("나루* AND 가람산*", {"text": "나루터에서 가람산행 배를 탔다."}, ["나루터에서", "가람산행"]),
        ('(나루* NOT IN ("나루터")) AND @hill', {"text": "나루터와 가람산."}, None),
        ("@hill AND lang: ko", {"text": "가람산은 높다.", "lang": "kok"}, None),
        ('@hill AND source: "가람 일보"', {"text": "가람산은 높다.", "source": " 가람  일보"}, ["가람산은"]),
        ('@hill AND source: "[가-힣]*"', {"text": "가람산은 높다.", "source": "가람일보"}, None),
    ],
)  # fmt: skip
def test_operator(tmp_path: Path, when: str, article: dict[str, str], texts: list[str] | None) -> None:
    hits = found(tmp_path, when, **article).hits  # type: ignore[arg-type]
    assert [mention.text for hit in hits for mention in hit.mentions] == (texts or [])
    assert bool(hits) is (texts is not None)


def test_what_a_zone_finds_stays_suppressed_for_everybody_else(tmp_path: Path) -> None:
    findings = found(tmp_path, "related: @harbour", text=CHROME)
    (hit,) = findings.hits
    assert [(one.zone.value, one.reason) for one in hit.mentions] == [("related", None)] * 2
    assert findings.mentions == ()
    assert [(one.start, one.reason) for one in findings.suppressed] == [
        (one.start, Reason.ZONE) for one in hit.mentions
    ]


def test_a_rule_fires_on_its_last_day_and_not_after(tmp_path: Path) -> None:
    end = expires_s("2026-03-31")
    assert end == 1_774_969_200, "midnight in Seoul"
    for now_s, fires in ((None, True), (end - 1, True), (end, False)):
        findings = found(tmp_path, "@hill", now_s, "2026-03-31", text="가람산은 높다.")
        assert bool(findings.hits) is fires
        assert len(findings.mentions) == 1
    rules = load_rules(tmp_path).rules
    assert [rule.id for rule in expired(rules, end)] == ["r"]
    assert not list(expired(rules, end - 1))


@pytest.mark.parametrize("day", ["2026-02-30", "soon", "2026-1-1", "31.12.2026", "9999-12-31"])
def test_what_is_no_day_is_refused(tmp_path: Path, day: str) -> None:
    with pytest.raises(InvalidRules, match=r"r\.yaml:.*is no day"):
        found(tmp_path, "@hill", None, day, text="가람산")


@pytest.mark.parametrize(
    ("written", "line", "column"),
    [
        ("    when: |\n      @a AND\n      @zz\n", 5, 7),
        ("    when: >-\n\n      @a\n        AND @zz\n", 6, 13),
        ("    when: @a AND\n      @zz\n".replace("@a", "(@a OR 가람산*)"), 4, 7),
        ("    when: '@a AND\n      @zz'\n", 4, 7),
        ('    when: "@a AND\n      @zz"\n', 4, 7),
        ("    when: '@a AND @zz'\n", 3, 19),
    ],
)
def test_a_problem_in_a_rule_of_several_lines_has_its_place(
    tmp_path: Path, written: str, line: int, column: int
) -> None:
    entity = "entities: [{id: a, name: 가람산}]\n"
    (tmp_path / "r.yaml").write_text(
        f"{entity}rules:\n  - id: r\n{written}".replace("- id: r\n    when", "- when", 1) + "    id: r\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidRules) as refused:
        load_rules(tmp_path)
    (problem,) = refused.value.problems
    assert "there is no entity zz" in problem.message
    assert (problem.line, problem.column) == (line, column)
