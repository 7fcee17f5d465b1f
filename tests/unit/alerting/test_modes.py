"""Each mode on its own: what is told, when, and what the decision says."""

import pytest

from service.alerting.groups import Verdict
from service.alerting.policy import Digest, Frequency, Policy
from service.alerting.silence import Silence
from service.model.control_records import SilenceMatchers
from tests.alerting_world import HOUR, MINUTE, START_MS, World, alert, said, world


def test_first_tells_the_first_and_attaches_the_rest():
    w = world()
    first = w.get(alert())
    assert said(first) == ("notified", "first")
    assert (first.story, first.rule, first.article) == ("sty_A", "seoul", "A1")
    copy = w.get(alert(article="A2", role="copy", copies=2, sources=2))
    assert said(copy) == ("attached", "copy")
    assert (copy.delivery_id, copy.by) == (first.delivery_id, first.alert_id)
    assert said(w.get(alert(version="c2", role="version", title="[2보] 복원"))) == ("attached", "version")
    assert said(w.get(alert("B"))) == ("notified", "first")
    assert len(w.deliveries) == 2


def test_each_tells_every_article_and_version():
    w = world(mode="each")
    for one in (alert(), alert(article="A2", role="copy"), alert(version="c2", role="version")):
        assert said(w.get(one)) == ("notified", "each")
    assert said(w.get(alert(version="gone", role="taken_down"))) == ("suppressed", "taken_down")
    assert len({one.id for one in w.deliveries}) == 3


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"title": "서울시, 봉수대 복원 연기"}, "headline_changed"),
        ({"sentence": "서울시가 협약을 미뤘다."}, "sentence_changed"),
        ({"title": "[정정] 서울시, 봉수대 복원"}, "correction"),
        ({"role": "taken_down"}, "taken_down"),
    ],
)
def test_update_tells_what_became_of_the_article(change, reason):
    w = world(mode="update")
    w.get(alert())
    w.later(10 * MINUTE)
    given = {"version": "c2", "role": "version"} | change
    assert said(w.get(alert(**given))) == ("notified", reason)
    assert (w.deliveries[-1].type, w.deliveries[-1].sequence) == ("alert.updated", 2)
    if "title" in change:
        assert w.body()["changes"] == [["headline", "서울시, 봉수대 복원", change["title"]]]


def test_update_says_nothing_of_copies_and_of_the_same_again():
    w = world(mode="update")
    w.get(alert())
    w.later(10 * MINUTE)
    assert said(w.get(alert(article="A2", role="copy", title="다른 제목"))) == ("attached", "copy")
    assert said(w.get(alert(version="c2", role="version"))) == ("attached", "version")
    assert said(w.get(alert(article="A2", version="gone", role="taken_down"))) == ("suppressed", "taken_down")


def test_updates_keep_their_interval_and_the_newest_is_told():
    w = world(mode="update", group_interval_ms=5 * MINUTE)
    w.get(alert())
    second, third = (alert(version=f"c{n}", role="version", title=f"제목 {n}") for n in (2, 3))
    held = w.get(second)
    assert said(held) == ("held", "group_interval")
    assert held.until_ms == START_MS + 5 * MINUTE
    w.later(MINUTE)
    assert w.get(third).until_ms == held.until_ms, "a newer one does not put it off"
    assert said(w.fate(second)) == ("attached", "superseded")
    w.later(10 * MINUTE)
    assert said(w.fate(third)) == ("notified", "headline_changed")
    assert w.deliveries[-1].created_ms == START_MS + 5 * MINUTE


@pytest.mark.parametrize(
    ("policy", "more", "reason"),
    [
        ({"sources_step": 2}, {"article": "A3", "role": "copy", "sources": 3}, "sources"),
        ({"on_tier": True, "tiers": ((1, ("가람방송",)),)}, {"article": "A2", "role": "copy", "source": "가람방송"}, "tier"),
        ({"on_headline": True}, {"version": "c2", "role": "version", "title": "새 제목"}, "headline"),
    ],
)  # fmt: skip
def test_a_story_is_told_again_only_for_a_reason_that_was_asked_for(policy, more, reason):
    w, without = world(group_interval_ms=0, **policy), world(group_interval_ms=0)
    for one in (w, without):
        one.get(alert())
    assert without.get(alert(**more)).decision == "attached"
    assert said(w.get(alert(**more))) == ("notified", reason)
    assert w.body()["changes"][0][0] == reason
    w.later(30 * 24 * HOUR)
    assert len(w.deliveries) == 2, "time is no reason"


