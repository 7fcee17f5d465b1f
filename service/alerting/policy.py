"""How a rule of a subscription is to be told: the policy resolved, nothing left open, all times in milliseconds.

Field by field: what the subscription says, else what the rule's own policy says, else the built-in. The result is free
of contradictions: what has no meaning in its mode is off, whoever said it. Local times: `service/alerting/calendar.py`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from service.alerting.selectors import Selector, fits
from service.model.policy import (
    DAYS,
    Day,
    DigestModel,
    FiltersModel,
    Mode,
    PolicyModel,
    QuietModel,
    RenotifyModel,
    ThrottleBy,
    minute_of,
)
from service.model.records import AlertRecord, RuleHead
from service.model.tenants import local

WORST_TIER = 3
EVERY_DAY = frozenset(range(7))
_DAY = 1440


@dataclass(frozen=True, slots=True)
class Quiet:
    """Local hours in which nothing is told, of the local days (0 = Monday) on which they begin."""

    since_minute: int
    until_minute: int
    """After `since_minute`; beyond 1440 it is on the next day."""
    days: frozenset[int] = EVERY_DAY


@dataclass(frozen=True, slots=True)
class Digest:
    """When a digest comes, in local minutes of local days (0 = Monday), and what it lists."""

    minutes: tuple[int, ...] = (9 * 60,)
    days: frozenset[int] = EVERY_DAY
    top: int = 10
    empty: bool = False


@dataclass(frozen=True, slots=True)
class Frequency:
    """So many stories within so long."""

    stories: int
    window_ms: int


@dataclass(frozen=True, slots=True)
class Policy:
    """What applies to one rule of one subscription."""

    mode: Mode = "first"
    sources: tuple[str, ...] = ()
    langs: tuple[str, ...] = ()
    sections: tuple[str, ...] = ()
    """Filters: globs, empty means all. Ask `refused_by`."""
    tier_at_most: int | None = None
    confidence_at_least: float | None = None
    tiers: tuple[tuple[int, tuple[str, ...]], ...] = ()
    """(tier, globs of press names), the best first. Ask `tier_of`."""
    group_wait_ms: int = 0
    group_interval_ms: int = 300_000
    sources_step: int | None = None
    on_tier: bool = False
    on_headline: bool = False
    """For which reasons a story is told again."""
    throttle_ms: int = 0
    throttle_by: ThrottleBy = "rule"
    max_per_hour: int | None = None
    time_to_live_ms: int | None = None
    """None: as the settings say."""
    quiet: tuple[Quiet, ...] = ()
    timezone: str = "Asia/Seoul"
    urgent: bool = False
    """The rule that this was resolved for passes quiet hours."""
    digest: Digest = Digest()
    frequency: Frequency | None = None
    """Set in mode frequency, and only there."""
    inhibit: bool = True

    def tier_of(self, source: str | None) -> int:
        """1, 2 or 3."""
        return next((tier for tier, sources in self.tiers if fits(sources, source)), WORST_TIER)

    def refused_by(self, alert: AlertRecord) -> str | None:
        """The filter that leaves an alert out (source, lang, section, tier, confidence); None: it passes."""
        article = alert.article
        asked = (
            ("source", self.sources, article.source),
            ("lang", self.langs, article.lang),
            ("section", self.sections, article.section),
        )
        for name, globs, value in asked:
            if globs and not fits(globs, value):
                return name
        if self.tier_at_most is not None and self.tier_of(article.source) > self.tier_at_most:
            return "tier"
        # evidence that had to be cut away says nothing against an alert
        surest = max((mention.confidence for mention in alert.mentions), default=1.0)
        return "confidence" if self.confidence_at_least is not None and surest < self.confidence_at_least else None


def resolve(written: PolicyModel | None, rule: RuleHead | None) -> Policy:
    """What applies to `rule` of a subscription that wrote `written`; of the subscription itself when `rule` is None."""
    own, default = written or PolicyModel(), _default_of(rule)
    said = _over(own, default)
    mode: Mode = said.mode or "first"
    if mode == "frequency" and said.frequency is None:  # refused where it is written; a record may hold it all the same
        mode = "first"
    of_stories = mode in ("first", "update")
    filters, again = said.filters or FiltersModel(), said.renotify or RenotifyModel()
    return Policy(
        mode=mode,
        sources=filters.source or (),
        langs=filters.lang or (),
        sections=filters.section or (),
        tier_at_most=filters.tier_at_most,
        confidence_at_least=filters.confidence_at_least,
        tiers=tuple((int(tier), sources) for tier, sources in sorted((said.tiers or {}).items())),
        group_wait_ms=_ms(said.group_wait_s, 0) if of_stories else 0,
        group_interval_ms=_ms(said.group_interval_s, 300_000),
        sources_step=(again.sources_step or None) if of_stories else None,
        on_tier=of_stories and bool(again.tier),
        on_headline=of_stories and bool(again.headline),
        throttle_ms=0 if mode == "digest" else _ms(said.throttle_s, 0),
        throttle_by=said.throttle_by or "rule",
        max_per_hour=None if mode == "digest" else said.max_per_hour or None,
        time_to_live_ms=None if said.time_to_live_s is None else _ms(said.time_to_live_s, 0),
        quiet=tuple(map(_quiet, said.quiet or ())),
        timezone=said.timezone or "Asia/Seoul",
        urgent=_urgent(own, default, rule),
        digest=_digest(said.digest),
        frequency=Frequency(said.frequency.stories, _ms(said.frequency.window_s, 0))
        if said.frequency and mode == "frequency"
        else None,
        inhibit=said.inhibit is not False,
    )


def _default_of(rule: RuleHead | None) -> PolicyModel:
    if rule is None or rule.policy is None:
        return PolicyModel()
    try:
        return PolicyModel.read(rule.policy)
    except ValidationError:  # of a newer Bongsu: an alert must not stop a worker over how it would like to be told
        return PolicyModel()


def _over(own: PolicyModel, default: PolicyModel) -> PolicyModel:
    """`own` where it says something, else `default`; of the parts that are objects field by field."""
    merged: dict[str, Any] = {}
    for name in PolicyModel.model_fields:
        mine, other = getattr(own, name), getattr(default, name)
        if isinstance(mine, BaseModel) and isinstance(other, BaseModel):
            said = {part: value for part in type(mine).model_fields if (value := getattr(mine, part)) is not None}
            merged[name] = other.model_copy(update=said)
        else:
            merged[name] = other if mine is None else mine
    return PolicyModel.model_construct(**merged)


def _urgent(own: PolicyModel, default: PolicyModel, rule: RuleHead | None) -> bool:
    if own.urgent is None:
        return default.urgent is True
    if isinstance(own.urgent, bool):
        return own.urgent
    return rule is not None and Selector.of(own.urgent).fits(local(rule.id), rule.tags)


def _ms(seconds: float | None, default_ms: int) -> int:
    return default_ms if seconds is None else round(seconds * 1000)


def _weekdays(days: Iterable[Day] | None) -> frozenset[int]:
    return EVERY_DAY if days is None else frozenset(map(DAYS.index, days))


def _quiet(written: QuietModel) -> Quiet:
    since, until = minute_of(written.from_), minute_of(written.to)
    return Quiet(since, until if until > since else until + _DAY, _weekdays(written.days))


def _digest(written: DigestModel | None) -> Digest:
    built_in = Digest()
    if written is None:
        return built_in
    return Digest(
        built_in.minutes if written.times is None else tuple(sorted(set(map(minute_of, written.times)))),
        _weekdays(written.days),
        written.top or built_in.top,
        bool(written.empty),
    )
