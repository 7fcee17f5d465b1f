"""`bongsu subscriptions show`: what applies to each rule of a subscription, once everybody was heard."""

import time
from typing import Any

import click
import orjson

from service.actions.actor import Actor
from service.actions.control import Control
from service.actions.known_rules import KnownRules
from service.actions.subscriptions import get
from service.alerting.calendar import next_digest_ms, quiet_until_ms
from service.alerting.policy import EVERY_DAY, Policy, resolve
from service.alerting.selectors import Selector
from service.cli.acting import act
from service.cli.common import settings_of, tenant_option
from service.cli.subscription_fields import masked
from service.cli.times import shown_time
from service.model.control_records import SubscriptionRecord
from service.model.policy import DAYS


def shown_policy(policy: Policy) -> dict[str, Any]:
    """A resolved policy in the words in which policies are written; what is off is left out."""
    shown: dict[str, Any] = {"mode": policy.mode}
    filters = {
        "source": policy.sources, "lang": policy.langs, "section": policy.sections,
        "tier_at_most": policy.tier_at_most, "confidence_at_least": policy.confidence_at_least,
    }  # fmt: skip
    renotify = {
        "sources_step": policy.sources_step, "tier": policy.on_tier or None, "headline": policy.on_headline or None,
    }  # fmt: skip
    shown["filters"] = {name: value for name, value in filters.items() if value}
    shown["tiers"] = {str(tier): sources for tier, sources in policy.tiers}
    shown["group_wait_s"] = policy.group_wait_ms / 1000
    if policy.mode == "update" or any(renotify.values()):
        shown["group_interval_s"] = policy.group_interval_ms / 1000
    shown["renotify"] = {name: value for name, value in renotify.items() if value}
    if policy.throttle_ms:
        shown |= {"throttle_s": policy.throttle_ms / 1000, "throttle_by": policy.throttle_by}
    shown["max_per_hour"] = policy.max_per_hour
    shown["time_to_live_s"] = None if policy.time_to_live_ms is None else policy.time_to_live_ms / 1000
    shown["quiet"] = [
        {"from": _time(span.since_minute), "to": _time(span.until_minute % 1440 or 1440), **_days(span.days)}
        for span in policy.quiet
    ]
    if policy.mode == "digest":
        digest = policy.digest
        shown["digest"] = {
            "times": [_time(minute) for minute in digest.minutes], **_days(digest.days),
            "top": digest.top, "empty": digest.empty,
        }  # fmt: skip
    if policy.frequency is not None:
        shown["frequency"] = {"stories": policy.frequency.stories, "window_s": policy.frequency.window_ms / 1000}
    if policy.quiet or policy.mode == "digest":
        shown["timezone"] = policy.timezone
    shown |= {"urgent": policy.urgent or None, "inhibit": policy.inhibit}
    return {name: value for name, value in shown.items() if value not in (None, {}, [], 0.0) or name == "inhibit"}


def _time(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _days(days: frozenset[int]) -> dict[str, Any]:
    return {} if days == EVERY_DAY else {"days": [DAYS[day] for day in sorted(days)]}


def applies(record: SubscriptionRecord, known: KnownRules | None, now_ms: int) -> list[dict[str, Any]]:
    """Each policy that results, with the rules in force that it is for: those of one policy stand together."""
    selector = Selector.of(record.rules)
    groups: dict[Policy, list[str]] = {}
    for rule in known.rules if known else ():
        if selector.fits(rule.head.id, rule.head.tags, rule.entities):
            groups.setdefault(resolve(record.policy, rule.head), []).append(rule.head.id)
    if not groups:
        groups[resolve(record.policy, None)] = []
    out = []
    for policy, rules in groups.items():
        shown: dict[str, Any] = {"rules": rules, "policy": shown_policy(policy)}
        if policy.mode == "digest":
            shown["next_digest"] = shown_time(next_digest_ms(policy, now_ms))
        if (until_ms := quiet_until_ms(policy, now_ms)) is not None and not policy.urgent:
            shown["quiet_until"] = shown_time(until_ms)
        out.append(shown)
    return out


@click.command()
@click.argument("subscription", metavar="ID")
@tenant_option
def show(subscription: str, tenant: str) -> None:
    """A subscription, and what applies to each of its rules.

    Its own policy goes before that of the rule, and both before what is built in. Rules that are told in the same way
    stand together; `entity:` is taken to mean the rules that name it.
    """
    settings = settings_of("subscriptions")

    async def read(control: Control, actor: Actor) -> tuple[SubscriptionRecord, KnownRules | None]:
        return await get(control, actor, subscription), await control.known_rules(actor.tenant)

    record, known = act(settings, read, tenant=tenant)
    told = applies(record, known, time.time_ns() // 1_000_000)
    click.echo(orjson.dumps(masked(record) | {"applies": told}, option=orjson.OPT_INDENT_2).decode())
