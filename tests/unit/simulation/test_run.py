"""The virtual clock: what is due comes in its time, an outage holds everything up, the same day says the same."""

from collections.abc import Sequence

from service.delivery.formats import body_of
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.model import topics
from service.model.control_records import SilenceMatchers, SubscriptionRecord
from service.model.records import DecisionRecord, DeliveryRecord
from service.simulation.day import SubscriptionLine
from service.simulation.events import Event, Lifted, Outage, Published, Silenced, Subscribed, Unsubscribed
from service.simulation.run import Sent, Simulation
from service.simulation.world import World
from tests.builders import silence_record

MINUTE_MS = 60_000
START_MS = 1_795_359_600_000
"""Monday, midnight in Seoul."""
RULES = RuleSet.build(
    (model, lambda _path, _offset: ("rules", 1, 1))
    for model in (EntityModel(id="daon", name="다온시", kind="place"), RuleModel(id="daon", when="@daon"))
)


def subscription(**policy: object) -> SubscriptionRecord:
    return SubscriptionLine.model_validate({"id": "s", "policy": policy}).record(START_MS)


def article(minute: float, name: str, text: str = "다온시가 강변에 나무를 심었다.") -> Published:
    raw = f'{{"id": "{name}", "text": "{text}", "source": "가람신문"}}'
    return Published(START_MS + round(minute * MINUTE_MS), raw.encode())


def run(events: Sequence[Event], *subscriptions: SubscriptionRecord, tail_minutes: int = 24 * 60) -> list[Sent]:
    simulation = Simulation(World(Engine(RULES), body_of))
    simulation.control.subscribe(subscriptions)
    sent = [one for event in events for one in simulation.take(event)]
    return sent + list(simulation.run_until(simulation.now_ms + tail_minutes * MINUTE_MS))


def told(sent: list[Sent]) -> list[tuple[float, str]]:
    """When, in minutes, and of which kind."""
    deliveries = [DeliveryRecord.decode(one.value, one.topic) for one in sent if one.topic == topics.DELIVERIES]
    return [((one.created_ms - START_MS) / MINUTE_MS, one.type) for one in deliveries]


def decisions(sent: list[Sent]) -> list[tuple[str, str | None]]:
    made = [DecisionRecord.decode(one.value, one.topic) for one in sent if one.topic == topics.DECISIONS]
    return [(one.decision, one.reason) for one in made]


def test_a_wait_ends_at_its_time_and_not_when_the_next_article_comes() -> None:
    sent = run([article(1, "a"), article(600, "b", "다온시 겨울 축제가 열렸다.")], subscription(group_wait_s=120))
    assert told(sent) == [(3, "alert.matched"), (602, "alert.matched")]


def test_what_came_and_what_was_due_in_an_outage_is_worked_at_when_it_is_over() -> None:
    events: list[Event] = [
        article(1, "a"),
        Outage(START_MS + 2 * MINUTE_MS, START_MS + 60 * MINUTE_MS),
        article(10, "b", "다온시 겨울 축제가 열렸다."),
        article(20, "c", "다온시 도서관이 쉰다."),
    ]
    sent = run(events, subscription(group_wait_s=120))
    millisecond = 1 / MINUTE_MS
    assert [(round(at, 6), kind) for at, kind in told(sent)] == [
        (60, "alert.matched"),
        (round(62 + millisecond, 6), "alert.matched"),
        (round(62 + 2 * millisecond, 6), "alert.matched"),
    ]


def test_what_is_too_old_after_an_outage_expires() -> None:
    events: list[Event] = [
        Outage(START_MS, START_MS + 60 * MINUTE_MS),
        article(10, "a"),
        article(55, "b", "다온시 도서관이 쉰다."),
    ]
    sent = run(events, subscription(time_to_live_s=600))
    assert decisions(sent) == [("expired", "time_to_live"), ("notified", "first")]


def test_a_lifted_silence_tells_what_it_hid() -> None:
    matchers = SilenceMatchers(rule=("daon",))
    silence = silence_record("quiet", matchers=matchers, starts_ms=START_MS, ends_ms=START_MS + 600 * MINUTE_MS)
    events: list[Event] = [Silenced(START_MS, silence), article(1, "a"), Lifted(START_MS + 30 * MINUTE_MS, "quiet")]
    sent = run(events, subscription())
    assert told(sent) == [(30, "alert.digest")]
    assert decisions(sent) == [("silenced", "silenced"), ("notified", "silence_ended")]


def test_an_empty_digest_comes_only_from_the_beginning_of_the_day_on() -> None:
    policy = {"mode": "digest", "digest": {"times": ["09:00"], "empty": True}}
    sent = run([article(600, "a", "아무 일도 없었다.")], subscription(**policy))
    assert told(sent) == [((24 + 9) * 60, "alert.digest")]


def test_subscriptions_come_and_go() -> None:
    events: list[Event] = [
        article(1, "a"),
        Subscribed(START_MS + 2 * MINUTE_MS, subscription(mode="each")),
        article(3, "b"),
        Unsubscribed(START_MS + 4 * MINUTE_MS, "s"),
        article(5, "c"),
    ]
    assert told(run(events)) == [(3, "alert.matched")]


def test_the_same_day_says_the_same_bytes() -> None:
    events = [article(minute, f"a{minute % 7}", f"다온시 소식 {minute % 5}번째다.") for minute in range(40)]
    assert run(events, subscription(throttle_s=300)) == run(events, subscription(throttle_s=300))