def test_a_digest_lists_the_best_stories_and_counts_all():
    w = world(mode="digest", digest=Digest((9 * 60 + 30,), top=2), tiers=((1, ("가람방송",)),))
    plain, many, best = alert("A"), alert("B"), alert("C", source="가람방송")
    for one in (plain, many, best):
        assert said(w.get(one)) == ("held", "digest")
    assert said(w.get(alert("B", "B2", role="copy", copies=40, sources=9))) == ("attached", "copy")
    w.later(HOUR)
    assert [one[0] for one in w.body()["alerts"]] == [best.alert_id, many.alert_id]
    assert w.body()["alerts"][1][2] == 40
    assert (w.body()["kind"], w.body()["reason"], w.body()["held"]) == ("alert.digest", "digest", 3)
    assert w.body()["period"] == [START_MS, START_MS + 30 * MINUTE]
    assert said(w.fate(plain)) == ("attached", "not_listed")
    assert said(w.get(alert("B", "B3", role="copy"))) == ("attached", "copy"), "a story stands in one digest"
    w.later(48 * HOUR)
    assert len(w.deliveries) == 1


def test_an_empty_digest_comes_only_if_it_is_wanted():
    due_ms = START_MS + 24 * HOUR
    wanted, not_wanted = (world(mode="digest", digest=Digest((9 * 60,), empty=empty)) for empty in (True, False))
    for w in (wanted, not_wanted):
        w.now_ms = due_ms
        w.digest(due_ms)
    assert [(one.type, one.alert_ids) for one in wanted.deliveries] == [("alert.digest", ())]
    assert wanted.body()["held"] == 0
    assert wanted.digest(due_ms).verdict is Verdict.IDLE
    assert wanted.digest(due_ms + MINUTE).verdict is Verdict.IDLE, "at that minute none is due"
    assert not not_wanted.deliveries


def test_frequency_tells_all_when_enough_come_and_nothing_when_too_few():
    w = world(mode="frequency", frequency=Frequency(3, HOUR))
    early, *others = (alert(name) for name in "ABCD")
    w.get(early)
    w.later(50 * MINUTE)
    for one in others:
        assert said(w.get(one)) == ("held", "frequency")
        w.later(9 * MINUTE if one is others[0] else 2 * MINUTE)
    assert said(w.fate(early)) == ("notified", "frequency")
    assert w.body()["held"] == 3, "with C there were three"
    assert w.deliveries[0].created_ms == START_MS + 59 * MINUTE
    assert w.deliveries[0].type == "alert.matched"
    w.later(2 * HOUR)
    assert said(w.fate(others[-1])) == ("suppressed", "frequency_not_reached")
    assert len(w.deliveries) == 1


def test_group_wait_gathers_copies_and_the_richest_leads():
    w = world(group_wait_ms=MINUTE)
    first = alert()
    rich = alert(article="A2", role="copy", copies=2, sources=2, mentions=3)
    last = alert(article="A3", role="copy", copies=3, sources=3)
    for one in (first, rich, last):
        decision = w.get(one)
        assert said(decision) == ("held", "group_wait")
        assert decision.until_ms == START_MS + MINUTE
    w.later(MINUTE)
    assert w.body()["reason"] == "group_wait"
    assert [one[0] for one in w.body()["alerts"]] == [rich.alert_id, first.alert_id, last.alert_id]
    assert w.body()["alerts"][0][2] == 3
    assert said(w.fate(rich)) == ("notified", "group_wait")
    assert {said(w.fate(one)) for one in (first, last)} == {("attached", "copy")}


