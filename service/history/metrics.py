"""What the role `history` exports."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.history.fold import TOPICS
from service.metrics.disk import DiskMetrics

FAILURES = ("kafka", "database")


class HistoryMetrics:
    """How far the history is, and what kept it back."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.records = Counter(
            "bongsu_history_records", "Records folded into rows, by topic.", ["topic"], registry=registry
        )
        self.unreadable = Counter(
            "bongsu_history_unreadable", "Records that could not be read, by topic.", ["topic"], registry=registry
        )
        self.behind = Gauge("bongsu_history_lag_records", "Records that are not in the history yet.", registry=registry)
        self.lag = Gauge(
            "bongsu_history_lag_seconds",
            "Since it was whole: near 0 while it keeps up.",
            registry=registry,
        )
        self.failures = Counter(
            "bongsu_history_failures",
            "Rounds that failed and are tried again, by what did not answer.",
            ["by"],
            registry=registry,
        )
        self.transaction = Histogram(
            "bongsu_history_transaction_seconds",
            "Folding a batch and putting it into the database.",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.expired = Counter(
            "bongsu_history_expired_rows", "Rows removed because they were too old.", registry=registry
        )
        self.disk = DiskMetrics(registry)
        for topic in TOPICS:
            self.records.labels(topic)
            self.unreadable.labels(topic)
        for by in FAILURES:
            self.failures.labels(by)
