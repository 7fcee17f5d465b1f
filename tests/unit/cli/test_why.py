"""What `bongsu why` says of decisions that a short run cannot make, and of the rule that was nearest."""

from typing import Any

import pytest

from service.actions.why_answer import answer_of
from service.actions.why_english import TERMS
from service.actions.why_found import Found
from service.actions.why_nearest import nearest, watched_by
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.model.article import Article
from service.model.errors import BadInput
from tests.builders import (
    alert_record,
    attempt_record,
    decision_record,
    match_record,
    subscription_record,
)


def found(*decisions: dict[str, Any], **more: Any) -> Found:
    alert = alert_record()
    made = Found(
        "a1",
        "sub1",
        0,
        {"sub1": subscription_record()},
        versions=[(1_000, b'{"id": "a1", "text": "t"}')],
        matches=[match_record()],
    )
    made.alerts = {alert.alert_id: alert}
    made.decisions = {alert.alert_id: [decision_record(alert.alert_id, **one) for one in decisions]}
    for name, value in more.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize("reason", sorted(TERMS["held"]))
def test_what_is_held_says_for_what_and_until_when(reason: str) -> None:
    answer = answer_of(found({"decision": "held", "reason": reason, "delivery": None, "until_ms": 1_795_392_000_000}))
    assert answer is not None
    assert answer.answer == "held"
    assert TERMS["held"][reason] in answer.sentence
    assert "2026-11-23" in answer.sentence or "2026-11-22" in answer.sentence


@pytest.mark.parametrize("reason", sorted(TERMS["suppressed"]))
def test_what_is_suppressed_says_why(reason: str) -> None:
    answer = answer_of(found({"decision": "suppressed", "reason": reason, "delivery": None, "by": "narrow"}))
    assert answer is not None
    assert answer.answer == "suppressed"
    assert TERMS["suppressed"][reason].format(by="narrow") in answer.sentence


def test_the_last_decision_holds_and_those_before_are_told_too() -> None:
    answer = answer_of(
        found(
            {"decision": "held", "reason": "throttle", "delivery": None}, {"decision": "notified", "reason": "throttle"}
        )
    )
    assert answer is not None
    assert answer.answer == "notified"
    assert [one["decision"] for one in answer.lines[0].more["history"]] == ["held", "notified"]


@pytest.mark.parametrize(
    ("attempts", "says"),
    [
        ([], "It was not sent yet"),
        ([{"outcome": "retry", "terminal": False, "status": 503, "number": 1, "next_due_ms": 9_000}], "Not delivered yet: 1 attempt,"),
        ([{"outcome": "given_up", "terminal": True, "status": 404, "number": 1}], "It was not delivered (given_up)"),
        (
            [{"outcome": "retry", "terminal": False, "status": 500, "number": 1}, {"outcome": "delivered", "number": 2}],
            "attempt 2, status",
        ),
    ],
)  # fmt: skip
def test_what_became_of_the_webhook(attempts: list[dict[str, Any]], says: str) -> None:
    made = [attempt_record("msg_1", **one) for one in attempts]
    answer = answer_of(found({"decision": "notified", "reason": "first"}, attempts={"msg_1": made}))
    assert answer is not None
    assert says in answer.sentence


def test_what_has_no_decision_yet_and_what_has_no_alert() -> None:
    undecided = answer_of(found())
    assert undecided is not None
    assert undecided.answer == "undecided"
    unread = answer_of(found(alerts={}))
    assert unread is not None
    assert unread.answer == "not_addressed"
    assert "has not come to it yet" in unread.sentence


def test_nothing_fired_is_for_the_rules_to_explain() -> None:
    assert answer_of(found(alerts={}, matches=[])) is None


def test_what_cannot_be_read_is_told_apart_from_what_never_came() -> None:
    nothing: dict[str, Any] = {"alerts": {}, "matches": []}
    broken = answer_of(found(versions=[(1, b"{")], **nothing))
    assert broken is not None
    assert broken.answer == "unreadable"
    assert "not JSON" in broken.sentence
    lost = answer_of(found(versions=[], dead_letters=["text: must be text, not int"], **nothing))
    assert lost is not None
    assert (lost.answer, "must be text" in lost.sentence) == ("unreadable", True)
    gone = answer_of(found(versions=[], **nothing))
    assert gone is not None
    assert gone.answer == "no_article"


