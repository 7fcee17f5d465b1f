"""What the dispatcher knows about each endpoint: may it be called now, and what does an answer say about it?

The pure machines of service/delivery decide; here they are kept, one set a subscription. All of it is rebuilt when
partitions are assigned: health from `endpoints`, where it is noted once a minute while an endpoint fails, and from the
`attempts` after that; breaker, rate and slots start afresh, which costs a dead endpoint a few POSTs after a restart.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_address
from urllib.parse import urlsplit

from service.delivery.attempts import OUR_SIDE, Answer, Failure
from service.delivery.breaker import Breaker
from service.delivery.health import NOT_ITS_FAULT, Health
from service.delivery.our_side import OurSide
from service.delivery.rate import Rate, Slots
from service.model.control_records import SubscriptionRecord
from service.model.records import AttemptRecord, EndpointRecord
from service.settings import DeliverySettings

OVERLOADED = frozenset({429, 503})
DOWN_4XX = frozenset({408, 410, 425, 429})
"""Of the endpoint. Every other 4xx is about what it was sent: it is there, and others may be accepted."""
GONE_AGAIN = 10
"""An endpoint that said 410 and then accepted another is asked whether it is gone when it says so many 410 in a row."""
NOTE_AFTER_MS = NOTE_EVERY_MS = 60_000
"""An endpoint that has failed for so long is kept note of, so often."""
NO_CONNECTION = frozenset({Failure.CONNECT, Failure.TIMEOUT, Failure.DNS, *OUR_SIDE, *NOT_ITS_FAULT})
"""Failures that do not prove that our network and our resolver work."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A POST that goes out."""

    revision: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Findings:
    """What an answer says about its endpoint."""

    warn_percent: int | None = None
    """A warning that is due."""
    recovered: bool = False
    """Somebody had been warned, and now it accepts again."""
    disable: str | None = None
    """Why it is to be disabled."""
    gone_probe_s: float | None = None
    """Ask once more after so long: it said 410 for the first time."""
    gone: bool = False
    """It said 410 again when it was asked once more."""
    note: EndpointRecord | None = None
    """To be kept for whoever has its partition next."""
    well: bool = False
    """What was kept of it is true no more."""
    failures: int = 0
    """In a row, with this one."""
    since_ms: int | None = None
    """When the first of them was."""
    ours: Failure | None = None
    """Nothing was asked of it: a fault of this machine. No attempt is counted, and it is to be tried again soon."""


@dataclass(slots=True)
class Endpoint:
    """One subscription's; a new revision of the subscription begins anew."""

    revision: int
    host: str
    named: bool
    """Its host is a name, not an address."""
    breaker: Breaker
    rate: Rate
    slots: Slots
    health: Health
    warned: bool = False
    """Somebody was told that it fails, under an earlier revision of the subscription."""
    noted_ms: int | None = None
    """When its failures were written to the topic `endpoints` last; None when nothing stands there."""
    gone: bool = False
    """It said 410, and is to be asked once more."""
    gone_refuted: bool = False
    """It accepted another after that: what it says 410 to is something about a delivery, until it says it to many."""
    gone_in_a_row: int = 0
    unreached: bool = False
    """The last that was sent to it did not leave this machine."""
    resting: int = field(default=0, compare=False)
    """Records of it that spilled and are not back: how long it is worth to rest."""


