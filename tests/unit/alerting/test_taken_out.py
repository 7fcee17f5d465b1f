"""A silence that begins while a story waits takes it out when it would be told, and offers it at its own end."""

from dataclasses import replace
from typing import Any

import pytest

from service.alerting.groups import Groups, Verdict
from service.alerting.hold_flush import SLICE
from service.alerting.place import Place
from service.alerting.policy import Digest, Frequency, Policy, Quiet
from service.alerting.silence import Silence
from service.model import topics
from service.model.control_records import SilenceMatchers
from tests.alerting_world import HOUR, MINUTE, START_MS, World, alert, said, world

HOLDS: dict[str, dict[str, Any]] = {
    "throttle": {"throttle_ms": 10 * MINUTE},
    "cap": {"max_per_hour": 1},
    "quiet_hours": {"quiet": (Quiet(9 * 60, 9 * 60 + 10),)},
    "digest": {"mode": "digest", "digest": Digest((9 * 60 + 10,))},
    "frequency": {"mode": "frequency", "frequency": Frequency(2, HOUR)},
    "group_wait": {"group_wait_ms": 10 * MINUTE},
}


def silence(since_ms, until_ms, name="sil1", **matchers):
    return Silence(name, SilenceMatchers(**matchers), since_ms, until_ms)


def held(policy, *stories):
    """These wait, ten minutes at most but for the cap; what was told before is not of interest."""
    w = world(**policy)
    if "throttle_ms" in policy or "max_per_hour" in policy:
        w.get(alert("first"))
        w.deliveries.clear()
    for story in stories:
        assert w.get(alert(story)).decision == "held"
    return w


@pytest.mark.parametrize("reason", sorted(HOLDS))
def test_a_silence_takes_out_what_it_hides_and_leaves_the_rest(reason):
    w = held(HOLDS[reason], "B")
    w.now_ms += MINUTE
    w.silences.append(silence(w.now_ms, START_MS + 2 * HOUR, story=("sty_B",)))
    w.get(alert("C"))
    w.later(HOUR)
    hidden = w.fate(alert("B"))
    assert (said(hidden), hidden.by, hidden.until_ms) == (("silenced", "silenced"), "sil1", START_MS + 2 * HOUR)
    if reason == "frequency":  # one that is hidden is no company
        assert said(w.fate(alert("C"))) == ("suppressed", "frequency_not_reached")
    else:
        assert said(w.fate(alert("C"))) == ("notified", reason)
        assert w.deliveries[-1].alert_ids == (alert("C").alert_id,)
    w.deliveries.clear()
    w.reborn()
    w.later(HOUR)
    if reason == "frequency":
        assert (said(w.fate(alert("B"))), w.deliveries) == (("suppressed", "frequency_not_reached"), [])
        return
    assert [one.alert_ids for one in w.deliveries if w.body()["reason"] == "silence_ended"] == [(alert("B").alert_id,)]
    assert said(w.fate(alert("B"))) == ("notified", "silence_ended")
    assert w.body()["period"][0] == START_MS, "when it came, not when it was hidden"
    assert said(w.get(alert("B", "B2", role="copy"))) == ("attached", "copy")


@pytest.mark.parametrize("reason", sorted(set(HOLDS) - {"frequency"}))
def test_a_hold_that_is_hidden_as_a_whole_tells_nothing_until_the_silence_ends(reason):
    w = held(HOLDS[reason], "B", "C")
    w.silences.append(silence(START_MS + MINUTE, START_MS + 2 * HOUR, rule=("seoul",)))
    w.later(HOUR + MINUTE)
    assert not w.deliveries
    assert {w.fate(alert(name)).decision for name in "BC"} == {"silenced"}
    w.later(HOUR)
    assert [one.alert_ids for one in w.deliveries] == [(alert("B").alert_id, alert("C").alert_id)], "one digest"
    assert w.groups.next_due_ms() is None


def test_an_empty_digest_comes_when_all_of_it_is_hidden():
    policy = HOLDS["digest"] | {"digest": Digest((9 * 60 + 10,), empty=True)}
    w = held(policy, "B")
    w.silences.append(silence(START_MS + MINUTE, START_MS + 2 * HOUR, rule=("seoul",)))
    w.later(11 * MINUTE)
    w.digest(START_MS + 10 * MINUTE)
    assert [(one.type, one.alert_ids) for one in w.deliveries] == [("alert.digest", ())]


