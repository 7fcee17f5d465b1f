"""The history against the slowest way there is: whatever order topics are read in, however often it is killed, the rows
are those of all records taken one after the other."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from service.history.arrived import Arrived
from service.history.database import open_to_write
from service.history.fold import FORGOTTEN, TOPICS, Fold, Rows
from service.history.migrate import migrate
from service.history.store import Kept, Store
from service.model.control_records import ChangeRecord
from service.model.errors import BadInput
from service.model.records import RuleHead, RuleMatch, StoryHead
from tests.builders import (
    alert_record,
    attempt_record,
    decision_record,
    delivery_record,
    evidence,
    flush_record,
    match_record,
)  # fmt: skip
from tests.histories import dump, empty, expected


def value_of(topic: str, of: str, n: int, at: int, kind: int) -> bytes | None:
    """A record of a topic, about few things, so that they meet; `kind` (0 to 5) chooses among what it may say."""
    return {
        "articles": lambda: (
            None, b"not json", f'{{"id": "a{n}", "title": "{at}"}}'.encode(),
            f'{{"id": "a{n}", "title": "나루시 \\u0000 등대", "source": "한빛일보", "text": "{at}"}}'.encode(),
        )[kind % 4],
        "matches": lambda: match_record(
            article=f"a{n}", published_ms=at * 1_000_000, matches=tuple(ruled(name) for name in NAMES[kind])
        ).encode(),
        "alerts": lambda: (  # noqa: PLW0108
            flush_record(of)
            if kind == 0
            else alert_record(of, f"a{n}", alert_id=f"alr_{of}_{n}", story=StoryHead(id=f"sty_{kind}"), alerted_ms=at)
        ).encode(),
        "decisions": lambda: decision_record(
            f"alr_{of}_{n}", f"msg_{of}_{n}" if kind % 2 else None, subscription=of, decided_ms=at, rule=f"rule{kind}"
        ).encode(),
        "deliveries": lambda: delivery_record(f"msg_{of}_{n}", subscription=of, created_ms=at, sequence=n).encode(),
        "attempts": lambda: attempt_record(
            f"msg_{of}_{n}", ("delivered", "retry", "given_up")[kind % 3], subscription=of, started_ms=at, number=n
        ).encode(),
        "changes": lambda: ChangeRecord(
            change_id=f"chg_{at}" if kind < 4 else f"chg_{n}", actor="cli:somebody@here", target=of, at_ms=at,
            action=FORGOTTEN if kind < 4 else "subscription.updated", outcome=("asked", "done", "refused")[kind % 3],
        ).encode(),
    }[topic]()  # fmt: skip


NAMES = ((), ("harbour",), ("harbour", "hill"), ("other/harbour",), ("hill", "other/hill"), ("hill", "hill"))


def ruled(entity: str) -> RuleMatch:
    """A rule that found an entity twice, and a second one without evidence."""
    found = tuple(evidence(entity=entity, start=start, end=start + 2) for start in (0, 9))
    return RuleMatch(
        match_id="mat_1", rule=RuleHead(id="r", name="r"), mentions=found, mentions_total=2, entities=(entity, "lamp")
    )


Written = tuple[str, str, int, int, int, int]


def arrived(written: list[Written]) -> list[Arrived]:
    """As the reader makes them: offsets with gaps, and times that never run back within a partition."""
    ends: dict[tuple[str, int], tuple[int, int]] = {}
    found = []
    for topic, of, n, at, kind, partition in written:
        place = (topic, partition)
        offset, before = ends.get(place, (0, 0))
        made = Arrived(
            topic, place[1], offset + at % 2, max(before, at), f"a{n}".encode(), value_of(topic, of, n, at, kind)
        )
        ends[place] = (made.offset + 1, made.time_ms)
        found.append(made)
    return found


def fold_killed_at_random(engine: Engine, records: list[Arrived], luck: random.Random, keep_ms: int) -> None:
    """Partitions in any order, batches of any size, and whoever writes dies at any record and begins again."""
    queues: dict[tuple[str, int], list[Arrived]] = {}
    for one in records:
        queues.setdefault((one.topic, one.partition), []).append(one)
    store = Store(engine)
    while True:
        there = store.positions()
        fresh = {part: (0, 0) for part in queues if part not in there}
        store.begin(fresh)
        at = {part: (there | fresh)[part][0] for part in queues}
        while left := [part for part in queues if any(one.offset >= at[part] for one in queues[part])]:
            rows, moved = Rows(), {}
            for part in luck.sample(left, luck.randint(1, len(left))):
                todo = [one for one in queues[part] if one.offset >= at[part]][: luck.randint(1, 4)]
                for one in todo:
                    try:
                        Fold().take(rows, one)
                    except BadInput:
                        continue
                moved[part] = (at[part], todo[-1].offset + 1, todo[-1].time_ms)
            if luck.random() < 0.2:
                break  # killed before the commit
            store.apply(rows, moved, Kept(keep_ms))
            at |= {part: after for part, (_, after, _) in moved.items()}
            if luck.random() < 0.1:
                break  # killed after it
        else:
            return
        store = Store(engine)


@pytest.fixture
def engine(history_url):
    made = open_to_write(history_url)
    migrate(made)
    yield made
    made.dispose()


time = st.integers(1, 12)
WRITTEN = st.lists(
    st.tuples(
        st.sampled_from(TOPICS), st.sampled_from(["sub1", "sub2"]), st.integers(1, 3), time, st.integers(0, 5),
        st.integers(0, 1),
    ),
    min_size=1, max_size=40,
)  # fmt: skip
KILLS = st.integers(0, 2**32).map(random.Random)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=100)
@given(written=WRITTEN, luck=KILLS, keep_ms=st.sampled_from([0, 0, 6]))
def test_any_interleaving_with_any_kills_gives_the_same_rows(engine, written, luck, keep_ms):
    records = arrived(written)
    empty(engine)
    fold_killed_at_random(engine, records, luck, keep_ms)
    assert dump(engine) == expected(records, keep_ms=keep_ms)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=40)
@given(written=WRITTEN, luck=KILLS, before_ms=time)
def test_what_expires_later_is_what_is_left_out_at_once(engine, written, luck, before_ms):
    """So an index that is read again, with the old records still there, equals one whose rows went with time."""
    records = arrived(written)
    empty(engine)
    fold_killed_at_random(engine, records, luck, 0)
    Store(engine).expire(Kept(before_ms))
    assert dump(engine) == expected(records, keep_ms=before_ms)
