"""What a webhook says: the contract's shape, the same bytes every time, and never more than 20 kB."""

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.delivery.payload import MAX_BYTES, payload_of, rfc3339
from service.delivery.summary import subject_josa
from service.model.notice import Change, Notice
from service.model.records import AlertRecord, ArticleHead, RuleHead, StoryHead
from service.model.webhook import webhook_schema
from tests.builders import alert_record, evidence

AT = 1_795_406_000_123
STRICT = jsonschema.Draft202012Validator(
    json.loads(json.dumps(webhook_schema()).replace('"additionalProperties": true', '"additionalProperties": false'))
)
"""What docs/schemas/webhook.json promises receivers, and not a field more."""


def alert(**fields: Any) -> AlertRecord:
    """One of the usual, with some fields otherwise; nothing is validated again."""
    return alert_record().model_copy(update=fields)


def made(*alerts: AlertRecord, kind: str = "alert.matched", **more: Any) -> dict[str, Any]:
    given_: dict[str, Any] = {
        "kind": kind,
        "subscription": "sub1",
        "sequence": 1,
        "reason": "first",
        "timestamp_ms": AT,
    }
    text = payload_of(Notice(alerts=alerts, **{**given_, **more}))
    assert len(text.encode()) <= MAX_BYTES
    value: dict[str, Any] = json.loads(text)
    STRICT.validate(value)
    return value


def test_the_shape_of_the_contract() -> None:
    article = ArticleHead(
        id="a1",
        url="https://news.example/1",
        title="서울시·충칭시, 우호 협약",
        source="한강뉴스",
        published_at="2026-11-23T09:00:00+09:00",
    )
    one = alert(article=article, rule=RuleHead(id="talks", name="서울시와 충칭"), story=StoryHead(id="sty_1", copies=3))
    assert made(one) == {
        "type": "alert.matched",
        "timestamp": "2026-11-23T03:53:20.123Z",
        "data": {
            "subscription": "sub1",
            "sequence": 1,
            "reason": "first",
            "summary": "[서울시와 충칭] 한강뉴스 ‘서울시·충칭시, 우호 협약’에 서울시가 나왔습니다. 같은 기사가 3건 있습니다.",
            "rule": {"id": "talks", "name": "서울시와 충칭"},
            "story": {"id": "sty_1", "copies": 3},
            "alerts": [
                {
                    "alert_id": one.alert_id,
                    "match_id": one.match_id,
                    "article": {
                        "id": "a1",
                        "url": "https://news.example/1",
                        "title": "서울시·충칭시, 우호 협약",
                        "source": "한강뉴스",
                        "published_at": "2026-11-23T09:00:00+09:00",
                    },
                    "mentions": [
                        {
                            "entity": "seoul-city",
                            "surface": "서울시",
                            "text": "서울시와",
                            "sentence": "서울시와 충칭시가 협약을 맺었다.",
                            "zone": "lead",
                        }
                    ],
                }
            ],
            "truncated": False,
        },
    }


def test_hangul_is_not_escaped_and_the_bytes_are_always_the_same() -> None:
    one = alert()
    first, second = (payload_of(Notice("alert.matched", "sub1", 1, "first", (one,), AT)) for _ in range(2))
    assert first == second
    assert "서울시" in first
    assert "\\u" not in first


def test_an_empty_digest_lists_and_changes_are_of_the_schema_too() -> None:
    """`made` holds every body to it; these have all the fields that not every body has."""
    nothing = made(kind="alert.digest", reason="digest", held_count=0, period=(AT, AT + 1))
    assert (nothing["data"]["rule"], nothing["data"]["story"]) == (None, None)
    assert made(alert(), alert(), kind="alert.digest", held_count=2, period=(AT, AT + 1))["data"]["period"]
    changed = made(alert(), kind="alert.updated", changes=(Change("headline", None, "새 제목"),))
    assert changed["data"]["changes"] == [{"what": "headline", "before": None, "after": "새 제목"}]
    with pytest.raises(jsonschema.ValidationError):
        STRICT.validate(changed | {"data": {**changed["data"], "truncated": None}})
    with pytest.raises(jsonschema.ValidationError):
        STRICT.validate(changed | {"data": {**changed["data"], "more": 1}})


def test_nothing_to_tell_is_an_error() -> None:
    with pytest.raises(ValueError, match="without alerts"):
        payload_of(Notice("alert.matched", "sub1", 1, "first", (), AT))


def test_an_alert_that_was_cut_before_says_so() -> None:
    assert made(alert(truncated=True))["data"]["truncated"] is True


def test_evidence_is_cut_first_and_names_every_entity_before_repeating_one() -> None:
    many = tuple(evidence(sentence="서울시와 " + "가" * 300) for _ in range(60))
    last = evidence(entity="chongqing", surface="충칭", text="충칭의")
    data = made(alert(mentions=(*many, last)))["data"]
    told = data["alerts"][0]["mentions"]
    assert data["truncated"] is True
    assert 1 < len(told) < 61
    assert {mention["entity"] for mention in told} == {"seoul-city", "chongqing"}
    assert data["alerts"][0]["article"]["title"] == "제목"


