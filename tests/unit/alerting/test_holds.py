"""What waits: throttle, cap, quiet hours, silences. Nothing is lost, nothing is told twice, and nothing waits too long."""

from dataclasses import replace
from typing import Any

import pytest

from service.alerting.group_state import GroupState, key_of, parts_of
from service.alerting.groups import REEMIT_MS, Verdict
from service.alerting.hold_state import MAX_RANGES, HoldState, Settled
from service.alerting.place import Place
from service.alerting.policy import Digest, Frequency, Policy, Quiet
from service.alerting.silence import Silence
from service.model.control_records import SilenceMatchers
from service.model.records import FlushRecord
from tests.alerting_world import HOUR, MINUTE, START_MS, World, alert, said, world


def silence(minutes, name="sil1", **matchers):
    return Silence(name, SilenceMatchers(**(matchers or {"rule": ("seoul",)})), START_MS, START_MS + minutes * MINUTE)


def test_a_throttle_ends_in_one_digest_that_counts_what_it_held():
    w = world(throttle_ms=10 * MINUTE)
    w.get(alert("A"))
    held = [alert(name) for name in "BCD"]
    for one in held:
        w.later(MINUTE)
        decision = w.get(one)
        assert said(decision) == ("held", "throttle")
        assert decision.until_ms == START_MS + 10 * MINUTE
    w.later(7 * MINUTE)
    assert (w.body()["kind"], w.body()["reason"], w.body()["held"]) == ("alert.digest", "throttle", 3)
    assert {said(w.fate(one)) for one in held} == {("notified", "throttle")}
    assert said(w.get(alert("E"))) == ("held", "throttle"), "the digest was a notification too"
    w.later(HOUR)
    assert len(w.deliveries) == 3


@pytest.mark.parametrize(("by", "outcome"), [("rule", "notified"), ("subscription", "held")])
def test_a_throttle_is_of_a_rule_or_of_the_subscription(by, outcome):
    w = world(throttle_ms=10 * MINUTE, throttle_by=by)
    w.get(alert("A"))
    assert w.get(alert("B", rule="busan")).decision == outcome


def test_a_cap_ends_in_one_notification_when_the_hour_does():
    w = world(max_per_hour=2)
    w.later(20 * MINUTE)
    assert [w.get(alert(name)).decision for name in "ABCD"] == ["notified", "notified", "held", "held"]
    assert w.fate(alert("D")).until_ms == START_MS + HOUR
    w.later(40 * MINUTE)
    assert (w.body()["reason"], w.body()["held"], w.now_ms) == ("cap", 2, START_MS + HOUR)
    assert w.get(alert("E")).decision == "notified"
    assert w.get(alert("F")).decision == "held", "the digest and E"


def test_quiet_hours_hold_and_urgent_rules_pass():
    quiet = (Quiet(9 * 60, 10 * 60),)
    w = World({"*": Policy(quiet=quiet), "fire": Policy(quiet=quiet, urgent=True)})
    one, two = alert("A"), alert("B")
    assert said(w.get(one)) == ("held", "quiet_hours")
    assert said(w.get(two)) == ("held", "quiet_hours")
    assert said(w.get(alert("A", rule="fire"))) == ("notified", "first")
    assert said(w.get(alert("A", "A2", role="copy", copies=2))) == ("attached", "copy")
    w.later(HOUR)
    assert (w.body()["reason"], w.body()["held"]) == ("quiet_hours", 2)
    assert w.body()["alerts"][0][1:] == ["서울시, 봉수대 복원", 2]
    assert said(w.get(alert("A", "A3", role="copy"))) == ("attached", "copy")
    assert w.fate(alert("A", "A3")).delivery_id == w.deliveries[-1].id


def test_a_silence_is_offered_when_it_ends():
    w = world()
    w.silences.append(silence(30))
    one = w.get(alert())
    assert (said(one), one.by, one.until_ms) == (("silenced", "silenced"), "sil1", START_MS + 30 * MINUTE)
    w.later(29 * MINUTE)
    assert not w.deliveries
    w.later(MINUTE)
    assert (w.body()["reason"], w.body()["held"]) == ("silence_ended", 1)


def test_a_silence_that_is_lifted_is_offered_at_once_and_a_longer_one_later():
    w = world()
    w.silences.append(silence(30))
    w.get(alert())
    w.silences[0] = silence(60)
    w.later(45 * MINUTE)
    assert not w.deliveries, "the flush came, and the silence went on"
    w.silences[0] = replace(silence(60), ends_ms=w.now_ms)
    w.groups.silence_ends("sil1", w.now_ms)
    w.later(0)
    assert w.deliveries[0].created_ms == START_MS + 45 * MINUTE


