"""Who is told of a simulated day, and what people do meanwhile: subscriptions in all modes, silences, an outage."""

from dataclasses import dataclass
from typing import Any

from service.bench.days import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, TIERS, Day, story_id
from service.model.control_records import SilenceMatchers, SilenceRecord
from service.simulation.day import SubscriptionLine
from service.simulation.events import Event, Lifted, Outage, Silenced, Subscribed, Unsubscribed

PROFILES: dict[str, dict[str, Any]] = {
    "each": {"mode": "each"},
    "each-throttled": {"mode": "each", "throttle_s": 1800},
    "first": {},
    "first-chat": {"mode": "first"},
    "waits": {"group_wait_s": 120},
    "waits-throttled": {"group_wait_s": 60, "throttle_s": 1200, "throttle_by": "subscription"},
    "again": {"renotify": {"sources_step": 4, "tier": True, "headline": True}, "tiers": TIERS, "group_interval_s": 600},
    "update": {"mode": "update", "group_interval_s": 900},
    "update-at-once": {"mode": "update", "group_interval_s": 0},
    "digest": {"mode": "digest", "digest": {"times": ["09:00", "18:30"], "top": 5}, "tiers": TIERS},
    "digest-alive": {"mode": "digest", "digest": {"times": ["07:00", "12:00", "23:30"], "empty": True, "top": 50}},
    "frequency": {"mode": "frequency", "frequency": {"stories": 3, "window_s": 2400}},
    "throttled": {"throttle_s": 3600},
    "capped": {"max_per_hour": 2},
    "quiet": {"quiet": [{"from": "19:00", "to": "07:00"}], "urgent": ["hearing-*"]},
    "tier-one": {"filters": {"tier_at_most": 1}, "tiers": TIERS},
    "sections": {"filters": {"section": ["정치", "경*"], "source": ["가상일보 ??[0-4]"]}},
    "narrow-first": {},
    "silenced": {},
    "short-lived": {"time_to_live_s": 600, "mode": "each"},
}
BOTH_RULES = frozenset({"narrow-first", "quiet", "each-throttled", "update", "waits"})
"""Profiles that watch the narrow rule of a place too, of which a broader one need not be told again."""
SPARSE = frozenset({"digest-alive"})
"""Profiles that watch the narrow rule alone, so that there is nothing to tell now and then."""
CHANGED_MS = START_MS + 12 * HOUR_MS + 7 * MINUTE_MS
OUTAGE = Outage(START_MS + 8 * HOUR_MS + MINUTE_MS, START_MS + 8 * HOUR_MS + 40 * MINUTE_MS)
PLACE_COUNT = 40


@dataclass(frozen=True, slots=True)
class Person:
    """A subscription, and from when until when it is there."""

    line: SubscriptionLine
    profile: str
    place: int
    rules: tuple[str, ...]
    since_ms: int = 0
    until_ms: int = START_MS + 10 * DAY_MS


def people(count: int) -> list[Person]:
    """`count` subscriptions, the same number of every profile; the first of each watches the place of the storm."""
    made = []
    for number in range(count):
        name = list(PROFILES)[number % len(PROFILES)]
        turn = number // len(PROFILES)
        place = 0 if turn == 0 else (turn * 7 + number) % PLACE_COUNT
        broad, narrow = f"watch-{place:02d}", f"hearing-{place:02d}"
        rules = (narrow,) if name in SPARSE else (narrow, broad) if name in BOTH_RULES else (broad,)
        line = SubscriptionLine.model_validate(
            {
                "id": f"{name}-{turn}",
                "rules": rules,
                "policy": PROFILES[name],
                "format": "slack" if name == "first-chat" else "bongsu",
                "lang": "en" if turn % 2 else "ko",
            }
        )
        since_ms = CHANGED_MS if turn == 3 and number % 3 == 0 else 0
        until_ms = CHANGED_MS if turn == 4 and number % 3 == 0 else START_MS + 10 * DAY_MS
        made.append(Person(line, name, place, rules, since_ms, until_ms))
    return made


def silences(day: Day) -> list[Event]:
    """What is silenced, and what of it is lifted. Not on the hour: what is due at that very instant comes before it."""
    at = [START_MS + hour * HOUR_MS + 17_000 for hour in range(25)]
    return [
        _silence("storm", at[11], at[13], story=(story_id(day, day.facts[_storm(day)].story),)),
        _silence("subscription", at[9], at[15], subscription=("silenced-*",)),
        _silence("rule", at[14], at[20], rule=("watch-0[1-9]",), subscription=("first-?", "each-?")),
        _silence("press", at[16], at[18], source=("가상일보 1*",), subscription=("silenced-*", "capped-*")),
        _silence("entity", at[17], at[19], entity=("place-1?",), subscription=("digest-[0-9]", "throttled-*")),
        Lifted(at[15] + 30 * MINUTE_MS, "rule"),
    ]


def _storm(day: Day) -> int:
    """Where the first article of the story with the most articles stands."""
    counts: dict[int, int] = {}
    for fact in day.facts:
        counts[fact.story] = counts.get(fact.story, 0) + 1
    largest = max(counts, key=lambda story: counts[story])
    return next(at for at, fact in enumerate(day.facts) if fact.story == largest)


def _silence(name: str, starts_ms: int, ends_ms: int, **matchers: tuple[str, ...]) -> Silenced:
    record = SilenceRecord(
        id=name, matchers=SilenceMatchers(**matchers), starts_ms=starts_ms, ends_ms=ends_ms, author="bench",
        comment="planted", created_ms=starts_ms, updated_ms=starts_ms,
    )  # fmt: skip
    return Silenced(starts_ms, record)


def events_of(day: Day, persons: list[Person]) -> list[Event]:
    """The day with all that people do, in the order of time."""
    changes: list[Event] = [OUTAGE, *silences(day)]
    for person in persons:
        if person.since_ms:
            changes.append(Subscribed(person.since_ms, person.line.record(person.since_ms)))
        if person.until_ms < START_MS + DAY_MS:
            changes.append(Unsubscribed(person.until_ms, person.line.id))
    return sorted([*changes, *day.events], key=lambda event: event.at_ms)


def backlog(events: list[Event]) -> dict[int, int]:
    """When what came during the outage is worked at: one event a millisecond, from its end on."""
    free_ms, worked = OUTAGE.until_ms, dict[int, int]()
    for event in events:
        if event is not OUTAGE and OUTAGE.at_ms <= event.at_ms < free_ms:
            free_ms += 1
            worked[event.at_ms] = free_ms
    return worked
