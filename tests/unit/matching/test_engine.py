"""The answer of the engine: what a mention says, reasons in their order, and the fast path beside the whole one."""

import time
from pathlib import Path

import pytest
import yaml

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.matching.explain import explain
from service.matching.ruleset import RuleSet
from service.matching.second_opinion import MAX_ASKED
from service.matching.sense import Reading
from service.model.article import Article
from service.model.mention import Reason, Zone

HERE = Path(__file__).parent


def rules(tmp_path: Path, text: str) -> RuleSet:
    (tmp_path / "rules.yaml").write_text(text, encoding="utf-8")
    return load_rules(tmp_path)


CITIES = """\
entities:
  - {id: incheon-city, name: 인천시, kind: government, aliases: [인천광역시], titles: [시장], not_in: [인천시립]}
  - {id: ulsan, name: 울산, kind: place, aliases: [울산시, 蔚山]}
  - {id: game, name: 경기도, kind: government, aliases: [경기]}
rules:
  - {id: both, when: '@incheon-city AND @ulsan'}
  - {id: one-alone, when: '(@incheon-city OR @ulsan) AND NOT "협약"'}
  - {id: pact, when: '"협약" AND @ulsan'}
"""


def test_a_mention_says_where_and_how(tmp_path: Path) -> None:
    engine = Engine(rules(tmp_path, CITIES))
    findings = engine.examine(Article("a", title="울산의 봄", text="‘인천시장’은 “울산시와 만난다”고 했다."))
    first, second, third = findings.mentions
    assert (first.entity, first.surface, first.text, first.field, first.zone, first.start, first.end) == (
        "ulsan", "울산", "울산의", "title", Zone.TITLE, 0, 2,
    )  # fmt: skip
    assert (second.surface, second.text, second.via, second.start, second.end) == ("인천시", "인천시장", "title", 1, 4)
    assert (third.surface, third.text, third.zone, third.confidence) == ("울산시", "울산시와", Zone.QUOTE, 1.0)
    assert findings.suppressed == ()
    assert findings.sentence(third) == "‘인천시장’은 “울산시와 만난다”고 했다."
    assert [hit.rule.id for hit in findings.hits] == ["both", "one-alone"]
    assert findings.hits[0].mentions == findings.mentions


def test_a_literal_has_no_entity_and_is_in_no_list(tmp_path: Path) -> None:
    engine = Engine(rules(tmp_path, CITIES))
    findings = engine.examine(Article("a", text="울산은 협약을 맺었다. 협약서는 길다."))
    assert [hit.rule.id for hit in findings.hits] == ["pact"]
    assert [(mention.entity, mention.text) for mention in findings.hits[0].mentions] == [
        ("ulsan", "울산은"),
        (None, "협약을"),
    ]
    assert [mention.entity for mention in findings.mentions] == ["ulsan"]


@pytest.mark.parametrize(
    ("text", "entity", "reason"),
    [
        ("[울산=가온일보 한별 기자] 봄이 왔다.", "ulsan", Reason.ZONE),
        ("울산에 봄이 왔다고 합니다.\n울산에 봄이 왔다고 합니다.", "ulsan", Reason.DUPLICATE),
        ("울산(蔚山)은 크다.", "ulsan", Reason.DUPLICATE),
        ("인천시립 도서관", "incheon-city", Reason.NOT_IN),
        ("이울산", "ulsan", Reason.BOUNDARY),
        ("울산시장은", "ulsan", Reason.TITLE),
        ("울산은행", "ulsan", Reason.COMPOUND),
        ("울산는", "ulsan", Reason.COMPOUND),
        # the first reason, in the order of the contract
        ("[이울산은행=가온일보 한별 기자] 봄이 왔다.", "ulsan", Reason.ZONE),
        ("옛인천시립이다. 봄이 왔다.\n옛인천시립이다. 봄이 왔다.", "incheon-city", Reason.DUPLICATE),
        ("새인천시립미술관", "incheon-city", Reason.NOT_IN),
        ("이울산은행", "ulsan", Reason.BOUNDARY),
    ],
)
def test_the_first_reason(tmp_path: Path, text: str, entity: str, reason: Reason) -> None:
    findings = Engine(rules(tmp_path, CITIES)).examine(Article("a", text=text))
    assert [mention.reason for mention in findings.suppressed if mention.entity == entity][:1] == [reason]


