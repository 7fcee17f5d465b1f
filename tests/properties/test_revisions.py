"""What stands on a revised topic, whoever writes in whichever order: against an oracle, and through compaction."""

from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from service.adapters.control_revisions import Standing
from service.adapters.control_subscriptions import SUBSCRIPTION, removal_of
from service.model.control_records import SubscriptionRecord

KEYS = ("a", "b")
Log = list[tuple[str, bytes | None]]


def record(key: str, revision: int, writer: int) -> SubscriptionRecord:
    return SubscriptionRecord(
        id=key, revision=revision, name=f"by {writer}", url="https://x.example/", secrets=(), created_ms=1, updated_ms=1
    )


def value(key: str, revision: int, writer: int, *, removed: bool) -> bytes:
    made = record(key, revision, writer)
    return (removal_of(made.model_copy(update={"revision": revision - 1}), writer) if removed else made).encode()


VALUES = st.builds(
    lambda key, revision, writer, removed: (key, value(key, revision, writer, removed=removed)),
    st.sampled_from(KEYS), st.integers(1, 6), st.integers(0, 3), st.booleans(),
)  # fmt: skip
LOGS: st.SearchStrategy[Log] = st.lists(
    st.one_of(VALUES, VALUES, VALUES, st.sampled_from([(key, None) for key in KEYS])), max_size=25
)


def read(log: Log) -> Standing[SubscriptionRecord]:
    standing = Standing(SUBSCRIPTION)
    for key, raw in log:
        standing.take(key, raw)
    return standing


def seen(standing: Standing[SubscriptionRecord]) -> dict[str, SubscriptionRecord | None]:
    return {key: standing.stands(key) for key in KEYS}


def compacted(log: Log) -> Log:
    last = {key: number for number, (key, _) in enumerate(log)}
    return [entry for number, entry in enumerate(log) if last[entry[0]] == number]


@given(LOGS)
def test_the_first_of_the_highest_revision_since_the_last_null_stands(log):
    standing = read(log)
    for key in KEYS:
        mine = [raw for name, raw in log if name == key]
        since = mine[len(mine) - mine[::-1].index(None) :] if None in mine else mine
        records = [SubscriptionRecord.decode(raw, "") for raw in since if raw is not None]
        highest = max(records, key=lambda one: one.revision, default=None)  # `max` takes the first of equals
        assert standing.stands(key) == highest
        shown = highest if highest is not None and highest.removed_ms is None else None
        assert standing.known.get(key) == shown
        assert (key in standing.untidy) == (bool(records) and records[-1] != highest)


@given(LOGS)
def test_tidied_the_topic_says_the_same_after_compaction(log):
    before = read(log)
    again: Log = []
    for key in before.untidy:
        stands = before.stands(key)
        assert stands is not None
        again.append((key, stands.encode()))
    after = read(log + again)
    assert not after.untidy
    assert seen(read(compacted(log + again))) == seen(after) == seen(before)


@dataclass
class Writer:
    """One that changes `a`, a step at a time: looks, writes, reads back, mends. It may be killed at any of them."""

    number: int
    removes: bool
    step: int = 0
    made_from: int = 0
    wrote: bytes = b""
    told: str = ""
    mends: Log = field(default_factory=list)

    def advance(self, log: Log) -> None:
        standing = read(log)
        stands = standing.stands("a")
        if self.step == 0:
            self.made_from = stands.revision if stands else 0
            self.step = 1
        elif self.step == 1:
            self.wrote = value("a", self.made_from + 1, self.number, removed=self.removes and self.made_from > 0)
            log.append(("a", self.wrote))
            self.step = 2
        elif self.step == 2:
            at = log.index(("a", self.wrote))
            self.told = (
                "stood" if read(log[: at + 1]).stands("a") == SubscriptionRecord.decode(self.wrote, "") else "lost"
            )
            self.step = 3
        elif self.step == 3:
            # what it saw untidy when it looked; it is written at the next step, which may be late
            self.mends = [("a", stands.encode())] if "a" in standing.untidy and stands else []
            self.step = 4 if self.mends else 5
        elif self.step == 4:
            log.extend(self.mends)
            self.step = 3


WRITERS = 4


@given(
    st.lists(st.integers(0, WRITERS - 1), max_size=60),
    st.lists(st.booleans(), min_size=WRITERS, max_size=WRITERS),
    st.sets(st.integers(0, WRITERS - 1), max_size=WRITERS - 1),
)
def test_writers_in_any_order_with_some_killed_lose_no_change_that_was_told_to_stand(order, removes, killed):
    log: Log = [("a", value("a", 1, 9, removed=False))]
    writers = [Writer(number, removes[number]) for number in range(WRITERS)]
    for number in order:
        writers[number].advance(log)
    for writer in writers:  # the killed ones stop where they are, the others come to their end
        while writer.number not in killed and writer.step != 5:
            writer.advance(log)
    stands = read(log).stands("a")
    if not killed:
        assert not read(log).untidy, "the last to look leaves it tidy"
    elif stands is not None and read(log).untidy:
        log.append(("a", stands.encode()))  # an API process, which goes on looking
    end = read(log)
    assert end.stands("a") == stands
    assert not end.untidy
    assert seen(read(compacted(log))) == seen(end)
    stood = [SubscriptionRecord.decode(writer.wrote, "").revision for writer in writers if writer.told == "stood"]
    assert len(stood) == len(set(stood)), "of two changes of one revision one was told that it stands"
    assert all(revision <= end.stands("a").revision for revision in stood)  # type: ignore[union-attr]
