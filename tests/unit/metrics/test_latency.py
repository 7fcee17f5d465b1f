"""Batches of waits: every article once, the slowest with its trace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from service.metrics.latency import BUCKETS_S, StageLatency, Waits
from service.model.ids import trace_id


def observed(added, now_s):
    registry = CollectorRegistry()
    latency = StageLatency(registry, ("match",))
    waits = Waits()
    for published_s, article in added:
        waits.add(published_s, article)
    latency.observe_all("match", waits, now_s)
    return registry


def samples(registry):
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in registry.collect()
        for sample in family.samples
    }


@given(st.lists(st.floats(0, 100_000), max_size=8))
def test_it_counts_as_the_library_does(seconds):
    theirs, registry = CollectorRegistry(), CollectorRegistry()
    oracle = Histogram("bongsu_stage_latency_seconds", "...", ["stage"], buckets=BUCKETS_S, registry=theirs)
    latency = StageLatency(registry, ("match", "story"))
    waits = Waits()
    for stage in ("match", "story"):
        for one in seconds:
            oracle.labels(stage).observe(one)
    for one in seconds:
        latency.observe("match", one)
        waits.add(-one)
    latency.observe_all("story", waits, 0.0)
    assert samples(registry) == pytest.approx(samples(theirs) or zeros(oracle, theirs))


def zeros(oracle, registry):
    for stage in ("match", "story"):
        oracle.labels(stage)
    return samples(registry)


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