ENTITIES = {"daon": "다온시", "mireu": "미르군", "hanbyeol": "한별구"}
RULES = {
    "three": "@daon AND @mireu AND @hanbyeol",
    "two": "@daon AND @mireu",
    "either": '(@mireu AND @hanbyeol) OR (@daon AND NOT "관광")',
    "literal": '@daon AND "공청회"',
    "choice": '@daon AND ("폭우" OR "홍수")',
    "cities": '"우박이 @daon" OR @mireu OR @hanbyeol OR "가뭄" OR "산불" OR "태풍"',
}  # fmt: skip


@pytest.fixture(scope="module")
def engine() -> Engine:
    models: list[EntityModel | RuleModel] = []
    models += [EntityModel(id=name, name=text, kind="place") for name, text in ENTITIES.items()]
    models += [RuleModel(id=name, when=when) for name, when in RULES.items()]
    return Engine(RuleSet.build((model, lambda _path, _offset: ("rules", 1, 1)) for model in models))


@pytest.mark.parametrize(
    ("text", "rules", "name", "missing", "unwanted"),
    [
        ("다온시에 눈이 왔다.", ("three", "two"), "two", ("@mireu",), ()),
        ("미르군에 비가 왔다.", ("three", "two"), "two", ("@daon",), ()),
        ("미르군과 한별구에 비가 왔다.", ("three", "two"), "three", ("@daon",), ()),
        ("다온시 관광 안내", ("either",), "either", (), ('"관광"',)),
        ("다온시 주민이 모였다.", ("literal", "three"), "literal", ('"공청회"',), ()),
        ("아무 데도 아니다.", ("literal",), "literal", ("@daon", '"공청회"'), ()),
        ("다온시에 눈이 왔다.", ("choice",), "choice", ('"폭우" OR "홍수"',), ()),
        ("다온시에 홍수가 났다.", ("choice", "three"), "choice", (), ()),
        ("맑다.", ("cities",), "cities", ('"우박이 @daon" OR @mireu OR @hanbyeol OR "가뭄" OR "산불" OR … (+1)',), ()),
    ],
)
def test_the_nearest_rule_lacks_least(engine, text, rules, name, missing, unwanted) -> None:
    asked = [rule for rule in engine.ruleset.rules if rule.id in rules]
    got = nearest(engine, Article("a", text=text), asked)
    assert got is not None
    assert (got.rule.id, got.missing, got.unwanted) == (name, missing, unwanted)


def test_where_a_missing_name_stands_all_the_same_it_is_said_why_it_does_not_count(engine) -> None:
    asked = [rule for rule in engine.ruleset.rules if rule.id == "two"]
    got = nearest(engine, Article("a", text="다온시리즈가 미르군에서 팔렸다."), asked)
    assert got is not None
    assert got.missing == ("@daon",)
    assert got.present == ("@mireu",)
    assert any("다온시리즈" in note and "does not count" in note for note in got.nearly)


def test_of_names_of_which_one_was_enough_it_is_said_too_why_they_do_not_count(engine) -> None:
    asked = [rule for rule in engine.ruleset.rules if rule.id == "cities"]
    got = nearest(engine, Article("a", text="한별구리와 미르군밤이 팔렸다."), asked)
    assert got is not None
    assert [note.partition(" ")[0] for note in got.nearly] == ["@mireu", "@hanbyeol"]


def test_which_rules_are_watched(engine) -> None:
    assert {rule.id for rule in watched_by(engine.ruleset.rules, ("t*",))} == {"two", "three"}
    assert {rule.id for rule in watched_by(engine.ruleset.rules, ("entity:hanbyeol",))} == {"three", "either", "cities"}
    assert watched_by(engine.ruleset.rules, ("none",)) == []


@pytest.mark.parametrize(
    ("known", "hint"),
    [({"newsroom": subscription_record()}, "did you mean newsroom"), ({}, "`bongsu subscriptions list` shows them")],
)
def test_a_subscription_that_does_not_exist_is_an_error(known: dict[str, Any], hint: str) -> None:
    with pytest.raises(BadInput, match=f"there is no subscription newsrom; {hint}") as refused:
        answer_of(Found("a1", "newsrom", 0, known))
    assert refused.value.exit_code == 2
