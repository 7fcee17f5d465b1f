"""Labels that people make up: so many series, whatever comes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from service.metrics.bounded import OTHER, Capped, Gathered, first, first_and_count
from service.metrics.series import Counters, Histograms


def capped(limit):
    registry = CollectorRegistry()
    return Capped(Counters("bongsu_found", "Found.", ["rule"], registry=registry), limit), registry


def values(registry, name="bongsu_found_total"):
    return {
        tuple(sample.labels.values()): sample.value
        for family in registry.collect()
        for sample in family.samples
        if sample.name == name
    }


def test_all_have_their_zero_where_all_fit():
    found, registry = capped(2)
    found.expect(["a", "b"])
    assert values(registry) == {("a",): 0, ("b",): 0, (OTHER,): 0}


def test_beyond_the_limit_those_that_come_first_have_a_series():
    found, registry = capped(2)
    found.expect(["a", "b", "c"])
    assert values(registry) == {(OTHER,): 0}
    for rule in "cabba":
        found.of(rule).inc()
    assert values(registry) == {("c",): 1, ("a",): 2, (OTHER,): 2}


def test_what_is_gone_makes_room():
    found, registry = capped(1)
    for rule in "ab":
        found.of(rule).inc()
    found.expect(["b", "c"])
    found.of("b").inc()
    found.of("c").inc()
    assert values(registry) == {("b",): 1, (OTHER,): 2}


def test_no_room_at_all():
    found, registry = capped(0)
    found.expect(["a"])
    found.of("a").inc()
    assert values(registry) == {(OTHER,): 1}


def test_a_series_for_each_of_the_other_labels_at_zero():
    registry = CollectorRegistry()
    counter = Counters("bongsu_found", "Found.", ["who", "outcome"], registry=registry)
    found = Capped(counter, 1, [("yes",), ("no",)])
    found.of("a", "yes").inc()
    found.of("b", "maybe").inc()
    assert values(registry) == {
        ("a", "yes"): 1, ("a", "no"): 0, (OTHER, "yes"): 0, (OTHER, "no"): 0, (OTHER, "maybe"): 1,
    }  # fmt: skip
    found.expect(["c"])
    assert ("a", "no") not in values(registry)


def test_a_histogram_too():
    registry = CollectorRegistry()
    waits = Capped(Histograms("bongsu_wait", "Waited.", ["who"], buckets=(1, 2), registry=registry), 1)
    waits.of("a").observe(1.5)
    waits.of("b").observe(5)
    assert values(registry, "bongsu_wait_count") == {("a",): 1, (OTHER,): 1}


@given(
    st.integers(0, 4),
    st.lists(st.one_of(st.sampled_from("abcdef"), st.frozensets(st.sampled_from("abcdef"))), max_size=30),
)
def test_never_more_series_than_allowed_and_nothing_uncounted(limit, steps):
    found, registry = capped(limit)
    counted = gone = 0
    for step in steps:
        if isinstance(step, frozenset):
            before = sum(values(registry).values())
            found.expect(step)
            gone += before - sum(values(registry).values())
        else:
            found.of(step).inc()
            counted += 1
        now = values(registry)
        assert len(now) <= limit + 1
        assert sum(now.values()) == counted - gone


def test_gathered_at_each_scrape_and_absent_where_there_is_nothing():
    registry = CollectorRegistry()
    states = Gathered(registry, "bongsu_state", "State.", ["who", "state"])
    assert values(registry, "bongsu_state") == {}
    states.ask = lambda: [(("a", "open"), 1.0)]
    assert values(registry, "bongsu_state") == {("a", "open"): 1}
    with pytest.raises(ValueError, match="Duplicated"):
        Gathered(registry, "bongsu_state", "State.", ["who"])


def test_the_rest_is_counted_by_the_other_labels():
    found = [((who, state), 1.0) for state in ("open", "paused") for who in "abc"]
    assert list(first_and_count(found, 2)) == [
        (("a", "open"), 1.0), (("b", "open"), 1.0), ((OTHER, "open"), 1.0), ((OTHER, "paused"), 3.0),
    ]  # fmt: skip
    assert list(first(found, 1)) == found[:1]
