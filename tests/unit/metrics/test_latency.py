"""Batches of waits: every article once, the slowest with its trace."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest

from service.metrics.latency import Waits, stage_latency
from service.model.ids import trace_id


def observed(added, now_s):
    registry = CollectorRegistry()
    histogram = stage_latency(registry, ("match",))
    waits = Waits()
    for published_s, article in added:
        waits.add(published_s, article)
    waits.observe(histogram.labels("match"), now_s)
    return registry


@given(st.lists(st.tuples(st.integers(0, 1_000), st.none() | st.sampled_from("abc")), max_size=8))
def test_each_is_observed_once(added):
    registry = observed(added, 500.0)
    assert registry.get_sample_value("bongsu_stage_latency_seconds_count", {"stage": "match"}) == len(added)
    total = sum(max(0, 500 - published_s) for published_s, _ in added)
    assert registry.get_sample_value("bongsu_stage_latency_seconds_sum", {"stage": "match"}) == total


def test_the_slowest_that_is_known_has_its_trace_in_openmetrics():
    text = generate_latest(observed([(100.0, None), (498.0, "a"), (460.0, "b"), (499.0, "c")], 500.0)).decode()
    (line,) = [line for line in text.splitlines() if " # {" in line]
    assert line.startswith('bongsu_stage_latency_seconds_bucket{le="60.0",stage="match"}')
    assert f'{{trace_id="{trace_id("b")}"}} 40.0' in line
