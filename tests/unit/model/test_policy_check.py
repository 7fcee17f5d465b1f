import pytest

from service.model.errors import BadInput
from service.model.policy import PolicyModel
from service.model.policy_check import checked_policy, faults, quiet_minutes


def said(value: object) -> str:
    with pytest.raises(BadInput) as refused:
        checked_policy(value)
    first, *lines = str(refused.value).splitlines()
    assert "docs/policies.md" in first
    return "\n".join(line.strip() for line in lines)


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        ({"digest": {"top": 3}}, "digest: says when a digest comes, but no mode is given"),
        ({"mode": "first", "digest": {"top": 3}}, "digest: says when a digest comes, but the mode is first"),
        ({"mode": "frequency"}, "mode: frequency needs numbers, e.g."),
        ({"mode": "each", "frequency": {"stories": 2, "window_s": 60}}, "frequency: says how many make it news"),
        ({"mode": "each", "group_wait_s": 30}, "group_wait_s: has no meaning in mode each"),
        ({"mode": "digest", "throttle_s": 60}, "throttle_s: has no meaning in mode digest"),
        ({"mode": "digest", "max_per_hour": 60}, "max_per_hour: has no meaning in mode digest"),
        ({"mode": "frequency", "frequency": {"stories": 2, "window_s": 60}, "renotify": {"headline": True}}, "renotify: has no"),
        ({"filters": {"tier_at_most": 1}, "tiers": {"2": ["한빛일보"]}}, "filters.tier_at_most: nothing would pass: no source is of tier 1"),
        ({"renotify": {"tier": True}}, "renotify.tier: no source is of tier 1 or 2"),
        ({"tiers": {"1": ["한빛일보"], "2": ["한빛일보"]}}, "tiers.2: 한빛일보 is of tier 1 already"),
        ({"throttle_by": "rule"}, "throttle_by: says what throttle_s counts by"),
        ({"group_wait_s": 60, "time_to_live_s": 60}, "group_wait_s: is not below time_to_live_s (60)"),
        ({"quiet": [{"from": "09:00", "to": "09:00"}]}, "quiet.0.to: is the same as from (09:00)"),
        ({"quiet": [{"from": "12:00", "to": "24:00"}, {"from": "00:00", "to": "12:00"}]}, "quiet: leaves no minute of the week"),
        ({"quiet": [{"from": "22:00", "to": "07:00"}], "urgent": ["*"]}, "urgent: lets every rule pass"),
        ({"throttle_s": 60, "urgent": ["*"]}, "urgent: lets every rule pass throttle_s,"),
        ({"max_per_hour": 5, "urgent": ["tag:x", "*"]}, "urgent: lets every rule pass max_per_hour,"),
        ({"urgent": ["entity:harbour"]}, "urgent: names rules and tags"),
        ({"urgent": True}, "urgent: names the rules that pass quiet hours"),
        ({"mode": "digest", "quiet": [{"from": "22:00", "to": "09:01"}]}, "digest.times.0: 09:00 lies in the quiet hours"),
        ({"mode": "digest", "digest": {"times": ["09:00", "09:00"]}}, "digest.times.1: 09:00 stands there twice"),
        ({"mode": "digest", "time_to_live_s": 86400}, "time_to_live_s: what comes right after a digest waits 86400 s"),
        ({"mode": "digest", "digest": {"days": ["mon"]}, "time_to_live_s": 259200}, "waits 604800 s for the next"),
        ({"timezone": "Asia/Seol"}, "timezone: 'Asia/Seol' is no time zone; write a name such as Asia/Seoul"),
        ({"timezone": "../etc/passwd"}, "timezone: '../etc/passwd' is no time zone"),
        ({"mod": "each"}, "mod: there is no such field; did you mean mode?"),
        ({"digest": {"tims": []}}, "digest.tims: there is no such field; did you mean times?"),
        ({"quiet": [{"from": "24:00", "to": "07:00"}]}, "quiet.0.from: '24:00' is the end of a day"),
        ({"quiet": [{"from": "22:00", "to": "7:00"}]}, "quiet.0.to: '7:00' is no time of day such as 09:00"),
        ({"quiet": [{"from": "22:00"}]}, "quiet.0.to: is missing; write it"),
        ({"quiet": [{"from": "22:00", "to": "07:00", "days": []}]}, "quiet.0.days: a day is needed"),
        ({"mode": "digest", "digest": {"times": "09:00"}}, "digest.times: must be a list"),
        ({"digest": 3}, "digest: must be fields of its own"),
        ({"urgent": 3}, "urgent: must be true, false, or a list of rules"),
        (["each"], "policy: must be fields of its own"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused_with_what_to_do(policy: object, says: str) -> None:
    assert says in said(policy)


@pytest.mark.parametrize(
    "policy",
    [
        {},
        {"mode": "digest"},
        {"mode": "digest", "digest": {"times": ["09:00", "21:00"]}, "time_to_live_s": 43201},
        {"mode": "digest", "digest": {"times": ["09:00", "18:00"], "days": ["월", "금요일"], "top": 5, "empty": True}},
        {"mode": "digest", "quiet": [{"from": "22:00", "to": "09:00"}]},
        {"mode": "digest", "digest": {"days": ["sat"]}, "quiet": [{"from": "08:00", "to": "10:00", "days": ["sun"]}]},
        {"mode": "frequency", "frequency": {"stories": 5, "window_s": 3600}, "throttle_s": 60},
        {"mode": "update", "group_wait_s": 30, "group_interval_s": 600, "renotify": {"sources_step": 5}},
        {"filters": {"tier_at_most": 2}, "tiers": {"1": ["한빛일보"]}},
        {"quiet": [{"from": "00:00", "to": "24:00", "days": ["sun"]}], "urgent": ["tag:disaster"]},
        {"mode": "each", "group_wait_s": 0, "renotify": {"tier": False}, "max_per_hour": 0},
    ],
)
def test_what_can_be_meant_is_kept_as_it_was_written(policy: dict[str, object]) -> None:
    model = checked_policy(policy)
    assert checked_policy(model.written()) == model
    assert PolicyModel.read(model.written()) == model


@pytest.mark.parametrize(
    ("zone", "time", "days", "says"),
    [
        ("Europe/Berlin", "02:30", None, "on 2026-03-29, when the clock jumps from 02:00 to 03:00; choose 03:00, or a time before 02:00"),
        ("America/New_York", "02:00", None, "on 2026-03-08, when the clock jumps from 02:00 to 03:00"),
        ("Africa/Cairo", "00:15", ["fri"], "on 2026-04-24, when the clock jumps from 00:00 to 01:00"),
        ("Australia/Lord_Howe", "02:15", None, "on 2026-10-04, when the clock jumps from 02:00 to 02:30; choose 02:30"),
    ],
)  # fmt: skip
def test_a_digest_time_that_a_day_does_not_have_is_refused(
    zone: str, time: str, days: list[str] | None, says: str
) -> None:
    digest = {"times": [time]} | ({"days": days} if days else {})
    message = said({"mode": "digest", "timezone": zone, "digest": digest})
    assert message.startswith(f"digest.times.0: {time} does not exist in {zone} ")
    assert says in message


@pytest.mark.parametrize(
    ("zone", "time", "days"),
    [("Europe/Berlin", "03:00", None), ("Europe/Berlin", "01:59", None), ("Europe/Berlin", "02:30", ["mon"]), ("Asia/Seoul", "02:30", None)],
)  # fmt: skip
def test_a_time_that_every_one_of_its_days_has_is_kept(zone: str, time: str, days: list[str] | None) -> None:
    checked_policy({"mode": "digest", "timezone": zone, "digest": {"times": [time]} | ({"days": days} if days else {})})


def test_a_rule_speaks_for_itself_alone() -> None:
    assert not list(faults(PolicyModel(urgent=True), "rule"))
    (fault,) = faults(PolicyModel(urgent=("seoul-*",)), "rule")
    assert str(fault) == "urgent: must be true or false in the policy of a rule, which speaks for itself alone"
    # which sources are of which tier is for the subscription to say
    assert not list(faults(PolicyModel.model_validate({"filters": {"tier_at_most": 1}}), "rule"))


def test_quiet_minutes_run_over_midnight_and_over_the_end_of_the_week() -> None:
    policy = PolicyModel.model_validate({"quiet": [{"from": "23:00", "to": "01:00", "days": ["sun"]}]})
    assert quiet_minutes(policy) == frozenset([*range(60), *range(7 * 1440 - 60, 7 * 1440)])