def test_a_storm_of_copies_costs_one_small_value():
    for policy in ({}, {"group_wait_ms": MINUTE}, {"mode": "digest"}, {"throttle_ms": HOUR}):
        w = world(**policy)
        if "throttle_ms" in policy:
            w.get(alert("B"))
        largest = 0
        for number in range(2_000):
            w.sent_through = w.offset
            w.get(alert(article=f"A{number}", role="copy" if number else "lead", copies=number + 1))
            largest = max(largest, *map(len, w.table.values()))
        assert largest < 30_000
        w.later(25 * HOUR)
        assert not [one for one in w.current().values() if one.decision == "held"]
        assert w.body()["alerts"][0][2] == (2_000 if policy else 1)


def test_filters_age_and_redating():
    w = World({"*": Policy(sources=("가람*",)), "late": Policy(time_to_live_ms=MINUTE), "old": Policy(), "gone": None})
    refused = w.get(alert())
    assert (said(refused), refused.by) == (("suppressed", "filter"), "source")
    assert said(w.get(alert(rule="late", at_ms=START_MS - MINUTE))) == ("expired", "time_to_live")
    assert said(w.get(alert(rule="old", redated=True))) == ("suppressed", "redated")
    assert said(w.get(alert(rule="old", article="A2", role="copy"))) == ("notified", "first"), "it was no news"
    assert said(w.get(alert(rule="gone"))) == ("suppressed", "subscription_gone")


@pytest.mark.parametrize("mode", ["first", "each", "update"])
def test_a_narrower_rule_inhibits_a_broader_one(mode):
    w = World({"*": Policy(mode=mode), "loud": Policy(mode=mode, inhibit=False)})
    narrow = w.get(alert(rule="talks", mutes=("seoul", "loud")))
    broad = w.get(alert(rule="seoul"))
    assert (said(broad), broad.by) == (("suppressed", "inhibited"), "talks")
    assert narrow.decision == w.get(alert(rule="loud")).decision == "notified"
    if mode == "each":  # another version is told by whoever still finds it
        assert said(w.get(alert(rule="seoul", version="c2", at_ms=START_MS + 1))) == ("notified", "each")


@pytest.mark.parametrize(("narrow", "broad"), [("each", "first"), ("first", "each"), ("each", "digest")])
def test_a_narrower_rule_inhibits_across_modes(narrow, broad):
    """A rule's own policy (`mode: each, urgent: true`) beside a subscription's other rules."""
    w = World({"*": Policy(mode=broad), "flood": Policy(mode=narrow)})
    assert w.get(alert(rule="flood", mutes=("seoul",))).decision == "notified"
    w.reborn()
    inhibited = w.get(alert(rule="seoul"))
    assert (said(inhibited), inhibited.by) == (("suppressed", "inhibited"), "flood")
    other = w.get(alert("A" if narrow == "each" else "B", "A9", rule="seoul", role="copy", at_ms=START_MS + 1))
    assert other.decision in ("notified", "held"), "of which the narrower one says nothing"


def test_a_narrower_rule_takes_the_broader_out_of_the_digest():
    w = world(mode="digest")
    broad, narrow = alert(rule="seoul"), alert(rule="talks", article="A2", mutes=("seoul",), role="copy")
    w.get(broad)
    w.get(narrow)
    assert said(w.fate(broad)) == ("suppressed", "inhibited")
    w.later(25 * HOUR)
    assert w.deliveries[0].alert_ids == (narrow.alert_id,)


def test_what_is_silenced_inhibits_nobody():
    w = world()
    w.silences.append(Silence("sil1", SilenceMatchers(rule=("talks",)), START_MS, START_MS + HOUR))
    silenced = w.get(alert(rule="talks", mutes=("seoul",)))
    assert (said(silenced), silenced.by, silenced.until_ms) == (("silenced", "silenced"), "sil1", START_MS + HOUR)
    assert said(w.get(alert(rule="seoul"))) == ("notified", "first")


def test_an_article_that_is_gone_is_not_told_later():
    w = world(group_wait_ms=MINUTE)
    first = alert()
    w.get(first)
    assert said(w.get(alert(version="gone", role="taken_down"))) == ("suppressed", "taken_down")
    assert said(w.fate(first)) == ("suppressed", "taken_down")
    w.later(HOUR)
    assert not w.deliveries
