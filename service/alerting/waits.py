"""Only when: what keeps back an alert that is to be told, for how long, and the name of the hold that it waits in."""

from service.alerting.calendar import quiet_until_ms
from service.alerting.group_state import Pending, RuleState, Summary, frequency_of
from service.alerting.modes.answers import Keep
from service.alerting.policy import Policy
from service.alerting.silence import Silence

WAITS = {"": "group_interval", "quiet": "quiet_hours", "throttle": "throttle", "cap": "cap"}
"""What a decision says of who waits in a hold, by the first word of its name."""


def quiet_wait(policy: Policy, now_ms: int) -> Keep | None:
    """Until the quiet hours are over. What is urgent does not wait for that."""
    until_ms = None if policy.urgent else quiet_until_ms(policy, now_ms)
    return None if until_ms is None else Keep(f"quiet/{until_ms}", until_ms, "quiet_hours")


def own_wait(rule: RuleState, policy: Policy, now_ms: int) -> Keep | None:
    """A story's wait for its copies, and between two messages about it: in its own group, in no hold."""
    if rule.told is None:
        reason, until_ms = "group_wait", now_ms + (0 if policy.urgent else policy.group_wait_ms)
    else:
        reason, until_ms = "group_interval", rule.told.told_ms + policy.group_interval_ms
    return Keep("", until_ms, reason) if until_ms > now_ms else None


def enough(summary: Summary, rule_id: str, policy: Policy, now_ms: int) -> Keep | None:
    """Throttle and cap. What is urgent counts for both, and waits for neither."""
    if policy.urgent:
        return None
    name = throttle_of(policy, rule_id)
    ends_ms = summary.throttles.get(name, 0) if policy.throttle_ms else 0
    if ends_ms > now_ms:
        return Keep(f"throttle/{name}/{ends_ms}", ends_ms, "throttle")
    if policy.max_per_hour is not None and summary.count(now_ms) >= policy.max_per_hour:
        until_ms = (max(now_ms // 3_600_000, summary.hour) + 1) * 3_600_000
        return Keep(f"cap/{until_ms}", until_ms, "cap")
    return None


def throttle_of(policy: Policy, rule_id: str) -> str:
    """The name of the throttle that a rule is under."""
    return "*" if policy.throttle_by == "subscription" else rule_id


def throttles_from(policy: Policy, rule_id: str, now_ms: int) -> dict[str, int]:
    """The throttle that begins when a rule is told."""
    return {throttle_of(policy, rule_id): now_ms + policy.throttle_ms} if policy.throttle_ms else {}


def until_end_of(silence: Silence, hold: str = "") -> Keep:
    """The wait for the end of a silence of what would wait in `hold`, or waited there.

    What needs company to be told (mode `frequency`) needs it then as well: it waits apart, with its numbers.
    """
    frequency = frequency_of(hold)
    return Keep(f"silence/{silence.id}" + (f"/{frequency}" if frequency else ""), silence.ends_ms, "silenced")


def stays(lead: Pending, keep: Keep) -> bool:
    """Whether what waits goes on as it does when a copy comes that `keep` would keep.

    Who waits for copies does so for as long as was said at first, though a clock or a policy were changed. Who waited
    for them and was held then does not wait for copies again: another minute could miss the digest. And whom a silence
    hides counts for no frequency: a copy that it does not hide does.
    """
    kind = lead.hold.partition("/")[0]
    if kind == "silence" and keep.hold.startswith("frequency/"):
        return False
    return keep.until_ms >= lead.until_ms or (not keep.hold and kind in {"", "quiet", "throttle", "cap"})
