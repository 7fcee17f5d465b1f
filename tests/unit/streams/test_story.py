import pytest

from service.alerting.addressing import SubscriptionIndex
from service.model import topics
from service.model.errors import NewerSchema
from service.model.records import AlertRecord
from service.streams.story import StoryStage
from tests.builders import match_record, subscription_record
from tests.stages import FakeOutputs, Message, count, events, metrics


class Made:
    def __init__(self, *subscriptions):
        self.outputs = FakeOutputs()
        self.metrics = metrics()
        self.index = SubscriptionIndex(subscriptions)
        self.stage = StoryStage(lambda: self.index, self.outputs, self.metrics, lambda: 1_002.0)  # type: ignore[arg-type]


async def test_each_match_becomes_an_alert_for_each_subscription_under_its_key():
    made = Made(subscription_record("a"), subscription_record("b", ("kt",)))
    await made.stage.process(events(match_record(rules=("seoul", "kt")).encode()))
    alerts = [
        (output.key, AlertRecord.decode(output.value or b"", "alerts")) for output in made.outputs.of(topics.ALERTS)
    ]
    assert [(key, alert.subscription, alert.rule.id) for key, alert in alerts] == [
        (b"a", "a", "seoul"), (b"a", "a", "kt"), (b"b", "b", "kt")
    ]  # fmt: skip
    assert {alert.alerted_ms for _, alert in alerts} == {1_002_000}
    assert count(made.metrics.alerts) == 3


async def test_nobody_who_wants_it_is_no_alert():
    made = Made(subscription_record("b", ("kt",)))
    await made.stage.process(events(match_record().encode()))
    assert made.outputs.written == []


@pytest.mark.parametrize("bad", [b"", None, b"no json", b'{"schema": 1}'])
async def test_a_bad_record_goes_to_dead_letters_and_its_neighbours_pass(bad):
    made = Made(subscription_record("a"))
    await made.stage.process(events(match_record("a1").encode(), Message(bad, offset=7), match_record("a2").encode()))
    assert len(made.outputs.of(topics.ALERTS)) == 2
    (letter,) = made.outputs.of(topics.DEAD_LETTERS)
    assert letter.value == bad
    assert dict(letter.headers)["topic"] == b"matches"
    assert dict(letter.headers)["offset"] == b"7"
    assert count(made.metrics.dead_letters, "matches") == 1


async def test_a_newer_schema_stops_instead():
    made = Made(subscription_record("a"))
    with pytest.raises(NewerSchema):
        await made.stage.process(events(match_record().encode(), b'{"schema": 2}'))
    assert made.outputs.written == []


async def test_a_batch_sees_one_set_of_subscriptions():
    made = Made(subscription_record("a"))
    asked = []

    def addresses():
        asked.append(1)
        return made.index

    stage = StoryStage(addresses, made.outputs, made.metrics, lambda: 1.0)  # type: ignore[arg-type]
    await stage.process(events(match_record("a1").encode(), match_record("a2").encode()))
    assert len(asked) == 1
