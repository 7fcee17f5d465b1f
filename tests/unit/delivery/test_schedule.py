"""When a delivery is tried again; the tiers against a slow and obvious simulation."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.schedule import RETRY_AFTER_CAP_S, next_wait, retry_after, tier_for
from service.model.topics import RETRY_TIERS_S

SCHEDULE = (5.0, 300.0, 1800.0)


def wait(made: int, asked: float | None = None, luck: float = 0.0, jitter: float = 0.2) -> float | None:
    return next_wait(SCHEDULE, made, retry_after_s=asked, luck=luck, jitter=jitter)


def test_waits_follow_the_schedule_and_end_with_it() -> None:
    assert [wait(made) for made in (1, 2, 3, 4)] == [5.0, 300.0, 1800.0, None]
    assert next_wait((), 1, retry_after_s=None, luck=0, jitter=0) is None


def test_retry_after_only_ever_adds() -> None:
    assert wait(1, asked=60) == 60
    assert wait(2, asked=60) == 300
    assert wait(1, asked=1e9) == RETRY_AFTER_CAP_S
    assert wait(4, asked=60) is None


@given(luck=st.floats(0, 1, exclude_max=True), jitter=st.floats(0, 0.99), asked=st.none() | st.floats(0, 1e6))
def test_luck_only_ever_adds(luck: float, jitter: float, asked: float | None) -> None:
    steady = wait(1, asked)
    assert steady is not None
    lucky = wait(1, asked, luck, jitter)
    assert lucky is not None
    assert steady <= lucky <= steady * (1 + jitter)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("９", None),
        ("Thu, 01 Jan 1970 00:03:20 GMT", 100.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 253402300699.0),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
        ("9" * 400, 999999999999.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, now_s=100.0) == seconds


@pytest.mark.parametrize("zone", ["UTC", "Asia/Seoul", "America/Los_Angeles"])
@pytest.mark.parametrize(
    "header",
    ["Thu Jan  1 00:03:20 1970", "Thu, 01 Jan 1970 00:03:20 -0000", "Thu, 01 Jan 1970 00:03:20", "120"],
)
def test_retry_after_says_the_same_in_every_time_zone(header: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert retry_after(header, now_s=80.0) == 120.0
    finally:
        monkeypatch.undo()
        time.tzset()


def test_the_largest_tier_that_does_not_overshoot() -> None:
    waits = (0, 0.99, 1, 9.99, 10, 59, 60, 599, 600, 3599, 3600, 86_400)
    assert [tier_for(seconds) for seconds in waits] == [None, None, 1, 1, 10, 10, 60, 60, 600, 600, 3600, 3600]


@given(remaining=st.floats(0, 100_000))
def test_tier_after_tier_ends_within_a_second_of_the_time_and_never_after_it(remaining: float) -> None:
    hops = 0
    while (tier := tier_for(remaining)) is not None:
        assert tier in RETRY_TIERS_S
        remaining -= tier
        hops += 1
    assert 0 <= remaining < 1
    assert hops <= 28 + 9 + 5 + 9 + 9  # of hours, ten minutes, minutes, ten seconds, seconds


@given(wait=st.floats(0, 1e5), late=st.floats(-10, 1e6), asked=st.none() | st.floats(0, 1e6), luck=st.floats(0, 0.999))
def test_what_came_late_is_made_up_for_by_half_a_wait_at_most_and_never_against_retry_after(
    wait: float, late: float, asked: float | None, luck: float
) -> None:
    punctual = next_wait((wait,), 1, retry_after_s=asked, luck=luck, jitter=0.2)
    made_up = next_wait((wait,), 1, retry_after_s=asked, luck=luck, jitter=0.2, late_s=late)
    assert punctual is not None
    assert made_up is not None
    assert punctual - max(late, 0) - 1e-6 <= made_up <= punctual
    assert made_up >= wait / 2
    assert late > 0.2 * wait or made_up >= wait * (1 - 1e-9), "what is late within the jitter costs only jitter"
    assert made_up >= min(asked or 0.0, 3600.0)