class Endpoints:
    """Endpoints by subscription id."""

    def __init__(self, settings: DeliverySettings, find: Callable[[str], SubscriptionRecord | None]) -> None:
        """`find` gives the subscription of an id as it is now."""
        self._settings = settings
        self._find = find
        self._all: dict[str, Endpoint] = {}
        self.our_side = OurSide()

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._all)

    def of(self, subscription: str) -> Endpoint:
        """The endpoint, as new when the subscription was changed meanwhile."""
        known = self._all.get(subscription)
        record = self._find(subscription)
        if record is None:
            self._all.pop(subscription, None)  # whoever asks wants to end what was for it; nothing of that is kept
            return self._new(None)
        if known is not None and known.revision == record.revision:
            return known
        made = self._new(record)
        if known is not None:
            made.resting = known.resting
            made.noted_ms = known.noted_ms
            made.warned = known.warned or known.health.told_percent > 0
        self._all[subscription] = made
        return made

    def forget(self) -> None:
        """All of them: their partitions go, and who gets them next reads `attempts`, as we do if they come back."""
        self._all.clear()

    def slots(self, subscription: str, now: float, *, busy: int = 0, due: bool = False) -> int:
        """How many POSTs may be under way now; not more than `busy`, that are: none may begin.

        `due`: what would begin is a retry whose time has come by its own schedule.
        """
        endpoint = self.of(subscription)
        if endpoint.rate.wait_s(now) > 0:
            return 0
        if endpoint.breaker.is_open:
            return min(endpoint.slots.now, busy + endpoint.breaker.probes_left(now, due=due))
        return endpoint.slots.now

    def wait_s(self, subscription: str, now: float) -> float:
        """Seconds until one may begin; 0: now."""
        endpoint = self.of(subscription)
        return max(endpoint.breaker.wait_s(now), endpoint.rate.wait_s(now))

    def started(self, subscription: str, now: float) -> Ticket:
        """A POST goes out."""
        endpoint = self.of(subscription)
        endpoint.rate.started(now)
        return Ticket(endpoint.revision, endpoint.breaker.started())

    def aside(self, subscription: str) -> Ticket:
        """For a POST that says nothing about the endpoint, and need not wait for it."""
        return Ticket(self.of(subscription).revision, probe=False)

    def abandoned(self, subscription: str, ticket: Ticket) -> None:
        """It came to nothing that says anything about the endpoint."""
        self.of(subscription).breaker.abandoned(probe=ticket.probe)

    def ended(  # noqa: PLR0913 - each is a separate fact
        self, subscription: str, ticket: Ticket, answer: Answer, *, retry_after_s: float | None, now: float, now_ms: int
    ) -> Findings:
        """Judge an answer. `now` is the clock of rates, `now_ms` that of records."""
        endpoint = self.of(subscription)
        if ticket.revision != endpoint.revision:
            return Findings()  # the subscription was changed meanwhile: it says nothing about the new endpoint
        failure = None if answer.delivered else answer.failure or Failure.STATUS
        if failure not in NO_CONNECTION:
            self.our_side.worked(named=endpoint.named)
        elif failure in (Failure.CONNECT, Failure.TIMEOUT) and endpoint.named and answer.address is not None:
            self.our_side.resolved()
        endpoint.unreached = False
        if failure is None:
            return self._accepted(endpoint, now)
        if failure in NOT_ITS_FAULT or self.our_side.is_to_blame(endpoint.host, failure, now, answer.detail):
            endpoint.breaker.abandoned(probe=ticket.probe)
            endpoint.unreached = failure in OUR_SIDE
            return Findings(ours=failure if failure in OUR_SIDE else None)
        found = self._failed(endpoint, ticket, failure, answer.status, retry_after_s, now, now_ms)
        return replace(found, note=_note(subscription, endpoint, now_ms, told=found.warn_percent is not None))

    def restore(self, kept: EndpointRecord) -> None:
        """What a predecessor kept of an endpoint; to be told before the attempts that came after it."""
        record = self._find(kept.subscription)
        if record is None:
            return
        endpoint = self.of(kept.subscription)
        endpoint.noted_ms = kept.noted_ms
        if kept.revision == record.revision:
            health = endpoint.health
            health.failures, health.since_ms, health.told_percent = kept.failures, kept.since_ms, kept.told_percent
        else:
            endpoint.warned = kept.told_percent > 0

    def remember(self, attempt: AttemptRecord) -> None:
        """An attempt that was made before the partition came here; to be told in the order of `attempts`."""
        record = self._find(attempt.subscription)
        if record is None or attempt.reason == "test" or attempt.started_ms < record.updated_ms:
            return
        endpoint = self.of(attempt.subscription)
        if endpoint.noted_ms is not None and attempt.started_ms + attempt.duration_ms <= endpoint.noted_ms:
            return  # counted in what was kept
        if attempt.outcome == "delivered":
            endpoint.health.succeeded()
        elif attempt.error is not None and attempt.error not in (*NOT_ITS_FAULT, *OUR_SIDE, Failure.DNS):
            endpoint.health.failed(attempt.started_ms)

    def percents(self, now_ms: int) -> list[int]:
        """How far each that fails is on the way to being disabled."""
        return [endpoint.health.percent(now_ms) for endpoint in self._live() if endpoint.health.failures]

    def troubled(self) -> list[tuple[str, bool]]:
        """Subscriptions whose endpoint fails, the longest first; with each whether it gets only probes."""
        failing = [(one, of) for one, of in self._all.items() if of.health.failures or of.breaker.is_open]
        failing.sort(key=lambda item: item[1].health.since_ms or 0)
        current = ((one, of, self._find(one)) for one, of in failing)
        return [
            (one, of.breaker.is_open)
            for one, of, record in current
            if record is not None and record.revision == of.revision
        ]

    def hosts(self) -> set[str]:
        """Whom the subscriptions are at, as far as anything was sent to them."""
        return {endpoint.host for endpoint in self._live()}

    def open_breakers(self) -> int:
        """Endpoints that get probes only."""
        return sum(endpoint.breaker.is_open for endpoint in self._live())

    def _live(self) -> Iterator[Endpoint]:
        """Of subscriptions as they are now; those that were removed are dropped."""
        removed = []
        for subscription, endpoint in self._all.items():
            record = self._find(subscription)
            if record is None:
                removed.append(subscription)
            elif record.revision == endpoint.revision:
                yield endpoint
        for subscription in removed:
            del self._all[subscription]

    def _accepted(self, endpoint: Endpoint, now: float) -> Findings:
        endpoint.slots.succeeded()
        endpoint.rate.succeeded()
        endpoint.gone_refuted = endpoint.gone_refuted or endpoint.gone
        endpoint.gone, endpoint.gone_in_a_row = False, 0
        if endpoint.breaker.succeeded(now):
            endpoint.rate.ramp(now)
        warned, noted = endpoint.warned, endpoint.noted_ms is not None
        endpoint.warned, endpoint.noted_ms = False, None
        return Findings(recovered=endpoint.health.succeeded() or warned, well=noted)

    def _failed(  # noqa: PLR0913 - each is a separate fact
        self, endpoint: Endpoint, ticket: Ticket, failure: Failure, status: int | None, retry_after_s: float | None,
        now: float, now_ms: int,
    ) -> Findings:  # fmt: skip
        if failure is Failure.TIMEOUT:
            endpoint.slots.timed_out()
        if status in OVERLOADED or failure is Failure.TIMEOUT:
            endpoint.rate.throttled(now, retry_after_s)
        refused = status is not None and 400 <= status < 500 and status not in DOWN_4XX and failure is Failure.STATUS
        if refused or (failure is Failure.GONE and self._is_about_a_delivery(endpoint)):
            if endpoint.breaker.answered():
                endpoint.rate.ramp(now)
        else:
            endpoint.breaker.failed(now, probe=ticket.probe)
        health = endpoint.health
        if failure is Failure.GONE and (found := self._gone(endpoint, ticket, now)) is not None:
            return replace(found, failures=health.failures + 1, since_ms=health.since_ms or now_ms)
        due = health.failed(now_ms)
        disable = f"{health.failures} failures in a row" if due == 100 else None
        return Findings(warn_percent=due, disable=disable, failures=health.failures, since_ms=health.since_ms)

    def _is_about_a_delivery(self, endpoint: Endpoint) -> bool:
        return endpoint.gone_refuted and not endpoint.gone and endpoint.gone_in_a_row + 1 < GONE_AGAIN

    def _gone(self, endpoint: Endpoint, ticket: Ticket, now: float) -> Findings | None:
        """What a 410 means; None: no more than any other refusal."""
        if endpoint.gone and ticket.probe:
            endpoint.warned = True
            return Findings(disable="410 Gone, twice", gone=True)
        probe_s = self._settings.gone_probe_s
        if not endpoint.gone:
            about_a_delivery = self._is_about_a_delivery(endpoint)
            endpoint.gone_in_a_row += 1
            if about_a_delivery:
                return None
            endpoint.gone = True
            endpoint.breaker.trip(now, probe_s)
        return Findings(gone_probe_s=probe_s)

    def _new(self, record: SubscriptionRecord | None) -> Endpoint:
        chosen = self._settings
        host = _host_of(record.url) if record is not None else ""
        caps = [chosen.max_per_s or math.inf]
        slots = chosen.max_in_flight_per_subscription
        if record is not None:
            caps.append(record.max_per_s or math.inf)
            slots = min(slots, record.max_in_flight or slots)
        return Endpoint(
            revision=0 if record is None else record.revision,
            host=host,
            named=_is_name(host),
            breaker=Breaker(chosen.breaker_failures, chosen.breaker_open_s, chosen.breaker_max_open_s),
            rate=Rate(min(caps)),
            slots=Slots(slots),
            health=Health(chosen.disable_failures, chosen.disable_after_s * 1000),
        )


def _note(subscription: str, endpoint: Endpoint, now_ms: int, *, told: bool) -> EndpointRecord | None:
    """What is worth keeping of a failing endpoint: `attempts` is read back only so far, and neighbours are busy."""
    health = endpoint.health
    if health.since_ms is None or not (told or now_ms - health.since_ms >= NOTE_AFTER_MS):
        return None
    if endpoint.noted_ms is not None and not told and now_ms - endpoint.noted_ms < NOTE_EVERY_MS:
        return None
    endpoint.noted_ms = now_ms
    return EndpointRecord(
        subscription=subscription, revision=endpoint.revision, failures=health.failures, since_ms=health.since_ms,
        told_percent=health.told_percent, noted_ms=now_ms,
    )  # fmt: skip


def _host_of(url: str) -> str:
    """Empty where a URL cannot be read: whoever is to call it refuses it, and that is one delivery's matter."""
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_name(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return True
    return False
