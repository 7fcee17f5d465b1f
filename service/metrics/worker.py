"""What the worker's three stages did, and what it holds."""

from collections.abc import Collection

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from service.metrics.bounded import MAX_LABEL_VALUES, OTHER, Capped, inc_all
from service.metrics.disk import DiskMetrics
from service.metrics.latency import StageLatency
from service.metrics.series import Counters
from service.model import topics

ARTICLE_RESULTS = ("matched", "unmatched", "dead_letter", "taken_down")
DECISIONS = ("notified", "attached", "held", "silenced", "expired", "suppressed")
SUPPRESSED = (
    "filter", "frequency_not_reached", "inhibited", "redated", "subscription_gone", "taken_down", OTHER,
)  # fmt: skip
PASSED_OVER = ("zone", "duplicate", "boundary", "ambiguous")
STAGES = ("match", "story", "group")
JOINED_BY = ("new", "article", "url", "body", "near_duplicate", "version_chain")
FLUSH_VERDICTS = ("taken", "replayed", "repeated", "idle")
TABLES = ("stories", "groups")


class WorkerMetrics:
    """What the worker's three stages did."""

    def __init__(self, registry: CollectorRegistry, max_label_values: int = MAX_LABEL_VALUES) -> None:
        """`max_label_values`: rules, and entities, that have series of their own."""
        self.rules = RuleMetrics(registry, max_label_values)
        self.disk = DiskMetrics(registry)
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
        self.suppressed = Counter("bongsu_suppressed", "Alerts suppressed, by why.", ["reason"], registry=registry)
        self.dead_letters = Counter(
            "bongsu_dead_letters", "Records that could not be read, by topic.", ["topic"], registry=registry
        )
        self.latency = StageLatency(registry, ("consume", *STAGES))
        self.batch = Histogram(
            "bongsu_batch_records",
            "Records of one batch, by stage.",
            ["stage"],
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
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
        self.table_bytes = Gauge(
            "bongsu_table_bytes", "Size on disk of a table's partitions that are kept here.", ["table"],
            registry=registry,
        )  # fmt: skip
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
        for reason in SUPPRESSED:
            self.suppressed.labels(reason)
        for joined_by in JOINED_BY:
            self.story_articles.labels(joined_by)
        for verdict in FLUSH_VERDICTS:
            self.flushes.labels(verdict)
        for table in TABLES:
            self.recovery_seconds.labels(table)
            self.table_bytes.labels(table)
        for topic in (topics.ARTICLES, topics.MATCHES, topics.ALERTS):
            self.dead_letters.labels(topic)
            self.lag.labels(topic)
        for stage in STAGES:
            self.batch.labels(stage)


class RuleMetrics:
    """The rules in force: what they find, what it costs to ask them, and which never find anything."""

    def __init__(self, registry: CollectorRegistry, max_label_values: int) -> None:
        self.loaded = Gauge("bongsu_rules_loaded", "Rules in force in this process.", registry=registry)
        self.refused = Gauge(
            "bongsu_rules_refused",
            "1 while a newer rule set does not load and the last good one stays.",
            registry=registry,
        )
        self.version = Info("bongsu_rules", "Version of the rule set in force.", registry=registry)
        self.version.info({"version": "none"})
        self.published = Gauge(
            "bongsu_rules_published_timestamp_seconds",
            "When the newest rules in force were applied; 0 before the first.",
            registry=registry,
        )
        self.loaded_at = Gauge(
            "bongsu_rules_loaded_timestamp_seconds",
            "When this process put the rule set in force; 0 before the first.",
            registry=registry,
        )
        self.unfired = Gauge(
            "bongsu_rules_unfired", "Rules in force that have found nothing since this process began.",
            registry=registry,
        )  # fmt: skip
        self.candidates = Counter(
            "bongsu_rule_candidates", "Rules asked because a name that they wait for was found.", registry=registry
        )
        self.passed_over = Counter(
            "bongsu_mentions_suppressed", "Names that a rule waits for, found where they do not count, by why.",
            ["reason"], registry=registry,
        )  # fmt: skip
        self.matches = Capped(
            Counters(
                "bongsu_rule_matches", "Articles in which a rule was found, shadow rules too.", ["rule"],
                registry=registry,
            ),
            max_label_values,
        )  # fmt: skip
        self.mentions = Capped(
            Counters(
                "bongsu_entity_mentions", "Mentions of an entity in articles in which a rule found it.", ["entity"],
                registry=registry,
            ),
            max_label_values,
        )  # fmt: skip
        self.stories = Capped(
            Counters(
                "bongsu_entity_stories", "New stories in which a rule found an entity.", ["entity"], registry=registry
            ),
            max_label_values,
        )
        for reason in PASSED_OVER:
            self.passed_over.labels(reason)
        self._fired: set[str] = set()
        self._there: frozenset[str] = frozenset()

    def in_force(self, version: str, rules: Collection[str], entities: Collection[str], now_s: float) -> None:
        """These are the rules and entities from now on."""
        self._there = frozenset(rules)
        self._fired &= self._there
        self.version.info({"version": version[:12] or "none"})
        self.loaded.set(len(self._there))
        self.loaded_at.set(now_s)
        self.unfired.set(len(self._there) - len(self._fired))
        self.matches.expect(self._there)
        for capped in (self.mentions, self.stories):
            capped.expect(entities)

    def found(self, matches: dict[str, int], mentions: dict[str, int]) -> None:
        """A batch found rules so often, and mentions of entities."""
        inc_all(self.matches, matches)
        inc_all(self.mentions, mentions)
        if not self._fired.issuperset(matches):
            self._fired.update(self._there.intersection(matches))
            self.unfired.set(len(self._there) - len(self._fired))