def test_versions_of_one_article_are_told_apart():
    w = World({"*": Policy(mode="each", throttle_ms=10 * MINUTE)})
    w.get(alert("A"))
    versions = [alert("B", version=f"c{number}", role="version") for number in range(3)]
    for one in versions:
        w.get(one)
    w.silences.append(silence(START_MS + MINUTE, START_MS + HOUR, story=("sty_B",)))
    w.later(2 * HOUR)
    assert w.deliveries[-1].alert_ids == tuple(one.alert_id for one in versions)
    assert w.body()["held"] == 3


def test_what_a_silence_took_out_may_be_hidden_by_the_next():
    w = held(HOLDS["throttle"], "B")
    w.silences.append(silence(START_MS + MINUTE, START_MS + HOUR, rule=("seoul",)))
    w.silences.append(silence(START_MS + 50 * MINUTE, START_MS + 3 * HOUR, "sil2", rule=("seoul",)))
    w.later(2 * HOUR)
    assert (w.fate(alert("B")).by, w.fate(alert("B")).until_ms) == ("sil2", START_MS + 3 * HOUR)
    w.later(HOUR)
    assert [one.created_ms for one in w.deliveries] == [START_MS + 3 * HOUR]


def test_a_silence_that_ended_and_began_again_offers_both_times():
    w = held(HOLDS["throttle"])
    w.silences.append(silence(START_MS, START_MS + 2 * MINUTE, rule=("seoul",)))
    w.now_ms += MINUTE
    w.silences[0] = replace(w.silences[0], starts_ms=w.now_ms)
    early = held(HOLDS["throttle"], "B")  # offset 1, before anything that the silence hid
    early.silences = w.silences
    early.now_ms = w.now_ms
    early.get(alert("C"))
    early.later(MINUTE)
    assert early.body()["reason"] == "silence_ended"
    early.silences[0] = replace(early.silences[0], starts_ms=early.now_ms, ends_ms=START_MS + HOUR)
    early.groups.silence_ends("sil1", START_MS + HOUR)
    early.later(30 * MINUTE)
    assert early.fate(alert("B")).decision == "silenced"
    early.later(HOUR)
    assert said(early.fate(alert("B"))) == ("notified", "silence_ended")


@pytest.mark.parametrize("stored", [0, 1, 2, 3])
def test_a_crash_among_the_values_of_one_flush_loses_nothing_and_tells_nothing_twice(stored):
    """Groups first, the hold last: whichever were stored, the record comes again and the rest is done."""
    w = held(HOLDS["throttle"], "B", "C", "D")
    w.silences.append(silence(START_MS + MINUTE, START_MS + HOUR, story=("sty_B", "sty_C")))
    w.now_ms += 10 * MINUTE
    (flush,) = w.groups.due(w.now_ms)
    before = dict(w.table)
    whole = w.step(flush)
    assert [key.split(b"\0")[1] for key, _ in whole.writes] == [b"s", b"s", b"h"]
    w.table.clear()
    w.table.update(before | dict(whole.writes[:stored]))
    w.reborn()
    again = w.groups.step(flush, Place(0, w.offset, w.now_ms), w.context)
    assert again.verdict is (Verdict.REPLAYED if stored == 3 else Verdict.TAKEN)
    assert sorted(out.value for out in again.outputs) == sorted(out.value for out in whole.outputs)
    assert sum(out.topic == topics.DELIVERIES for out in again.outputs) == 1
    assert [key for key, _ in again.writes] == [key for key, _ in whole.writes[stored:]]
    w.reborn()
    assert w.groups.step(flush, Place(0, w.offset, w.now_ms), w.context).outputs, "and once more"
    w.reborn()
    assert said(w.get(alert("E"))) == ("held", "throttle"), "the digest that was told is counted"
    w.later(2 * HOUR)
    assert [set(one.alert_ids) for one in w.deliveries] == [
        {alert("D").alert_id},
        {alert("E").alert_id},
        {alert("B").alert_id, alert("C").alert_id},
    ]


def test_a_flush_of_thousands_takes_a_breath_now_and_then():
    w = World({"*": Policy(mode="digest", digest=Digest((9 * 60 + 10,)))})
    for number in range(10 * SLICE):
        w.sent_through = w.offset
        w.step(alert(str(number)))
    w.now_ms += 10 * MINUTE
    (flush,) = w.groups.due(w.now_ms)
    place, twin = Place(0, w.offset + 1, w.now_ms), Groups(type(w.table)(w.table))
    twin.rebuild(w.table.items())
    work, breaths = w.groups.work(flush, place, w.context), 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            sliced = done.value
            break
        breaths += 1
    assert breaths >= 15
    assert sliced == twin.step(flush, place, w.context)
