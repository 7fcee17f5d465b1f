"""The pure decision, run against a log that crashes: replays repeat, nothing is invented, nothing is told twice."""

from hypothesis import given
from hypothesis import strategies as st

from service.alerting.group import Group, Place, Verdict, decide, group_key, place_of, state_key
from service.model.records import DecisionRecord, DeliveryRecord
from tests.builders import alert_record

TTL = 1_000_000


def payload(kind, subscription, sequence, reason, alerts, timestamp_ms):
    return (
        f"{kind} {subscription} {sequence} {reason} {[a.alert_id for a in alerts]} {alerts[0].rule.name} {timestamp_ms}"
    )


def take(state, alert, offset, now_ms=1_000_100):
    return decide(state, alert, Place(0, offset, now_ms), time_to_live_ms=TTL, payload=payload)


def test_the_first_alert_is_notified():
    verdict, group = take(None, alert_record(), 7)
    assert verdict is Verdict.TAKEN
    decision = DecisionRecord.decode(group.decision, "decisions")
    delivery = DeliveryRecord.decode(group.delivery, "deliveries")
    assert decision.decision == "notified"
    assert decision.delivery_id == delivery.id
    assert delivery.alert_ids == (alert_record().alert_id,)


def test_the_same_offset_is_a_replay_and_sends_the_stored_bytes():
    _, before = take(None, alert_record(), 7)
    renamed = alert_record().model_copy(
        update={"rule": alert_record().rule.model_copy(update={"name": "another name"})}
    )
    verdict, after = take(before, renamed, 7)
    assert verdict is Verdict.REPLAYED
    assert after == before


def test_another_offset_is_a_repeat_even_with_other_content():
    _, before = take(None, alert_record(), 7)
    verdict, after = take(before, alert_record(published_ms=999), 8)
    assert verdict is Verdict.REPEATED
    assert after == before


def test_an_alert_past_its_time_expires_and_is_not_sent():
    _, group = take(None, alert_record(), 7, now_ms=1_000_000 + TTL)
    assert DecisionRecord.decode(group.decision, "decisions").decision == "expired"
    assert group.delivery is None


@given(
    st.integers(0, 2**16 - 1), st.integers(0, 2**63), st.integers(0, 2**63), st.lists(st.text()), st.binary(max_size=9)
)
def test_state_survives_its_encoding(partition, offset, now_ms, alert_ids, decision):
    alert_ids = [text.encode("utf-8", "ignore").decode() for text in alert_ids]
    group = Group(Place(partition, offset, now_ms), tuple(alert_ids), 3, decision.hex().encode(), None)
    assert Group.decode(group.encode()) == group
    assert place_of(group.encode()) == group.place


def run(log, table, sent, first, last, crash_at):
    """One life of the agent over offsets [first, last); dies at the last of them, at the step `crash_at`."""
    for offset in range(first, last):
        alert = alert_record(article=f"a{log[offset]}", published_ms=1_000_000 + offset)
        key = state_key(alert.subscription, group_key(alert))
        raw = table.get(key)
        verdict, group = take(None if raw is None else Group.decode(raw), alert, offset)
        dying = offset == last - 1
        if dying and crash_at == "before the state is stored":
            return
        if verdict is Verdict.TAKEN:
            table[key] = group.encode()
        if dying and crash_at == "before it is sent":
            return
        if verdict is not Verdict.REPEATED:
            delivery = DeliveryRecord.decode(group.delivery, "deliveries")
            sent.append((delivery.id, delivery.body))


CRASHES = ("before the state is stored", "before it is sent", "before the commit")


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=25),
    st.lists(st.tuples(st.integers(1, 10), st.integers(0, 10), st.sampled_from(CRASHES)), max_size=6),
)
def test_crashes_repeat_and_never_invent(log, crashes):
    """`log` is a partition of alerts, with repeats from upstream; each life commits some of what it finished, or nothing."""
    table: dict[bytes, bytes] = {}
    sent: list[tuple[str, str]] = []
    committed = 0
    for steps, commits, crash_at in crashes:
        last = min(len(log), committed + steps)
        run(log, table, sent, committed, last, crash_at)
        committed += min(commits, max(0, last - 1 - committed))
    run(log, table, sent, committed, len(log), "never")
    assert len(dict(sent)) == len(set(log)), "every alert was sent under one id"
    assert len(set(sent)) == len(dict(sent)), "one id, one content"