def test_a_story_that_another_source_tells_is_not_offered_again():
    w = world()
    w.silences.append(silence(30, source=("한빛일보",)))
    hidden = alert()
    w.get(hidden)
    assert said(w.get(alert(article="A2", role="copy", source="나루신문"))) == ("notified", "first")
    assert said(w.fate(hidden)) == ("attached", "copy")
    assert w.fate(hidden).delivery_id == w.deliveries[0].id
    w.later(HOUR)
    assert len(w.deliveries) == 1


def test_what_ends_in_quiet_hours_waits_for_them():
    w = world(quiet=(Quiet(10 * 60, 11 * 60),), throttle_ms=90 * MINUTE)
    w.get(alert("A"))
    w.get(alert("B"))
    w.later(2 * HOUR - 1)
    assert len(w.deliveries) == 1
    w.later(1)
    assert [one.created_ms for one in w.deliveries] == [START_MS, START_MS + 2 * HOUR]


WEEKLY = {"mode": "digest", "digest": Digest((9 * 60,), frozenset({0}))}


@pytest.mark.parametrize(
    ("policy", "hold_ms", "reason"),
    [
        ({"throttle_ms": HOUR}, HOUR, "throttle"),
        ({"max_per_hour": 1}, HOUR, "cap"),
        ({"group_wait_ms": HOUR}, HOUR, "group_wait"),
        ({"quiet": (Quiet(9 * 60, 24 * 60),)}, 15 * HOUR, "quiet_hours"),
        (WEEKLY, 7 * 24 * HOUR, "digest"),
    ],
)
@pytest.mark.parametrize("late_ms", [0, 10 * MINUTE - 1, 10 * MINUTE])
def test_the_time_to_live_of_what_is_held_counts_from_the_end_of_its_hold(policy, hold_ms, reason, late_ms):
    w = world(time_to_live_ms=10 * MINUTE, **policy)
    w.get(alert("A"))
    held = alert("B")
    assert w.get(held).until_ms == START_MS + hold_ms
    w.now_ms = START_MS + hold_ms + late_ms  # nobody was there to flush it earlier
    w.flush()
    if late_ms < 10 * MINUTE:
        assert said(w.fate(held)) == ("notified", reason)
        assert w.deliveries[-1].deadline_ms > w.now_ms
    else:
        assert said(w.fate(held)) == ("expired", "time_to_live")
        assert "B" not in str(w.deliveries[1:])
    copy = alert("B", "B2", role="copy", at_ms=w.now_ms)
    assert (w.get(copy).decision == "attached") is (late_ms < 10 * MINUTE), "what expired was not told"


@pytest.mark.parametrize("days", [1, 9])
def test_what_a_silence_of_days_hid_is_offered_however_old(days):
    """Also when it was made longer meanwhile, and when it ends in quiet hours."""
    w = world(time_to_live_ms=HOUR, quiet=(Quiet(9 * 60, 11 * 60),))
    w.silences.append(silence(60))
    hidden = alert()
    w.get(hidden)
    longer = silence(days * 24 * 60)
    w.silences[0] = longer
    w.groups.silence_ends("sil1", longer.ends_ms)
    w.later(10 * 24 * HOUR)
    assert said(w.fate(hidden)) == ("notified", "silence_ended")
    assert w.deliveries[0].created_ms == START_MS + days * 24 * HOUR + 2 * HOUR


def test_urgent_rules_wait_for_nothing_but_their_mode():
    quiet = (Quiet(9 * 60 + 30, 10 * 60),)
    given = Policy(
        throttle_ms=20 * MINUTE, throttle_by="subscription", max_per_hour=2, group_wait_ms=MINUTE, quiet=quiet
    )
    w = World({"*": given, "fire": replace(given, urgent=True)})
    w.get(alert("A"))
    w.later(MINUTE)
    assert w.get(alert("B")).reason == "group_wait"
    w.later(MINUTE)
    assert said(w.fate(alert("B"))) == ("held", "throttle")
    for story in "CDE":
        assert said(w.get(alert(story, rule="fire"))) == ("notified", "first")
    w.later(35 * MINUTE)
    assert said(w.get(alert("F", rule="fire"))) == ("notified", "first"), "in quiet hours"
    digest = world(mode="digest", urgent=True)
    assert said(digest.get(alert())) == ("held", "digest")


