"""When each story is told, against a slow and obvious account: a list of everything, gone through again at every minute.

The account knows nothing of states, places, holds or crashes. It asks only what a person would ask: is this story told
already, is it hidden, are these quiet hours, was something told within the throttle, was enough told in this hour?
"""

import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import event, given
from hypothesis import strategies as st

from service.alerting.policy import Policy, Quiet
from service.alerting.silence import Silence
from service.model.control_records import SilenceMatchers
from service.model.records import AlertRecord
from tests.alerting_world import A_FOURTH, HOUR, MINUTE, START_MS, World, alert

QUIET = (10 * 60, 11 * 60)
"""Local minutes; START_MS is 09:00."""
LAST = 12 * 60


@dataclass
class Item:
    """A story that came, or that waits."""

    alert: AlertRecord
    ready: int
    """Minute from which it may be told."""
    why: str


@dataclass
class Account:
    """Minute by minute. `told`: (minute, reason, stories)."""

    mode: str
    throttle: int
    per_hour: int | None
    quiet: bool
    silence: tuple[int, int]
    told: list[tuple[int, str, frozenset[str]]] = field(default_factory=list)
    waiting: list[Item] = field(default_factory=list)
    known: set[str] = field(default_factory=set)
    """Stories that were told or wait; in mode `each` articles."""
    count: dict[int, int] = field(default_factory=dict)
    free_from: int = 0

    def name(self, one: AlertRecord) -> str:
        return one.article.id if self.mode == "each" else one.story.id

    def is_quiet(self, minute: int) -> bool:
        return self.quiet and QUIET[0] <= 9 * 60 + minute < QUIET[1]

    def is_hidden(self, minute: int, one: AlertRecord) -> bool:
        return self.silence[0] <= minute < self.silence[1] and one.story.id == "sty_0"

    def say(self, minute: int, reason: str, names: frozenset[str]) -> None:
        self.told.append((minute, reason, names))
        self.count[minute // 60] = self.count.get(minute // 60, 0) + 1
        self.free_from = minute + self.throttle

    def minute(self, minute: int, arrived: list[AlertRecord]) -> None:
        # what waited for this minute; nothing but quiet hours keeps it longer
        for why in sorted({(one.ready, one.why) for one in self.waiting if one.ready <= minute}):
            if why[1] != "quiet_hours" and self.is_quiet(minute):
                continue
            due = [one for one in self.waiting if (one.ready, one.why) == why]
            self.waiting = [one for one in self.waiting if one not in due]
            hidden = [one for one in due if self.is_hidden(minute, one.alert)]
            self.waiting += [Item(one.alert, self.silence[1], "silence_ended") for one in hidden]
            if told := frozenset(self.name(one.alert) for one in due if one not in hidden):
                self.say(minute, why[1], told)
        for one in arrived:
            self.arrive(minute, one)

    def arrive(self, minute: int, one: AlertRecord) -> None:
        if self.name(one) in self.known:
            return
        self.known.add(self.name(one))
        if self.is_hidden(minute, one):
            self.waiting.append(Item(one, self.silence[1], "silence_ended"))
        elif self.is_quiet(minute):
            self.waiting.append(Item(one, QUIET[1] - 9 * 60, "quiet_hours"))
        elif minute < self.free_from:
            self.waiting.append(Item(one, self.free_from, "throttle"))
        elif self.per_hour is not None and self.count.get(minute // 60, 0) >= self.per_hour:
            self.waiting.append(Item(one, (minute // 60 + 1) * 60, "cap"))
        else:
            self.say(minute, self.mode, frozenset([self.name(one)]))


def arrivals(seed: int, mode: str) -> dict[int, list[AlertRecord]]:
    pick = random.Random(seed)
    out: dict[int, list[AlertRecord]] = {}
    for number in range(pick.randrange(1, 25)):
        minute, story = pick.randrange(4 * 60), pick.randrange(8)
        name = f"{story}-{number}" if mode == "first" or pick.random() < 0.8 else f"{story}-x"
        one = alert(str(story), name, at_ms=START_MS + minute * MINUTE, role=pick.choice(["lead", "copy"]))
        if all(one.alert_id != other.alert_id for others in out.values() for other in others):
            out.setdefault(minute, []).append(one)
    return out


@A_FOURTH
@given(
    st.sampled_from(["first", "each"]), st.sampled_from([0, 7, 45]), st.sampled_from([None, 1, 3]), st.booleans(),
    st.integers(0, 2**32), st.tuples(st.integers(0, 200), st.integers(0, 90)),
)  # fmt: skip
def test_every_story_is_told_when_an_account_by_hand_says(
    mode: Any, throttle: int, per_hour: int | None, quiet: bool, seed: int, hidden: tuple[int, int]
) -> None:
    silence = (hidden[0], hidden[0] + hidden[1])
    policy = Policy(
        mode=mode, throttle_ms=throttle * MINUTE, max_per_hour=per_hour, quiet=(Quiet(*QUIET),) if quiet else ()
    )
    world = World({"*": policy})
    world.silences.append(
        Silence("s", SilenceMatchers(story=("sty_0",)), START_MS + silence[0] * MINUTE, START_MS + silence[1] * MINUTE)
    )
    account = Account(mode, throttle, per_hour, quiet, silence)
    coming = arrivals(seed, mode)
    for minute in range(LAST):
        world.until(START_MS + minute * MINUTE)
        for one in coming.get(minute, []):
            world.step(one)
        account.minute(minute, coming.get(minute, []))
    name = {one.alert_id: account.name(one) for others in coming.values() for one in others}
    got = [
        ((one.created_ms - START_MS) // MINUTE, world.body(number)["reason"], frozenset(name[i] for i in one.alert_ids))
        for number, one in enumerate(world.deliveries)
    ]
    event(f"{min(len(got), 9)} told")
    assert sorted(got, key=repr) == sorted(account.told, key=repr)
    assert not account.waiting
    assert {one.decision for one in world.current().values()} <= {"notified", "attached"}
    assert LAST * MINUTE > 5 * HOUR
