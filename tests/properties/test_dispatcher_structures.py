"""Offsets, lanes and progress against oracles that are slow and obvious."""

from collections import defaultdict
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from service.dispatcher.lanes import Lanes
from service.dispatcher.offsets import OffsetTracker
from service.dispatcher.progress import Conflict, Done, Fresh, HandOn, Progress
from tests.builders import attempt_record, delivery_record


@given(
    gaps=st.lists(st.integers(1, 5), min_size=1, max_size=60),
    order=st.randoms(use_true_random=False),
    done=st.integers(0, 60),
)
def test_only_the_contiguous_prefix_is_committed(gaps: list[int], order, done: int) -> None:
    offsets = [sum(gaps[: index + 1]) for index in range(len(gaps))]
    tracker = OffsetTracker()
    ended: set[int] = set()
    shuffled = order.sample(offsets, len(offsets))[:done]
    for offset in offsets:
        tracker.take(offset)
    for offset in shuffled:
        tracker.finish(offset)
        ended.add(offset)
        prefix = []
        for taken in offsets:  # the oracle: walk from the start to the first that has not ended
            if taken not in ended:
                break
            prefix.append(taken)
        assert tracker.committable == (prefix[-1] + 1 if prefix else None)
        assert tracker.unfinished == len(offsets) - len(ended)


class Interleaved(RuleBasedStateMachine):
    """Taking and ending in any order: nothing open is ever covered by what may be committed."""

    def __init__(self) -> None:
        super().__init__()
        self.tracker = OffsetTracker()
        self.open: list[int] = []
        self.next = 0

    @rule(gap=st.integers(1, 3))
    def take(self, gap: int) -> None:
        self.next += gap
        self.tracker.take(self.next)
        self.open.append(self.next)

    @precondition(lambda self: self.open)
    @rule(which=st.integers(0, 1000))
    def finish(self, which: int) -> None:
        self.tracker.finish(self.open.pop(which % len(self.open)))

    @invariant()
    def nothing_open_is_covered_and_nothing_done_is_held_back(self) -> None:
        committable = self.tracker.committable
        assert all(offset >= (committable or 0) for offset in self.open)
        if not self.open and self.next:
            assert committable == self.next + 1


TestInterleaved = Interleaved.TestCase


def test_offsets_that_run_backwards_are_a_fault() -> None:
    tracker = OffsetTracker()
    tracker.take(5)
    with pytest.raises(ValueError, match="after"):
        tracker.take(5)


class LanesAgainstLists(RuleBasedStateMachine):
    """Lanes beside plain lists: caps hold, order within a key holds, nothing vanishes, nobody is passed over."""

    SLOTS, PER_HOST, ROOM = 5, 3, 3
    HOSTS: ClassVar = {"a": "x", "b": "x", "c": "y", "d": "z", "e": "z"}

    def __init__(self) -> None:
        super().__init__()
        self.lanes: Lanes[tuple[str, int]] = Lanes(
            slots=self.SLOTS,
            slots_of=lambda key: self.allowed[key],
            slots_per_host=self.PER_HOST,
            room_per_key=self.ROOM,
        )
        self.allowed = dict.fromkeys("abcde", 2)
        self.waiting: dict[str, list[tuple[float, tuple[str, int]]]] = defaultdict(list)
        self.busy: list[tuple[str, int]] = []
        self.number = 0
        self.now = 0.0

    @rule(key=st.sampled_from("abcde"))
    def offer(self, key: str) -> None:
        self.number += 1
        self.now += 1
        job = (key, self.number)
        taken = self.lanes.offer(key, job, self.now, host=self.HOSTS[key])
        assert taken is (len(self.waiting[key]) < self.ROOM)
        if taken:
            self.waiting[key].append((self.now, job))

    @rule()
    def take(self) -> None:
        job = self.lanes.take()
        able = [
            key
            for key, jobs in self.waiting.items()
            if jobs
            and sum(busy[0] == key for busy in self.busy) < self.allowed[key]
            and sum(self.HOSTS[busy[0]] == self.HOSTS[key] for busy in self.busy) < self.PER_HOST
        ]
        if len(self.busy) >= self.SLOTS or not able:
            assert job is None
            return
        assert job is not None
        assert job[0] in able
        assert self.waiting[job[0]].pop(0)[1] == job
        self.busy.append(job)

    @precondition(lambda self: self.busy)
    @rule(which=st.integers(0, 100))
    def finish(self, which: int) -> None:
        key, _ = self.busy.pop(which % len(self.busy))
        self.lanes.finished(key)

    @rule(key=st.sampled_from("abcde"), slots=st.integers(0, 3))
    def allow(self, key: str, slots: int) -> None:
        self.allowed[key] = slots
        self.lanes.wake(key)

    @rule(key=st.sampled_from("abcde"), keep=st.integers(1, 3))
    def surplus(self, key: str, keep: int) -> None:
        assert self.lanes.surplus(key, keep) == [job for _, job in self.waiting[key][keep:]]
        del self.waiting[key][keep:]

    @rule(age=st.integers(0, 5))
    def overdue(self, age: int) -> None:
        since = self.now - age
        expected = {job for jobs in self.waiting.values() for at, job in jobs if at <= since}
        assert set(self.lanes.overdue(since)) == expected
        for key in self.waiting:
            self.waiting[key] = [(at, job) for at, job in self.waiting[key] if at > since]

    @rule(odd=st.booleans())
    def remove(self, odd: bool) -> None:
        gone = set(self.lanes.remove(lambda job: job[1] % 2 == odd))
        assert gone == {job for jobs in self.waiting.values() for _, job in jobs if job[1] % 2 == odd}
        for key in self.waiting:
            self.waiting[key] = [(at, job) for at, job in self.waiting[key] if job[1] % 2 != odd]

    @invariant()
    def counts_agree(self) -> None:
        assert self.lanes.busy == len(self.busy) <= self.SLOTS
        assert self.lanes.waiting == sum(map(len, self.waiting.values()))


