"""Agent `group` over a table that is a dict: what is stored, sent, forgotten, and in which order."""

import asyncio
from itertools import pairwise

import pytest
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from hypothesis import given
from hypothesis import strategies as st

from service.adapters import writer
from service.alerting.group import Group, group_key, state_key
from service.delivery.payload import alert_payload
from service.model import topics
from service.model.errors import NewerSchema, WrongSetup
from service.model.records import AlertRecord, DecisionRecord, DeliveryRecord
from service.settings import AlertingSettings
from service.streams import group as module
from service.streams.group import Changelog, GroupStage
from tests.builders import alert_record
from tests.stages import FakeOutputs, Message, count, events, metrics

MEMORY_S = 100.0


class Table:
    """As Faust's, as far as `Changelog` looks. `answers` are the results of the sends to come; then all are well."""

    def __init__(self, log):
        self.data: dict[bytes, bytes] = {}
        self.sent: list[tuple[int, bytes, bytes | None]] = []
        self.answers: list[BaseException | None] = []
        self._log = log

    def send_changelog(self, partition, key, value, key_serializer, value_serializer):
        assert (key_serializer, value_serializer) == ("raw", "raw")
        self._log.append("changelog")
        self.sent.append((partition, key, value))
        future = asyncio.get_running_loop().create_future()
        answer = self.answers.pop(0) if self.answers else None
        if answer is None:
            future.set_result("metadata")
        else:
            future.set_exception(answer)
        return future


class Made:
    def __init__(self, table=None, **settings):
        self.outputs = FakeOutputs()
        self.table = table or Table(self.outputs.log)
        self.metrics = metrics()
        self.retried: list[int] = []
        self.stage = GroupStage(
            AlertingSettings(**{"memory_s": MEMORY_S, "time_to_live_s": 1_000.0, **settings}),
            Changelog(self.table, on_retry=self.retried.append),
            self.outputs,  # type: ignore[arg-type]
            self.metrics,
            alert_payload,
            lambda: 1_002.0,
        )

    def sent(self):
        return [
            DeliveryRecord.decode(output.value, "deliveries")
            for output in self.outputs.of(topics.DELIVERIES)
            if output.value
        ]


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(writer, "RETRY_PAUSES_S", (0.0,))


def alert(number=1, at_s=1_000.0, **more):
    return Message(
        alert_record(article=f"a{number}", published_ms=1_000_000).encode(),
        timestamp=at_s,
        **{"offset": number, **more},
    )


def key_of(number):
    made = alert_record(article=f"a{number}")
    return state_key(made.subscription, group_key(made))


async def test_it_is_stored_then_decided_and_sent():
    made = Made()
    await made.stage.process(events(alert(1)))
    assert made.outputs.log == ["changelog", "write"]
    (delivery,) = made.sent()
    (decision,) = [DecisionRecord.decode(o.value or b"", "") for o in made.outputs.of(topics.DECISIONS)]
    assert decision.delivery_id == delivery.id
    assert {output.key for output in made.outputs.written} == {b"sub1"}
    state = Group.decode(made.table.data[key_of(1)])
    assert state.delivery == delivery.encode()
    assert count(made.metrics.decisions, "notified") == 1
    assert made.metrics.groups._value.get() == 1


async def test_the_same_offset_again_is_sent_again_byte_for_byte():
    made = Made()
    await made.stage.process(events(alert(1)))
    again = Made(made.table)
    await again.stage.process(events(alert(1)))
    assert again.outputs.written == made.outputs.written
    assert len(made.table.sent) == 1, "the state did not change"


async def test_the_same_alert_at_another_offset_is_told_once():
    made = Made()
    await made.stage.process(events(alert(1), alert(1, offset=9)))
    await made.stage.process(events(alert(1, offset=10)))
    assert len(made.sent()) == 1
    assert count(made.metrics.alerts_repeated) == 2


async def test_what_is_too_old_expires_and_is_accounted_for():
    made = Made()
    await made.stage.process(events(alert(1, at_s=2_000.0)))
    assert made.sent() == []
    assert count(made.metrics.decisions, "expired") == 1


@pytest.mark.parametrize("bad", [b"", None, b"no json", b'{"schema": 1}'])
async def test_a_bad_record_goes_to_dead_letters_and_its_neighbours_pass(bad):
    made = Made()
    await made.stage.process(events(alert(1), Message(bad, offset=2), alert(3)))
    assert len(made.sent()) == 2
    (letter,) = made.outputs.of(topics.DEAD_LETTERS)
    assert letter.value == bad
    assert dict(letter.headers)["topic"] == b"alerts"


async def test_a_newer_schema_stops_and_what_was_stored_before_it_is_sent_later():
    made = Made()
    with pytest.raises(NewerSchema):
        await made.stage.process(events(alert(1), Message(b'{"schema": 2}', offset=2)))
    assert made.outputs.written == []
    again = Made(made.table)
    await again.stage.process(events(alert(1)))
    assert len(again.sent()) == 1