def test_a_long_sentence_is_cut_around_what_was_found() -> None:
    long = "가" * 4000 + " 충칭시가 " + "나" * 4000
    mentions = tuple(evidence(surface="충칭", text="충칭시가", sentence=long) for _ in range(3))
    (first, *_) = made(alert(mentions=mentions))["data"]["alerts"][0]["mentions"]
    assert "충칭시가" in first["sentence"]
    assert first["sentence"].startswith("…")
    assert first["sentence"].endswith("…")


def test_many_alerts_lose_their_evidence_and_then_the_last_of_them() -> None:
    alerts = [alert(article=ArticleHead(id=f"a{n}", title="가" * 100)) for n in range(300)]
    data = made(*alerts, kind="alert.digest")["data"]
    assert data["truncated"] is True
    told = [alert["article"]["id"] for alert in data["alerts"]]
    assert told == [f"a{n}" for n in range(len(told))]
    assert 20 < len(told) < 300
    assert "외 299건" in data["summary"]
    one_more = made(*alerts, kind="alert.digest")
    one_more["data"]["alerts"].append(one_more["data"]["alerts"][-1])
    assert len(json.dumps(one_more, ensure_ascii=False, separators=(",", ":")).encode()) > MAX_BYTES


TEXT = st.text(max_size=10) | st.text(min_size=1, max_size=10).map(lambda text: text * 500) | st.just("\x00" * 5000)
HEADS = st.builds(
    ArticleHead,
    id=st.text(min_size=1, max_size=8).map(lambda text: text * 64) | st.text(min_size=1, max_size=8),
    title=TEXT | st.none(),
    source=TEXT | st.none(),
    url=TEXT | st.none(),
)
EVIDENCE = st.builds(evidence, surface=TEXT, text=TEXT, sentence=TEXT)


@settings(max_examples=max(50, settings().max_examples // 4))  # an example is up to 32 alerts of 32 mentions
@given(
    st.lists(
        st.builds(alert, article=HEADS, mentions=st.lists(EVIDENCE, max_size=8).map(lambda few: tuple(few * 4))),
        min_size=1,
        max_size=8,
    ).map(lambda few: few * 4),
    st.sampled_from(["alert.matched", "alert.digest", "alert.updated"]),
)
def test_never_more_than_20_kb_and_always_json(alerts: list[AlertRecord], kind: str) -> None:
    data = made(*alerts, kind=kind)["data"]
    whole = len(data["alerts"]) == len(alerts) and all(
        len(told["mentions"]) == len(alert.mentions) for told, alert in zip(data["alerts"], alerts, strict=False)
    )
    assert whole or data["truncated"]
    assert data["alerts"]


def test_lone_surrogates_cannot_break_it() -> None:
    broken = "서울\ud83d시\udc00"
    head = ArticleHead.model_construct(
        id=broken,
        url=None,
        title=broken,
        source=None,
        author=None,
        section=None,
        lang=None,
        published_at=None,
        partial=False,
    )
    told = made(
        alert().model_copy(update={"article": head, "rule": RuleHead.model_construct(id="r", name=broken, tags=())})
    )
    assert told["data"]["alerts"][0]["article"]["title"] == "서울�시�"
    assert "서울�시�" in told["data"]["summary"]


@pytest.mark.parametrize(
    ("kind", "copies", "summary"),
    [
        ("alert.matched", 1, "[seoul] 한빛일보 ‘제목’에 서울시가 나왔습니다."),
        ("alert.updated", 1, "[seoul] 한빛일보 ‘제목’ 기사가 바뀌었습니다. 서울시가 나옵니다."),
        ("alert.digest", 1, "[seoul] 한빛일보 ‘제목’, 알림 1건입니다. 서울시가 나왔습니다."),
    ],
)
def test_summaries(kind: str, copies: int, summary: str) -> None:
    assert made(alert(story=StoryHead(id="s", copies=copies)), kind=kind)["data"]["summary"] == summary


def test_a_summary_without_names_or_source_still_reads() -> None:
    one = alert(mentions=(), article=ArticleHead(id="a1"))
    assert made(one)["data"]["summary"] == "[seoul] ‘a1’에 찾는 내용이 나왔습니다."


def test_a_summary_counts_names_beyond_the_third() -> None:
    mentions = tuple(evidence(surface=name) for name in ("서울시", "충칭", "부산", "대구", "서울시"))
    assert "서울시, 충칭, 부산 등 이름 4개가 나왔습니다." in made(alert(mentions=mentions))["data"]["summary"]


@pytest.mark.parametrize(
    ("word", "josa"),
    [
        ("서울시", "가"),
        ("충칭", "이"),
        ("KT", "가"),
        ("LG", "가"),
        ("SM", "이"),
        ("G7", "이"),
        ("G2", "가"),
        ("n", "이"),
        ("Google", "이"),
        ("Haneul City", "가"),
        ("Samsung", "이"),
        ("Naver", "가"),
        ("Tesla", "가"),
        ("Facebook", "이(가)"),
        ("iPhone", "이(가)"),
        ("重慶", "이(가)"),
        ("", "이(가)"),
    ],
)
def test_the_josa_agrees_with_the_last_sound(word: str, josa: str) -> None:
    assert subject_josa(word) == josa


@given(st.integers(0, 4_102_444_800_000))
def test_timestamps_are_rfc_3339_to_the_millisecond(at_ms: int) -> None:
    from datetime import datetime

    assert round(datetime.fromisoformat(rfc3339(at_ms)).timestamp() * 1000) == at_ms
