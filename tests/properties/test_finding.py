"""Whatever comes in: an answer or a clear error, offsets that are true, rules as they are written, linear time."""

import time
from itertools import pairwise
from pathlib import Path

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from service.adapters.rule_files import load_rules
from service.ingest.decode import decode_article, decode_file
from service.ingest.normalise import fold
from service.matching.engine import Engine
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not, Or, is_reachable
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.model.article import Article
from service.model.errors import UndecodableArticle

WATCHED = Path(__file__).parent.parent / "unit" / "matching" / "watched.yaml"
ENGINE = Engine(load_rules(WATCHED))
PIECES = st.sampled_from(
    ["인천", "인천시", "시장", "은", "는", "울산", "오사카", "(大阪)", "WHO", "SK", "4·19", "여주", "강원도", " ", "\n", ". ", "했다. ", '"', "’",
     "[", "]", "(", ")", "=", "기자", "@", "▶", "- ", "관련기사", "ⓒ", "무단전재", "&amp;", "<p>", "</b>", "\u200b", "ᆨ", "이란", "\x00", "a@b.co"]
)  # fmt: skip
TEXTS = st.lists(PIECES, max_size=25).map("".join) | st.text(max_size=60)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_article_or_a_clear_error(raw: bytes) -> None:
    for decode in (decode_article, lambda raw: decode_file("a.txt", raw), lambda raw: decode_file("a.html", raw)):
        try:
            article = decode(raw)
        except UndecodableArticle:
            continue
        ENGINE.examine(article)


@given(st.sampled_from(["text", "html"]), st.none() | TEXTS, TEXTS)
@example("text", None, "인천\u11a8")
def test_offsets_always_point_at_what_stood_there(field: str, title: str | None, body: str) -> None:
    article = Article("a", title=title, **{field: body})  # type: ignore[arg-type]
    findings = ENGINE.examine(article)
    fields = {"title": title, field: body}
    for mention in (*findings.mentions, *findings.suppressed):
        given_field = fields[mention.field]
        assert given_field is not None
        stood = given_field[mention.start : mention.end]
        if mention.field == "text" or field == "text":
            assert fold(stood).replace(" ", "") == fold(mention.surface).replace(" ", "") or "&" in stood
        assert stood in given_field
        assert mention.text
        assert findings.sentence(mention)
        orjson.dumps(mention.text)


@given(TEXTS)
def test_every_occurrence_is_told_once(body: str) -> None:
    findings = ENGINE.examine(Article("a", text=body))
    spans = [(one.entity, one.start, one.end) for one in (*findings.mentions, *findings.suppressed)]
    assert len(set(spans)) == len(spans)
    for entity in {span[0] for span in spans}:
        own = sorted(span[1:] for span in spans if span[0] == entity)
        assert all(one[1] <= other[0] for one, other in pairwise(own)), "of one entity nothing overlaps"
    assert ENGINE.match(Article("a", text=body)).mentions == findings.mentions


NAMES = ["가람", "나루", "다솜", "라온", "마루"]
TERMS = st.sampled_from([EntityTerm(f"e{number}") for number in range(len(NAMES))]) | st.sampled_from(
    [LiteralTerm("하나"), LiteralTerm("두리")]
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    TERMS,
    lambda inner: (
        st.lists(inner, min_size=2, max_size=3).map(tuple).map(And)
        | st.lists(inner, min_size=2, max_size=3).map(tuple).map(Or)
        | inner.map(Not)
    ),
    max_leaves=6,
).filter(is_reachable)


def is_true(expression: Expression, said: set[str], names: dict[EntityTerm, str]) -> bool:
    if isinstance(expression, Not):
        return not is_true(expression.part, said, names)
    if isinstance(expression, And):
        return all(is_true(part, said, names) for part in expression.parts)
    if isinstance(expression, Or):
        return any(is_true(part, said, names) for part in expression.parts)
    return (names[expression] if isinstance(expression, EntityTerm) else str(expression).strip('"')) in said


def nowhere(_path: object, _offset: int) -> tuple[str, int, int]:
    return "test", 1, 1


@given(st.lists(EXPRESSIONS, min_size=1, max_size=6), st.sets(st.sampled_from([*NAMES, "하나", "두리"])))
def test_the_index_finds_what_the_plain_evaluator_finds(expressions: list[Expression], said: set[str]) -> None:
    entities = [(EntityModel(id=f"e{number}", name=name), nowhere) for number, name in enumerate(NAMES)]
    rules = [(RuleModel(id=f"r{number}", when=str(one)), nowhere) for number, one in enumerate(expressions)]
    ruleset = RuleSet.build([*entities, *rules])
    engine = Engine(ruleset)
    article = Article("a", text=", ".join(sorted(said)))
    findings = engine.match(article)
    names = {EntityTerm(f"e{number}"): name for number, name in enumerate(NAMES)}
    truth = [f"r{number}" for number, one in enumerate(expressions) if is_true(one, said, names)]
    assert [hit.rule.id for hit in findings.hits] == truth
    scene = engine.scene(article)
    assert [compiled.rule.id for compiled in engine._index.true(scene)] == truth
    candidates = {compiled.rule.id for compiled in engine._index.candidates(scene.counted)}
    assert set(truth) <= candidates
    assert all(hit.mentions for hit in findings.hits)


@pytest.mark.parametrize(
    "piece",
    ["인천", "인천 ", "인천시장은 ", '"', "인천\n", "- 인천\n", "[인천=가 기자]", "[", "(", "=", "기자 ", "a@", "a@b.c ", "ⓒ", "다. ", "관련기사\n",
     "&amp;", "&", "\u200b", "ᆨ", "́", "여주 ", "4·19", "http://", "사진=", "가나다라마바사 아자차카\n", " ", "▶", "12:3", "2025-", "SK&"],
)  # fmt: skip
def test_hostile_text_is_linear(piece: str) -> None:
    for field in ("text", "html", "title"):
        article = Article("a", **{field: piece * (300_000 // len(piece))})  # type: ignore[arg-type]
        begin = time.process_time()
        ENGINE.match(article)
        assert time.process_time() - begin < 20, "quadratic work on as much text takes minutes"
