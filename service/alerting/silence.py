"""Silences: what is not told for a while, because somebody said so, with a name, a reason and an end."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from service.alerting.selectors import fits, fits_any
from service.model.control_records import SilenceMatchers, SilenceRecord
from service.model.record import DEFAULT_TENANT
from service.model.records import AlertRecord
from service.model.tenants import local, tenant_of

FOREVER_MS = 1 << 62
_NOTHING = SilenceMatchers()


@dataclass(frozen=True, slots=True)
class Silence:
    """One silence: from its start on, and no more at its end. Milliseconds since the epoch."""

    id: str
    matchers: SilenceMatchers
    starts_ms: int
    ends_ms: int
    tenant: str = DEFAULT_TENANT
    """It hides only what this tenant's rules found."""

    @classmethod
    def of(cls, record: SilenceRecord) -> "Silence":
        """What its record says."""
        return cls(record.id, record.matchers, record.starts_ms, record.ends_ms, record.tenant)

    def active(self, now_ms: int) -> bool:
        """Whether it holds at this time."""
        return self.starts_ms <= now_ms < self.ends_ms


def matches(silence: Silence, alert: AlertRecord) -> bool:
    """Whether `silence` hides `alert` of its tenant while it is active: every list of it that is not empty must fit.

    One that asks for nothing hides nothing.
    """
    asked = silence.matchers  # asked of every alert and every silence: the first that does not fit ends it
    return (
        (not asked.rule or fits(asked.rule, local(alert.rule.id)))
        and (not asked.subscription or fits(asked.subscription, alert.subscription))
        and (not asked.story or fits(asked.story, alert.story.id))
        and (not asked.tag or fits_any(asked.tag, alert.rule.tags))
        and (not asked.entity or fits_any(asked.entity, map(local, alert.entities)))
        and (not asked.source or fits(asked.source, alert.article.source))
        and silence.tenant == tenant_of(alert.rule.id)
        and asked != _NOTHING
    )


def hiding(silences: Iterable[Silence], alert: AlertRecord, now_ms: int) -> Silence | None:
    """The silence that hides `alert` at `now_ms`; of several the one that ends last."""
    found = [silence for silence in silences if silence.active(now_ms) and matches(silence, alert)]
    return min(found, key=lambda silence: (-silence.ends_ms, silence.id), default=None)


class ActiveSilences:
    """Many silences: which are active at a time. Asked for each alert, and seldom another answer than the last one."""

    def __init__(self, silences: Iterable[Silence]) -> None:
        self._silences = tuple(sorted(silences, key=lambda silence: silence.id))
        self._bounds = sorted({at for silence in self._silences for at in (silence.starts_ms, silence.ends_ms)})
        self._since_ms = self._until_ms = 0
        self._active: tuple[Silence, ...] = ()

    def at(self, now_ms: int) -> Sequence[Silence]:
        """Those that are active, in the order of their ids."""
        if not self._since_ms <= now_ms < self._until_ms:
            place = bisect_right(self._bounds, now_ms)
            self._since_ms = self._bounds[place - 1] if place else 0
            self._until_ms = self._bounds[place] if place < len(self._bounds) else FOREVER_MS
            self._active = tuple(silence for silence in self._silences if silence.active(now_ms))
        return self._active
