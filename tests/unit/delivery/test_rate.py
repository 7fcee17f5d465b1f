"""Rates and slots: never faster than the cap, slower when asked, back to free."""

from itertools import pairwise
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.rate import BURST_S, FIRST_SLOTS, PEACE_CAP_S, RAMP_START_PER_S, SLOWEST_PER_S, Rate, Slots


def posts(rate: Rate, start: float, end: float) -> list[float]:
    """When POSTs go out if there is always one to send and each is accepted at once."""
    now, times = start, list[float]()
    while (now := now + rate.wait_s(now)) < end and len(times) < 20_000:
        rate.started(now)
        rate.succeeded()
        times.append(now)
        now += 1e-4
    return times


def test_a_rate_that_nobody_limits_holds_nothing_back() -> None:
    rate = Rate()
    for _ in range(10_000):
        assert rate.wait_s(1.0) == 0
        rate.started(1.0)


@given(
    cap=st.floats(1, 200),
    start=st.floats(0, 1e6),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=80),
)
def test_the_cap_holds_over_every_stretch(cap: float, start: float, gaps: list[float]) -> None:
    rate = Rate(cap)
    now, times = start, list[float]()
    for gap in gaps:
        now += gap
        now += rate.wait_s(now)
        rate.started(now)
        times.append(now)
    for first in range(len(times)):
        for last in range(first, len(times)):
            assert last - first + 1 <= cap * (times[last] - times[first]) + max(1.0, cap * BURST_S) + 1 + 1e-3


def test_a_capped_rate_is_used_to_the_full() -> None:
    assert len(posts(Rate(50.0), 0.0, 10.0)) == pytest.approx(500, abs=10)


def test_429_halves_it_once_a_second_and_successes_bring_it_back() -> None:
    rate = Rate()
    for number in range(100):
        rate.started(number / 100)
    for _ in range(16):
        rate.throttled(1.0)
    assert rate.limit_per_s == 50
    rate.throttled(2.5)
    assert rate.limit_per_s == 25
    before = rate.limit_per_s
    assert len(posts(rate, 3.0, 4.0)) <= 30
    assert before < rate.limit_per_s < before + 10
    for _ in range(200_000):
        rate.succeeded()
    assert rate.limit_per_s == inf


@given(st.lists(st.floats(0, 5), max_size=60))
def test_it_never_stops_altogether(steps: list[float]) -> None:
    rate, now = Rate(), 0.0
    for step in steps:
        now += step
        rate.throttled(now)
        assert rate.limit_per_s >= SLOWEST_PER_S
        assert rate.wait_s(now) <= 1 / SLOWEST_PER_S


def test_retry_after_holds_the_endpoint_back_up_to_a_cap() -> None:
    rate = Rate()
    rate.throttled(10.0, 3.0)
    assert rate.wait_s(11.0) == 2.0
    rate.throttled(12.0, 10_000.0)
    assert rate.wait_s(12.0) == PEACE_CAP_S


def test_after_an_outage_it_ramps_up() -> None:
    rate = Rate()
    rate.ramp(0.0)
    times = posts(rate, 0.0, 30.0)
    seconds = [sum(second <= at < second + 1 for at in times) for second in range(5)]
    assert RAMP_START_PER_S <= seconds[0] <= 3 * RAMP_START_PER_S
    assert all(later > 1.5 * earlier for earlier, later in pairwise(seconds))
    assert rate.limit_per_s == inf


def test_slots_grow_with_answers_and_halve_with_timeouts() -> None:
    slots = Slots(16)
    assert slots.now == FIRST_SLOTS
    for _ in range(100):
        slots.succeeded()
    assert slots.now == 16
    for expected in (8, 4, 2, 1, 1):
        slots.timed_out()
        assert slots.now == expected
    assert Slots(2).now == 2
