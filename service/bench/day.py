"""A simulated day against what its maker says is to be told of it; and a simulated week, to see that memory is flat.

`service/bench/days.py` plants the day, `day_account.py` works out from what was planted who is to be told what and
when, and both are compared with what the very classes of the worker tell on a virtual clock.
"""

import resource
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from service.adapters.rule_files import load_rules
from service.bench.day_account import Account, Expected
from service.bench.day_keeper import silences_of
from service.bench.day_people import Person, backlog, events_of, people
from service.bench.days import DAY_MS, START_MS, Maker, Size, rule_file
from service.delivery.formats import body_of
from service.matching.engine import Engine
from service.model import topics
from service.model.records import AlertRecord, DecisionRecord, DeliveryRecord
from service.simulation.run import Sent, Simulation
from service.simulation.world import World

SUBSCRIPTIONS = 200
WEEK = 7
WEEK_ARTICLES = 10_000
"""Of each day of the week."""
MAX_EXAMPLES = 20
Progress = Callable[[str], None]


def run(*, quick: bool, progress: Progress) -> dict[str, Any]:
    """The week, while the process is fresh: else the day would hide what a week adds. Then the day."""
    week = simulate_week(2_000 if quick else WEEK_ARTICLES, progress)
    size = Size(5_000, 200) if quick else Size()
    day = compare(size, SUBSCRIPTIONS, progress)
    return {"day": day, "week": week}


def world() -> World:
    """The rules of the planted days."""
    with tempfile.TemporaryDirectory(prefix="bongsu-day-") as folder:
        file = Path(folder) / "rules.json"
        file.write_bytes(orjson.dumps(rule_file()))
        engine = Engine(load_rules(file))
    return World(engine, body_of)


def compare(size: Size, subscriptions: int, progress: Progress, seed: int = 1) -> dict[str, Any]:
    """Plant a day, work out what is to be told, simulate it, and say where the two differ."""
    began = time.monotonic()
    planted = Maker(seed).day(size)
    persons = people(subscriptions)
    events = events_of(planted, persons)
    progress(f"planted {len(planted.events)} events, {len(planted.facts)} of them watched")
    until_ms = START_MS + 2 * DAY_MS
    lead_of: dict[int, str] = {}
    for fact in planted.facts:
        lead_of.setdefault(fact.story, fact.article)
    silences, late = silences_of(events), backlog(events)
    expected = {
        person.line.id: Account(person, silences, lead_of, late).run(
            [fact for fact in planted.facts if fact.place == person.place], until_ms
        )
        for person in persons
    }
    progress(f"{sum(map(len, expected.values()))} notifications are expected")
    simulated = time.monotonic()
    simulation = Simulation(world())
    simulation.control.subscribe([one.line.record(START_MS) for one in persons if not one.since_ms])
    books = Books()
    for number, event in enumerate(events):
        books.take(simulation.take(event))
        if number % 10_000 == 9_999:
            progress(f"{number + 1} events simulated")
    books.take(simulation.run_until(until_ms))
    seconds = time.monotonic() - simulated
    differences = list(_differences(persons, expected, books.told))
    return {
        "articles": simulation.articles,
        "watched": len(planted.facts),
        "subscriptions": len(persons),
        "expected": sum(map(len, expected.values())),
        "told": sum(map(len, books.told.values())),
        "differences": len(differences),
        "examples": differences[:MAX_EXAMPLES],
        "alerts": len(books.current),
        "without_decision": len(books.alerts.keys() - books.current.keys()),
        "waiting_at_the_end": sum(one.decision in {"held", "silenced"} for one in books.current.values()),
        "reasons": dict(sorted(books.reasons().items())),
        "account_seconds": round(simulated - began, 1),
        "simulation_seconds": round(seconds, 1),
        "alerts_per_s": round(len(books.alerts) / seconds),
    }


class Books:
    """What a simulation told, and what became of each alert."""

    def __init__(self) -> None:
        self.alerts: dict[str, str] = {}
        """Alert to its article."""
        self.current: dict[str, DecisionRecord] = {}
        self.told: dict[str, list[Expected]] = {}

    def take(self, sent: Iterable[Sent]) -> None:
        """Keep what matters of these records."""
        for one in sent:
            if one.topic == topics.ALERTS and b'"alert_id"' in one.value[:200]:
                alert = AlertRecord.decode(one.value, topics.ALERTS)
                self.alerts[alert.alert_id] = alert.article.id
            elif one.topic == topics.DECISIONS:
                decision = DecisionRecord.decode(one.value, topics.DECISIONS)
                self.current[decision.alert_id] = decision
            elif one.topic == topics.DELIVERIES:
                delivery = DeliveryRecord.decode(one.value, topics.DELIVERIES)
                self.told.setdefault(delivery.subscription, []).append(self._said(delivery))

    def _said(self, delivery: DeliveryRecord) -> Expected:
        data = orjson.loads(delivery.body).get("data", {})
        return Expected(
            delivery.created_ms,
            delivery.type,
            data.get("reason", ""),
            len(delivery.alert_ids),
            tuple(sorted(self.alerts[alert] for alert in delivery.alert_ids)),
            data.get("held_count") or 0,
        )

    def reasons(self) -> Counter[str]:
        """Current decisions by outcome and reason."""
        return Counter(f"{one.decision} {one.reason or ''}".strip() for one in self.current.values())


def _differences(
    persons: Iterable[Person], expected: dict[str, list[Expected]], told: dict[str, list[Expected]]
) -> Iterator[str]:
    """What was to be told and was not, or the other way round."""
    for person in persons:
        name = person.line.id
        is_chat = person.line.format != "bongsu"
        wanted = Counter(_comparable(one, one, is_chat=is_chat) for one in expected[name])
        unknown = {(one.at_ms, one.reason) for one in expected[name] if one.listed and not one.articles}
        given = Counter(
            _comparable(one, one if (one.at_ms, one.reason) not in unknown else None, is_chat=is_chat)
            for one in told.get(name, [])
        )
        for sign, left in (("missing", wanted - given), ("unexpected", given - wanted)):
            yield from (f"{name}: {sign} {one}" for one in sorted(left.elements()))


def _comparable(one: Expected, articles: Expected | None, *, is_chat: bool) -> Expected:
    """Without what is not known of it: of a chat why it came and what it stands for, of a long list what it shows."""
    listed = () if articles is None else articles.articles
    return Expected(one.at_ms, one.kind, "" if is_chat else one.reason, one.listed, listed, 0 if is_chat else one.held)


def simulate_week(articles: int, progress: Progress) -> dict[str, Any]:
    """Seven days in a row: what is remembered, and what the process takes, after each."""
    maker = Maker(7)
    persons = people(SUBSCRIPTIONS)
    simulation = Simulation(world())
    simulation.control.subscribe([one.line.record(START_MS) for one in persons])
    days = []
    for number in range(WEEK):
        planted = maker.day(Size(articles, articles // 25), START_MS + number * DAY_MS)
        told = 0
        for event in planted.events:
            told += sum(sent.topic == topics.DELIVERIES for sent in simulation.take(event))
        del planted
        stories, groups = simulation.remembered
        days.append({"rss_mb": _rss_mb(), "articles_kept": stories, "groups_kept": groups, "told": told})
        progress(f"day {number + 1}: {days[-1]}")
    return {"articles_a_day": articles, "days": days}


def _rss_mb() -> int:
    """What the process holds now; where that is not told, the most that it ever held."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return pages * resource.getpagesize() // 1_000_000
