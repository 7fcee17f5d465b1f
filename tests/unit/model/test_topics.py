import re

from service.model import topics
from service.model.article import MAX_TEXT_BYTES
from service.model.topics import BY_NAME, RETRY_TIERS_S, TOPICS, retry_topic


def test_names_are_unique_and_kafka_takes_them():
    assert len(BY_NAME) == len(TOPICS)
    assert all(re.fullmatch(r"[a-z0-9.-]{1,60}", name) for name in BY_NAME)


def test_what_belongs_to_a_subscription_has_equally_many_partitions_everywhere():
    keyed = [topic for topic in TOPICS if topic.key == "subscription id" and topic.name != topics.SUBSCRIPTIONS]
    known = {"alerts", "decisions", "deliveries", "attempts", "endpoints", *map(retry_topic, RETRY_TIERS_S)}
    assert known <= {topic.name for topic in keyed}
    assert {topic.partitions for topic in keyed} == {topics.DATA_PARTITIONS}


def test_control_topics_are_compacted_and_have_one_partition():
    control = [topic for topic in TOPICS if topic.cleanup == "compact" and topic.name != topics.ENDPOINTS]
    assert {topic.name for topic in control} == {"rules", "subscriptions", "silences", "tokens"}
    assert all(topic.partitions == 1 and topic.retention_ms is None for topic in control)
    assert all(topic.retention_ms for topic in TOPICS if topic.cleanup == "delete")


def test_copies_meet():
    assert BY_NAME[topics.MATCHES].partitions == 1


def test_an_article_of_the_largest_text_fits_however_it_is_escaped():
    assert BY_NAME[topics.ARTICLES].max_message_bytes >= 6 * MAX_TEXT_BYTES + 100_000


def test_a_delivery_outlives_its_retries():
    """A record must not expire on a tier before the tier lets it go, nor the books before the deliveries."""
    for tier in RETRY_TIERS_S:
        retention_ms = BY_NAME[retry_topic(tier)].retention_ms
        assert retention_ms is not None
        assert retention_ms > 10 * tier * 1000
    assert {BY_NAME[name].retention_ms for name in ("alerts", "decisions", "deliveries", "attempts")} == {
        30 * topics.DAY_MS
    }


def test_tiers_rise():
    assert list(RETRY_TIERS_S) == sorted(set(RETRY_TIERS_S))
    assert retry_topic(60) == "deliveries.retry.60s"
