"""The group stage on random streams: what may never happen, whatever comes in whatever order, and wherever it crashes."""

import random
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from service.alerting.context import Context
from service.alerting.group_state import place_of
from service.alerting.groups import Groups, Step, Verdict
from service.alerting.place import Place
from service.alerting.policy import Digest, Frequency, Policy, Quiet
from service.alerting.silence import Silence
from service.model.control_records import SilenceMatchers
from service.model.records import AlertRecord, DecisionRecord, FlushRecord
from tests.alerting_world import A_FOURTH, HOUR, MINUTE, Table, World, alert

SOURCES = ("한빛일보", "나루신문", "가람방송")
RULES = ("talks", "seoul")
ENDS = {"notified", "attached", "expired", "suppressed"}


def consistent(policy: Policy) -> Policy:
    """As `resolve` would have it: what has no meaning in a mode is off."""
    of_stories = policy.mode in ("first", "update")
    return replace(
        policy,
        group_wait_ms=policy.group_wait_ms if of_stories else 0,
        sources_step=policy.sources_step if of_stories else None,
        on_tier=of_stories and policy.on_tier,
        on_headline=of_stories and policy.on_headline,
        throttle_ms=0 if policy.mode == "digest" else policy.throttle_ms,
        max_per_hour=None if policy.mode == "digest" else policy.max_per_hour,
        frequency=policy.frequency if policy.mode == "frequency" else None,
    )


POLICIES = st.builds(
    Policy,
    mode=st.sampled_from(["each", "first", "update", "digest", "frequency"]),
    sources=st.sampled_from([(), (), (), SOURCES[:2]]),
    tiers=st.just(((1, SOURCES[:1]), (2, SOURCES[1:2]))),
    group_wait_ms=st.sampled_from([0, 0, 2 * MINUTE]),
    group_interval_ms=st.sampled_from([0, 5 * MINUTE]),
    sources_step=st.sampled_from([None, None, 1]),
    on_tier=st.booleans(),
    on_headline=st.booleans(),
    throttle_ms=st.sampled_from([0, 0, 10 * MINUTE]),
    throttle_by=st.sampled_from(["rule", "subscription"]),
    max_per_hour=st.sampled_from([None, None, 1, 2]),
    time_to_live_ms=st.sampled_from([None, None, None, 2 * HOUR]),
    quiet=st.sampled_from([(), (), (Quiet(10 * 60, 11 * 60),)]),
    digest=st.sampled_from([Digest((10 * 60 + 30, 12 * 60)), Digest((11 * 60,), top=1, empty=True)]),
    frequency=st.sampled_from([Frequency(2, 30 * MINUTE), Frequency(3, 60 * MINUTE)]),
    inhibit=st.booleans(),
    urgent=st.sampled_from([False, False, True]),
).map(consistent)

ARTICLES = st.tuples(
    st.just("article"), st.integers(0, 2), st.integers(0, 3), st.integers(0, 1), st.integers(0, 2),
    st.sampled_from([("talks", "seoul"), ("seoul",), ("talks",)]), st.sampled_from([False] * 9 + [True]),
)  # fmt: skip
SHORT = st.lists(
    st.one_of(
        ARTICLES,
        ARTICLES,
        ARTICLES,
        st.tuples(st.just("wait"), st.sampled_from([0, 1, 3, 10, 40, 90])),
        st.tuples(st.just("repeat"), st.integers(0, 30)),
        st.tuples(st.just("silence"), st.sampled_from(["rule", "source", "story"]), st.sampled_from([5, 60])),
        st.tuples(st.just("lift")),
    ),
    min_size=1,
    max_size=30,
)


def long(seed: int) -> list[tuple[Any, ...]]:
    """Of a length that Hypothesis seldom tries."""
    pick = random.Random(seed)
    out: list[tuple[Any, ...]] = []
    for _ in range(60):
        match pick.choice("aaaaaawwrsl"):
            case "a":
                rules = pick.choice([("talks", "seoul"), ("seoul",), ("talks",)])
                gone = pick.random() < 0.1
                numbers = (pick.randrange(3), pick.randrange(4), pick.randrange(2), pick.randrange(3))
                out.append(("article", *numbers, rules, gone))
            case "w":
                out.append(("wait", pick.choice([0, 1, 3, 10, 40, 90])))
            case "r":
                out.append(("repeat", pick.randrange(30)))
            case "s":
                out.append(("silence", pick.choice(["rule", "source", "story"]), pick.choice([5, 60])))
            case _:
                out.append(("lift",))
    return out


OPERATIONS = st.one_of(SHORT, st.integers(0, 2**32).map(long))


@dataclass(frozen=True)
class Entry:
    """A record of the log, what was known when it came, and what came of it."""

    record: AlertRecord | FlushRecord
    place: Place
    context: Context
    step: Step