async def test_nothing_is_sent_before_the_changelog_is_acknowledged():
    made = Made()
    made.table.answers = [None, KafkaTimeoutError(), None, KafkaTimeoutError(), KafkaTimeoutError()]
    await made.stage.process(events(alert(1), alert(2), alert(3)))
    assert made.outputs.log == ["changelog"] * 9 + ["write"], "all three, again all three, and again"
    assert [key for _, key, _ in made.table.sent] == [key_of(1), key_of(2), key_of(3)] * 3, "in their order"
    assert made.retried == [1, 2]
    assert len(made.sent()) == 3


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (MessageSizeTooLargeError(), WrongSetup),
        (TopicAuthorizationFailedError(), WrongSetup),
        (ValueError("ours"), ValueError),
    ],
)
async def test_what_will_never_be_acknowledged_ends_it(error, raised):
    made = Made()
    made.table.answers = [error]
    with pytest.raises(raised):
        await made.stage.process(events(alert(1)))
    assert made.outputs.written == []


async def test_what_is_older_than_the_memory_is_forgotten_and_then_told_again():
    made = Made()
    await made.stage.process(events(alert(1, at_s=1_000.0)))
    await made.stage.process(events(alert(2, at_s=1_000.0 + MEMORY_S)))
    assert key_of(1) in made.table.data, "exactly as old as the memory is not older"
    await made.stage.process(events(alert(3, at_s=1_000.1 + MEMORY_S)))
    assert key_of(1) not in made.table.data
    assert (0, key_of(1), None) in made.table.sent, "forgotten in the changelog too"
    await made.stage.process(events(alert(1, at_s=1_000.2 + MEMORY_S, offset=9)))
    assert len(made.sent()) == 4


async def test_time_of_one_partition_forgets_nothing_of_another():
    """A partition that is read again from days ago must still know its repeats."""
    made = Made()
    await made.stage.process(events(alert(1, at_s=1_000.0, partition=1)))
    await made.stage.process(events(alert(2, at_s=1_500.0, partition=0), alert(3, at_s=1_501.0, partition=0)))
    assert key_of(1) in made.table.data
    await made.stage.process(events(alert(1, at_s=1_001.0, partition=1, offset=9)))
    assert count(made.metrics.alerts_repeated) == 1


async def test_few_are_forgotten_at_a_time_and_all_in_the_end():
    made = Made()
    await made.stage.process(events(*[alert(n) for n in range(1, 31)]))
    await made.stage.process(events(alert(40, at_s=1_200.0)))
    assert len(made.table.data) == 31 - module.EXPIRE_PER_EVENT
    for number in range(41, 50):
        await made.stage.process(events(alert(number, at_s=1_200.0)))
    assert len(made.table.data) == 10


async def test_after_a_recovery_the_age_of_what_was_recovered_counts():
    before = Made()
    await before.stage.process(events(*[alert(n) for n in (1, 2, 3)]))
    after = Made(Table([]))
    await after.stage.process(events(alert(4, at_s=1_000.0)))
    after.table.data.update(before.table.data)  # as Faust recovers it
    after.stage.recovered()
    assert after.metrics.groups._value.get() == 4
    await after.stage.process(events(alert(5, at_s=1_200.0)))
    assert set(after.table.data) == {key_of(5)}


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 1), st.integers(0, 60)), min_size=1, max_size=40),
    st.integers(1, 5),
)
def test_what_was_told_is_remembered_as_long_as_promised(steps, size):
    """Against a list of what was told: a repeat within the memory is never told, and what was is in the table."""

    async def run():
        made = Made()
        now = {0: 1_000.0, 1: 5_000.0}
        messages = []
        for offset, (number, partition, wait) in enumerate(steps, 1):
            now[partition] += wait
            alert = alert_record(subscription=f"sub{partition}", article=f"a{number}", published_ms=5_000_000)
            messages.append(Message(alert.encode(), partition=partition, offset=offset, timestamp=now[partition]))
        for first in range(0, len(messages), size):
            await made.stage.process(events(*messages[first : first + size]))
        told: dict[str, list[float]] = {}
        for delivery in made.sent():
            told.setdefault(delivery.alert_ids[0], []).append(delivery.created_ms / 1000)
        wanted = {AlertRecord.decode(message.value or b"", "").alert_id for message in messages}
        assert set(told) == wanted
        for times in told.values():
            assert all(later - earlier > MEMORY_S for earlier, later in pairwise(times))
        for key, value in made.table.data.items():
            place = Group.decode(value).place
            assert key.startswith(f"sub{place.partition}".encode())
        kept = {Group.decode(value).alert_ids[0] for value in made.table.data.values()}
        partition_of = {
            AlertRecord.decode(message.value or b"", "").alert_id: message.partition for message in messages
        }
        assert kept >= {alert for alert, times in told.items() if now[partition_of[alert]] - times[-1] <= MEMORY_S}

    asyncio.run(run())
