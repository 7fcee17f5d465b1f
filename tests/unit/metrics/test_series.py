"""Series of our own: the library's, made again in the same steps, is the oracle."""

import asyncio
from functools import partial

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest as as_text
from prometheus_client.openmetrics.exposition import ALLOWUTF8
from prometheus_client.openmetrics.exposition import generate_latest as as_openmetrics

from service.metrics import page
from service.metrics.page import page_of
from service.metrics.series import Counters, Histograms

ENCODERS = (as_text, partial(as_openmetrics, escaping=ALLOWUTF8))
BUCKETS = (0.1, 1, 30, 3_600_000)
ABOUT = 'Found "here"\nand C:\\there.'

names = st.one_of(st.sampled_from(["a", "b", "서울시"]), st.text(st.sampled_from('a%s{}"\\\n,= '), max_size=4))
amounts = st.one_of(st.integers(0, 10**12), st.floats(0, 1e20), st.just(1e-7))
steps = st.lists(st.tuples(st.sampled_from(["count", "observe", "remove"]), names, names, amounts), max_size=30)


def ours_and_theirs():
    ours, theirs = CollectorRegistry(), CollectorRegistry()
    return (
        (ours, Counters("bongsu_found", ABOUT, ["who", "outcome"], ours),
         Histograms("bongsu_wait_seconds", ABOUT, ["who"], ours, buckets=BUCKETS)),
        (theirs, Counter("bongsu_found", ABOUT, ["who", "outcome"], registry=theirs),
         Histogram("bongsu_wait_seconds", ABOUT, ["who"], buckets=BUCKETS, registry=theirs)),
    )  # fmt: skip


@given(steps)
@example([("observe", "x", "", 1.0), ("observe", "x", "", 31.0), ("count", "x", 'say "100 %s"', 2.5)])
async def test_a_page_is_the_librarys_byte_for_byte(steps):
    both = ours_and_theirs()
    ours, theirs = both[0][0], both[1][0]
    for what, who, outcome, amount in steps:
        for _, counters, histograms in both:
            if what == "count":
                counters.labels(who, outcome).inc(amount)
            elif what == "observe":
                histograms.labels(who).observe(amount)
            else:
                histograms.labels(who)
                histograms.remove(who)
                counters.labels(who, outcome)
                counters.remove(who, outcome)
        if len(steps) < 5:  # what is kept of a line must not outlive its number
            assert await page_of(ours, as_text) == as_text(theirs)
    for encode in ENCODERS:
        assert await page_of(ours, encode) == encode(ours) == encode(theirs)


async def test_families_of_the_library_stand_on_the_page_as_it_writes_them():
    registry = CollectorRegistry()
    Counter("bongsu_things", "Things.", ["kind"], registry=registry).labels("a").inc(2, {"trace_id": "ab" * 16})
    Counters("bongsu_found", "Found.", ["who"], registry).labels("a").inc()
    Histogram("bongsu_took_seconds", "Took.", registry=registry).observe(0.3)
    for encode in ENCODERS:
        assert await page_of(registry, encode) == encode(registry)
        assert await page_of(CollectorRegistry(), encode) == encode(CollectorRegistry())


async def test_the_loop_has_its_turn_while_a_page_is_made_and_series_may_come_and_go(monkeypatch):
    monkeypatch.setattr(page, "TURN_S", -1.0)
    registry = CollectorRegistry()
    found = Counters("bongsu_found", "Found.", ["who"], registry)
    for number in range(3 * page.AT_ONCE):
        found.labels(str(number)).inc()
    before = as_text(registry)
    turns = 0
    making = asyncio.ensure_future(page_of(registry, as_text))
    while not making.done():
        await asyncio.sleep(0)
        turns += 1
        if turns > 1:
            found.remove(str(turns))
            found.labels(f"new {turns}")
    assert await making == before, "the series of a family are settled when its turn comes"
    assert turns > 4, "after the head of the family, and after each hundred"


def test_a_counter_only_grows():
    count = Counters("bongsu_found", "Found.", ["who"], CollectorRegistry()).labels("a")
    with pytest.raises(ValueError, match="bongsu_found_total"):
        count.inc(-1)


def test_a_name_is_taken_once_and_values_stand_for_all_labels():
    registry = CollectorRegistry()
    found = Counters("bongsu_found", "Found.", ["who"], registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Counters("bongsu_found", "Found.", ["who"], registry)
    with pytest.raises(ValueError, match="zip"):
        found.labels("a", "b")


def test_samples_are_a_sequence_as_the_library_promises():
    _, counters, histograms = ours_and_theirs()[0]
    counters.labels("a", "yes").inc(3)
    histograms.labels("a").observe(0.5)
    (family,), (waits,) = counters.collect(), histograms.collect()
    assert (len(family.samples), family.samples[0].value, len(family.samples[:9])) == (1, 3.0, 1)
    assert [sample.name.rpartition("_")[2] for sample in waits.samples] == ["bucket"] * 5 + ["count", "sum"]