def test_what_is_urgent_counts_for_throttle_and_cap():
    w = World({"*": Policy(max_per_hour=1), "fire": Policy(max_per_hour=1, urgent=True)})
    w.get(alert("A", rule="fire"))
    assert said(w.get(alert("B"))) == ("held", "cap")
    throttled = Policy(throttle_ms=MINUTE, throttle_by="subscription")
    w = World({"*": throttled, "fire": replace(throttled, urgent=True)})
    w.get(alert("A", rule="fire"))
    assert said(w.get(alert("B"))) == ("held", "throttle")


def test_a_silence_over_urgent_rules_that_ends_at_night_does_not_wait_for_the_morning():
    quiet = (Quiet(9 * 60, 11 * 60),)
    w = World({"*": Policy(quiet=quiet), "fire": Policy(quiet=quiet, urgent=True)})
    w.silences.append(silence(30, rule=("seoul", "fire")))
    w.get(alert("A"))
    w.get(alert("B", rule="fire"))
    w.later(30 * MINUTE)
    assert (w.body()["reason"], w.body()["held"]) == ("silence_ended", 2)


def test_a_subscription_that_goes_takes_its_holds_along():
    w = world(throttle_ms=10 * MINUTE)
    w.get(alert("A"))
    w.get(alert("B"))
    w.policies["*"] = None
    w.later(HOUR)
    assert said(w.fate(alert("B"))) == ("suppressed", "subscription_gone")
    assert len(w.deliveries) == 1


def test_a_flush_is_asked_for_again_until_it_came():
    w = world(throttle_ms=10 * MINUTE)
    w.get(alert("A"))
    w.get(alert("B"))
    w.now_ms += 10 * MINUTE
    (first,) = w.groups.due(w.now_ms)
    assert not w.groups.due(w.now_ms + REEMIT_MS - 1)
    assert w.groups.next_due_ms() == w.now_ms + REEMIT_MS
    assert w.groups.due(w.now_ms + REEMIT_MS) == [first]
    assert w.step(first).verdict is Verdict.TAKEN
    assert w.step(first).verdict is Verdict.IDLE
    assert w.groups.next_due_ms() is None
    assert not w.groups.due(w.now_ms + HOUR)


def test_members_of_a_flush_are_the_alerts_before_it():
    """The flush record was written, another alert came in between, and a second flush is due for it."""
    w = world(throttle_ms=10 * MINUTE)
    w.get(alert("A"))
    w.get(alert("B"))
    w.now_ms += 10 * MINUTE - 1
    w.get(alert("C"))
    w.now_ms += 1
    (flush,) = w.groups.due(w.now_ms)
    w.step(flush)
    assert w.body()["held"] == 2
    w.now_ms -= 1  # a record whose stamp is older than that of the one before it
    late = w.get(alert("D"))
    assert said(late) == ("held", "throttle")
    w.later(HOUR)
    assert w.fate(alert("D")).decision == "notified"


def test_flushes_of_what_nobody_knows_do_nothing():
    w = world(mode="digest", digest=Digest(empty=True))
    for name in ("s/sty_A/seoul", "h/throttle/seoul/5", "h/silence/x", "a/b", "nonsense", "h/digest/x", "h/digest/5"):
        step = w.step(FlushRecord(flush=name, subscription="sub1", sequence=1, due_ms=1))
        assert (step.verdict, step.writes, step.outputs) == (Verdict.IDLE, (), ())


def test_a_change_of_mode_does_not_tell_twice():
    w = world()
    told = alert()
    w.get(told)
    w.policies["*"] = Policy(mode="each")
    assert w.step(told).verdict is Verdict.REPEATED
    replay = w.groups.step(told, Place(0, 0, START_MS), w.context)
    assert (replay.verdict, len(replay.outputs)) == (Verdict.REPLAYED, 2)


def test_old_groups_are_forgotten_and_waiting_ones_are_not():
    w = world(throttle_ms=7 * 24 * HOUR)
    w.get(alert("A"))
    w.get(alert("B"))
    w.policies["*"] = Policy()
    w.get(alert("C"))
    w.later(48 * HOUR + 1)
    place = Place(0, 99, w.now_ms)
    gone = w.groups.expire(place, 48 * HOUR, 10)
    assert [parts_of(key) for key in gone] == [("sub1", "s", "sty_A")]
    assert w.groups.expire(place, 48 * HOUR, 10) == []
    assert len(w.groups) == len(w.table) == 2, "B waits, C says until when"
    w.reborn()
    w.policies["*"] = Policy(throttle_ms=1)
    assert said(w.get(alert("D"))) == ("held", "throttle")
    w.later(7 * 24 * HOUR)
    assert w.fate(alert("B")).decision == "notified"


