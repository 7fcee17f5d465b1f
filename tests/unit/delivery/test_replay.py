"""What is sent again, against a plain reading of the same history."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.replay import History, LeftOut, Wanted, again
from tests.builders import attempt_record, delivery_record

NOW = 10_000_000
LIVES = 3_000
KNOWN = {"sub1", "sub2"}


def choose(wanted, attempts, deliveries, known=KNOWN):
    history = History(wanted)
    for attempt in attempts:
        history.attempt(attempt)
    for delivery in deliveries:
        history.delivery(delivery)
    return history.choose(known, NOW, LIVES)


def test_a_replay_keeps_the_id_the_bytes_and_the_time_to_live():
    old = delivery_record("msg_1", created_ms=1000, deadline_ms=5000, attempts_made=7, due_ms=4000)
    new = again(old, NOW, 4000)
    assert (new.id, new.body, new.body_sha256, new.content_type) == (
        old.id,
        old.body,
        old.body_sha256,
        old.content_type,
    )
    assert (new.attempts_made, new.due_ms, new.reason) == (0, 0, "replay")
    assert new.deadline_ms == NOW + 4000


def test_one_by_its_id_whatever_became_of_it():
    attempts = [attempt_record("msg_1"), attempt_record("msg_2")]
    deliveries = [delivery_record("msg_1"), delivery_record("msg_2")]
    choice = choose(Wanted(delivery="msg_1"), attempts, deliveries)
    assert [record.id for record in choice.records] == ["msg_1"]
    assert not choice.left_out


def test_only_what_was_asked_for_is_held():
    history = History(Wanted(subscription="sub1", since_ms=10, until_ms=20))
    for number, at_ms in enumerate((9, 10, 19, 20, 10)):
        history.delivery(delivery_record(f"msg_{number % 4}", created_ms=at_ms if number < 4 else 9))
    history.delivery(delivery_record("msg_1", created_ms=10, reason="replay"))
    assert history.held == 2, "another record of the same id is not another delivery"


@pytest.mark.parametrize(
    ("attempts", "deliveries", "known", "why"),
    [
        ([], [delivery_record()], KNOWN, LeftOut.PENDING),
        ([attempt_record(outcome="retry")], [delivery_record()], KNOWN, LeftOut.PENDING),
        (
            [attempt_record(outcome="given_up", started_ms=50)],
            [delivery_record(), delivery_record(reason="replay")],
            KNOWN,
            LeftOut.PENDING,
        ),
        (
            [
                attempt_record(outcome="given_up"),
                attempt_record(outcome="given_up", reason="replay", deadline_ms=NOW + 1),
            ],
            [
                delivery_record(),
                delivery_record(reason="replay", deadline_ms=NOW + 1),
                delivery_record(reason="replay", deadline_ms=NOW + 2),
            ],
            KNOWN,
            LeftOut.PENDING,
        ),
        ([attempt_record()], [delivery_record()], {"sub2"}, LeftOut.NO_SUBSCRIPTION),
        ([attempt_record(body_sha256="0" * 64)], [delivery_record()], KNOWN, LeftOut.TWO_CONTENTS),
        ([attempt_record()], [delivery_record(body="x"), delivery_record()], KNOWN, LeftOut.TWO_CONTENTS),
    ],
)
def test_what_is_left_alone_and_why(attempts, deliveries, known, why):
    choice = choose(Wanted(delivery="msg_1"), attempts, deliveries, known)
    assert choice.records == ()
    assert choice.left_out == Counter({why: 1})


def test_a_replay_that_failed_too_may_be_asked_for_again():
    attempts = [
        attempt_record(outcome="given_up", started_ms=50),
        attempt_record(outcome="given_up", started_ms=70, reason="replay", deadline_ms=NOW + 1),
    ]
    deliveries = [delivery_record(), delivery_record(reason="replay", deadline_ms=NOW + 1)]
    assert len(choose(Wanted(failed=True), attempts, deliveries).records) == 1
    once_more = [*attempts, attempt_record(started_ms=90, reason="replay")]
    assert choose(Wanted(failed=True), once_more, deliveries).records == ()


@pytest.mark.parametrize("dispatcher_ms", [0, NOW, 10 * NOW])
def test_the_clocks_of_those_who_ask_and_of_those_who_send_need_not_agree(dispatcher_ms):
    ended = [
        attempt_record(outcome="given_up", started_ms=dispatcher_ms, deadline_ms=5),
        attempt_record(outcome="given_up", started_ms=dispatcher_ms, deadline_ms=NOW + 1, reason="replay"),
    ]
    deliveries = [delivery_record(deadline_ms=5), delivery_record(reason="replay", deadline_ms=NOW + 1)]
    wanted = Wanted(delivery="msg_1")
    assert len(choose(wanted, ended, deliveries).records) == 1
    assert choose(wanted, ended[:1], deliveries).left_out == Counter({LeftOut.PENDING: 1})


def test_a_replay_that_nobody_took_is_over_with_its_deadline():
    over = [delivery_record(), delivery_record(reason="replay", deadline_ms=NOW)]
    assert len(choose(Wanted(delivery="msg_1"), [attempt_record()], over).records) == 1


def test_a_replay_of_a_replay_lives_as_long_as_the_delivery_did_and_no_longer():
    live = delivery_record(created_ms=1_000, deadline_ms=5_000)
    replayed = delivery_record(created_ms=1_000, deadline_ms=NOW - 1, reason="replay")
    wanted, attempts = Wanted(delivery="msg_1"), [attempt_record()]
    (new,) = choose(wanted, attempts, [live, replayed]).records
    assert new.deadline_ms == NOW + 4_000
    (new,) = choose(wanted, attempts, [replayed]).records
    assert new.deadline_ms == NOW + LIVES, "nobody knows how long it had"


def test_failed_means_failed_since_and_its_bytes_may_be_gone():
    attempts = [
        attempt_record("msg_1", "given_up", started_ms=100, duration_ms=10),
        attempt_record("msg_2", "expired", started_ms=200, duration_ms=0),
        attempt_record("msg_3", "undeliverable", started_ms=300),
        attempt_record("msg_4", started_ms=300),
    ]
    deliveries = [delivery_record(name, created_ms=1) for name in ("msg_1", "msg_2", "msg_4")]
    choice = choose(Wanted(failed=True, since_ms=110, until_ms=400), attempts, deliveries)
    assert [record.id for record in choice.records] == ["msg_1", "msg_2"]
    assert choice.left_out == Counter({LeftOut.NOT_KEPT: 1})


@pytest.mark.parametrize("wanted", [Wanted(subscription="sub1"), Wanted(), Wanted(subscription="sub1", failed=True)])
def test_nobody_who_asks_for_many_wants_tests(wanted):
    attempts = [attempt_record("msg_t", "given_up", reason="test")]
    choice = choose(wanted, attempts, [delivery_record("msg_t", type="test", reason="test")])
    assert (choice.records, choice.left_out) == ((), Counter())


def test_a_test_that_is_named_is_sent_again_as_a_test():
    made = delivery_record("msg_t", type="test", reason="test", created_ms=1_000, deadline_ms=4_000)
    attempts = [attempt_record("msg_t", reason="test")]
    (first,) = choose(Wanted("msg_t"), attempts, [made]).records
    assert (first.id, first.body, first.reason) == ("msg_t", made.body, "test")
    (second,) = choose(Wanted("msg_t"), attempts, [made, first]).records
    assert first.deadline_ms == second.deadline_ms  # it lives as long as a test does, not longer each time


OUTCOMES = ("delivered", "retry", "given_up", "expired")


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from(OUTCOMES), st.integers(0, 50)), max_size=20),
    st.sets(st.integers(0, 4)),
    st.integers(0, 50),
)
def test_failed_agrees_with_reading_the_log_by_hand(log, kept, since_ms):
    attempts = [
        attempt_record(f"msg_{number}", outcome, started_ms=at, duration_ms=0)
        for number, outcome, at in sorted(log, key=lambda entry: entry[2])
    ]
    choice = choose(
        Wanted(failed=True, since_ms=since_ms), attempts, [delivery_record(f"msg_{number}") for number in kept]
    )
    expected = set()
    for number in range(5):
        own = [attempt for attempt in attempts if attempt.delivery_id == f"msg_{number}"]
        ends = [attempt for attempt in own if attempt.terminal]
        failed = bool(ends) and all(attempt.outcome != "delivered" for attempt in ends)
        if failed and own[-1].terminal and ends[-1].started_ms >= since_ms and number in kept:
            expected.add(f"msg_{number}")
    assert {record.id for record in choice.records} == expected
