"""An article that is rewritten while it waits is told as it stands by then: nobody reads a headline that is gone."""

from typing import Any

import pytest

from service.alerting.policy import Digest, Frequency, Quiet
from service.alerting.silence import Silence
from service.model.control_records import SilenceMatchers
from tests.alerting_world import HOUR, MINUTE, START_MS, World, alert, said, world

OLD = alert("A", title="예산 백억 줄인다")
NEW = alert("A", version="c2", role="version", title="[정정] 예산 십억 줄인다", at_ms=START_MS + MINUTE)
COPY = alert("A", "A2", role="copy", copies=2, title="예산 백억 줄인다")


def waits_in(w: World, word: str) -> None:
    """A world in which OLD has to wait for `word`."""
    if word in {"throttle", "cap"}:
        w.get(alert("B"))
    if word == "silenced":
        w.silences.append(Silence("sil1", SilenceMatchers(rule=("seoul",)), START_MS, START_MS + 10 * MINUTE))
    assert said(w.get(OLD)) == ("silenced" if word == "silenced" else "held", word)


@pytest.mark.parametrize("reborn", [False, True])
@pytest.mark.parametrize(
    ("word", "policy"),
    [
        ("group_wait", {"group_wait_ms": 10 * MINUTE}),
        ("quiet_hours", {"quiet": (Quiet(9 * 60, 10 * 60),)}),
        ("throttle", {"throttle_ms": 10 * MINUTE}),
        ("cap", {"max_per_hour": 1}),
        ("digest", {"mode": "digest", "digest": Digest(minutes=(9 * 60 + 10,))}),
        ("silenced", {}),
    ],
)
def test_what_waits_is_told_in_its_newest_version_at_the_time_at_which_it_was_due(
    word: str, policy: dict[str, Any], reborn: bool
) -> None:
    w = world(**policy)
    waits_in(w, word)
    until_ms = w.fate(OLD).until_ms
    told = len(w.deliveries)
    w.later(MINUTE)
    w.get(COPY)
    if reborn:
        w.reborn()
    newer = w.get(NEW)
    assert (said(newer), newer.until_ms) == (("silenced" if word == "silenced" else "held", word), until_ms)
    assert (said(w.fate(OLD)), w.fate(OLD).by) == (("attached", "superseded"), NEW.alert_id)
    w.later(2 * HOUR)
    assert w.body(told)["at"] == until_ms
    assert w.body(told)["alerts"][0][:2] == [NEW.alert_id, NEW.article.title]
    assert len(w.deliveries) == told + 1
    assert w.fate(NEW).decision == "notified"
    assert {said(w.fate(OLD)), w.fate(COPY).decision} == {("attached", "superseded"), "attached"}


def test_a_version_whose_record_has_an_earlier_time_is_the_newer_one_all_the_same() -> None:
    """Records of one partition are stamped by several workers: their clocks differ."""
    w = world(group_wait_ms=10 * MINUTE)
    w.get(OLD)
    w.now_ms -= 5
    assert said(w.get(NEW)) == ("held", "group_wait")
    assert said(w.fate(OLD)) == ("attached", "superseded")
    w.later(HOUR)
    assert [title for _, title, _ in w.body()["alerts"]] == [NEW.article.title]
    assert w.fate(NEW).decision == "notified"


def test_company_is_counted_by_stories_and_told_in_their_newest_versions() -> None:
    w = world(mode="frequency", frequency=Frequency(2, HOUR))
    w.get(OLD)
    assert said(w.get(NEW)) == ("held", "frequency")
    assert not w.deliveries, "a version is no second story"
    w.get(alert("B", title="다른 소식"))
    w.later(0)
    assert [title for _, title, _ in w.body()["alerts"]] == [NEW.article.title, "다른 소식"]


def test_of_a_copy_that_travels_along_the_newest_version_does() -> None:
    w = world(group_wait_ms=10 * MINUTE)
    w.get(alert("A", "A9", mentions=3), OLD, NEW)
    assert said(w.fate(OLD)) == ("attached", "superseded")
    w.later(HOUR)
    assert [title for _, title, _ in w.body()["alerts"]] == ["서울시, 봉수대 복원", NEW.article.title]


@pytest.mark.parametrize("policy", [{"mode": "digest"}, {"mode": "frequency", "frequency": Frequency(2, HOUR)}])
def test_a_new_version_of_what_was_told_in_company_is_called_one(policy: dict[str, Any]) -> None:
    w = world(**policy)
    w.get(OLD, alert("B"))
    w.later(25 * HOUR)
    assert len(w.deliveries) == 1
    assert said(w.get(NEW.model_copy(update={"published_ms": w.now_ms}))) == ("attached", "version")
