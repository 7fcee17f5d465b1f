"""What the dispatcher exports. The shell counts what the pure machine returned."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.delivery.attempts import OUR_SIDE, Failure
from service.delivery.health import WARN_PERCENT
from service.dispatcher.metrics_subscriptions import OUTCOMES, SubscriptionMetrics
from service.metrics.bounded import MAX_LABEL_VALUES
from service.metrics.latency import BUCKETS_S, StageLatency
from service.model.ids import trace_id
from service.model.records import DeliveryRecord
from service.model.topics import RETRY_TIERS_S

SPILLS = ("not_due", "busy", "open", "our_side")
EVENTS = ("failing", "disabled", "recovered")
DEAD = ("undecodable", "hash", "id", "conflict")
POST_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30)


class DispatcherMetrics:
    """Series of one dispatcher; zeros from the start, so that rate() sees the first event."""

    def __init__(self, registry: CollectorRegistry, max_label_values: int = MAX_LABEL_VALUES) -> None:
        """`max_label_values`: subscriptions that have series of their own."""
        self.subscriptions = SubscriptionMetrics(registry, max_label_values)
        self._stages = StageLatency(registry, ("first_attempt", "accepted"))
        self.deliveries = Counter("bongsu_deliveries", "Deliveries read for the first time.", registry=registry)
        self.attempts = Counter("bongsu_attempts", "Attempts by what became of them.", ["outcome"], registry=registry)
        self.attempt_errors = Counter(
            "bongsu_attempt_errors", "Failed attempts by class of failure.", ["error"], registry=registry
        )
        self.post_seconds = Histogram(
            "bongsu_attempt_duration_seconds", "One POST, from resolving the name to the end of the answer.",
            buckets=POST_BUCKETS_S, registry=registry,
        )  # fmt: skip
        self._latency = Histogram(
            "bongsu_delivery_latency_seconds", "From publishing an article to its webhook being accepted.",
            buckets=BUCKETS_S, registry=registry,
        )  # fmt: skip
        self.in_flight = Gauge("bongsu_deliveries_in_flight", "POSTs under way.", registry=registry)
        self.waiting = Gauge(
            "bongsu_deliveries_waiting", "Due, and waiting for a slot of their lane.", registry=registry
        )
        self.held = Gauge("bongsu_deliveries_held", "Records in memory whose offset is not done.", registry=registry)
        self.retry_depth = Gauge(
            "bongsu_retry_depth_records", "Records resting in a retry tier, of the partitions held here.",
            ["tier"], registry=registry,
        )  # fmt: skip
        self.backlog = Gauge(
            "bongsu_dispatcher_lag_records", "Deliveries not yet read, of the partitions held here.", registry=registry
        )
        self.on_hold = Gauge(
            "bongsu_subscriptions_on_hold", "Paused or disabled subscriptions for which something waits here.",
            registry=registry,
        )  # fmt: skip
        self.open_breakers = Gauge(
            "bongsu_endpoints_open", "Endpoints that get only probes, after failures in a row.", registry=registry
        )
        self.failing = Gauge(
            "bongsu_endpoints_failing", "Endpoints at least so far, in per cent, on the way to being disabled.",
            ["percent"], registry=registry,
        )  # fmt: skip
        self.endpoint_events = Counter(
            "bongsu_endpoint_events", "Endpoints that were warned about, disabled, recovered.", ["event"],
            registry=registry,
        )  # fmt: skip
        self.spills = Counter(
            "bongsu_delivery_spills", "Records sent to a retry tier without an attempt.", ["why"], registry=registry
        )
        self.own_faults = Counter(
            "bongsu_delivery_own_faults",
            "POSTs that did not leave this machine: charged to no endpoint, no attempt counted.",
            ["fault"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "bongsu_delivery_dead_letters",
            "Records that could not be used, by what was wrong.",
            ["why"],
            registry=registry,
        )
        self.repeats = Counter(
            "bongsu_delivery_repeats", "Records of attempts that had been made: no second POST.", registry=registry
        )
        self.output_retries = Counter(
            "bongsu_dispatcher_output_retries", "Writes that Kafka did not acknowledge at once.", registry=registry
        )
        for percent in WARN_PERCENT:
            self.failing.labels(str(percent)).set(0)
        for event in EVENTS:
            self.endpoint_events.labels(event)
        for outcome in OUTCOMES:
            self.attempts.labels(outcome)
        for failure in Failure:
            self.attempt_errors.labels(failure.value)
        for tier in RETRY_TIERS_S:
            self.retry_depth.labels(f"{tier}s").set(0)
        for why in SPILLS:
            self.spills.labels(why)
        for fault in sorted(OUR_SIDE):
            self.own_faults.labels(fault.value)
        for why in DEAD:
            self.dead_letters.labels(why)

    def read(self, delivery: DeliveryRecord) -> None:
        """A delivery was read for the first time."""
        self.deliveries.inc()
        self.subscriptions.delivery(delivery.subscription)

    def posted(self, delivery: DeliveryRecord, now_ms: int) -> None:
        """A POST goes out."""
        if delivery.attempts_made == 0 and delivery.reason == "live":
            self._stages.observe("first_attempt", max(0, now_ms - delivery.published_ms) / 1000, _trace(delivery))

    def accepted(self, delivery: DeliveryRecord, now_ms: int) -> None:
        """Its receiver has it."""
        seconds = max(0, now_ms - delivery.published_ms) / 1000
        self._latency.observe(seconds)
        self._stages.observe("accepted", seconds, _trace(delivery))
        self.subscriptions.accepted(delivery.subscription, seconds)


def _trace(delivery: DeliveryRecord) -> str:
    return delivery.trace or trace_id(delivery.id)
