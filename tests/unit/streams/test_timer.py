"""What the timer writes, and when; what is done with it is the group stage's."""

from service.adapters.partitions import partition_of
from service.alerting.calendar import next_digest_ms
from service.alerting.policy import Digest, Policy
from service.model.records import FlushRecord
from service.streams.timer import LATE_MS, Timer
from tests.builders import flush_record
from tests.stages import FakeOutputs, metrics

DAILY = Policy(mode="digest", digest=Digest(minutes=(9 * 60,), empty=True), timezone="UTC")
NINE = 1_700_038_800_000
"""2023-11-15 09:00 UTC."""
HOUR = 3_600_000


class Groups:
    def __init__(self, *due):
        self.flushes = list(due)

    def next_due_ms(self):
        return min((flush.due_ms for flush in self.flushes), default=None)

    def due(self, now_ms):
        found = [flush for flush in self.flushes if flush.due_ms <= now_ms]
        self.flushes = [flush for flush in self.flushes if flush not in found]
        return found


class Index:
    recovering = False

    def __init__(self, *partitions):
        self.partitions = set(partitions)


def timer(*due, digests=(), partitions=(0,), of=1):
    return Timer(
        Groups(*due),  # type: ignore[arg-type]
        Index(*partitions),  # type: ignore[arg-type]
        lambda: digests,
        FakeOutputs(),  # type: ignore[arg-type]
        metrics(),
        lambda: 0.0,
        of,
    )


def names(flushes):
    return [(flush.subscription, flush.flush) for flush in flushes]


def test_what_is_due_is_asked_for_when_it_is_due():
    flush = flush_record(due_ms=5_000)
    made = timer(flush)
    assert made.due(4_999) == []
    assert made.due(5_000) == [flush]
    assert made.due(5_001) == []


def test_nothing_is_asked_for_while_the_index_is_made():
    made = timer(flush_record(due_ms=5_000))
    made._index.recovering = True
    assert made.due(6_000) == []
    made._index.recovering = False
    assert len(made.due(6_000)) == 1


def test_a_digest_comes_when_there_is_nothing_to_tell():
    assert next_digest_ms(DAILY, NINE - 1) == NINE
    made = timer(digests=[("sub", DAILY, 0)])
    assert made.due(NINE - 2 * HOUR) == []
    assert names(made.due(NINE)) == [("sub", f"h/digest/{NINE}")]
    assert made.due(NINE + 1) == []
    assert names(made.due(NINE + 24 * HOUR)) == [("sub", f"h/digest/{NINE + 24 * HOUR}")]


def test_after_a_restart_a_digest_that_was_missed_comes_late_and_not_for_ever():
    assert names(timer(digests=[("sub", DAILY, 0)]).due(NINE + HOUR // 2)) == [("sub", f"h/digest/{NINE}")]
    assert timer(digests=[("sub", DAILY, 0)]).due(NINE + LATE_MS + 1) == []


def test_no_digest_is_owed_for_a_time_before_the_subscription():
    made = timer(digests=[("sub", DAILY, NINE + 60_000)])
    assert made.due(NINE + 120_000) == []


def test_a_held_digest_and_the_empty_one_are_the_same_flush():
    held = FlushRecord(flush=f"h/digest/{NINE}", subscription="sub", sequence=1, due_ms=NINE)
    assert timer(held, digests=[("sub", DAILY, 0)]).due(NINE) == [held]


def test_only_of_the_partitions_that_are_ours_and_of_those_that_come_later_too():
    theirs = partition_of(b"sub", 4)
    made = timer(digests=[("sub", DAILY, 0)], partitions={0, 1, 2, 3} - {theirs}, of=4)
    assert made.due(NINE) == []
    made._index.partitions = {theirs}
    assert names(made.due(NINE + 1000)) == [("sub", f"h/digest/{NINE}")]


def test_another_policy_is_asked_anew():
    made = timer(digests=[("sub", DAILY, 0)])
    made.due(NINE - 2 * HOUR)
    later = Policy(mode="digest", digest=Digest(minutes=(10 * 60,), empty=True), timezone="UTC")
    made._empty_digests = lambda: [("sub", later, NINE - HOUR)]
    assert made.due(NINE) == []
    assert names(made.due(NINE + HOUR)) == [("sub", f"h/digest/{NINE + HOUR}")]
