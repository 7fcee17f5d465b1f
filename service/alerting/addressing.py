"""From a match to alerts: which subscriptions want it, how each wants to be told, and the thin record each gets."""

from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

import orjson

from service.alerting.policy import Policy, resolve
from service.alerting.selectors import Selector, fits
from service.alerting.story import StoryStep
from service.model import ids
from service.model.control_records import SubscriptionRecord
from service.model.record import Format, Lang
from service.model.records import AlertRecord, Evidence, MatchRecord, RuleHead, RuleMatch, StoryHead
from service.model.tenants import local, tenant_of

MAX_ALERT_BYTES = 4_000
MAX_SENTENCE = 300
MAX_RESOLVED = 50_000
"""Policies that are remembered; what is one too many is only worked out again."""
ELLIPSIS = "…"


class Addresses(Protocol):
    """Names the subscriptions that want a match."""

    def of(self, rule_id: str, tags: Sequence[str] = (), entities: Collection[str] = ()) -> Sequence[str]:
        """Subscription ids of the rule's tenant, in a stable order. Ids of rules and entities as they are inside."""
        ...

    def style(self, subscription: str) -> tuple[Format, Lang]:
        """How one of them wants to be told."""
        ...


class SubscriptionIndex:
    """Subscriptions by rule, tag and entity: globs are tried once for each that occurs, not once for each match.

    Asked is only who is of the rule's tenant, and a glob is tried on what the tenant's own people call a thing: `*` of
    one tenant fits nothing of another's.
    """

    def __init__(self, subscriptions: Iterable[SubscriptionRecord]) -> None:
        self._records = {record.id: record for record in sorted(subscriptions, key=lambda record: record.id)}
        self._selectors: dict[str, dict[str, Selector]] = {}
        """By tenant; of those too that are paused or disabled: what they are to be told is held, not lost."""
        for record in self._records.values():
            self._selectors.setdefault(record.tenant, {})[record.id] = Selector.of(record.rules)
        self._of_rule: dict[tuple[str, tuple[str, ...]], tuple[str, ...]] = {}
        self._of_entity: dict[str, tuple[str, ...]] = {}
        self._by_entity = any(one.entities for selectors in self._selectors.values() for one in selectors.values())
        self._resolved: dict[tuple[str, str, tuple[str, ...], bytes], Policy | None] = {}

    def of(self, rule_id: str, tags: Sequence[str] = (), entities: Collection[str] = ()) -> Sequence[str]:
        """Ids of the subscriptions that a rule of this id and these tags, which found these entities, is told to.

        One that fits of what a subscription lists is enough. Of a paused one the dispatcher holds what is made.
        """
        found = self._rule(rule_id, tuple(tags))
        if not self._by_entity:
            return found
        by_entity = {one for entity in entities for one in self._entity(entity)}
        return found if by_entity.issubset(found) else sorted(by_entity.union(found))

    def _rule(self, rule_id: str, tags: tuple[str, ...]) -> tuple[str, ...]:
        known = self._of_rule.get((rule_id, tags))
        if known is None:
            name, selectors = local(rule_id), self._selectors.get(tenant_of(rule_id), {})
            known = self._of_rule[rule_id, tags] = tuple(
                one for one, selector in selectors.items() if selector.fits(name, tags)
            )
        return known

    def _entity(self, entity: str) -> tuple[str, ...]:
        known = self._of_entity.get(entity)
        if known is None:
            name, selectors = local(entity), self._selectors.get(tenant_of(entity), {})
            known = self._of_entity[entity] = tuple(
                one for one, selector in selectors.items() if fits(selector.entities, name)
            )
        return known

    def style(self, subscription: str) -> tuple[Format, Lang]:
        """Format and language of its webhooks. Raises KeyError when there is no such subscription."""
        record = self._records[subscription]
        return record.format, record.lang

    def policy(self, subscription: str, rule: RuleHead | None) -> Policy | None:
        """What applies to a rule of a subscription (None: to the subscription itself).

        None: there is no such subscription, or it is another tenant's by now.
        """
        record = self._records.get(subscription)
        if record is None:
            return None
        default = orjson.dumps(rule.policy) if rule is not None and rule.policy else b""
        key = (subscription, rule.id, rule.tags, default) if rule is not None else (subscription, "", (), b"")
        if key not in self._resolved:
            if len(self._resolved) >= MAX_RESOLVED:
                self._resolved.clear()
            is_own = rule is None or tenant_of(rule.id) == record.tenant
            self._resolved[key] = resolve(record.policy, rule) if is_own else None
        return self._resolved[key]

    def empty_digests(self) -> list[tuple[str, Policy]]:
        """The subscriptions that want their digest also when there is nothing to tell, with their policies.

        None of those that are paused or disabled: mornings without news would come at once when they are resumed.
        """
        own = ((one, self.policy(one, None)) for one, record in self._records.items() if record.held is None)
        return [(one, policy) for one, policy in own if policy and policy.mode == "digest" and policy.digest.empty]


