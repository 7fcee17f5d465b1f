"""The circuit breaker, beside an oracle that keeps the whole history."""

from hypothesis import given
from hypothesis import strategies as st

from service.delivery.breaker import Breaker


def test_it_opens_probes_and_closes() -> None:
    breaker = Breaker(3, 1.0, 4.0)
    for _ in range(3):
        assert breaker.wait_s(0.0) == 0
        assert not breaker.started()
        breaker.failed(0.0, probe=False)
    assert breaker.is_open
    assert breaker.wait_s(0.25) == 0.75
    for now, pause in ((100.0, 2.0), (200.0, 4.0), (300.0, 4.0)):  # doubled by each probe that fails, up to the longest
        assert breaker.wait_s(now) == 0
        assert breaker.started()
        assert breaker.probing
        assert breaker.wait_s(now) > 0  # one probe at a time
        breaker.failed(now, probe=True)
        assert breaker.wait_s(now) == pause
    assert breaker.started()
    assert breaker.succeeded()
    assert not breaker.is_open
    assert breaker.failures == 0
    assert not breaker.succeeded()


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
    """POSTs one after the other. Open exactly when the last `after` answers were failures; a probe is never early."""
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
        breaker.succeeded() if good else breaker.failed(now, probe=probe)
        history.append(good)
        waits.append(now)
