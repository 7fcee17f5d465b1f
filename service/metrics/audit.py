"""What the role `audit` exports: the books, and how far each consumer group is."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge


class AuditMetrics:
    """The books (docs/architecture.md): both must stay at 0 behind the watermark."""

    def __init__(self, registry: CollectorRegistry, ledgers: Iterable[str], read: Iterable[str]) -> None:
        self.unaccounted = Gauge(
            "bongsu_account_unaccounted", "Ids without an end, older than the watermark.", ["ledger"], registry=registry
        )
        self.conflicting = Gauge(
            "bongsu_account_conflicting", "Ids with two ends or two contents.", ["ledger"], registry=registry
        )
        self.pending = Gauge("bongsu_account_pending", "Ids that are on their way.", ["ledger"], registry=registry)
        self.oldest = Gauge(
            "bongsu_account_oldest_pending_seconds", "Age of the oldest id on its way.", ["ledger"], registry=registry
        )
        self.entries = Gauge("bongsu_account_entries", "Ids in the books.", ["ledger"], registry=registry)
        self.watermark = Gauge(
            "bongsu_account_watermark_timestamp_seconds",
            "Up to when the books are whole: when the last finished reading began.",
            registry=registry,
        )
        self.unreadable = Counter(
            "bongsu_account_unreadable", "Records that the books could not read.", registry=registry
        )
        self.failures = Counter(
            "bongsu_account_failed_rounds", "Readings that Kafka did not let end.", registry=registry
        )
        self.records = Gauge("bongsu_topic_records", "Records on a topic.", ["topic"], registry=registry)
        self.behind = Gauge(
            "bongsu_group_lag_records",
            "Records that a topic's consumer group has not committed.",
            ["topic"],
            registry=registry,
        )
        self.waiting = Gauge(
            "bongsu_group_oldest_seconds",
            "Age of the oldest record that a topic's consumer group has not committed; 0 where there is none.",
            ["topic"],
            registry=registry,
        )
        for topic in read:
            self.records.labels(topic)
            self.behind.labels(topic)
            self.waiting.labels(topic)
        for ledger in ledgers:
            for gauge in (self.unaccounted, self.conflicting, self.pending, self.oldest, self.entries):
                gauge.labels(ledger).set(0)
