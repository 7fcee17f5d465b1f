"""Agent `group` over tables that are dicts: what is stored, sent, and in which order. What is decided: tests/unit/alerting."""

import pytest

from service.alerting.addressing import SubscriptionIndex
from service.alerting.context import Context
from service.alerting.groups import Groups
from service.delivery.formats import body_of
from service.model import topics
from service.model.errors import NewerSchema
from service.model.policy import PolicyModel
from service.model.records import DecisionRecord, DeliveryRecord
from service.settings import AlertingSettings
from service.streams.group import GroupStage, SentThrough
from tests.builders import alert_record, flush_record, subscription_record
from tests.stages import FakeOutputs, Message, count, events, metrics
from tests.unit.streams.tables import Tables

EACH = PolicyModel(mode="each")
HELD = PolicyModel(mode="each", throttle_s=10)


class Made:
    """A stage. With the `tables` of another it is what a crash and a recovery make of that one."""

    def __init__(self, tables=None, policy=EACH, committed=0, **settings):
        self.outputs = FakeOutputs()
        self.tables = tables or Tables()
        self.tables.log = self.tables.appended.log = self.tables.stored.log = self.outputs.log
        self.metrics = metrics()
        index = SubscriptionIndex([subscription_record("sub1", policy=policy)])
        changelog = self.tables.changelog()
        self.groups = Groups(changelog)
        self.contexts: list[Context] = []
        self.stage = GroupStage(
            AlertingSettings(**{"memory_s": 100.0, "time_to_live_s": 1_000.0, **settings}),
            self.groups,
            changelog,
            lambda: Context(index.policy, index.style, lambda _: (), body_of, -1, 1_000_000),
            self.outputs,  # type: ignore[arg-type]
            self.metrics,
            lambda: 1_002.0,
            lambda _: committed,
        )

    async def recovered(self, *partitions):
        await self.stage.index.recovered(partitions or (0,))
        return self

    def sent(self):
        return [
            DeliveryRecord.decode(output.value, "deliveries")
            for output in self.outputs.of(topics.DELIVERIES)
            if output.value
        ]

    def decided(self):
        return [DecisionRecord.decode(output.value or b"", "") for output in self.outputs.of(topics.DECISIONS)]


def alert(number=1, at_s=1_000.0, **more):
    record = alert_record(article=f"a{number}", published_ms=1_000_000)
    return Message(record.encode(), timestamp=at_s, **{"offset": number, **more})


async def test_it_is_stored_then_decided_and_sent():
    made = await Made().recovered()
    await made.stage.process(events(alert(1)))
    assert made.outputs.log == ["changelog", "table", "write"]
    (delivery,), (decision,) = made.sent(), made.decided()
    assert decision.delivery_id == delivery.id
    assert {output.key for output in made.outputs.written} == {b"sub1"}
    assert count(made.metrics.decisions, "notified") == 1


async def test_the_same_offset_again_is_sent_again_byte_for_byte():
    made = await Made().recovered()
    await made.stage.process(events(alert(1), alert(2)))
    again = await Made(made.tables).recovered()
    await again.stage.process(events(alert(1), alert(2)))
    assert again.outputs.written == made.outputs.written
    assert again.outputs.log == ["write"], "the state did not change"


async def test_the_same_alert_at_another_offset_is_told_once():
    made = await Made().recovered()
    await made.stage.process(events(alert(1), alert(1, offset=9)))
    await made.stage.process(events(alert(1, offset=10)))
    assert len(made.sent()) == 1
    assert count(made.metrics.alerts_repeated) == 2


async def test_what_is_held_is_told_by_the_flush_that_the_index_asks_for():
    made = await Made(policy=HELD).recovered()
    await made.stage.process(events(alert(1), alert(2), alert(3)))
    assert len(made.sent()) == 1
    recovered = await Made(made.tables, policy=HELD).recovered()
    due_ms = recovered.groups.next_due_ms()
    assert due_ms == 1_010_000
    (flush,) = recovered.groups.due(due_ms)
    again = [Message(flush.encode(), offset=offset, timestamp=due_ms / 1000) for offset in (8, 9)]
    await recovered.stage.process(events(*again))
    (digest,) = recovered.sent()
    assert set(digest.alert_ids) == {alert_record(article=f"a{number}").alert_id for number in (2, 3)}
    assert count(recovered.metrics.flushes, "taken") == 1
    assert count(recovered.metrics.flushes, "idle") == 1


async def test_a_flush_of_what_is_not_there_does_nothing():
    made = await Made().recovered()
    await made.stage.process(events(Message(flush_record().encode(), offset=1)))
    assert made.outputs.written == []


@pytest.mark.parametrize("bad", [b"", None, b"no json", b'{"schema": 1}'])
async def test_a_bad_record_goes_to_dead_letters_and_its_neighbours_pass(bad):
    made = await Made().recovered()
    await made.stage.process(events(alert(1), Message(bad, offset=2), alert(3)))
    assert len(made.sent()) == 2
    (letter,) = made.outputs.of(topics.DEAD_LETTERS)
    assert letter.value == bad
    assert dict(letter.headers)["topic"] == b"alerts"


async def test_a_newer_schema_stops_and_nothing_of_the_batch_is_stored_or_sent():
    made = await Made().recovered()
    with pytest.raises(NewerSchema):
        await made.stage.process(events(alert(1), Message(b'{"schema": 2}', offset=2)))
    assert made.outputs.written == []
    again = await Made(made.tables).recovered()
    await again.stage.process(events(alert(1)))
    assert len(again.sent()) == 1


async def test_old_groups_are_forgotten_a_few_at_a_time_in_the_changelog_too():
    made = await Made().recovered()
    await made.stage.process(events(*[alert(number) for number in range(1, 31)]))
    await made.stage.process(events(alert(40, at_s=1_200.0)))
    left = len(made.tables.stored.parts[0])
    assert left < 31
    for number in range(41, 60):
        await made.stage.process(events(alert(number, at_s=1_200.0)))
    assert len(made.tables.stored.parts[0]) == 20
    removed = [key for _, key, value in made.tables.appended.written if value is None]
    assert len(removed) == 30


def test_what_is_sent_is_known_from_the_commit_and_from_our_own_batches():
    through = SentThrough(lambda partition: {0: 7}.get(partition, 0))
    assert through.before(0, 7) == 6
    assert through.before(1, 0) == -1
    through.sent(0, 20)
    assert through.before(0, 21) == 20
    assert through.before(0, 9) == 8, "read again from there: what follows is not known to be sent"
    through.keep({1})
    assert through.before(0, 21) == 6
