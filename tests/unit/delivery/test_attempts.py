"""What an answer means for a delivery."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.attempts import (
    Answer,
    Failure,
    Finish,
    Hold,
    Post,
    RetryPolicy,
    WaitUntil,
    after_post,
    before_post,
    failure_of,
)

NOW, DAY = 1_000_000, 86_400_000
POLICY = RetryPolicy((5.0, 300.0))


def before(**more: Any) -> object:
    return before_post(**{"due_ms": 0, "deadline_ms": NOW + DAY, "now_ms": NOW, "receiver": True, **more})


def after(answer: Answer, **more: Any) -> object:
    values = {
        "attempts_made": 1,
        "policy": POLICY,
        "deadline_ms": NOW + DAY,
        "now_ms": NOW,
        "retry_after_s": None,
        "luck": 0.0,
    }
    return after_post(answer, **{**values, **more})


def test_before_the_post() -> None:
    assert before() == Post()
    assert before(due_ms=NOW) == Post()
    assert before(due_ms=NOW + 1) == WaitUntil(NOW + 1)
    for command, failure in (
        (before(deadline_ms=NOW), Failure.EXPIRED),
        (before(deadline_ms=NOW, due_ms=NOW + 5), Failure.EXPIRED),
        (before(receiver=False), Failure.SUBSCRIPTION_GONE),
        (before(receiver=False, due_ms=NOW + 5), Failure.SUBSCRIPTION_GONE),
    ):
        assert isinstance(command, Finish)
        assert command.failure is failure


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_delivered(status: int) -> None:
    assert after(Answer(status)) == Finish("delivered")
    assert after(Answer(status, Failure.TOO_LARGE)) == Finish("delivered")


@pytest.mark.parametrize(
    "status", [101, 300, 301, 302, 304, 307, 308, 400, 401, 404, 408, 422, 429, 500, 502, 503, 599]
)
def test_any_other_status_is_tried_again(status: int) -> None:
    assert after(Answer(status, failure_of(status))) == WaitUntil(NOW + 5000)


@pytest.mark.parametrize("failure", [Failure.TIMEOUT, Failure.RESET])
def test_a_2xx_whose_body_never_ends_is_tried_again(failure: Failure) -> None:
    assert after(Answer(200, failure)) == WaitUntil(NOW + 5000)


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (204, None),
        (301, "redirect"),
        (410, "gone"),
        (429, "throttled"),
        (404, "status"),
        (503, "status"),
        (100, "status"),
    ],
)
def test_classes_of_status(status: int, failure: str | None) -> None:
    assert failure_of(status) == failure


def test_410_is_confirmed_by_one_probe_and_then_held() -> None:
    gone = Answer(410, Failure.GONE)
    assert after(gone, gone_probe_s=30.0) == WaitUntil(NOW + 30_000)
    command = after(gone, gone=True)
    assert isinstance(command, Hold)
    assert command.failure is Failure.GONE


def test_a_410_that_says_nothing_about_the_endpoint_is_a_refusal_like_any_other() -> None:
    gone = Answer(410, Failure.GONE)
    assert after(gone) == WaitUntil(NOW + 5000)
    assert after(gone, policy=RetryPolicy((5.0,), refused_s=(7.0,))) == WaitUntil(NOW + 7000)


def test_no_delivery_waits_for_probes_for_ever() -> None:
    gone = Answer(410, Failure.GONE)
    assert after(gone, gone_probe_s=30.0, policy=RetryPolicy(())) == WaitUntil(NOW + 30_000)
    assert isinstance(after(gone, gone_probe_s=30.0, policy=RetryPolicy(()), attempts_made=2), Finish)
    assert after(gone, gone_probe_s=30.0, attempts_made=3) == WaitUntil(NOW + 30_000)  # the last may be confirmed
    assert isinstance(after(gone, gone_probe_s=30.0, attempts_made=4), Finish)


def test_a_probe_after_the_deadline_is_no_probe() -> None:
    gone = Answer(410, Failure.GONE)
    assert after(gone, gone_probe_s=30.0, deadline_ms=NOW + 30_001) == WaitUntil(NOW + 30_000)
    command = after(gone, gone_probe_s=30.0, deadline_ms=NOW + 30_000)
    assert isinstance(command, Finish)
    assert (command.outcome, command.failure) == ("given_up", Failure.GONE)
    assert "deadline" in command.detail


def test_what_is_paused_is_held_due_or_not_but_still_expires() -> None:
    assert before(held="paused") == before(held="paused", due_ms=NOW + 5) == Hold("paused")
    assert isinstance(before(held="paused", deadline_ms=NOW), Finish)
    assert isinstance(before(held="paused", receiver=False), Finish)


@pytest.mark.parametrize(
    ("answer", "wait_s"),
    [
        (Answer(failure=Failure.DNS), 1), (Answer(failure=Failure.TIMEOUT), 2), (Answer(429, Failure.THROTTLED), 3),
        (Answer(404, Failure.STATUS), 4), (Answer(302, Failure.REDIRECT), 4), (Answer(500, Failure.STATUS), 5),
        (Answer(failure=Failure.TLS), 5),
    ],
)  # fmt: skip
def test_schedules_by_kind_of_failure(answer: Answer, wait_s: int) -> None:
    by_failure: dict[Failure, tuple[float, ...]] = {
        Failure.DNS: (1.0,), Failure.TIMEOUT: (2.0,), Failure.THROTTLED: (3.0,), Failure.TLS: (),
    }  # fmt: skip
    assert after(answer, policy=RetryPolicy((5.0,), 0.0, by_failure, (4.0,))) == WaitUntil(NOW + wait_s * 1000)


def test_the_end_of_the_schedule_and_the_deadline() -> None:
    bad = Answer(500, Failure.STATUS)
    assert after(bad, attempts_made=2) == WaitUntil(NOW + 300_000)
    for more, words in ({"attempts_made": 3}, "last of the schedule"), ({"deadline_ms": NOW + 5000}, "deadline"):
        command = after(bad, **more)
        assert isinstance(command, Finish)
        assert command.outcome == "given_up"
        assert words in command.detail


def test_retry_after_is_obeyed() -> None:
    assert after(Answer(429, Failure.THROTTLED), retry_after_s=90.0) == WaitUntil(NOW + 90_000)


@given(
    answers=st.lists(st.sampled_from([200, 302, 404, 410, 429, 500, None]), min_size=1, max_size=12),
    schedule=st.lists(st.floats(0.001, 1000), max_size=5),
    luck=st.floats(0, 1, exclude_max=True),
)
def test_every_delivery_ends_after_one_post_more_than_it_has_waits_and_one_probe(
    answers: list[int | None], schedule: list[float], luck: float
) -> None:
    now, made = NOW, 0
    for status in [*answers, *[500] * 6]:
        made += 1
        answer = Answer(status, Failure.TIMEOUT if status is None else failure_of(status))
        gone = status == 410 and made % 2 == 0
        probe_s = 30.0 if status == 410 else None
        command = after(
            answer, attempts_made=made, policy=RetryPolicy(schedule, 0.2), now_ms=now, luck=luck, gone=gone,
            gone_probe_s=probe_s,
        )  # fmt: skip
        if isinstance(command, Finish):
            assert (command.outcome == "delivered") is (status == 200)
            break
        if isinstance(command, Hold):
            assert gone
            break
        assert isinstance(command, WaitUntil)
        assert status != 200
        assert command.due_ms - now >= (30_000 if status == 410 else round(schedule[made - 1] * 1000))
        now = command.due_ms
    else:
        pytest.fail("never ended")
    assert made <= len(schedule) + 2


@pytest.mark.parametrize("failure", [Failure.BAD_SECRET, Failure.BLOCKED])
@given(waited_s=st.floats(0, 1e6), made=st.integers(1, 100), left_ms=st.integers(1, DAY))
def test_what_cannot_be_asked_waits_as_long_again_and_counts_nothing(
    failure: Failure, waited_s: float, made: int, left_ms: int
) -> None:
    verdict = after(Answer(failure=failure), waited_s=waited_s, attempts_made=made, deadline_ms=NOW + left_ms)
    wait_ms = round(min(max(waited_s, 1.0), 1800.0) * 1000)
    if wait_ms < left_ms:
        assert verdict == WaitUntil(NOW + wait_ms, counted=False)
    else:
        assert isinstance(verdict, Finish)
        assert (verdict.outcome, verdict.failure) == ("given_up", failure)


def test_a_test_that_cannot_be_asked_ends_at_once() -> None:
    verdict = after(Answer(failure=Failure.BAD_SECRET), policy=RetryPolicy(()))
    assert isinstance(verdict, Finish)
    assert verdict.outcome == "given_up"


def test_of_three_days_without_a_key_a_delivery_makes_a_few_looks_an_hour() -> None:
    at, looks = NOW, 0
    while isinstance(
        verdict := after(Answer(failure=Failure.BAD_SECRET), now_ms=at, waited_s=(at - NOW) / 1000,
                         deadline_ms=NOW + 3 * DAY), WaitUntil,
    ):  # fmt: skip
        at, looks = verdict.due_ms, looks + 1
    assert looks < 160