class Scripted:
    """A second opinion that says what the test wants, and counts how often it is asked."""

    def __init__(self, confidence: float, reading: Reading = Reading.BOTH) -> None:
        self.answer = confidence
        self.kind = reading
        self.asked: list[str] = []

    def reading(self, _surface: str) -> Reading:
        return self.kind

    def confidence(self, text: str, start: int, end: int) -> float:
        self.asked.append(f"{text[:start]}[{text[start:end]}]{text[end:]}")
        return self.answer


def test_the_second_opinion_is_asked_only_about_homographs(tmp_path: Path) -> None:
    ruleset = rules(tmp_path, CITIES)
    no = Scripted(0.2)
    findings = Engine(ruleset, veto=no).examine(
        Article("a", text="앞 문장이다. 이번 경기에서 이겼다. 인천시는 웃었다.")
    )
    assert no.asked == ["이번 [경기]에서 이겼다."]
    (suppressed,) = findings.suppressed
    assert (suppressed.reason, suppressed.confidence) == (Reason.AMBIGUOUS, 0.2)
    assert Engine(ruleset, veto=no, min_confidence=0.1).examine(findings.article).suppressed == ()
    for reading in (Reading.NAME, Reading.WORD):
        sure = Scripted(0.0, reading)
        assert Engine(ruleset, veto=sure).examine(findings.article).suppressed == ()
        assert sure.asked == []


def test_the_number_of_an_item_is_no_part_of_what_it_is_asked(tmp_path: Path) -> None:
    veto = Scripted(0.9)
    text = "이번에는 2)경기 쪽이다.\n이번에는 (나)경기 쪽이다.\n이번에는 (주)경기 쪽이다."
    Engine(rules(tmp_path, CITIES), veto=veto).examine(Article("a", text=text))
    assert veto.asked == ["이번에는 [경기] 쪽이다.", "이번에는 [경기] 쪽이다.", "이번에는 (주)[경기] 쪽이다."]


def test_it_is_not_asked_without_end(tmp_path: Path) -> None:
    veto = Scripted(0.9)
    text = "\n".join(f"{number}번째 경기가 열렸다고 한다." for number in range(100))
    assert len(Engine(rules(tmp_path, CITIES), veto=veto).examine(Article("a", text=text)).mentions) == 100
    assert len(veto.asked) == MAX_ASKED


def test_an_ambiguous_surface_with_nobody_to_ask_counts_without_certainty(tmp_path: Path) -> None:
    ruleset = rules(tmp_path, "entities: [{id: a, name: 경기, ambiguous: true}]\n")
    (mention,) = Engine(ruleset).examine(Article("a", text="경기가 열렸다.")).mentions
    assert mention.confidence == 0.5


def test_evidence_may_need_evidence(tmp_path: Path) -> None:
    ruleset = rules(
        tmp_path,
        """\
entities:
  - {id: a, name: 가람, ambiguous: true, needs: ["@b"]}
  - {id: b, name: 나루, ambiguous: true, needs: ["@c"]}
  - {id: c, name: 다솜, ambiguous: true, needs: [바탕]}
  - {id: d, name: 라온, ambiguous: true, needs: ["@e"]}
  - {id: e, name: 마루, ambiguous: true, needs: ["@d"]}
""",
    )
    counted = {
        one.entity
        for one in Engine(ruleset).examine(Article("a", text="가람, 나루, 다솜, 라온, 마루의 바탕.")).mentions
    }
    assert counted == {"a", "b", "c"}, "a circle is no evidence"
    assert not Engine(ruleset).examine(Article("a", text="가람, 나루, 다솜.")).mentions
    chrome = Article("a", text="다솜이 왔다고 밝혔다.\n한별 기자 star@example.com\n- 바탕 소식")
    assert not Engine(ruleset).examine(chrome).mentions, "evidence must stand in the article's own zones"


CASES = yaml.safe_load((HERE / "situations.yaml").read_text(encoding="utf-8"))


def test_the_fast_path_gives_the_same() -> None:
    ruleset = load_rules(HERE / "watched.yaml")
    engine = Engine(ruleset)
    for case in CASES:
        article = Article("a", **{name: case[name] for name in ("title", "text", "html", "lang") if name in case})
        fast, whole = engine.match(article), engine.examine(article)
        assert fast.hits == () == whole.hits or [hit.mentions for hit in fast.hits] == [
            hit.mentions for hit in whole.hits
        ]
        assert (fast.mentions, fast.suppressed) == (whole.mentions, whole.suppressed)