TestLanes = LanesAgainstLists.TestCase


def test_a_lane_that_never_ends_costs_the_others_nothing() -> None:
    lanes: Lanes[str] = Lanes(slots=10, slots_of=lambda _: 2, slots_per_host=10, room_per_key=100)
    for number in range(50):
        lanes.offer("dead", f"dead {number}", 0)
    for number in range(4):
        lanes.offer("alive", f"alive {number}", 0)
    taken = [lanes.take() for _ in range(6)]
    assert [job for job in taken if job] == ["dead 0", "alive 0", "dead 1", "alive 1"]
    lanes.finished("alive")
    lanes.finished("alive")
    assert [lanes.take(), lanes.take(), lanes.take()] == ["alive 2", "alive 3", None]


LIVE = delivery_record("msg_1")


def test_progress_tells_what_was_done() -> None:
    progress = Progress()
    assert progress.of(LIVE) == Fresh()
    progress.made(attempt_record("msg_1", "retry", next_due_ms=500))
    assert progress.of(LIVE) == HandOn(1, 500)
    second = LIVE.model_copy(update={"attempts_made": 1})
    assert progress.of(second) == Fresh()
    progress.handed_on(second)
    assert progress.of(LIVE) == Done()
    assert progress.of(second) == Fresh()
    progress.made(attempt_record("msg_1", "delivered", number=2))
    assert progress.of(LIVE) == progress.of(second) == Done()
    progress.made(attempt_record("msg_1", "retry", number=3, next_due_ms=9))
    assert progress.of(LIVE) == Done()  # an end stays the end


def test_a_replay_and_a_test_are_always_sent() -> None:
    progress = Progress()
    progress.made(attempt_record("msg_1", "delivered"))
    for reason in ("replay", "test"):
        assert progress.of(LIVE.model_copy(update={"reason": reason})) == Fresh()
    progress.made(attempt_record("msg_2", "delivered", reason="test"))
    assert progress.of(delivery_record("msg_2")) == Fresh()


def test_another_body_under_an_id_is_a_conflict() -> None:
    progress = Progress()
    attempt = attempt_record("msg_1", "delivered")
    progress.made(attempt)
    assert progress.of(delivery_record("msg_1", body="{}")) == Conflict(attempt.body_sha256)


def test_what_is_remembered_is_bounded() -> None:
    progress = Progress(remembered=10)
    for number in range(100):
        progress.made(attempt_record(f"msg_{number}", "delivered"))
    assert len(progress) == 10
    assert progress.of(delivery_record("msg_89")) == Fresh()
    assert progress.of(delivery_record("msg_90")) == Done()


@given(st.lists(st.tuples(st.integers(1, 6), st.sampled_from(["retry", "delivered", "hand_on"])), max_size=30))
def test_a_delivery_is_never_called_done_before_its_end_or_its_next_record_is_written(
    steps: list[tuple[int, str]],
) -> None:
    progress = Progress()
    ended, written = False, {0}
    for number, what in steps:
        if what == "hand_on":
            progress.handed_on(LIVE.model_copy(update={"attempts_made": number}))
            written.add(number)
        else:
            progress.made(attempt_record("msg_1", what, number=number, next_due_ms=7 if what == "retry" else None))
            ended = ended or what == "delivered"
        for made in range(7):
            verdict = progress.of(LIVE.model_copy(update={"attempts_made": made}))
            if verdict == Done():
                assert ended or any(later > made for later in written)
            if ended:
                assert verdict == Done()
