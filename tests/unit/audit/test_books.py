from hypothesis import given
from hypothesis import strategies as st

from service.audit.books import Books
from tests.builders import alert_record, attempt_record, decision_record, delivery_record

ALERTS, DELIVERIES, TIER = ("alerts", 0), ("deliveries", 0), ("deliveries.retry.1s", 0)
ALL_READ = {ALERTS: 10, DELIVERIES: 10, TIER: 10}


def whole():
    books = Books()
    alert = alert_record()
    books.alert(alert, ALERTS, 3)
    books.decision(decision_record(alert.alert_id, "msg_1"))
    books.delivery(delivery_record("msg_1"), DELIVERIES, 4)
    books.attempt(attempt_record("msg_1"))
    return books


def test_a_whole_line_balances():
    for balance in whole().balances(ALL_READ):
        assert (balance.entries, balance.ended, balance.pending, balance.unaccounted, balance.conflicting) == (
            1,
            1,
            0,
            0,
            0,
        )
        assert balance.balanced


def test_repeats_change_nothing():
    books = whole()
    alert = alert_record()
    books.alert(alert, ALERTS, 7)
    books.decision(decision_record(alert.alert_id, "msg_1"))
    books.delivery(delivery_record("msg_1"), DELIVERIES, 8)
    books.attempt(attempt_record("msg_1"))
    assert books.balances(ALL_READ) == whole().balances(ALL_READ)


def test_an_alert_without_decision_waits_until_its_consumer_passed_it():
    books = Books()
    books.alert(alert_record(), ALERTS, 3)
    assert books.balances({ALERTS: 3})[0].pending == 1
    passed = books.balances({ALERTS: 4})[0]
    assert (passed.pending, passed.unaccounted) == (0, 1)
    assert passed.examples == (alert_record().alert_id,)


def test_a_delivery_on_a_retry_tier_waits():
    books = Books()
    books.delivery(delivery_record(), DELIVERIES, 4)
    books.attempt(attempt_record(outcome="retry", status=500))
    books.delivery(delivery_record(attempts_made=1), TIER, 2)
    assert books.balances({DELIVERIES: 5, TIER: 2})[1].pending == 1
    assert books.balances({DELIVERIES: 5, TIER: 3})[1].unaccounted == 1


def test_a_delivery_that_was_decided_but_never_produced_is_a_loss():
    books = Books()
    alert = alert_record()
    books.alert(alert, ALERTS, 3)
    books.decision(decision_record(alert.alert_id, "msg_1"))
    assert books.balances({ALERTS: 3})[1].pending == 1, "the alert will be read again, and the delivery produced"
    assert books.balances({ALERTS: 4})[1].unaccounted == 1


def test_two_contents_under_one_id_conflict():
    books = whole()
    books.delivery(delivery_record("msg_1", body="another"), DELIVERIES, 9)
    assert books.balances(ALL_READ)[1].conflicting == 1


def test_two_ends_and_two_deliveries_of_one_alert_conflict():
    books = whole()
    books.attempt(attempt_record("msg_1", "given_up", status=500))
    books.decision(decision_record(alert_record().alert_id, "msg_2"))
    alerts, deliveries = books.balances(ALL_READ)
    assert alerts.conflicting == 1
    assert deliveries.conflicting == 1
    assert deliveries.ends == {"delivered": 1}


def test_a_test_delivery_is_not_in_the_books():
    books = Books()
    books.delivery(delivery_record("msg_test", reason="test"), DELIVERIES, 4)
    books.attempt(attempt_record("msg_test", reason="test"))
    assert books.balances({})[1].entries == 0


def test_a_replay_adds_to_what_happened_and_contradicts_nothing():
    books = Books()
    books.delivery(delivery_record("msg_1"), DELIVERIES, 4)
    books.attempt(attempt_record("msg_1", "given_up", status=500))
    books.delivery(delivery_record("msg_1", reason="replay", deadline_ms=7), DELIVERIES, 5)
    waiting = books.balances({DELIVERIES: 5})[1]
    assert (waiting.pending, waiting.unaccounted, waiting.ended) == (1, 0, 0)
    books.attempt(attempt_record("msg_1", reason="replay", deadline_ms=7))
    replayed = books.balances(ALL_READ)[1]
    assert replayed.balanced
    assert (replayed.entries, replayed.ended, replayed.ends) == (1, 1, {"delivered": 1})
    books.delivery(delivery_record("msg_1", body="another", reason="replay"), DELIVERIES, 6)
    assert books.balances(ALL_READ)[1].conflicting == 1


