"""What keeps a planted article back from a subscription, and until when: silences, quiet hours, waits, throttle, cap.

Part of the account (`day_account`), and as plain: plain arithmetic in Seoul, where the clock is never changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from service.bench.days import DAY_MS, HOUR_MS, MINUTE_MS, START_MS, Fact, source_name
from service.model import ids
from service.simulation.events import Event, Lifted, Silenced


@dataclass(frozen=True, slots=True)
class Silence:
    """As planted, with the end that it came to."""

    name: str
    matchers: dict[str, tuple[str, ...]]
    starts_ms: int
    ends_ms: int


def silences_of(events: Iterable[Event]) -> list[Silence]:
    """The silences among these events."""
    found = [event for event in events if isinstance(event, (Silenced, Lifted))]
    lifted = {event.silence: event.at_ms for event in found if isinstance(event, Lifted)}
    return [
        Silence(
            event.silence.id, event.silence.matchers.model_dump(), event.silence.starts_ms,
            lifted.get(event.silence.id, event.silence.ends_ms),
        )
        for event in found
        if isinstance(event, Silenced)
    ]  # fmt: skip


class Keeper:
    """Of one subscription; remembers what was told when."""

    def __init__(
        self, subscription: str, policy: dict[str, Any], silences: Iterable[Silence], lead_of: dict[int, str]
    ) -> None:
        """`lead_of`: the first article of each story."""
        self._subscription = subscription
        self._policy = policy
        self._silences = list(silences)
        self._lead_of = lead_of
        self._throttles: dict[str, int] = {}
        self._hours: dict[int, int] = {}

    def notified(self, rules: set[str], now_ms: int) -> None:
        """One more was told, of these rules."""
        hour = now_ms // HOUR_MS
        self._hours[hour] = self._hours.get(hour, 0) + 1
        if "throttle_s" in self._policy:
            ends_ms = now_ms + round(self._policy["throttle_s"] * 1000)
            self._throttles.update((self._throttle_of(rule), ends_ms) for rule in rules)

    def kept(self, fact: Fact, rule: str, told_ms: int | None, now_ms: int, reason: str) -> tuple[str, int] | None:
        """(hold, until) of what keeps it back now; None: nothing does. `told_ms`: when its story was told last."""
        silence = self.silenced(fact, rule, now_ms)
        if silence is not None:
            return silence
        if reason == "digest":
            due_ms = self.next_digest_ms(now_ms)
            return f"digest/{due_ms}", due_ms
        if reason == "frequency":
            return f"frequency/{rule}", now_ms + round(self._policy["frequency"]["window_s"] * 1000)
        quiet = self.quiet(rule, now_ms)
        if quiet is not None:
            return quiet
        if self._policy.get("mode") != "each":
            wait_s = (
                self._policy.get("group_wait_s", 0) if told_ms is None else self._policy.get("group_interval_s", 300)
            )
            until_ms = (now_ms if told_ms is None else told_ms) + round(wait_s * 1000)
            if until_ms > now_ms:
                return "", until_ms
        return self.too_many(rule, now_ms)

    def silenced(self, fact: Fact, rule: str, now_ms: int) -> tuple[str, int] | None:
        """The silence that hides it; of several the one that ends last."""
        given = {
            "subscription": self._subscription,
            "rule": rule,
            "source": source_name(fact.source),
            "story": ids.story_id(self._lead_of[fact.story]),
            "entity": f"place-{fact.place:02d}",
            "tag": "",
        }
        found = [
            one
            for one in self._silences
            if one.starts_ms <= now_ms < one.ends_ms
            and all(fits(globs, given[name]) for name, globs in one.matchers.items() if globs)
        ]
        last = max(found, key=lambda one: one.ends_ms, default=None)
        apart = f"/{rule}" if self._policy.get("mode") == "frequency" else ""
        return None if last is None else (f"silence/{last.name}{apart}", last.ends_ms)

    def quiet(self, rule: str, now_ms: int) -> tuple[str, int] | None:
        """Quiet hours."""
        for span in self._policy.get("quiet", ()):
            since, until = (minutes(span[name]) for name in ("from", "to"))
            day_ms = START_MS + (now_ms - START_MS) // DAY_MS * DAY_MS
            for midnight in (day_ms - DAY_MS, day_ms):
                ends_ms = midnight + (until + 1440 * (until <= since)) * MINUTE_MS
                if midnight + since * MINUTE_MS <= now_ms < ends_ms and not fits(self._policy["urgent"], rule):
                    return f"quiet/{ends_ms}", ends_ms
        return None

    def too_many(self, rule: str, now_ms: int) -> tuple[str, int] | None:
        """Throttle and cap."""
        name = self._throttle_of(rule)
        if self._throttles.get(name, 0) > now_ms:
            return f"throttle/{name}/{self._throttles[name]}", self._throttles[name]
        cap = self._policy.get("max_per_hour")
        if cap is not None and self._hours.get(now_ms // HOUR_MS, 0) >= cap:
            ends_ms = (now_ms // HOUR_MS + 1) * HOUR_MS
            return f"cap/{ends_ms}", ends_ms
        return None

    def _throttle_of(self, rule: str) -> str:
        return "*" if self._policy.get("throttle_by") == "subscription" else rule

    def next_digest_ms(self, now_ms: int) -> int:
        """When the next digest comes."""
        times = self._policy["digest"]["times"]
        at = [START_MS + day * DAY_MS + minutes(time) * MINUTE_MS for day in range(-1, 9) for time in times]
        return min(due_ms for due_ms in at if due_ms > now_ms)


def fits(globs: Iterable[str], value: str) -> bool:
    """Whether any of them fits."""
    return any(fnmatchcase(value, glob) for glob in globs)


def minutes(text: str) -> int:
    """Of `HH:MM`, after midnight."""
    return int(text[:2]) * 60 + int(text[3:])
