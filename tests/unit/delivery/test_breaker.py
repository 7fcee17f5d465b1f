"""The circuit breaker, beside an oracle that keeps the whole history."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service.delivery.breaker import DUE_EVERY_S, LATELY_S, MOST_TIMES, PROBES, Breaker


def test_it_opens_probes_and_closes() -> None:
    breaker = Breaker(3, 1.0, 4.0)
    for _ in range(3):
        assert breaker.wait_s(0.0) == 0
        assert not breaker.started()
        breaker.failed(0.0, probe=False)
    assert breaker.is_open
    assert breaker.wait_s(0.25) == 0.75
    for now, pause in ((100.0, 2.0), (200.0, 4.0), (300.0, 4.0)):  # doubled by each probe that fails, up to the longest
        assert breaker.probes_left(now) == PROBES
        assert all(breaker.started() for _ in range(PROBES))
        assert breaker.probes_left(now) == 0  # so many at a time
        for number in range(PROBES):
            assert breaker.wait_s(now) == 0  # not over before the last of them has failed
            assert breaker.probes_left(now) == 0, number
            breaker.failed(now, probe=True)
        assert breaker.wait_s(now) == pause
    assert breaker.started()
    assert breaker.succeeded(300.0)
    assert not breaker.is_open
    assert breaker.failures == 0
    assert not breaker.succeeded(300.0)


def test_one_probe_of_several_that_is_accepted_closes_it() -> None:
    breaker = Breaker(1, 1.0, 8.0)
    breaker.failed(0.0, probe=False)
    assert [breaker.started() for _ in range(3)] == [True] * 3
    breaker.failed(1.0, probe=True)
    assert breaker.succeeded(1.0)
    breaker.failed(1.0, probe=True)  # the third says nothing any more
    assert not breaker.is_open


def test_a_refusal_is_an_answer() -> None:
    breaker = Breaker(2, 1.0, 8.0)
    breaker.failed(0.0, probe=False)
    assert not breaker.answered()
    breaker.failed(0.0, probe=False)
    assert not breaker.is_open
    breaker.failed(0.0, probe=False)
    assert breaker.is_open
    assert breaker.answered()
    assert not breaker.is_open


def test_a_retry_that_is_due_need_not_wait_for_the_end_of_a_long_pause() -> None:
    breaker = Breaker(1, 1.0, 8.0)
    breaker.failed(0.0, probe=False)
    now = 0.0
    for _ in range(4):
        now += breaker.wait_s(now)
        breaker.started()
        breaker.failed(now, probe=True)
    assert breaker.wait_s(now) == 8.0
    assert breaker.wait_s(now, due=True) == pytest.approx(DUE_EVERY_S)
    assert breaker.probes_left(now + 0.9 * DUE_EVERY_S, due=True) == 0
    assert breaker.probes_left(now + 1.1 * DUE_EVERY_S, due=True) == PROBES
    assert breaker.probes_left(now + 1.0) == 0
    breaker.trip(now, 30.0)  # 410: one probe, and not before its time
    assert breaker.probes_left(now + 2.0, due=True) == 0
    assert breaker.probes_left(now + 30.0, due=True) == 1


def test_what_it_accepted_lately_is_weighed() -> None:
    breaker = Breaker(10, 1.0, 8.0)
    for _ in range(15):
        breaker.succeeded(0.0)
    for _ in range(24):
        breaker.failed(1.0, probe=False)
    assert not breaker.is_open
    breaker.failed(1.0, probe=False)
    assert breaker.is_open
    breaker.succeeded(1.0)
    for _ in range(10):
        breaker.failed(2 * LATELY_S + 2.0, probe=False)  # that was long ago
    assert breaker.is_open


@settings(max_examples=max(50, settings().max_examples // 4))  # an example is some 300 answers
@given(st.lists(st.booleans(), min_size=200, max_size=400), st.integers(1, 12))
def test_never_more_failures_in_a_row_than_the_most(answers: list[bool], after: int) -> None:
    breaker = Breaker(after, 1.0, 8.0)
    row = 0
    for good in answers:
        breaker.succeeded(0.0) if good else breaker.failed(0.0, probe=False)
        row = 0 if good else row + 1
        assert breaker.is_open or row < after * (1 + MOST_TIMES)
        assert row >= after or not breaker.is_open


def test_what_was_under_way_when_it_opened_says_nothing_new() -> None:
    breaker = Breaker(1, 1.0, 8.0)
    breaker.failed(0.0, probe=False)
    breaker.failed(0.9, probe=False)
    assert breaker.wait_s(1.0) == 0


def test_a_probe_without_an_answer_is_followed_by_another() -> None:
    breaker = Breaker(1, 1.0, 8.0)
    breaker.failed(0.0, probe=False)
    assert breaker.started()
    breaker.abandoned(probe=True)
    assert breaker.wait_s(1.0) == 0


def test_it_never_opens_by_itself_when_told_so_but_can_be_tripped() -> None:
    breaker = Breaker(0, 1.0, 8.0)
    for _ in range(100):
        breaker.failed(0.0, probe=False)
    assert not breaker.is_open
    breaker.trip(0.0, 30.0)
    assert breaker.wait_s(10.0) == 20.0


@given(after=st.integers(1, 4), answers=st.lists(st.tuples(st.booleans(), st.floats(0, 3)), max_size=60))
def test_one_that_is_answered_by_turns_follows_its_history(after: int, answers: list[tuple[bool, float]]) -> None:
    """POSTs one after the other, none accepted lately. Open exactly when the last `after` answers were failures; a probe
    is never early.
    """
    breaker = Breaker(after, 1.0, 4.0)
    now, history, waits = 0.0, list[bool](), list[float]()
    for good, step in answers:
        now += step
        row = next((index for index, answer in enumerate(reversed(history)) if answer), len(history))
        assert breaker.is_open is (row >= after)
        if breaker.is_open:
            expected = min(2.0 ** (row - after), 4.0)
            assert breaker.wait_s(now) == max(0.0, waits[-1] + expected - now)
            now = max(now, waits[-1] + expected)
        probe = breaker.started()
        assert probe is (row >= after)
        breaker.answered() if good else breaker.failed(now, probe=probe)
        history.append(good)
        waits.append(now)
