"""What `bongsu why` says where no rule fired: as of when the article came, not as of now."""

import pytest

from service.actions.why_found import Found
from service.actions.why_rules import by_rules
from service.matching.engine import Engine
from service.matching.expiry import expires_s
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel, RuleModel
from tests.builders import subscription_record

LAST_DAY = "2026-03-31"
END_S = expires_s(LAST_DAY)
HARBOUR = '{"id": "a1", "text": "나루시에 새 등대가 섰다."}'.encode()


def engine_of(*rules: RuleModel) -> Engine:
    models: list[EntityModel | RuleModel] = [EntityModel(id="harbour", name="나루시", kind="place")]
    models += [EntityModel(id="hill", name="가람산", kind="place"), *rules]
    return Engine(RuleSet.build((model, lambda _path, _offset: ("rules", 1, 1)) for model in models))


ENDED = RuleModel(id="ended", when="@harbour", expires=LAST_DAY)
OTHER = RuleModel(id="other", when="@harbour AND @hill")


def ask(*rules: RuleModel, came_s: float, now_s: float, raw: bytes | None = HARBOUR) -> tuple[str, str]:
    found = Found("a1", "sub1", 0, {"sub1": subscription_record(rules=("*",))}, versions=[(int(came_s * 1000), raw)])
    answer = by_rules(engine_of(*rules), found, None, now_s)
    return answer.answer, answer.sentence


def test_a_rule_that_expired_before_the_article_came_would_not_fire() -> None:
    answer, sentence = ask(ENDED, OTHER, came_s=END_S, now_s=END_S + 60)
    assert answer == "no_rule"
    assert "Expired by then: ended (2026-03-31)" in sentence
    assert "would now" not in sentence


@pytest.mark.parametrize(("now_s", "advice"), [(END_S - 1, "Publish it again"), (END_S, "tells nobody")])
def test_a_rule_that_was_in_force_when_it_came(now_s: float, advice: str) -> None:
    answer, sentence = ask(ENDED, came_s=END_S - 60, now_s=now_s)
    assert (answer, advice in sentence) == ("rules_changed", True)
    assert "ended would now" in sentence


def test_the_nearest_rule_is_one_that_was_in_force() -> None:
    expired = RuleModel(id="hill-ended", when="@hill", expires=LAST_DAY)
    answer, sentence = ask(expired, OTHER, came_s=END_S, now_s=END_S)
    assert answer == "no_rule"
    assert "None of the 1 rules" in sentence
    assert "Nearest was other" in sentence
    assert "Expired by then: hill-ended" in ask(expired, came_s=END_S, now_s=END_S)[1]


def test_what_was_taken_down_has_no_text_to_ask_about() -> None:
    assert "was taken down" in ask(ENDED, came_s=END_S, now_s=END_S, raw=None)[1]
