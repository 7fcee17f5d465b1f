import pytest

from service.alerting.addressing import SubscriptionIndex
from service.alerting.story import Stories, StoryLimits
from service.model import topics
from service.model.errors import NewerSchema
from service.model.records import AlertRecord, ArticleHead
from service.streams.story import StoryStage
from tests.builders import match_record, subscription_record
from tests.stages import FakeOutputs, Message, count, events, metrics
from tests.unit.streams.tables import Tables


class Made:
    """A stage. With the `tables` of another it is what a crash and a recovery make of that one."""

    def __init__(self, *subscriptions, tables=None):
        self.outputs = FakeOutputs()
        self.tables = tables or Tables()
        self.tables.appended.log = self.tables.stored.log = self.outputs.log
        self.metrics = metrics()
        self.asked = 0
        self.index = SubscriptionIndex(subscriptions)
        changelog = self.tables.changelog()
        self.stage = StoryStage(
            Stories(StoryLimits(), changelog.get),
            changelog,
            self._addresses,
            self.outputs,  # type: ignore[arg-type]
            self.metrics,
            lambda: 1_002.0,
        )

    def _addresses(self):
        self.asked += 1
        return self.index

    def alerts(self):
        return [
            (output.key, AlertRecord.decode(output.value or b"", "alerts")) for output in self.outputs.of(topics.ALERTS)
        ]


def article(name, rules=("seoul",), **more):
    """One that no other resembles."""
    head = ArticleHead(id=name, title=f"제목 {name}", source=f"신문 {name}", url=f"https://example.com/{name}")
    return match_record(name, rules, head, fingerprint=f"f-{name}", content_hash=f"c-{name}", **more).encode()


async def test_each_match_becomes_an_alert_for_each_subscription_under_its_key():
    made = Made(subscription_record("a"), subscription_record("b", ("kt",)))
    await made.stage.process(events(article("a1", ("seoul", "kt"))))
    assert [(key, alert.subscription, alert.rule.id) for key, alert in made.alerts()] == [
        (b"a", "a", "seoul"), (b"a", "a", "kt"), (b"b", "b", "kt")
    ]  # fmt: skip
    assert {alert.alerted_ms for _, alert in made.alerts()} == {1_002_000}
    assert count(made.metrics.alerts) == 3
    assert made.outputs.log == ["changelog", "table", "write"]


async def test_copies_keep_their_story_through_a_crash_and_so_do_repeats():
    made = Made(subscription_record("a"))
    url = ArticleHead(id="copy", title="다른 제목", source="다른 신문", url="https://www.example.com/a1?utm_source=x")
    copy = match_record("copy", ("seoul",), url, fingerprint="f-copy", content_hash="c-copy").encode()
    await made.stage.process(events(article("a1")))
    again = Made(subscription_record("a"), tables=made.tables)
    await again.stage.index.recovered((0,))
    await again.stage.process(events(Message(article("a1"), offset=0), Message(copy, offset=1)))
    stories = {alert.story.id for _, alert in (*made.alerts(), *again.alerts())}
    assert len(stories) == 1
    assert again.alerts()[-1][1].story.joined_by == "url"
    assert made.alerts()[0][1].alert_id == again.alerts()[0][1].alert_id
    assert count(again.metrics.story_articles, "url") == 1
    assert len(made.tables.appended.written) == 2, "the repeat changed nothing"


async def test_nobody_who_wants_it_is_no_alert():
    made = Made(subscription_record("b", ("kt",)))
    await made.stage.process(events(article("a1")))
    assert made.outputs.written == []


@pytest.mark.parametrize("bad", [b"", None, b"no json", b'{"schema": 1}'])
async def test_a_bad_record_goes_to_dead_letters_and_its_neighbours_pass(bad):
    made = Made(subscription_record("a"))
    await made.stage.process(events(article("a1"), Message(bad, offset=7), Message(article("a2"), offset=8)))
    assert len(made.outputs.of(topics.ALERTS)) == 2
    (letter,) = made.outputs.of(topics.DEAD_LETTERS)
    assert letter.value == bad
    assert dict(letter.headers)["topic"] == b"matches"
    assert dict(letter.headers)["offset"] == b"7"
    assert count(made.metrics.dead_letters, "matches") == 1


async def test_a_newer_schema_stops_instead():
    made = Made(subscription_record("a"))
    with pytest.raises(NewerSchema):
        await made.stage.process(events(article("a1"), b'{"schema": 2}'))
    assert made.outputs.written == []
    assert made.tables.appended.written == []


async def test_a_batch_sees_one_set_of_subscriptions():
    made = Made(subscription_record("a"))
    await made.stage.process(events(article("a1"), article("a2")))
    assert made.asked == 1
