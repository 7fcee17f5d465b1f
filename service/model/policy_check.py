"""What cannot be meant in a policy, said where it is written: a subscription's own, or a rule's default.

A policy that lies on a topic is not asked again: a time zone that changes its law must not take a subscription away.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from service.model.errors import BadInput
from service.model.local_time import exists, first_ms, local_of, wall_time
from service.model.policy import (
    DAYS,
    DigestModel,
    FiltersModel,
    FrequencyModel,
    PolicyModel,
    QuietModel,
    RenotifyModel,
    minute_of,
    zone_of,
)

Of = Literal["subscription", "rule"]
Path = tuple[str | int, ...]
YEARS = (2026, 2038)
"""In which days are looked for on which a time does not exist. Fixed, since whether rules load must not depend on the
day; and before 2038, up to where time zones are tabled."""
MAX_RULE_POLICY = 1_000
_DAY = 1440
_WEEK = 7 * _DAY
_PARTS: tuple[type[BaseModel], ...] = (
    PolicyModel, FiltersModel, RenotifyModel, QuietModel, DigestModel, FrequencyModel,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that cannot be meant, and where in the policy it stands."""

    path: Path
    message: str

    def __str__(self) -> str:
        return f"{'.'.join(map(str, self.path)) or 'policy'}: {self.message}"


def checked_policy(value: Any) -> PolicyModel:
    """The policy of a subscription, from what a person wrote.

    Raises:
        BadInput: every fault of it, a line each.
    """
    try:
        policy = PolicyModel.model_validate(value)
    except ValidationError as error:
        found = faults_found(error)
    else:
        found = list(faults(policy, "subscription"))
        if not found:
            return policy
    raise BadInput("this policy cannot be kept (docs/policies.md):\n" + "\n".join(f"  {fault}" for fault in found))


def faults_found(error: ValidationError) -> list[Fault]:
    """What pydantic found; that a list is too short once its wrong items are left out is no fault of its own."""
    found = error.errors(include_url=False)
    within = {tuple(one["loc"])[:-1] for one in found}
    return [
        Fault(tuple(one["loc"]), in_words(one))
        for one in found
        if one["type"] != "too_short" or tuple(one["loc"]) not in within
    ]


def in_words(found: Any) -> str:
    """What pydantic found, for who wrote it."""
    kind = found["type"]
    if kind == "extra_forbidden":
        known = {field.alias or name for part in _PARTS for name, field in part.model_fields.items()}
        near = difflib.get_close_matches(str(found["loc"][-1]), sorted(known), 1)
        return "there is no such field" + (f"; did you mean {near[0]}?" if near else "; docs/policies.md has the list")
    if kind == "missing":
        return "is missing; write it"
    if kind in {"model_type", "dict_type", "tuple_type"}:
        wanted = "a list, e.g. [a, b]" if kind == "tuple_type" else "fields of its own, e.g. {top: 5}"
        return f"must be {wanted}"
    if kind == "string_type":
        return f'must be text; put it in quotation marks: "{found.get("input")}"'
    return str(found["msg"]).removeprefix("Value error, ")


def faults(policy: PolicyModel, of: Of) -> Iterator[Fault]:
    """Everything that contradicts itself, in the order of the fields."""
    yield from _mode(policy)
    yield from _tiers(policy, of)
    yield from _waits(policy)
    yield from _quiet(policy)
    yield from _urgent(policy, of)
    yield from _digest(policy)
    if of == "rule" and len(policy.model_dump_json(exclude_none=True)) > MAX_RULE_POLICY:
        message = f"is longer than {MAX_RULE_POLICY} characters, and goes with every alert; keep lists in subscriptions"
        yield Fault((), message)


def _mode(policy: PolicyModel) -> Iterator[Fault]:
    mode = policy.mode
    if policy.digest is not None and mode != "digest":
        yield Fault(("digest",), f"says when a digest comes, but {_mode_is(policy)}; add mode: digest, or leave it out")
    if policy.frequency is not None and mode != "frequency":
        message = f"says how many make it news, but {_mode_is(policy)}; add mode: frequency, or leave it out"
        yield Fault(("frequency",), message)
    if mode == "frequency" and policy.frequency is None:
        yield Fault(("mode",), "frequency needs numbers, e.g. frequency: {stories: 5, window_s: 3600}")
    if mode not in ("each", "digest", "frequency"):
        return
    why = {
        "each": "every article is told as it comes",
        "digest": "everything waits for the next digest",
        "frequency": "stories wait until they are enough",
    }[mode]
    renotify = policy.renotify
    useless = {
        "group_wait_s": policy.group_wait_s,
        "group_interval_s": policy.group_interval_s,
        "renotify": renotify is not None and (renotify.sources_step or renotify.tier or renotify.headline),
    }
    if mode == "digest":
        useless |= {"throttle_s": policy.throttle_s, "max_per_hour": policy.max_per_hour}
    for name, value in useless.items():
        if value:
            yield Fault((name,), f"has no meaning in mode {mode}, where {why}; leave it out, or choose another mode")


def _mode_is(policy: PolicyModel) -> str:
    return "no mode is given" if policy.mode is None else f"the mode is {policy.mode}"


