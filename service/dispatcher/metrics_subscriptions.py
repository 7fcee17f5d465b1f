"""What the dispatcher exports of each subscription: so many have series of their own (service/metrics/bounded.py).

Counters for those that come first; states for those that are worst off, whoever they are, so that the one that is
disabled among thousands has a name.
"""

from collections.abc import Collection, Iterable, Iterator

from prometheus_client import CollectorRegistry

from service.metrics.bounded import Capped, Gathered
from service.metrics.series import Counters, Histograms
from service.model.control_records import SubscriptionRecord
from service.model.records import TERMINAL_OUTCOMES

OUTCOMES = ("retry", "held", *sorted(TERMINAL_OUTCOMES))
LATENCY_BUCKETS_S = (0.1, 0.5, 1, 5, 30, 300, 3600)
"""Few: there are as many histograms as subscriptions."""
STATES = ("disabled", "open", "failing", "paused")
"""In the order in which they are told."""


class SubscriptionMetrics:
    """Series with the label `subscription`, and that of the hosts that they are at."""

    def __init__(self, registry: CollectorRegistry, max_label_values: int) -> None:
        self.max_label_values = max_label_values
        self._deliveries = Capped(
            Counters(
                "bongsu_subscription_deliveries", "Deliveries read for the first time, by subscription.",
                ["subscription"], registry=registry,
            ),
            max_label_values,
        )  # fmt: skip
        self._attempts = Capped(
            Counters(
                "bongsu_subscription_attempts", "Attempts by subscription and what became of them.",
                ["subscription", "outcome"], registry=registry,
            ),
            max_label_values,
            [(outcome,) for outcome in OUTCOMES],
        )  # fmt: skip
        self._latency = Capped(
            Histograms(
                "bongsu_subscription_latency_seconds", "From publishing an article to its webhook being accepted.",
                ["subscription"], buckets=LATENCY_BUCKETS_S, registry=registry,
            ),
            max_label_values,
        )  # fmt: skip
        self.states = Gathered(
            registry, "bongsu_subscription_state",
            "1 for each that is failing (the last attempt did), open (gets only probes), disabled or paused.",
            ["subscription", "state"],
        )  # fmt: skip
        self.secrets = Gathered(
            registry, "bongsu_secret_expiry_timestamp_seconds",
            "When the next secret that was exchanged stops to sign beside its successor.", ["subscription"],
        )  # fmt: skip
        self.certificates = Gathered(
            registry, "bongsu_certificate_expiry_timestamp_seconds",
            "End of the certificate that an endpoint showed when it was last connected to.", ["host"],
        )  # fmt: skip

    def known(self, subscriptions: Collection[str]) -> None:
        """These are all that there are."""
        for capped in (self._deliveries, self._attempts, self._latency):
            capped.expect(subscriptions)

    def delivery(self, subscription: str) -> None:
        """One was read for the first time."""
        self._deliveries.of(subscription).inc()

    def attempt(self, subscription: str, outcome: str) -> None:
        """One was made, and written down."""
        self._attempts.of(subscription, outcome).inc()

    def accepted(self, subscription: str, seconds: float) -> None:
        """Since publishing."""
        self._latency.of(subscription).observe(seconds)


def states_of(
    records: Iterable[SubscriptionRecord], troubled: Collection[tuple[str, bool]]
) -> Iterator[tuple[tuple[str, str], float]]:
    """Subscription and state, the gravest first. `troubled`: those that fail, and whether only probes are sent."""
    standing = [(record.id, record.held) for record in records if record.held is not None]
    named = {
        "disabled": [one for one, held in standing if held == "disabled"],
        "open": [one for one, is_open in troubled if is_open],
        "failing": [one for one, _ in troubled],
        "paused": [one for one, held in standing if held == "paused"],
    }
    for state in STATES:
        for one in named[state]:
            yield (one, state), 1.0


def expiring(records: Iterable[SubscriptionRecord], now_ms: int) -> list[tuple[tuple[str], float]]:
    """When the next secret of each that has one to lose goes, the soonest first; seconds since the epoch."""
    ends = [
        (min(left), record.id)
        for record in records
        if record.retiring and (left := [old.until_ms for old in record.retiring if old.until_ms > now_ms])
    ]
    return [((one,), end_ms / 1000) for end_ms, one in sorted(ends)]