def test_what_was_told_to_others_does_not_count():
    w = world(max_per_hour=1, throttle_ms=MINUTE, throttle_by="subscription")
    assert w.get(alert()).decision == w.get(alert(subscription="sub2")).decision == "notified"


def test_a_partition_that_goes_takes_its_dues_along():
    w = world(throttle_ms=MINUTE)
    w.get(alert("A"))
    w.get(alert("B"))
    w.groups.forget(0)
    assert w.groups.next_due_ms() is None
    w.groups.rebuild(w.table.items())
    assert w.groups.next_due_ms() == START_MS + MINUTE


@pytest.mark.parametrize("key", [b"sub1\0alr_1", key_of("sub1", "s", "sty_A"), key_of("sub1", "h", "digest/1")])
@pytest.mark.parametrize("version", [1, 2])
def test_values_of_older_versions_are_passed_over(key, version):
    w = world()
    w.table[key] = bytes([version]) + bytes(18) + b"{}"
    w.reborn()
    assert len(w.groups) == 0
    assert w.get(alert()).decision == "notified"


def test_what_waited_before_copies_were_remembered_is_read():
    w = world(mode="digest")
    w.get(alert())
    key = key_of("sub1", "s", "sty_A")
    older = w.table[key].replace(b',"heirs":{}', b"")
    assert older != w.table[key]
    w.reborn({key: older}.items())
    w.get(alert(article="A2", role="copy", copies=2))
    w.later(25 * HOUR)
    assert w.deliveries[0].alert_ids == (alert().alert_id,)


def test_states_survive_their_encoding():
    w = world(group_wait_ms=MINUTE, quiet=(Quiet(9 * 60 + 1, 10 * 60),))
    for number in range(3):
        w.get(alert(article=f"A{number}"))
    w.later(MINUTE)
    w.get(alert("B"))
    w.later(HOUR)
    kinds = {GroupState: 0, HoldState: 0}
    for key, raw in w.table.items():
        model = HoldState if b"\0h\0" in key else GroupState
        kinds[model] += 1
        assert model.decode(raw).encode() == raw
    assert all(kinds.values())


def test_a_hold_that_lives_for_ever_stays_small():
    state = HoldState()
    for number in range(3 * MAX_RANGES):
        told = f"msg_{number}" if number % 2 else ""
        state.settle(Settled(number - 1, number, number, 0, told, "x"), number)
    assert len(state.settled) == MAX_RANGES
    assert state.fate(3 * MAX_RANGES) is None
    assert state.fate(3) is not None
    quiet = HoldState()
    for number in range(9):
        quiet.settle(Settled(number - 1, number, number, 0, "", "x"), number)
    assert [(one.low, one.through) for one in quiet.settled] == [(-1, 8)]


def replayed(w, records):
    """The worker dies before anything of `records` (with their places and steps) was sent; the next reads them again."""
    w.reborn()
    for record, place, step in records:
        again = w.groups.step(record, place, w.context)
        assert (again.verdict, again.outputs) == (Verdict.REPLAYED, step.outputs)


def test_a_flush_comes_again_whole_although_its_members_were_touched_since():
    w = world(throttle_ms=10 * MINUTE)
    w.get(alert("A"))
    w.get(alert("B"))
    w.get(alert("C"))
    w.now_ms += 10 * MINUTE
    (flush,) = w.groups.due(w.now_ms)
    step = w.step(flush)
    assert len(step.outputs) == 3
    place = Place(0, w.offset, w.now_ms)
    copy = alert("B", "B2", role="copy")
    second = w.step(copy)
    assert said(w.fate(copy)) == ("attached", "copy")
    w.policies["*"] = None
    replayed(w, [(flush, place, step), (copy, Place(0, w.offset, w.now_ms), second)])
    w.sent_through = w.offset
    w.step(alert("B", "B3", role="copy"))
    assert b'"flushed":' not in w.table[b"sub1\0s\0sty_B"], "what is sent is forgotten"


