"""Silences: what is not told for a while, because somebody said so, with a name, a reason and an end."""

from collections.abc import Iterable
from dataclasses import dataclass

from service.alerting.selectors import fits_any
from service.model.records import AlertRecord, SilenceMatchers, SilenceRecord


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence: from its start on, and no more at its end. Milliseconds since the epoch."""

    id: str
    matchers: SilenceMatchers
    starts_ms: int
    ends_ms: int

    @classmethod
    def of(cls, record: SilenceRecord) -> "Silence":
        """What its record says."""
        return cls(record.id, record.matchers, record.starts_ms, record.ends_ms)

    def active(self, now_ms: int) -> bool:
        """Whether it holds at this time."""
        return self.starts_ms <= now_ms < self.ends_ms


def matches(silence: Silence, alert: AlertRecord) -> bool:
    """Whether `silence` hides `alert` while it is active: every list of it that is not empty must fit.

    One that asks for nothing hides nothing.
    """
    asked = silence.matchers
    given = [
        (globs, values)
        for globs, values in (
            (asked.subscription, (alert.subscription,)),
            (asked.rule, (alert.rule.id,)),
            (asked.source, (alert.article.source or "",)),
            (asked.story, (alert.story.id,)),
            (asked.tag, alert.rule.tags),
            (asked.entity, alert.entities),
        )
        if globs
    ]
    return bool(given) and all(fits_any(globs, values) for globs, values in given)


def hiding(silences: Iterable[Silence], alert: AlertRecord, now_ms: int) -> Silence | None:
    """The silence that hides `alert` at `now_ms`; of several the one that ends last."""
    found = [silence for silence in silences if silence.active(now_ms) and matches(silence, alert)]
    return min(found, key=lambda silence: (-silence.ends_ms, silence.id), default=None)
