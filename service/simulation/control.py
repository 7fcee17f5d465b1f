"""What the control topics say at a time of the day: subscriptions, silences, and which digests are due then."""

import heapq
from collections.abc import Iterable, Iterator, Sequence

from service.alerting.addressing import SubscriptionIndex
from service.alerting.calendar import next_digest_ms
from service.alerting.groups import digest_flush
from service.alerting.policy import Policy
from service.alerting.silence import ActiveSilences, Silence
from service.model.control_records import SilenceRecord, SubscriptionRecord
from service.model.records import FlushRecord
from service.simulation.events import Event, Lifted, Silenced, Subscribed, Unsubscribed


class Control:
    """Changed by events only."""

    def __init__(self) -> None:
        self._subscriptions: dict[str, SubscriptionRecord] = {}
        self._silences: dict[str, SilenceRecord] = {}
        self._active = ActiveSilences(())
        self._wants_empty: dict[str, Policy] = {}
        self._digests: list[tuple[int, str]] = []
        self._now_ms = 0
        self.addresses = SubscriptionIndex(())

    def take(self, event: Event) -> Iterator[tuple[str, int]]:
        """Apply an event; gives the silences of which the end was moved, and to when."""
        self._now_ms = event.at_ms
        match event:
            case Subscribed():
                self._subscriptions[event.subscription.id] = event.subscription
                self.subscribe(())
            case Unsubscribed():
                self._subscriptions.pop(event.subscription, None)
                self.subscribe(())
            case Silenced():
                moved = event.silence.id in self._silences
                self._silences[event.silence.id] = event.silence
                if moved:
                    yield event.silence.id, event.silence.ends_ms
            case Lifted():
                lifted = self._silences.get(event.silence)
                if lifted is not None and lifted.ends_ms > event.at_ms:
                    self._silences[event.silence] = lifted.model_copy(update={"ends_ms": event.at_ms})
                    yield event.silence, event.at_ms
        self._active = ActiveSilences(map(Silence.of, self._silences.values()))

    def begin(self, now_ms: int) -> None:
        """The day begins: of what is due at local times only what comes after it is due."""
        self._now_ms = now_ms
        self.subscribe(())

    def subscribe(self, records: Iterable[SubscriptionRecord]) -> None:
        """Add many at once."""
        self._subscriptions.update((record.id, record) for record in records)
        self.addresses = SubscriptionIndex(self._subscriptions.values())
        self._wants_empty = dict(self.addresses.empty_digests())
        self._digests = []
        for subscription in self._wants_empty:
            self._plan(subscription, self._now_ms)

    def silences(self, now_ms: int) -> Sequence[Silence]:
        """Those that are active."""
        return self._active.at(now_ms)

    def next_digest_ms(self) -> int | None:
        """When the next digest comes that is told even when there is nothing in it."""
        return self._digests[0][0] if self._digests else None

    def digests_due(self, now_ms: int) -> list[FlushRecord]:
        """Flushes of these digests."""
        flushes = []
        while self._digests and self._digests[0][0] <= now_ms:
            due_ms, subscription = heapq.heappop(self._digests)
            flushes.append(digest_flush(subscription, due_ms))
            self._plan(subscription, due_ms)
        return flushes

    def _plan(self, subscription: str, after_ms: int) -> None:
        heapq.heappush(self._digests, (next_digest_ms(self._wants_empty[subscription], after_ms), subscription))
