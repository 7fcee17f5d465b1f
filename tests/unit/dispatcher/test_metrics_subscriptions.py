"""Which subscriptions are named, and in what order."""

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.metrics_subscriptions import expiring, states_of
from service.model.control_records import RetiringSecret
from service.model.ids import trace_id
from tests.builders import delivery_record, subscription_record


def test_the_gravest_state_is_told_first():
    records = [
        subscription_record("paused", paused=True), subscription_record("gone", disabled_ms=5),
        subscription_record("well"), subscription_record("shut"),
    ]  # fmt: skip
    assert [labels for labels, _ in states_of(records, [("shut", True), ("late", False)])] == [
        ("gone", "disabled"), ("shut", "open"), ("shut", "failing"), ("late", "failing"), ("paused", "paused"),
    ]  # fmt: skip


def test_of_each_the_next_secret_that_ends_the_soonest_first():
    def retiring(*until_ms):
        return tuple(RetiringSecret(secret="whsec_" + "a" * 24, until_ms=one) for one in until_ms)

    records = [
        subscription_record("later", retiring=retiring(9_000)), subscription_record("two", retiring=retiring(4_000, 6_000)),
        subscription_record("over", retiring=retiring(1_000)), subscription_record("none"),
    ]  # fmt: skip
    assert expiring(records, 2_000) == [(("two",), 4.0), (("later",), 9.0)]


@pytest.mark.parametrize(("trace", "shown"), [("ab" * 16, "ab" * 16), (None, trace_id("msg_1"))])
def test_an_accepted_webhook_is_counted_by_stage_and_subscription_with_its_trace(trace, shown):
    registry = CollectorRegistry()
    metrics = DispatcherMetrics(registry, 10)
    metrics.subscriptions.known({"sub1"})
    delivery = delivery_record("msg_1", published_ms=1_000, trace=trace)
    metrics.posted(delivery, 1_500)
    metrics.posted(delivery.model_copy(update={"attempts_made": 1}), 9_500)
    metrics.accepted(delivery, 9_700)
    value = registry.get_sample_value
    assert value("bongsu_stage_latency_seconds_sum", {"stage": "first_attempt"}) == 0.5, "the first alone"
    assert value("bongsu_stage_latency_seconds_sum", {"stage": "accepted"}) == 8.7
    assert value("bongsu_delivery_latency_seconds_count") == 1
    assert value("bongsu_subscription_latency_seconds_bucket", {"subscription": "sub1", "le": "30.0"}) == 1
    assert value("bongsu_subscription_attempts_total", {"subscription": "sub1", "outcome": "retry"}) == 0
    assert f'trace_id="{shown}"' in generate_latest(registry).decode()
