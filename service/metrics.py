"""Series that more than one role, or the worker, exports. Prefix `bongsu_`, base units, zeros before the first event.

The registry is injected; the pure parts never count: the shell counts what they returned. No label takes values that
a stranger can grow without bound.
"""

from collections.abc import Iterable
from functools import cached_property

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from service import __version__
from service.model import topics

LATENCY_BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200)
ARTICLE_RESULTS = ("matched", "unmatched", "dead_letter", "taken_down")
DECISIONS = ("notified", "attached", "held", "silenced", "expired", "suppressed")
STAGES = ("match", "story", "group")
JOINED_BY = ("new", "article", "url", "body", "near_duplicate", "version_chain")
FLUSH_VERDICTS = ("taken", "replayed", "repeated", "idle")
TABLES = ("stories", "groups")


class RoleMetrics:
    """What every role exports about itself."""

    def __init__(self, registry: CollectorRegistry, role: str) -> None:
        self.build = Info("bongsu_build", "Version and role of this process.", registry=registry)
        self.build.info({"version": __version__, "role": role})
        self.ready = Gauge("bongsu_ready", "1 when /readyz says yes.", registry=registry)
        self._registry = registry

    @cached_property
    def subscriptions(self) -> Gauge:
        """Only of the roles that read them: elsewhere a 0 would say that there are none."""
        return subscriptions_gauge(self._registry)


def subscriptions_gauge(registry: CollectorRegistry) -> Gauge:
    """What the worker and the dispatcher know."""
    return Gauge("bongsu_subscriptions", "Subscriptions known to this process.", registry=registry)


class WorkerMetrics:
    """What the worker's three stages did."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.articles = Counter(
            "bongsu_articles", "Articles read from the topic, by what became of them.", ["result"], registry=registry
        )
        self.matches = Counter("bongsu_matches", "Rules found in articles.", registry=registry)
        self.shadow_matches = Counter(
            "bongsu_shadow_matches", "Shadow rules found in articles: counted, never notified.", registry=registry
        )
        self.alerts = Counter("bongsu_alerts", "Matches addressed to a subscription.", registry=registry)
        self.alerts_repeated = Counter(
            "bongsu_alerts_repeated", "Alerts whose id was decided before: nothing was sent again.", registry=registry
        )
        self.decisions = Counter(
            "bongsu_decisions", "What became of alerts, by decision.", ["decision"], registry=registry
        )
        self.dead_letters = Counter(
            "bongsu_dead_letters", "Records that could not be read, by topic.", ["topic"], registry=registry
        )
        self.latency = Histogram(
            "bongsu_stage_latency_seconds",
            "From publishing an article to the end of a stage of the worker.",
            ["stage"],
            buckets=LATENCY_BUCKETS_S,
            registry=registry,
        )
        self.batch = Histogram(
            "bongsu_batch_records",
            "Records of one batch, by stage.",
            ["stage"],
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
            registry=registry,
        )
        self.rules_loaded = Gauge("bongsu_rules_loaded", "Rules in force in this process.", registry=registry)
        self.rules_refused = Gauge(
            "bongsu_rules_refused",
            "1 while a newer rule set does not load and the last good one stays.",
            registry=registry,
        )
        self.match_seconds = Counter("bongsu_match_cpu_seconds", "CPU time spent matching.", registry=registry)
        self.lag = Gauge("bongsu_lag_records", "Records not yet acknowledged, by topic.", ["topic"], registry=registry)
        self.groups = Gauge("bongsu_groups", "Groups remembered in this worker's table.", registry=registry)
        self.stories = Gauge(
            "bongsu_story_articles_kept", "Articles by which stories are recognised.", registry=registry
        )
        self.story_articles = Counter(
            "bongsu_story_articles", "Articles, by what joined them to a story.", ["joined_by"], registry=registry
        )
        self.flushes = Counter(
            "bongsu_flushes", "Flush records read, by what they did.", ["verdict"], registry=registry
        )
        self.flushes_asked = Counter(
            "bongsu_flushes_asked", "Flush records that this worker's timer wrote.", registry=registry
        )
        self.recovery_seconds = Gauge(
            "bongsu_table_index_seconds", "What the last indexing of a table took.", ["table"], registry=registry
        )
        self.rewinds = Counter(
            "bongsu_stream_rewinds",
            "Partitions that stood still and were read again from what is committed.",
            registry=registry,
        )
        self.output_retries = Counter(
            "bongsu_output_retries",
            "Outputs that Kafka did not acknowledge and that were sent again.",
            registry=registry,
        )
        for result in ARTICLE_RESULTS:
            self.articles.labels(result)
        for decision in DECISIONS:
            self.decisions.labels(decision)
        for joined_by in JOINED_BY:
            self.story_articles.labels(joined_by)
        for verdict in FLUSH_VERDICTS:
            self.flushes.labels(verdict)
        for table in TABLES:
            self.recovery_seconds.labels(table)
        for topic in (topics.ARTICLES, topics.MATCHES, topics.ALERTS):
            self.dead_letters.labels(topic)
            self.lag.labels(topic)
        for stage in STAGES:
            self.latency.labels(stage)
            self.batch.labels(stage)


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
        for topic in read:
            self.records.labels(topic)
            self.behind.labels(topic)
        for ledger in ledgers:
            for gauge in (self.unaccounted, self.conflicting, self.pending, self.oldest, self.entries):
                gauge.labels(ledger).set(0)