def test_a_replay_that_was_lost_after_its_commit_is_unaccounted_for():
    books = Books()
    books.delivery(delivery_record("msg_1"), DELIVERIES, 4)
    books.attempt(attempt_record("msg_1"))
    books.delivery(delivery_record("msg_1", reason="replay", deadline_ms=7), DELIVERIES, 5)
    books.attempt(attempt_record("msg_1", "retry", status=500, reason="replay", deadline_ms=7))
    lost = books.balances(ALL_READ)[1]
    assert (lost.entries, lost.unaccounted, lost.examples) == (1, 1, ("msg_1",))
    books.delivery(delivery_record("msg_1", attempts_made=1, reason="replay", deadline_ms=7), TIER, 10)
    assert books.balances(ALL_READ)[1].pending == 1, "it rests in a tier"


def test_the_end_of_one_replay_is_not_the_end_of_another():
    books = whole()
    for deadline_ms, offset in ((7, 5), (8, 6)):
        books.delivery(delivery_record("msg_1", reason="replay", deadline_ms=deadline_ms), DELIVERIES, offset)
    books.attempt(attempt_record("msg_1", reason="replay", deadline_ms=8))
    books.attempt(attempt_record("msg_1", reason="replay", deadline_ms=8))  # a crash repeats it
    assert books.balances(ALL_READ)[1].unaccounted == 1
    assert books.balances({**ALL_READ, DELIVERIES: 6})[1].unaccounted == 1, "7 stands before it and was read"
    assert books.balances({**ALL_READ, DELIVERIES: 5})[1].pending == 1
    books.forget(10**15)
    assert books.balances(ALL_READ)[1].entries == 1, "what has no end is kept"
    books.attempt(attempt_record("msg_1", reason="replay", deadline_ms=7))
    assert books.balances(ALL_READ)[1].balanced


def test_replays_from_before_they_had_names_balance():
    books = whole()
    books.delivery(delivery_record("msg_1", reason="replay"), DELIVERIES, 5)
    assert books.balances(ALL_READ)[1].unaccounted == 1
    books.attempt(attempt_record("msg_1", reason="replay"))
    assert books.balances(ALL_READ)[1].balanced


def test_what_ended_long_ago_is_forgotten_and_what_did_not_is_kept():
    books = whole()
    books.alert(alert_record(article="a2"), ALERTS, 5)
    books.forget(2_000_000)
    alerts, deliveries = books.balances(ALL_READ)
    assert (alerts.entries, alerts.unaccounted, deliveries.entries) == (1, 1, 0)


@given(st.lists(st.integers(0, 7), max_size=30), st.integers(0, 30))
def test_every_alert_is_ended_pending_or_unaccounted(numbers, committed):
    """Against counting by hand: decided when even, else pending behind the committed offset."""
    books = Books()
    last: dict[int, int] = {}
    for offset, number in enumerate(numbers):
        alert = alert_record(article=f"a{number}")
        books.alert(alert, ALERTS, offset)
        last[number] = offset
        if number % 2 == 0:
            books.decision(decision_record(alert.alert_id, None, decision="expired"))
    balance = books.balances({ALERTS: committed})[0]
    assert balance.entries == len(last)
    assert balance.ended == sum(n % 2 == 0 for n in last)
    assert balance.pending == sum(n % 2 == 1 and at >= committed for n, at in last.items())
    assert balance.unaccounted == sum(n % 2 == 1 and at < committed for n, at in last.items())


HELD = {"decision": "held", "delivery": None}


def test_what_is_held_is_decided_until_its_time_and_pending_from_then_on():
    books = Books()
    alert = alert_record()
    books.alert(alert, ALERTS, 3)
    books.decision(decision_record(alert.alert_id, until_ms=2_000_000, **HELD))
    before, late = books.balances(ALL_READ, 1_999_999)[0], books.balances(ALL_READ, 2_000_000)[0]
    assert (before.ends, before.pending, before.balanced) == ({"held": 1}, 0, True)
    assert (late.ends, late.pending, late.oldest_pending_ms) == ({}, 1, 2_000_000)
    books.forget(9_000_000)
    assert books.balances(ALL_READ)[0].entries == 1, "what waits is kept"


@given(st.permutations(["held", "notified", "held", "silenced"]))
def test_what_was_decided_for_good_is_current_in_whatever_order_a_replay_says_it(order):
    books = Books()
    alert = alert_record()
    books.alert(alert, ALERTS, 3)
    for decision in order:
        delivery = "msg_1" if decision == "notified" else None
        books.decision(decision_record(alert.alert_id, delivery, decision=decision, until_ms=5))
    assert books.balances(ALL_READ, 10)[0].ends == {"notified": 1}


def test_a_digest_without_alerts_has_an_end_of_its_own():
    books = Books()
    books.flush()
    books.delivery(delivery_record("msg_9", alert_ids=(), type="alert.digest"), DELIVERIES, 4)
    assert books.balances({DELIVERIES: 4})[1].pending == 1
    books.attempt(attempt_record("msg_9"))
    assert books.balances(ALL_READ)[1].ends == {"delivered": 1}
    assert books.counts["flush records"] == 1