def _tiers(policy: PolicyModel, of: Of) -> Iterator[Fault]:
    tiers = policy.tiers or {}
    for source in tiers.get("1", ()):
        if source in tiers.get("2", ()):
            yield Fault(("tiers", "2"), f"{source} is of tier 1 already; name it once")
    if of == "rule":
        return  # which sources are of which tier is for the subscription to say
    most = policy.filters.tier_at_most if policy.filters else None
    if most is not None and most < 3 and not any(sources for tier, sources in tiers.items() if int(tier) <= most):
        yield Fault(
            ("filters", "tier_at_most"),
            f"nothing would pass: no source is of tier {most} or better; name some, e.g. tiers: {{'1': [한빛일보]}}",
        )
    if policy.renotify and policy.renotify.tier and not any(tiers.values()):
        yield Fault(("renotify", "tier"), "no source is of tier 1 or 2; name some, e.g. tiers: {'1': [한빛일보]}")


def _waits(policy: PolicyModel) -> Iterator[Fault]:
    if policy.throttle_by is not None and not policy.throttle_s:
        yield Fault(("throttle_by",), "says what throttle_s counts by; give throttle_s too")
    lives_s = policy.time_to_live_s
    for name in ("group_wait_s", "throttle_s"):
        waits_s = getattr(policy, name)
        if lives_s is not None and waits_s is not None and waits_s >= lives_s:
            yield Fault((name,), f"is not below time_to_live_s ({lives_s:g}): what waits so long is never told")


def _quiet(policy: PolicyModel) -> Iterator[Fault]:
    for at, span in enumerate(policy.quiet or ()):
        if span.from_ == span.to:
            message = f"is the same as from ({span.to}); for a whole day write from: '00:00', to: '24:00'"
            yield Fault(("quiet", at, "to"), message)
            return
    if len(quiet_minutes(policy)) == _WEEK:
        yield Fault(("quiet",), "leaves no minute of the week in which anything is told; leave some")


def quiet_minutes(policy: PolicyModel) -> frozenset[int]:
    """The minutes of a week from Monday 00:00 in which it is quiet."""
    found: set[int] = set()
    for span in policy.quiet or ():
        since, until = minute_of(span.from_), minute_of(span.to)
        length = (until - since) % _DAY or _DAY
        for day in span.days or DAYS:
            start = DAYS.index(day) * _DAY + since
            found.update(minute % _WEEK for minute in range(start, start + length))
    return frozenset(found)


def _urgent(policy: PolicyModel, of: Of) -> Iterator[Fault]:
    if of == "rule":
        if isinstance(policy.urgent, tuple):
            yield Fault(("urgent",), "must be true or false in the policy of a rule, which speaks for itself alone")
    elif isinstance(policy.urgent, tuple) and any(text.startswith("entity:") for text in policy.urgent):
        yield Fault(("urgent",), "names rules and tags, e.g. [seoul-*, 'tag:disaster'], and no entities")
    elif (policy.urgent is True or (isinstance(policy.urgent, tuple) and "*" in policy.urgent)) and (
        passed := _passed_by_the_urgent(policy)
    ):
        yield Fault(("urgent",), f"lets every rule pass {passed}, which then hold nothing; name some rules")
    elif policy.urgent is True:
        yield Fault(("urgent",), "names the rules that pass quiet hours, e.g. [seoul-*, 'tag:disaster'], or is false")


def _passed_by_the_urgent(policy: PolicyModel) -> str:
    """The waits of a policy that an urgent rule does not keep."""
    waits = (
        ("the quiet hours", policy.quiet),
        ("throttle_s", policy.throttle_s),
        ("max_per_hour", policy.max_per_hour),
    )
    return ", ".join(name for name, value in waits if value)


def _digest(policy: PolicyModel) -> Iterator[Fault]:
    digest = policy.digest
    if policy.mode != "digest":
        return
    times = (digest.times if digest else None) or ("09:00",)
    days = (digest.days if digest else None) or DAYS
    quiet = quiet_minutes(policy)
    minutes = sorted({DAYS.index(day) * _DAY + minute_of(time) for day in days for time in times})
    gap_s = 60 * max(later - earlier for earlier, later in pairwise([*minutes, minutes[0] + _WEEK]))
    if policy.time_to_live_s is not None and policy.time_to_live_s <= gap_s:
        message = f"what comes right after a digest waits {gap_s} s for the next, and would be too old; give it more"
        yield Fault(("time_to_live_s",), message)
    zone = policy.timezone or "Asia/Seoul"
    for at, time in enumerate(times):
        path = ("digest", "times", at)
        minute = minute_of(time)
        if time in times[:at]:
            yield Fault(path, f"{time} stands there twice; write it once")
        if any(DAYS.index(day) * _DAY + minute in quiet for day in days):
            yield Fault(path, f"{time} lies in the quiet hours; choose a time outside of them")
        missing = next((day for day in _days_without(zone, minute) if DAYS[day.weekday()] in days), None)
        if missing is not None:
            since, until = _jump(zone, wall_time(missing, minute))
            yield Fault(
                path,
                f"{time} does not exist in {zone} on {missing}, when the clock jumps from {since} to {until}; "
                f"choose {until}, or a time before {since}",
            )


@lru_cache(maxsize=1_000)
def _days_without(zone: str, minute: int) -> tuple[date, ...]:
    """The days of YEARS on which the wall clock never shows a minute."""
    first = date(YEARS[0], 1, 1)
    days = (first + timedelta(days=n) for n in range((date(YEARS[1], 1, 1) - first).days))
    return tuple(day for day in days if not exists(zone_of(zone), wall_time(day, minute)))


def _jump(name: str, missing: datetime) -> tuple[str, str]:
    """What the wall clock would have shown when it jumped, and what it showed instead."""
    zone = zone_of(name)
    at_ms = first_ms(zone, missing)
    before = local_of(zone, at_ms - 60_000) + timedelta(minutes=1)
    return f"{before:%H:%M}", f"{local_of(zone, at_ms):%H:%M}"
