"""What must hold of the topics after whatever happened to the workers: told once, lost never, one id one content."""

from collections import defaultdict

from service.alerting.hold import MAX_LISTED
from service.audit.books import WAITING
from service.model.policy import PolicyModel
from service.model.records import AlertRecord, DecisionRecord, DeliveryRecord, decode_alerts
from tests.builders import subscription_record
from tests.deliveries import read_all

POLICIES = {
    "each": PolicyModel(mode="each", inhibit=False),
    "first": PolicyModel(mode="first"),
    "waits": PolicyModel(mode="first", group_wait_s=1),
    "throttled": PolicyModel(mode="each", throttle_s=3, throttle_by="subscription"),
}
"""Subscription -> how it is told: at once, by story, when a story is complete, and held back for a while."""
RULE = "chongqing-watch"


def subscriptions(url="http://127.0.0.1:9/hook"):
    return [subscription_record(name, (RULE,), policy=policy, url=url) for name, policy in POLICIES.items()]


def wire_copy(number, stories):
    """Article `number`; those of one story have one text, as copies of one wire story do."""
    story = number % stories
    return {
        "id": f"a{number}",
        "title": f"충칭 {story}호 부두 소식",
        "text": f"충칭시가 {story}호 부두를 넓힌다고 밝혔다. 공사에는 {story + 3}년이 걸리고 배 {story * 7 + 11}척이 더 닿을 수 있다. "
        f"{story}호 부두의 상인들은 반겼고, 강 건너 주민들은 소음을 걱정했다고 {story}번째 설명회에서 말했다.",
        "source": f"신문{number}",
        "url": f"https://example.com/{number}",
    }  # fmt: skip


class Told:
    """The topics, folded."""

    def __init__(self, alerts, decisions, deliveries):
        self.alerts = alerts
        self.decisions = decisions
        self.deliveries = deliveries

    @classmethod
    async def read(cls, settings):
        records = [decode_alerts(record.value) for record in await read_all(settings, "alerts")]
        return cls(
            [record for record in records if isinstance(record, AlertRecord)],
            [DecisionRecord.decode(record.value, "") for record in await read_all(settings, "decisions")],
            [DeliveryRecord.decode(record.value, "") for record in await read_all(settings, "deliveries")],
        )

    def settled(self):
        """Alert id -> what was decided for good."""
        found = defaultdict(set)
        for decision in self.decisions:
            if decision.decision not in WAITING:
                found[decision.alert_id].add((decision.decision, decision.delivery_id))
        return found

    def complete(self, articles):
        """Every article was addressed to every subscription, and every alert is decided for good."""
        ids = {alert.alert_id for alert in self.alerts}
        return len(ids) == articles * len(POLICIES) and ids == self.settled().keys()

    def check(self, articles, stories):
        by_subscription: dict[str, dict[str, AlertRecord]] = defaultdict(dict)
        for alert in self.alerts:
            by_subscription[alert.subscription][alert.alert_id] = alert
        for name in POLICIES:
            assert {alert.article.id for alert in by_subscription[name].values()} == {f"a{n}" for n in range(articles)}
            assert len(by_subscription[name]) == articles, "a crash repeats ids and never invents any"
            of_story = {alert.story.id for alert in by_subscription[name].values()}
            assert len(of_story) == stories, "copies stay in their story, whoever handles them"
        for alert, ends in self.settled().items():
            assert len({delivery for _, delivery in ends if delivery}) <= 1, f"{alert} was told twice: {ends}"
        contents = defaultdict(set)
        for delivery in self.deliveries:
            contents[delivery.id].add(delivery.body)
        assert all(len(bodies) == 1 for bodies in contents.values()), "one id, one content"
        named = {decision.delivery_id for decision in self.decisions if decision.delivery_id}
        assert named == contents.keys(), "what was decided was sent, what was sent was decided"
        told = defaultdict(set)
        for delivery in self.deliveries:
            told[delivery.subscription].add(delivery.id)
        assert len(told["each"]) == articles
        assert len(told["first"]) == len(told["waits"]) == stories
        told_by: dict[str | None, list[str]] = defaultdict(list)
        for alert, ends in self.settled().items():
            if alert in by_subscription["throttled"]:
                assert len(ends) == 1, f"{alert} has one fate: {ends}"
                ((end, delivery),) = ends
                told_by[delivery].append(end)
        assert None not in told_by, "what is held is never lost"
        for delivery, fates in told_by.items():  # a worker that was away finds more than one digest can list
            listed = min(len(fates), MAX_LISTED)
            assert sorted(fates) == ["attached"] * (len(fates) - listed) + ["notified"] * listed, (delivery, fates)
