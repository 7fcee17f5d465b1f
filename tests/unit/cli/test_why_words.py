"""The languages of `bongsu why`: the same sentences about the same facts."""

from collections.abc import Iterable
from string import Formatter
from typing import Any, get_args

import pytest

from service.actions.why_answer import answer_of, words_of
from service.actions.why_found import Found
from service.actions.why_rules import by_rules
from service.actions.why_words import SENTENCES, TERMS, Words
from service.delivery.attempts import Failure
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.metrics.worker import JOINED_BY
from service.model.mention import Zone
from service.model.policy import PolicyModel
from service.model.records import AttemptOutcome, Outcome
from tests.builders import alert_record, attempt_record, decision_record, match_record, subscription_record

KOREAN = Words("ko")


def facts_of(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_language_has_every_sentence_with_the_same_facts() -> None:
    english, korean = SENTENCES["en"], SENTENCES["ko"]
    assert english.keys() == korean.keys()
    for name in english:
        assert facts_of(english[name]) == facts_of(korean[name]), name


def test_every_word_that_english_explains_is_explained_in_korean() -> None:
    assert TERMS["en"].keys() == TERMS["ko"].keys()
    for kind, words in TERMS["en"].items():
        assert words.keys() <= TERMS["ko"][kind].keys(), kind
        for name, meant in words.items():
            assert facts_of(meant) == facts_of(TERMS["ko"][kind][name]), (kind, name)


@pytest.mark.parametrize(
    ("kind", "all_of_them"),
    [
        ("failure", Failure),
        ("zone", Zone),
        ("outcome", get_args(AttemptOutcome)),
        ("decision", get_args(Outcome)),
        ("joined", set(JOINED_BY) - {"new"}),
    ],
)
def test_no_word_of_the_records_stays_english_in_korean(kind: str, all_of_them: Iterable[str]) -> None:
    assert set(all_of_them) <= TERMS["ko"][kind].keys()


def found(*decisions: dict[str, Any], **more: Any) -> Found:
    alert = alert_record()
    made = Found(
        "a1", "sub1", 0, {"sub1": subscription_record()}, versions=[(1_000, b'{"id": "a1", "text": "t"}')],
        matches=[match_record()], alerts={alert.alert_id: alert},
    )  # fmt: skip
    made.decisions = {alert.alert_id: [decision_record(alert.alert_id, **one) for one in decisions]}
    for name, value in more.items():
        setattr(made, name, value)
    return made


def said(asked: Found) -> str:
    answer = answer_of(asked, words=words_of(asked, "ko"))
    assert answer is not None
    return " ".join([answer.sentence, *answer.notes])


@pytest.mark.parametrize(
    ("decisions", "says"),
    [
        ((), "아직 정해지지 않았습니다"),
        (({"decision": "notified", "reason": "first"},), "알렸습니다(첫 소식, msg_1). 아직 보내지 않았습니다"),
        (({"decision": "held", "reason": "quiet_hours", "delivery": None, "until_ms": 1_795_392_000_000},),
         "방해 금지 시간이라서 보류 중입니다(늦어도 2026-11-23 "),
        (({"decision": "suppressed", "reason": "inhibited", "delivery": None, "by": "narrow"},),
         "더 좁은 규칙 narrow이(가) 같은 보도를 알립니다"),
        (({"decision": "suppressed", "reason": "filter", "delivery": None, "by": "source"},), "구독의 필터(매체) 때문에"),
        (({"decision": "silenced", "delivery": None, "by": "sil_1"},), "알림 끄기 sil_1 때문에"),
        (({"decision": "expired", "delivery": None},), "기한이 지나 알리지 않았습니다"),
        (({"decision": "attached", "reason": "copy"},), "같은 보도의 다른 기사를 알렸습니다"),
    ],
)  # fmt: skip
def test_a_decision_is_told_in_korean(decisions: tuple[dict[str, Any], ...], says: str) -> None:
    assert says in said(found(*decisions))


def test_what_stands_behind_one_that_is_silenced_says_by_whom() -> None:
    asked = found({"decision": "attached", "reason": "superseded", "delivery": None, "by": "alr_2"})
    silenced = {"decision": "silenced", "reason": "silenced", "by": "sil_1", "until_ms": 1_795_392_000_000}
    asked.decisions["alr_2"] = [decision_record("alr_2", None, **silenced)]
    assert "대신합니다. 알림 끄기 sil_1 때문에 알리지 않았습니다(늦어도 2026-11-23 " in said(asked)
    english = answer_of(asked)
    assert english is not None
    assert english.sentence.endswith("Silenced by sil_1, until 2026-11-23 09:00:00 KST at the latest.")
    asked.decisions["alr_2"].append(
        decision_record("alr_2", None, decision="suppressed", reason="frequency_not_reached")
    )
    assert said(asked).endswith("정한 시간 안에 들어온 기사가 너무 적었습니다.")


def test_what_became_of_a_webhook_is_told_in_korean() -> None:
    told = {"decision": "notified", "reason": "first"}
    delivered = attempt_record("msg_1", outcome="delivered", number=2)
    assert "전달되었습니다(2번째 시도, 상태 코드" in said(found(told, attempts={"msg_1": [delivered]}))
    failed = attempt_record("msg_1", outcome="retry", terminal=False, error="timeout", number=1, next_due_ms=9_000)
    assert "제때 답하지 않음" in said(found(told, attempts={"msg_1": [failed]}))


def test_nobody_was_told_because_nothing_came_or_nothing_is_watched() -> None:
    assert "a1은(는) 없습니다" in said(found(versions=[], matches=[], alerts={}))
    other = found(alerts={}, subscriptions={"sub1": subscription_record(rules=("other",))})
    assert "이 구독이 보는 규칙이 아닙니다" in said(other)


def test_the_nearest_rule_is_told_in_korean() -> None:
    models: list[EntityModel | RuleModel] = [EntityModel(id="daon", name="다온시", kind="place")]
    models += [EntityModel(id="mireu", name="미르군", kind="place"), RuleModel(id="both", when="@daon AND @mireu")]
    engine = Engine(RuleSet.build((model, lambda _path, _offset: ("rules", 1, 1)) for model in models))
    raw = '{"id": "a1", "text": "다온시리즈가 미르군에서 팔렸다."}'.encode()
    asked = Found("a1", "sub1", 0, {"sub1": subscription_record(rules=("*",))}, versions=[(1_000, raw)])
    answer = by_rules(engine, asked, None, 2.0, KOREAN)
    assert "가장 가까운 규칙은 both(@daon AND @mireu)입니다: @daon이(가) 없습니다 (나온 것: @mireu)." in answer.sentence
    assert answer.notes == ["@daon: ‘다온시리즈가’(첫 문단)은(는) 세지 않습니다: 뒤에 붙은 말 때문에 다른 낱말입니다"]


def test_times_are_those_of_the_subscription() -> None:
    at_ms = 1_795_392_000_000
    assert words_of(found(), "en").at(at_ms) == "2026-11-23 09:00:00 KST"
    london = subscription_record(policy=PolicyModel(timezone="Europe/London"))
    assert words_of(found(subscriptions={"sub1": london}), "ko").at(at_ms) == "2026-11-23 00:00:00 GMT"


def test_a_word_that_is_not_known_is_said_as_it_is() -> None:
    assert KOREAN.term("held", "{new}") == "{new}"
    assert KOREAN.uncounted("new", "{so}") == "new: {so}"