def alerts_for(
    record: MatchRecord, addresses: Addresses, now_ms: int, told: StoryStep | None = None
) -> list[AlertRecord]:
    """One alert for each match and each subscription that wants it.

    `told` is what the story stage found out about the record; without it every article is a story of its own.
    """
    if told is None:
        told = StoryStep(b"", None, StoryHead(id=ids.story_id(record.article.id)), record.article, record.matches)
    alerts: list[AlertRecord] = []
    for match in told.matches:
        evidence = tuple(map(_shortened, match.mentions))
        alerts += [
            _thin(_alert(record, told, match, subscription, evidence, addresses.style(subscription), now_ms))
            for subscription in addresses.of(match.rule.id, match.rule.tags, match.entities)
        ]
    return alerts


def _alert(  # noqa: PLR0913 - what an alert is made of
    record: MatchRecord,
    told: StoryStep,
    match: RuleMatch,
    subscription: str,
    evidence: tuple[Evidence, ...],
    style: tuple[Format, Lang],
    now_ms: int,
) -> AlertRecord:
    return AlertRecord(
        alert_id=ids.alert_id(match.match_id, subscription),
        match_id=match.match_id,
        subscription=subscription,
        story=told.story,
        rule=match.rule,
        article=told.article,
        mentions=evidence,
        entities=match.entities,
        mutes=match.mutes,
        truncated=match.mentions_total > len(match.mentions),
        format=style[0],
        lang=style[1],
        published_ms=record.published_ms,
        matched_ms=record.matched_ms,
        alerted_ms=now_ms,
    )


def _shortened(evidence: Evidence) -> Evidence:
    """The sentence cut around the surface, so that what is shown still holds it."""
    sentence = evidence.sentence
    if len(sentence) <= MAX_SENTENCE:
        return evidence
    at = max(sentence.find(evidence.text), 0)
    first = max(0, min(at - MAX_SENTENCE // 2, len(sentence) - MAX_SENTENCE))
    cut = sentence[first : first + MAX_SENTENCE]
    cut = (ELLIPSIS if first else "") + cut + (ELLIPSIS if first + MAX_SENTENCE < len(sentence) else "")
    return evidence.model_copy(update={"sentence": cut})


def _thin(alert: AlertRecord) -> AlertRecord:
    """At most MAX_ALERT_BYTES: evidence goes first, then what is long in the article's head.

    An address is left out rather than cut: half of one leads somewhere else.
    """
    if len(alert.encode()) <= MAX_ALERT_BYTES:
        return alert
    while len(alert.encode()) > MAX_ALERT_BYTES and alert.mentions:
        keep = len(alert.mentions) // 2
        alert = alert.model_copy(update={"mentions": alert.mentions[:keep], "truncated": True})
    if len(alert.encode()) > MAX_ALERT_BYTES:
        head = alert.article
        fields = ("title", "source", "author", "section")
        short = {name: value[:MAX_SENTENCE] for name in fields if (value := getattr(head, name)) is not None}
        if head.url is not None and len(head.url) > MAX_SENTENCE:
            short["url"] = None
        alert = alert.model_copy(update={"article": head.model_copy(update=short), "truncated": True})
    for name in ("entities", "mutes"):
        while len(alert.encode()) > MAX_ALERT_BYTES and (listed := getattr(alert, name)):
            alert = alert.model_copy(update={name: listed[: len(listed) // 2], "truncated": True})
    return alert