def test_two_flushes_of_one_hold_come_again_each_for_itself():
    w = world(mode="frequency", frequency=Frequency(2, HOUR))
    records = []
    for names in ("AB", "CD"):
        for name in names:
            w.get(alert(name))
            w.now_ms += 1
        (flush,) = w.groups.due(w.now_ms)
        records.append((flush, Place(0, w.offset + 1, w.now_ms), w.step(flush)))
        assert len(records[-1][2].outputs) == 3
    assert [flush.sequence for flush, _, _ in records] == [1, 2]
    replayed(w, records)


FREQUENCY: dict[str, Any] = {"mode": "frequency", "frequency": Frequency(3, HOUR)}


@pytest.mark.parametrize("began_later", [False, True])
@pytest.mark.parametrize(("stories", "told"), [("AB", False), ("ABC", True)])
def test_what_a_silence_hid_of_a_frequency_is_told_only_if_it_was_reached(stories, told, began_later):
    w = world(**FREQUENCY)
    w.silences.append(silence(3 * 60))
    hidden = [alert(name) for name in stories]
    for one in hidden:
        assert w.get(one).decision == "silenced"
        w.later(MINUTE)
    if began_later:
        w.reborn()
    w.later(4 * HOUR)
    end = ("notified", "silence_ended") if told else ("suppressed", "frequency_not_reached")
    assert {said(w.fate(one)) for one in hidden} == {end}
    assert len(w.deliveries) == int(told)


def test_a_silence_that_ends_offers_each_rule_as_it_wants():
    w = World({"*": Policy(), "seoul": Policy(**FREQUENCY)})
    w.silences.append(silence(60, subscription=("sub1",)))
    rare, plain = alert("A"), alert("B", rule="busan")
    w.get(rare)
    w.get(plain)
    w.groups.silence_ends("sil1", w.now_ms + MINUTE)
    w.silences[0] = replace(w.silences[0], ends_ms=w.now_ms + MINUTE)
    w.later(MINUTE)
    assert said(w.fate(rare)) == ("suppressed", "frequency_not_reached")
    assert said(w.fate(plain)) == ("notified", "silence_ended")
    assert w.deliveries[0].alert_ids == (plain.alert_id,)


def test_copies_of_what_a_throttle_holds_do_not_take_it_out():
    w = world(throttle_ms=10 * MINUTE, group_wait_ms=MINUTE)
    w.get(alert("A"))
    w.later(2 * MINUTE)
    story = alert("B")
    w.get(story)
    w.later(MINUTE)
    ends_ms = w.fate(story).until_ms
    assert said(w.fate(story)) == ("held", "throttle")
    for number in range(20):
        copy = w.get(alert("B", f"B{number + 2}", role="copy", copies=number + 2))
        assert (said(copy), copy.until_ms) == (("attached", "copy"), ends_ms)
        w.later(20_000)
    assert ends_ms is not None
    w.now_ms = ends_ms + 1  # nobody flushed it yet
    last = w.get(alert("B", "B99", role="copy", copies=22))
    assert said(last) == ("attached", "copy")
    w.later(0)
    assert (w.body()["reason"], w.body()["alerts"][0][2]) == ("throttle", 22)
    assert said(w.fate(story)) == ("notified", "throttle")


@pytest.mark.parametrize(
    "policy", [{"mode": "digest"}, {"quiet": (Quiet(9 * 60, 10 * 60),)}, {"group_wait_ms": MINUTE}]
)
def test_the_copy_of_what_is_gone_is_told_in_its_place(policy):
    w = world(**policy)
    lead, copy, other = alert("A"), alert("A", "A2", role="copy", copies=2), alert("A", "A3", role="copy", copies=3)
    for one in (lead, copy, other):
        w.get(one)
    w.get(alert("A", "A1", version="gone", role="taken_down", copies=3))
    assert said(w.fate(lead)) == ("suppressed", "taken_down")
    w.reborn()
    w.get(alert("A", "A2", version="gone", role="taken_down", copies=3))
    assert said(w.fate(copy)) == ("suppressed", "taken_down")
    w.later(25 * HOUR)
    assert w.deliveries[0].alert_ids == (other.alert_id,)
    assert w.fate(other).decision == "notified"
    assert len(w.deliveries) == 1


def test_what_is_gone_with_all_its_copies_is_not_told():
    w = world(mode="digest")
    articles = ["A1", "A2"]
    for number, name in enumerate(articles):
        w.get(alert("A", name, role="copy" if number else "lead", copies=number + 1))
    for name in reversed(articles):
        w.get(alert("A", name, version="gone", role="taken_down", copies=2))
    w.later(25 * HOUR)
    assert not w.deliveries
    assert said(w.fate(alert("A", "A1"))) == ("suppressed", "taken_down")
