"""A day as a file: what each line becomes, and what is said of one that cannot be used."""

from typing import Any

import orjson
import pytest

from service.model.errors import BadInput
from service.simulation.day import read_day
from service.simulation.events import (
    Event,
    Lifted,
    Outage,
    Published,
    Silenced,
    Subscribed,
    TakenDown,
    Unsubscribed,
)

NINE = "2026-11-23T09:00:00"
NINE_MS = 1_795_392_000_000


def read(*lines: dict[str, Any] | bytes) -> list[Event]:
    raw = [line if isinstance(line, bytes) else orjson.dumps(line) for line in lines]
    return list(read_day(raw, "day.jsonl"))


def test_each_line_is_an_event_and_naive_times_are_of_seoul() -> None:
    events = read(
        {"at": NINE, "id": "a", "text": "다온시 소식"},
        b"\n",
        {"at": "2026-11-23T00:00:00Z", "taken_down": "a"},
        {"at": NINE, "silence": {"id": "s", "matchers": {"rule": ["daon"]}, "ends": "2026-11-23T10:00:00"}},
        {"at": NINE, "lift": "s"},
        {"at": NINE, "subscribe": {"id": "n", "rules": ["*"], "policy": {"mode": "each"}}},
        {"at": NINE, "unsubscribe": "n"},
        {"at": NINE, "outage_until": "2026-11-23T09:30:00"},
    )
    kinds = [Published, TakenDown, Silenced, Lifted, Subscribed, Unsubscribed, Outage]
    assert [type(event) for event in events] == kinds
    assert {event.at_ms for event in events} == {NINE_MS}
    silenced, subscribed, outage = events[2], events[4], events[6]
    assert isinstance(silenced, Silenced)
    assert (silenced.silence.starts_ms, silenced.silence.ends_ms) == (NINE_MS, NINE_MS + 3_600_000)
    assert isinstance(subscribed, Subscribed)
    assert subscribed.subscription.policy is not None
    assert subscribed.subscription.policy.mode == "each"
    assert isinstance(outage, Outage)
    assert outage.until_ms == NINE_MS + 1_800_000


def test_an_article_without_an_id_gets_the_one_of_the_contract() -> None:
    (event,) = read({"at": NINE, "url": "https://a.example/1", "source": "가람신문", "text": "소식"})
    assert isinstance(event, Published)
    assert len(orjson.loads(event.raw)["id"]) == 32


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "not JSON"),
        ({"id": "a", "text": "x"}, "a line is an object with its time"),
        ({"at": "gestern", "text": "x"}, "'gestern' is no time"),
        ({"at": NINE, "id": "a"}, "one of text, html or title is required"),
        ({"at": NINE, "id": 0.5, "text": "x"}, "id: must be text"),
        ({"at": "2026-11-23T08:59:59", "text": "x"}, "before that of the line above"),
        ({"at": NINE, "lift": "s", "text": "x"}, "holds nothing else but `at`"),
        ({"at": NINE, "taken_down": 7}, "taken_down: must be text, not int"),
        ({"at": NINE, "outage_until": "2026-11-23T08:00:00"}, "ends before it begins"),
        ({"at": NINE, "silence": {"id": "s", "matchers": {}, "ends": "2026-11-23T08:00:00"}}, "ends before it starts"),
        ({"at": NINE, "silence": {"id": "s", "matchers": {"word": ["x"]}, "ends": NINE}}, "matchers.word: "),
        ({"at": NINE, "subscribe": {"rules": ["*"]}}, "id: Field required"),
        ({"at": NINE, "subscribe": {"id": "n", "policy": {"modus": "each"}}}, "there is no such field; did you mean mode?"),
        ({"at": NINE, "subscribe": {"id": "n", "policy": {"mode": "frequency"}}}, "frequency"),
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_used_is_named(line: dict[str, Any] | bytes, says: str) -> None:
    with pytest.raises(BadInput) as caught:
        read({"at": NINE, "text": "다온시"}, line)
    assert str(caught.value).startswith("day.jsonl:2: ")
    assert says in str(caught.value)