def test_explain_agrees_with_the_answer() -> None:
    engine = Engine(load_rules(HERE / "watched.yaml"))
    for case in CASES:
        article = Article("a", **{name: case[name] for name in ("title", "text", "html", "lang") if name in case})
        whole = engine.examine(article)
        explained = [one for one in explain(engine, article) if not one.merged]
        assert sorted(map(str, (one.mention for one in explained))) == sorted(
            map(str, (*whole.mentions, *whole.suppressed))
        )
        for one in explained:
            passed = all(step.passed for step in one.steps)
            assert passed is (one.mention.reason is None), one


def test_content_hash_and_fingerprint_are_of_what_is_said(tmp_path: Path) -> None:
    engine = Engine(rules(tmp_path, CITIES))
    body = "울산에 봄이 왔다고 시가 밝혔다. 사람들은 반겼다."
    plain = engine.match(Article("a", title="봄", text=body))
    chrome = engine.match(
        Article("b", title="봄", text=f"[울산=가온일보 한별 기자] {body}\n한별 기자 a@example.com\n- 다른 소식")
    )
    other_title = engine.match(Article("c", title="봄이 왔다", text=body))
    assert plain.content_hash == chrome.content_hash != other_title.content_hash
    assert plain.fingerprint == chrome.fingerprint == other_title.fingerprint
    assert plain.fingerprint != engine.match(Article("d", title="봄", text=body + " 끝.")).fingerprint


def test_a_name_of_several_words_is_found_written_together(tmp_path: Path) -> None:
    text = """\
entities:
  - {id: smith, name: 존 스미스, kind: person, aliases: [John Smith]}
  - {id: phone, name: 별빛 S25, kind: product, aliases: [별빛S25, {text: 별빛 Pro, case: exact}]}
rules:
  - {id: both, when: '@smith AND @phone'}
"""
    engine = Engine(rules(tmp_path, text))
    article = Article("a", text="존스미스는 별빛S25를, 존 스미스는 별빛 S25를 들고 johnsmith와 별빛Pro에 갔다.")
    found = engine.examine(article)
    assert [(one.entity, one.surface, one.start) for one in found.mentions] == [
        ("smith", "존 스미스", 0), ("phone", "별빛S25", 6), ("smith", "존 스미스", 14), ("phone", "별빛 S25", 21),
    ]  # fmt: skip
    assert found.suppressed == ()
    assert [hit.rule.id for hit in engine.match(article).hits] == ["both"]


def test_a_text_without_spaces_is_read_in_linear_time(tmp_path: Path) -> None:
    """What follows a name is looked for near it, and not up to the next space of the article."""
    text = "entities: [{id: a, name: 나루시, aliases: [{text: 鳴海, lang: zh}]}]\nrules: [{id: a, when: '@a'}]\n"
    engine = Engine(rules(tmp_path, text))
    article = Article("a", text="鳴海今" * 100_000)
    began = time.process_time()
    assert len(engine.match(article).hits) == 1
    assert time.process_time() - began < 4, "a quadratic search takes a quarter of a minute"


def test_seon_is_a_headline_s_josa_after_what_may_be_a_place_alone(tmp_path: Path) -> None:
    text = """\
entities:
  - {id: person, name: 김민, kind: person}
  - {id: ulsan, name: 울산, kind: place}
  - {id: party, name: 나루당, kind: other}
rules:
  - {id: any, when: '@person OR @ulsan OR @party OR "화물"'}
"""
    engine = Engine(rules(tmp_path, text))
    for title, entities in (
        ("울산선 “환영한다”…나루당선 ‘글쎄’", ["ulsan", "party"]), ("김민선 “금메달 따고 싶다”", []), ("화물선 ‘바다호’ 떠났다", []),
    ):  # fmt: skip
        article = Article("a", title=title)
        assert [one.entity for one in engine.examine(article).mentions] == entities
        assert bool(engine.match(article).hits) is bool(entities), title


@pytest.mark.parametrize(
    ("text", "counts"),
    [("제11번가에 섰다.", 0), ("서울 제11번가", 0), ("어제11번가가 알렸다.", 1), ("11번가는 웃었다.", 1)],
)
def test_an_ordinal_makes_another_thing_of_a_name_that_begins_with_a_number(
    tmp_path: Path, text: str, counts: int
) -> None:
    engine = Engine(rules(tmp_path, "entities: [{id: a, name: 11번가}]\nrules: [{id: a, when: '@a'}]\n"))
    article = Article("a", text=text)
    assert len(engine.examine(article).mentions) == len(engine.match(article).hits) == counts
