"""The value of `matches` is written without its model: what is written must be what the model would have written."""

import functools
import json
import tempfile
from pathlib import Path

from hypothesis import event, example, given
from hypothesis import strategies as st

from service.adapters.rule_files import load_rules
from service.ingest.decode import decode_article
from service.ingest.reading import Document
from service.ingest.sketch import sketch
from service.matching.engine import Engine
from service.matching.findings import Findings, Hit
from service.matching.record import match_record
from service.model import ids
from service.model.article import Article
from service.model.records import ArticleHead, Evidence, MatchRecord, RuleHead, RuleMatch

RULES = """
entities:
  - {id: harbour, name: 나루시, kind: government, titles: [시장], aliases: [{text: 羅樓, lang: zh}]}
  - {id: hill, name: 가람산, kind: place, compound: accept}
  - {id: press, name: 다솜전자, kind: company}
  - {id: lamp, name: 등불, kind: product, needs: ["@press", 조명]}
rules:
  - {id: harbour, name: 나루시 소식, when: '@harbour', tags: [city, sea], policy: {mode: each, max_per_hour: 5, throttle_s: 1.5}}
  - {id: both, name: 둘 다, when: '@harbour AND @hill'}
  - {id: any, name: 어느 것이든, when: '(@hill OR @press) AND NOT "광고"'}
  - {id: words, name: 낱말, when: '"협약" OR @press'}
  - {id: light, name: 빛, when: '@lamp AND NOT (@harbour AND @hill)'}
"""
NAMES = ["나루시", "羅樓", "가람산", "다솜전자", "협약", "광고", "등불", "조명"]
BROADER = {"both": {"harbour"}}
"""Which of them say less than another wherever that one is true. (`both` says nothing of adverts, nor of `light`.)"""


@functools.cache
def engine() -> Engine:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "rules.yaml").write_text(RULES, encoding="utf-8")
        return Engine(load_rules(Path(folder)))


PIECES = st.sampled_from(
    [*NAMES, "시장", "은", "와", " ", "\n", ". ", "했다. ", '"', "[나루시=한빛일보 나라온 기자] ", "(가람산=한빛일보) ", "㈜", "&amp;", "<p>", "ⓒ 한빛일보", "\u200b"]
)  # fmt: skip
TEXTS = st.lists(PIECES, min_size=1, max_size=30).map("".join)
ABOUT = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def slow_record(findings: Findings, hits: list[Hit], evidence: int) -> MatchRecord:
    """The same through every model, each mention for itself."""
    article = findings.article
    return MatchRecord(
        edition="default",
        article=ArticleHead(
            id=article.id,
            url=article.url,
            title=findings.title,
            source=article.source or findings.metadata.source,
            author=article.author or findings.metadata.author,
            section=article.section,
            lang=article.lang,
            published_at=article.published_at,
            partial=article.partial,
        ),
        content_hash=findings.content_hash,
        fingerprint=findings.fingerprint,
        rules_version="v1",
        matches=tuple(
            RuleMatch(
                match_id=ids.match_id(article.id, findings.content_hash, hit.rule.id),
                rule=RuleHead(id=hit.rule.id, name=hit.rule.name, tags=tuple(hit.rule.tags), policy=hit.rule.policy),
                mentions=tuple(
                    Evidence(
                        entity=mention.entity,
                        surface=mention.surface,
                        text=mention.text,
                        sentence=findings.sentence(mention),
                        zone=mention.zone.value,
                        field=mention.field,
                        start=mention.start,
                        end=mention.end,
                        confidence=mention.confidence,
                        via=mention.via,
                    )
                    for mention in hit.mentions[:evidence]
                ),
                mentions_total=len(hit.mentions),
                entities=tuple(sorted({mention.entity for mention in hit.mentions if mention.entity})),
                mutes=tuple(sorted(BROADER.get(hit.rule.id, set()) & {other.rule.id for other in hits})) or None,
            )
            for hit in sorted(hits, key=lambda hit: hit.rule.id != "both")
        ),
        sketch=sketch(findings.cleaned).encode(),
        published_ms=1_000,
        matched_ms=2_000,
    )


def written(findings: Findings, hits: list[Hit], evidence: int) -> bytes:
    return match_record(
        findings,
        hits,
        edition="default",
        rules_version="v1",
        evidence=evidence,
        published_ms=1_000,
        matched_ms=2_000,
    )


@given(ABOUT, TEXTS, st.sampled_from(["text", "html"]), ABOUT, ABOUT, st.integers(0, 4))
@example("제목", f"{NAMES[0]}은 {NAMES[0]}와 {NAMES[1]}을 찾았다.", "text", "한빛일보", None, 2)
def test_the_bytes_are_those_of_the_model(
    title: str | None, body: str, field: str, source: str | None, section: str | None, evidence: int
) -> None:
    article = Article("a1", title=title, source=source, section=section, **{field: body})  # type: ignore[arg-type]
    findings = engine().match(article)
    hits = list(findings.hits)
    raw = written(findings, hits, evidence)
    event(f"{len(hits)} rules")
    expected = slow_record(engine().match(article), hits, evidence)
    assert raw == expected.encode()
    assert MatchRecord.decode(raw, "matches") == expected


@given(ABOUT, TEXTS, st.sampled_from(["text", "html"]))
@example(None, "[나루시=한빛일보 나라온 기자] 등불이 켜졌다. 다솜전자가 만들었다.", "text")
def test_the_fast_path_finds_what_looking_at_everything_finds(title: str | None, body: str, field: str) -> None:
    """`match` leaves out what can make no difference to a rule, and reads no zones for a dateline."""
    article = Article("a1", title=title, **{field: body})  # type: ignore[arg-type]
    quick = [(hit.rule.id, hit.mentions) for hit in engine().match(article).hits]
    event(f"{len(quick)} rules")
    assert quick == [(hit.rule.id, hit.mentions) for hit in engine().examine(article).hits]


@given(TEXTS)
@example("[나루시=한빛일보 나라온 기자] 문의는 전화로.\n(가람산=한빛일보) 눈이 왔다.")
def test_a_dateline_is_told_without_the_zones_of_its_article(body: str) -> None:
    quick, whole = Document(Article("a1", text=body)), Document(Article("a1", text=body))
    for position in range(quick.body_start, len(quick.text) - 1):
        assert whole.zones.at(position) == quick.place(position)
        quick.__dict__.pop("zones", None)


def test_an_article_of_every_field_is_told_whole() -> None:
    given_article = {
        "id": "a1",
        "url": "https://example.com/1",
        "title": "나루시 소식",
        "text": "나루시에 눈이 왔다.",
        "source": "한빛일보",
        "author": "나라온",
        "section": "사회",
        "lang": "ko",
        "published_at": "2026-03-02T10:00:00",
    }
    findings = engine().match(decode_article(json.dumps(given_article).encode()))
    assert findings.hits, "the example must fire"
    record = MatchRecord.decode(written(findings, list(findings.hits), 50), "matches")
    assert record == slow_record(findings, list(findings.hits), 50)
    assert record.article.published_at == "2026-03-02T10:00:00+09:00"
