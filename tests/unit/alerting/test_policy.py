from typing import Any

import pytest

from service.alerting.policy import Digest, Frequency, Policy, Quiet, resolve
from service.model.policy import PolicyModel
from service.model.records import ArticleHead, RuleHead
from tests.builders import alert_record, evidence


def resolved(own: dict[str, Any] | None, default: dict[str, Any] | None = None, **rule: Any) -> Policy:
    written = None if own is None else PolicyModel.model_validate(own)
    return resolve(written, RuleHead(id="harbour", name="나루시", policy=default, **rule))


def test_nothing_said_is_what_is_built_in() -> None:
    assert resolved(None) == resolved({}) == resolve(None, None) == Policy()


@pytest.mark.parametrize(
    ("own", "default", "field", "value"),
    [
        ({"mode": "each"}, {"mode": "digest"}, "mode", "each"),
        ({}, {"mode": "digest"}, "mode", "digest"),
        ({"throttle_s": 0}, {"throttle_s": 5}, "throttle_ms", 0),
        ({"throttle_s": 1.5}, {}, "throttle_ms", 1500),
        ({"max_per_hour": 0}, {"max_per_hour": 5}, "max_per_hour", None),
        ({}, {"max_per_hour": 5}, "max_per_hour", 5),
        ({"quiet": []}, {"quiet": [{"from": "22:00", "to": "07:00"}]}, "quiet", ()),
        ({"inhibit": False}, {"inhibit": True}, "inhibit", False),
        ({"filters": {"lang": ["en"]}}, {"filters": {"lang": ["ko"], "section": ["사회"]}}, "langs", ("en",)),
        ({"filters": {"lang": ["en"]}}, {"filters": {"lang": ["ko"], "section": ["사회"]}}, "sections", ("사회",)),
        ({"filters": {"lang": []}}, {"filters": {"lang": ["ko"]}}, "langs", ()),
        ({"mode": "digest", "digest": {"top": 3}}, {"mode": "digest", "digest": {"times": ["18:00"]}}, "digest", Digest((1080,), top=3)),
        ({"time_to_live_s": 60}, {}, "time_to_live_ms", 60_000),
        ({"timezone": "Europe/Berlin"}, {"timezone": "Asia/Tokyo"}, "timezone", "Europe/Berlin"),
    ],
)  # fmt: skip
def test_the_subscription_goes_before_the_rule(
    own: dict[str, Any], default: dict[str, Any], field: str, value: object
) -> None:
    assert getattr(resolved(own, default), field) == value


def test_what_has_no_meaning_in_its_mode_is_off_whoever_said_it() -> None:
    waits = {"group_wait_s": 5, "renotify": {"sources_step": 3, "headline": True}, "throttle_s": 9, "max_per_hour": 2}
    told = resolved({"mode": "first"}, waits)
    assert (told.group_wait_ms, told.sources_step, told.on_headline, told.throttle_ms) == (5000, 3, True, 9000)
    each = resolved({"mode": "each"}, waits)
    assert (each.group_wait_ms, each.sources_step, each.on_headline, each.throttle_ms) == (0, None, False, 9000)
    digest = resolved({"mode": "digest"}, waits)
    assert (digest.group_wait_ms, digest.throttle_ms, digest.max_per_hour) == (0, 0, None)
    assert (
        resolved({"mode": "first"}, {"mode": "frequency", "frequency": {"stories": 2, "window_s": 1}}).frequency is None
    )


def test_a_rule_of_a_newer_bongsu_stops_nobody() -> None:
    default = {"mode": "spread", "throttle_s": 5}
    assert resolved({"max_per_hour": 3}, default) == Policy(max_per_hour=3), "its policy counts for nothing"
    assert resolved({}, {"throttle_s": 5, "spread": {"n": 2}}) == Policy(throttle_ms=5000), "a new field is passed over"
    assert resolve(PolicyModel(mode="frequency"), None).mode == "first"


def test_quiet_hours_and_frequency_in_numbers() -> None:
    policy = resolved(
        {"quiet": [{"from": "22:00", "to": "07:00", "days": ["mon", "일"]}, {"from": "12:00", "to": "24:00"}]}
    )
    assert policy.quiet == (Quiet(1320, 1860, frozenset({0, 6})), Quiet(720, 1440))
    frequency = resolved({"mode": "frequency", "frequency": {"stories": 4, "window_s": 90}}).frequency
    assert frequency == Frequency(4, 90_000)


@pytest.mark.parametrize(
    ("own", "default", "urgent"),
    [
        (None, None, False),
        (None, True, True),
        (False, True, False),
        (["tag:disaster"], None, True),
        (["tag:budget"], True, False),
        (["harb*"], None, True),
        (["hill"], False, False),
    ],
)
def test_who_passes_quiet_hours(own: object, default: object, urgent: bool) -> None:
    said = {} if own is None else {"urgent": own}
    rule = None if default is None else {"urgent": default}
    assert resolved(said, rule, tags=("disaster",)).urgent is urgent


@pytest.mark.parametrize(
    ("policy", "article", "confidences", "by"),
    [
        ({"filters": {"source": ["한빛*"]}}, {"source": "한빛일보"}, (1.0,), None),
        ({"filters": {"source": ["한빛*"]}}, {"source": "가람신문"}, (1.0,), "source"),
        ({"filters": {"source": ["한빛*"]}}, {}, (1.0,), "source"),
        ({"filters": {"source": ["*"]}}, {}, (1.0,), None),
        ({"filters": {"lang": ["ko"]}}, {"lang": "en"}, (1.0,), "lang"),
        ({"filters": {"section": ["사회", "정치"]}}, {"section": "스포츠"}, (1.0,), "section"),
        ({"filters": {"tier_at_most": 1}, "tiers": {"1": ["한빛*"], "2": ["*"]}}, {"source": "한빛일보"}, (1.0,), None),
        (
            {"filters": {"tier_at_most": 1}, "tiers": {"1": ["한빛*"], "2": ["*"]}},
            {"source": "가람신문"},
            (1.0,),
            "tier",
        ),
        ({"filters": {"tier_at_most": 3}}, {"source": "가람신문"}, (1.0,), None),
        ({"filters": {"confidence_at_least": 0.8}}, {}, (0.5, 0.8), None),
        ({"filters": {"confidence_at_least": 0.8}}, {}, (0.5, 0.7), "confidence"),
        ({"filters": {"confidence_at_least": 0.8}}, {}, (), None),
    ],
)
def test_the_filter_that_leaves_it_out_is_named(
    policy: dict[str, Any], article: dict[str, str], confidences: tuple[float, ...], by: str | None
) -> None:
    alert = alert_record().model_copy(
        update={
            "article": ArticleHead(id="a1", **article),
            "mentions": tuple(evidence(confidence=confidence) for confidence in confidences),
        }
    )
    assert resolved(policy).refused_by(alert) == by


def test_tiers() -> None:
    policy = resolved({"tiers": {"2": ["*신문"], "1": ["한빛*"]}})
    assert [policy.tier_of(source) for source in ("한빛신문", "가람신문", "다솜뉴스", None)] == [1, 2, 3, 3]
