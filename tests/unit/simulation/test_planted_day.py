"""A planted day is met exactly: by two accounts that share no code. The large one: `bongsu bench day`."""

from typing import Any

import pytest

from service.bench.day import compare
from service.bench.day_account import Account
from service.bench.day_people import PROFILES, people
from service.bench.days import CHANCES, START_MS, Maker, Size

SMALL = Size(articles=1_500, storm=100)


def quietly(_: str) -> None: ...


def test_what_is_told_is_what_was_planted() -> None:
    result = compare(SMALL, 200, quietly)
    assert result["examples"] == []
    assert result["differences"] == 0
    assert result["told"] == result["expected"] > 700
    assert (result["without_decision"], result["waiting_at_the_end"]) == (0, 0)


def test_the_comparison_sees_a_policy_that_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The account is told of longer throttles than the simulation keeps: it must notice."""

    class Misled(Account):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            if "throttle_s" in self._policy:
                self._policy["throttle_s"] *= 2

    monkeypatch.setattr("service.bench.day.Account", Misled)
    result = compare(Size(600, 50), 40, quietly)
    assert result["differences"] > 0
    assert {example.partition(":")[0].rpartition("-")[0] for example in result["examples"]} <= {
        name for name, policy in PROFILES.items() if "throttle_s" in policy
    }


def test_a_day_has_everything_in_it() -> None:
    day = Maker(1).day(SMALL)
    assert {fact.kind for fact in day.facts} == {"lead", "copy", *CHANCES}
    assert len(day.events) == SMALL.articles
    times = [event.at_ms for event in day.events]
    assert times == sorted(set(times)), "no two at one instant"
    assert times[0] >= START_MS
    assert {person.profile for person in people(200)} == set(PROFILES)
    assert Maker(1).day(SMALL).events == day.events
    assert Maker(2).day(SMALL).events != day.events