class Recorded(World):
    """Keeps a log of what happened."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.log: list[Entry] = []

    def step(self, record: AlertRecord | FlushRecord) -> Step:
        self.sent_through = self.offset  # all before this one
        self.offset += 1
        place, silences = Place(0, self.offset, self.now_ms), list(self.silences)
        context = replace(self.context, silences=lambda now: [one for one in silences if one.active(now)])
        step = self.groups.step(record, place, context)
        self.log.append(Entry(record, place, context, step))
        self.take(step)
        return step


def play(policies: dict[str, Policy], operations: list[tuple[Any, ...]]) -> Recorded:
    """Everything that happens in a few hours, and then days of quiet."""
    world = Recorded(dict(policies))
    alerts: list[AlertRecord] = []
    told: dict[int, list[int]] = {}
    for operation in operations:
        match operation:
            case ("article", int(story), int(number), int(version), int(source), tuple(rules), bool(gone)):
                members = told.setdefault(story, [])
                role = "taken_down" if gone else "version" if number in members else "copy" if members else "lead"
                members += [] if number in members else [number]
                for rule in rules:
                    one = alert(
                        str(story), f"{story}-{number}", rule,
                        version="gone" if gone else f"c{version}", source=SOURCES[source], role=role,
                        title=f"서울시 소식 {version}", at_ms=world.now_ms, copies=len(members),
                        sources=min(len(members), 3), mutes=("seoul",) if rules == RULES and rule == "talks" else (),
                    )  # fmt: skip
                    if one.alert_id not in {known.alert_id for known in alerts}:
                        alerts.append(one)
                        assert world.step(one).verdict is Verdict.TAKEN
            case ("wait", int(minutes)):
                world.later(minutes * MINUTE)
            case ("repeat", int(index)) if alerts:
                step = world.step(alerts[index % len(alerts)].model_copy(update={"alerted_ms": 1}))
                assert step.verdict is Verdict.REPEATED
                assert not step.outputs
                assert not step.writes
            case ("silence", str(what), int(minutes)):
                glob = {"rule": "seoul", "source": SOURCES[0], "story": "sty_1"}[what]
                matchers = SilenceMatchers.model_validate({what: (glob,)})
                name, ends_ms = f"sil{len(world.silences)}", world.now_ms + minutes * MINUTE
                world.silences.append(Silence(name, matchers, world.now_ms, ends_ms))
            case ("lift",) if world.silences:
                last = replace(world.silences[-1], ends_ms=world.now_ms)
                world.silences[-1] = last
                world.groups.silence_ends(last.id, world.now_ms)
                world.flush()
        world.later(0)
        check_books(world, alerts)
    world.later(4 * 24 * HOUR)
    check_books(world, alerts)
    assert {one.decision for one in world.current().values()} <= ENDS, "nothing is held for ever"
    check_ends(world, alerts)
    return world


def check_books(world: World, alerts: list[AlertRecord]) -> None:
    """At every moment each alert has a decision, and what waits will be asked for."""
    current = world.current()
    assert set(current) == {one.alert_id for one in alerts}
    waiting = [one for one in current.values() if one.decision in ("held", "silenced")]
    if waiting:
        assert (world.groups.next_due_ms() or 0) > world.now_ms
    policies = [policy for policy in world.policies.values() if policy is not None]
    if not any(policy.quiet for policy in policies):
        assert all(one.until_ms is not None and one.until_ms > world.now_ms for one in waiting), "held past its due"


def check_ends(world: World, alerts: list[AlertRecord]) -> None:
    """What every alert came to, when all is over."""
    current, sent = world.current(), {one.id: one for one in world.deliveries}
    assert len(sent) == len(world.deliveries), "one id, one delivery"
    listed = Counter(name for one in world.deliveries for name in one.alert_ids)
    assert not [name for name, count in listed.items() if count > 1], "nothing is told twice"
    for one in alerts:
        decision = current[one.alert_id]
        if decision.decision == "notified":
            assert one.alert_id in sent[decision.delivery_id or ""].alert_ids
        if decision.decision == "attached":
            end = fate(decision, current)
            assert end.decision in {"notified", "attached", "expired", "suppressed"}
            assert end.decision in {"expired", "suppressed"} or end.delivery_id in sent
        policy = world.policies[one.rule.id]
        if decision.decision == "expired":
            assert policy is not None
            assert policy.time_to_live_ms is not None or policy.mode == "frequency" or world.silences
        if decision.decision == "suppressed":
            assert decision.reason in {"filter", "taken_down", "inhibited", "frequency_not_reached"}
            if decision.reason == "inhibited":
                assert decision.by == "talks"
                assert one.rule.id == "seoul"


def fate(decision: DecisionRecord, current: dict[str, DecisionRecord]) -> DecisionRecord:
    """Where a chain of attachments ends."""
    seen = set()
    while decision.decision == "attached" and decision.delivery_id is None:
        assert decision.alert_id not in seen
        seen.add(decision.alert_id)
        decision = current[decision.by or ""]
    return decision


WORLDS = st.fixed_dictionaries({"talks": POLICIES, "seoul": POLICIES}).map(
    lambda given_: {**given_, "*": given_["seoul"]}
)


@A_FOURTH
@given(WORLDS, OPERATIONS)
def test_the_books_balance(policies: dict[str, Policy], operations: list[tuple[Any, ...]]) -> None:
    world = play(policies, operations)
    event(f"{min(len(world.deliveries), 5)} deliveries")
    for one in world.decisions:
        event(f"{one.decision} {one.reason}")
    for rule in RULES:
        policy = policies[rule]
        again = policy.sources_step or policy.on_tier or policy.on_headline
        if policy.mode in ("first", "digest", "frequency") and not again:
            told = Counter(
                one.story for one in world.current().values() if one.decision == "notified" and one.rule == rule
            )
            assert not [story for story, count in told.items() if count > 1], "a story is told once"


@A_FOURTH
@given(WORLDS, OPERATIONS)
def test_a_second_flush_does_nothing(policies: dict[str, Policy], operations: list[tuple[Any, ...]]) -> None:
    world = play(policies, operations)
    for entry in list(world.log):
        if isinstance(entry.record, FlushRecord) and entry.step.verdict is Verdict.TAKEN:
            step = world.step(entry.record)
            assert (step.verdict, step.writes, step.outputs) == (Verdict.IDLE, (), ())


@A_FOURTH
@given(WORLDS, OPERATIONS, st.data())
def test_any_crash_repeats_the_same_bytes(
    policies: dict[str, Policy], operations: list[tuple[Any, ...]], data: st.DataObject
) -> None:
    """A life ends after any write or output of any step; the next begins at any offset that may not have been sent."""
    log = play(policies, operations).log
    assume(log)
    table, start, sent = Table(), 0, -1
    produced: dict[int, list[bytes]] = {}
    for _ in range(data.draw(st.integers(0, 3))):
        last = data.draw(st.integers(start, len(log) - 1))
        groups = Groups(table)
        groups.rebuild(list(table.items()))
        sent = live(groups, table, log, start, last, produced, stored=data.draw(st.booleans()), sent=sent, data=data)
        start = data.draw(st.integers(start, max(start, sent + 1)))
        sent = start - 1
    groups = Groups(table)
    groups.rebuild(list(table.items()))
    live(groups, table, log, start, len(log) - 1, produced, stored=True, sent=sent, data=None)
    for offset, entry in enumerate(log):
        expected = [out.value for out in entry.step.outputs]
        assert set(produced.get(offset, [])) == set(expected), f"offset {offset}"
    fresh, whole = Groups(table), indexed(groups)
    fresh.rebuild(list(table.items()))
    assert indexed(fresh) == whole, "what is rebuilt knows what was known"


def live(
    groups: Groups,
    table: Table,
    log: list[Entry],
    start: int,
    last: int,
    produced: dict[int, list[bytes]],
    *,
    stored: bool,
    sent: int,
    data: st.DataObject | None,
) -> int:
    """Steps through log[start..last]; the last one's state may not be stored. Returns what is acknowledged."""
    known = max((place_of(raw).offset for raw in table.values()), default=-1)
    cut = known if is_cut(table, log, known) else -1
    batch: list[tuple[int, bytes]] = []  # stored and not sent yet
    for offset in range(start, last + 1):
        entry = log[offset]
        context = replace(entry.context, sent_through=sent)
        if offset <= known and offset != cut and entry.step.verdict is not Verdict.IDLE:
            # whatever is asked now, what was stored stands
            context = replace(context, policy=lambda _subscription, _rule: None, payload=lambda _: "another body")
        before = dict(table)
        step = groups.step(entry.record, entry.place, context)
        expected = [out.value for out in entry.step.outputs]
        got = [out.value for out in step.outputs]
        assert got in ([], expected) or set(got) <= set(expected), f"offset {offset}"
        if offset == last and data is not None and not stored:
            table.clear()
            table.update(before)
            for key, value in step.writes[: data.draw(st.integers(0, max(0, len(step.writes) - 1)))]:
                table.put(key, value)
            got = []
        batch += [(offset, value) for value in got]
        dies = offset == last and data is not None
        if dies or data is None or data.draw(st.booleans()):
            count = data.draw(st.integers(0, len(batch))) if dies and data is not None else len(batch)
            for at, value in batch[:count]:
                produced.setdefault(at, []).append(value)
            batch, sent = [], sent if dies else offset
    return sent


def is_cut(table: Table, log: list[Entry], known: int) -> bool:
    """Whether the last flush was stored in part: the hold, its last value, is not there."""
    if known < 0 or not log[known].step.writes:
        return False
    key = log[known].step.writes[-1][0]
    return key not in table or place_of(table[key]).offset != known


def indexed(groups: Groups) -> Any:
    """All that an index knows of what is due, what waits and what was told."""
    out: Any = {}
    for partition, index in groups._partitions.items():
        waiting = {
            where: (list(hold.waiting()), hold.flushes, hold.through)
            for where, hold in index.holds.items()
            if any(True for _ in hold.waiting())
        }
        summaries = {name: known[2] for name, known in index._summaries.items()}
        dues = {where: wanted[2] for where, wanted in index.dues._wanted.items()}
        out[partition] = (waiting, summaries, dues, set(index.ages))
    return out
