"""The topics: one table that `bongsu topics create`, docs/topics.md, `bongsu doctor` and the tests read."""

from dataclasses import dataclass
from typing import Literal

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MB = 1_000_000

ARTICLES = "articles"
MATCHES = "matches"
ALERTS = "alerts"
DECISIONS = "decisions"
DELIVERIES = "deliveries"
HELD = "deliveries.held"
ATTEMPTS = "attempts"
ENDPOINTS = "endpoints"
DEAD_LETTERS = "dead-letters"
RULES = "rules"
SUBSCRIPTIONS = "subscriptions"
SILENCES = "silences"
TOKENS = "tokens"
CHANGES = "changes"

WORKER_GROUP = "bongsu-worker"
DISPATCHER_GROUP = "dispatcher"
"""Consumer groups, without the prefix."""

CHANGELOGS = {"stories": MATCHES, "groups": ALERTS}
"""Table of the worker -> the topic whose keys it has, and so as many partitions."""


def changelog_topic(table: str) -> str:
    """Name of a table's changelog, as Faust makes it; without the prefix."""
    return f"{WORKER_GROUP}-{table}-changelog"


RETRY_TIERS_S: tuple[int, ...] = (1, 10, 60, 600, 3600)
"""Fixed delays; a record goes to the largest that does not overshoot its due time, again until it is due."""


def retry_topic(delay_s: int) -> str:
    """Name of the tier whose records rest `delay_s` seconds."""
    return f"{DELIVERIES}.retry.{delay_s}s"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic as it must exist. `retention_ms` is None where compaction keeps the last record of a key."""

    name: str
    key: str
    holds: str
    partitions: int
    retention_ms: int | None
    max_message_bytes: int
    cleanup: Literal["delete", "compact"] = "delete"
    uncompacted_ms: int | None = None
    """Compaction leaves what is younger: whose last record of a key may not be the one that stands needs the time."""


DATA_PARTITIONS = 4
"""Default of the topics that spread; `articles` may have more. `alerts` ... `endpoints` must have equally many."""

TOPICS: tuple[Topic, ...] = (
    Topic(ARTICLES, "article id", "the text as it was published", DATA_PARTITIONS, 7 * DAY_MS, 6 * MB),
    Topic(MATCHES, "edition", "one record for an article version in which a rule was found", 1, 30 * DAY_MS, 6 * MB),
    Topic(ALERTS, "subscription id", "one match for one subscription", DATA_PARTITIONS, 30 * DAY_MS, 1 * MB),
    Topic(DECISIONS, "subscription id", "what became of each alert", DATA_PARTITIONS, 30 * DAY_MS, 1 * MB),
    Topic(DELIVERIES, "subscription id", "one notification to send", DATA_PARTITIONS, 30 * DAY_MS, 1 * MB),
    *(
        Topic(
            retry_topic(delay), "subscription id", f"deliveries resting {delay} s", DATA_PARTITIONS, 7 * DAY_MS, 1 * MB
        )
        for delay in RETRY_TIERS_S
    ),
    Topic(
        HELD, "subscription id", "deliveries to a paused or disabled subscription", DATA_PARTITIONS, 30 * DAY_MS, 1 * MB
    ),
    Topic(ATTEMPTS, "subscription id", "what each POST did", DATA_PARTITIONS, 30 * DAY_MS, 1 * MB),
    Topic(ENDPOINTS, "subscription id", "since when an endpoint fails", DATA_PARTITIONS, None, 1 * MB, "compact"),
    Topic(
        DEAD_LETTERS,
        "key of the record",
        "what could not be read, raw; where and why in headers",
        1,
        30 * DAY_MS,
        6 * MB,
    ),
    Topic(
        RULES,
        "rule/<sha>, entity/<sha>, part/<sha>, current, previous",
        "rule sets",
        1,
        None,
        6 * MB,
        "compact",
        HOUR_MS,
    ),
    Topic(SUBSCRIPTIONS, "subscription id", "who is told, where", 1, None, 1 * MB, "compact", HOUR_MS),
    Topic(SILENCES, "silence id", "what is not told, until when", 1, None, 1 * MB, "compact", HOUR_MS),
    Topic(TOKENS, "token id", "who may use the API (hashed)", 1, None, 1 * MB, "compact", HOUR_MS),
    Topic(CHANGES, "id of what is changed", "who changed what, by API or shell", 1, 400 * DAY_MS, 1 * MB),
)
"""Article values are allowed 6 MB: 900 kB of text can take that in JSON escapes."""

BY_NAME = {topic.name: topic for topic in TOPICS}
