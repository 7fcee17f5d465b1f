"""Simulated days: seeded, as large as wanted, and known to their maker.

Each article comes with a `Fact`: what was planted, in the maker's own words (its story, its kind), from which
`day_account` works out what is to be told. Nothing here asks the code under test.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson

from service.bench.day_text import KEYWORD, PLACES, SECTIONS, Story, compose, flash, headline
from service.model import ids
from service.simulation.events import Event, Published, TakenDown
from service.simulation.trace import shown

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
START_MS = 1_795_359_600_000
"""Monday 2026-11-23 00:00 in Seoul."""
SOURCES = 300
WATCHED = 0.4
"""Of the articles; the others name nobody who is watched."""
CHANCES = {
    "headline": 0.15, "wording": 0.08, "correction": 0.05, "again": 0.06, "chain": 0.06, "link": 0.05,
    "redated": 0.05, "taken_down": 0.05,
}  # fmt: skip
"""Of a story to have one of these."""
Kind = Literal[
    "lead", "copy", "link", "headline", "correction", "wording", "again", "chain", "redated", "taken_down"
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One article (or its removal), as planted."""

    at_ms: int
    article: str
    story: int
    kind: Kind
    source: int
    title: str
    wording: bool = False
    """Its naming sentence is the other one."""
    narrow: bool = False
    """It holds the keyword: the narrow rule fires too."""
    place: int | None = None
    section: str = ""
    says: int = 0
    """Characters of the sentence that names the place: of copies that wait together who says more leads."""
    copies: int = 1
    """Articles that tell the story so far, this one included ..."""
    sources: int = 1
    """... and by how many names of the press."""
    role: Literal["lead", "copy", "version", "taken_down"] = "lead"


@dataclass(frozen=True, slots=True)
class Size:
    """How large a day is."""

    articles: int = 50_000
    storm: int = 2_000
    """Copies of one story."""


@dataclass(slots=True)
class Day:
    """Events in order, and the facts of those that name somebody who is watched."""

    events: list[Event] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


def source_name(number: int) -> str:
    """The press of a number; the first twenty are of tier 1, the next forty of tier 2."""
    return f"가상일보 {number:03d}"


TIERS = {
    "1": [f"가상일보 {tens:02d}?" for tens in range(2)],
    "2": [f"가상일보 {tens:02d}?" for tens in range(2, 6)],
}


def tier_of(source: int) -> int:
    """1, 2 or 3, as TIERS says."""
    return 1 if source < 20 else 2 if source < 60 else 3


def rule_file() -> dict[str, Any]:
    """A broad and a narrow rule for each place."""
    entities = [{"id": f"place-{n:02d}", "name": name, "kind": "place"} for n, name in enumerate(PLACES)]
    rules = []
    for n, name in enumerate(PLACES):
        rules.append({"id": f"watch-{n:02d}", "name": name, "when": f"@place-{n:02d}", "tags": [f"tens-{n // 10}"]})
        when = f'@place-{n:02d} AND "{KEYWORD}"'
        rules.append({"id": f"hearing-{n:02d}", "name": f"{name} {KEYWORD}", "when": when})
    return {"entities": entities, "rules": rules}


def story_id(day: Day, story: int) -> str:
    """The id that Bongsu's contract gives a story: after the first article that told it."""
    return ids.story_id(next(fact.article for fact in day.facts if fact.story == story))


class _Tellers:
    """Who told one story so far."""

    def __init__(self) -> None:
        self._articles: set[str] = set()
        self._sources: set[int] = set()
        self._roles: dict[tuple[str, str, bool], Any] = {}

    def told(self, fact: Fact) -> Fact:
        """The fact with what it is to the story, and how many tell it now."""
        says = (fact.article, fact.title, fact.wording)
        if fact.kind in {"lead", "copy", "chain"}:
            self._articles.add(fact.article)
        if fact.kind not in {"taken_down", "redated"}:
            self._sources.add(fact.source)
        role: Any = fact.kind if fact.kind in {"lead", "copy", "taken_down"} else "version"
        if fact.kind == "again":  # what was said before is what it was before
            role = self._roles[says]
        self._roles.setdefault(says, role)
        return replace(fact, copies=len(self._articles), sources=len(self._sources), role=role)


class Maker:
    """Plants one day after the other; the same seed plants the same."""

    def __init__(self, seed: int = 1) -> None:
        self._luck = random.Random(seed)
        self._articles = 0
        self._stories = 0

    def day(self, size: Size, start_ms: int = START_MS) -> Day:
        """One day from midnight to midnight."""
        planted: list[tuple[Fact, bytes]] = []
        if size.storm:
            planted += self._storm(size.storm, start_ms)
        while len(planted) < size.articles * WATCHED:
            planted += self._story(start_ms, self._luck.randrange(len(PLACES)))
        while len(planted) < size.articles:
            planted += self._alone(start_ms)
        planted.sort(key=lambda one: one[0].at_ms)
        day = Day()
        tellers: dict[int, _Tellers] = {}
        last_ms = 0
        for fact, raw in planted:
            last_ms = max(last_ms + 1, fact.at_ms)  # no two at one instant: their order would be nobody's
            event = Published(last_ms, raw) if raw else TakenDown(last_ms, fact.article)
            day.events.append(event)
            if fact.place is not None:
                tellers.setdefault(fact.story, _Tellers())
                day.facts.append(tellers[fact.story].told(replace(fact, at_ms=last_ms)))
        return day

    def _storm(self, copies: int, start_ms: int) -> Iterator[tuple[Fact, bytes]]:
        """One story that everybody copies within an hour and a half."""
        story, lead = self._new_story(0, narrow=True), start_ms + 10 * HOUR_MS + 12_345
        fact = self._fact(story, "lead", lead, place=0, narrow=True)
        yield fact, self._raw(fact, story)
        for number in range(copies):
            yield self._copy(fact, story, lead + 1000 + number * 90 * MINUTE_MS // copies)

    def _story(self, start_ms: int, place: int) -> Iterator[tuple[Fact, bytes]]:
        luck = self._luck
        narrow = luck.random() < 0.3
        story = self._new_story(place, narrow=narrow)
        began_ms = start_ms + luck.randrange(5, 20 * 60) * MINUTE_MS + luck.randrange(MINUTE_MS)
        wanted = [kind for kind, chance in CHANCES.items() if luck.random() < chance]
        if "chain" in wanted:  # the press goes on under the headline that it began with
            wanted = [kind for kind in wanted if kind not in {"headline", "correction"}]
            story = replace(story, headline=flash(luck))
        title = f"[속보] {story.headline}" if "chain" in wanted else story.headline
        lead = self._fact(story, "lead", began_ms, place=place, narrow=narrow, title=title)
        yield lead, self._raw(lead, story)
        copies = luck.choice((0, 0, 0, 1, 1, 2, 3, 4, 6, 9, 14))
        for _ in range(copies):
            yield self._copy(lead, story, began_ms + 1000 + int(luck.random() ** 2 * 3 * HOUR_MS))
        latest = lead
        for kind in wanted:
            at_ms = max(latest.at_ms, began_ms) + 1000 + int(luck.random() * 40 * MINUTE_MS)
            fact, raw = self._later(kind, lead, latest, story, at_ms)
            yield fact, raw
            if fact.article == lead.article:
                latest = fact

    def _later(self, kind: str, lead: Fact, latest: Fact, story: Story, at_ms: int) -> tuple[Fact, bytes]:
        """What becomes of a story: a version of its first article, the press's next article, a removal ..."""
        match kind:
            case "headline":
                fact = replace(latest, kind="headline", at_ms=at_ms, title=headline(self._luck))
            case "correction":
                fact = replace(latest, kind="correction", at_ms=at_ms, title=f"[정정] {latest.title}")
            case "wording":
                fact = replace(latest, kind="wording", at_ms=at_ms, wording=True, says=len(story.reworded))
            case "again":
                fact = replace(latest, kind="again", at_ms=at_ms)
            case "link":
                fact = replace(latest, kind="link", at_ms=at_ms, article=f"{lead.article}-m")
            case "chain":
                told = compose(self._luck, PLACES[lead.place or 0], keyword=lead.narrow)
                own = replace(told, naming=story.naming, reworded=story.reworded)
                fact = self._fact(own, "chain", at_ms, place=lead.place, narrow=lead.narrow, source=lead.source)
                fact = replace(fact, story=lead.story, title=f"[종합] {story.headline}")
                return fact, self._raw(fact, own)
            case "redated":
                fact, _ = self._copy(lead, story, at_ms)
                fact = replace(fact, kind="redated")
            case _:
                return replace(latest, kind="taken_down", at_ms=at_ms), b""
        return fact, self._raw(fact, story)

    def _copy(self, lead: Fact, story: Story, at_ms: int) -> tuple[Fact, bytes]:
        luck = self._luck
        fact = self._fact(story, "copy", at_ms, place=lead.place, narrow=lead.narrow)
        fact = replace(fact, story=lead.story, title=headline(luck), section=lead.section)
        without = luck.randrange(len(story.sentences)) if luck.random() < 0.4 else None
        return fact, self._raw(fact, story, without=without)

    def _alone(self, start_ms: int) -> Iterator[tuple[Fact, bytes]]:
        story = self._new_story(None, narrow=False)
        fact = self._fact(story, "lead", start_ms + self._luck.randrange(DAY_MS - HOUR_MS))
        yield fact, self._raw(fact, story)

    def _new_story(self, place: int | None, *, narrow: bool) -> Story:
        self._stories += 1
        return compose(self._luck, None if place is None else PLACES[place], keyword=narrow)

    def _fact(self, story: Story, kind: Kind, at_ms: int, **more: Any) -> Fact:
        self._articles += 1
        given: dict[str, Any] = {
            "article": f"d{self._articles}", "story": self._stories, "source": self._luck.randrange(SOURCES),
            "title": story.headline, "section": SECTIONS[self._stories % len(SECTIONS)], "says": len(story.naming),
        }  # fmt: skip
        return Fact(at_ms=at_ms, kind=kind, **(given | more))

    def _raw(self, fact: Fact, story: Story, without: int | None = None) -> bytes:
        source = source_name(fact.source)
        page = fact.article.removesuffix("-m")
        url = f"https://{fact.source}.news.example/{page}"
        text = f"[{source} 나라온 기자]\n{story.body(reworded=fact.wording, without=without)}"
        before_ms = 5 * DAY_MS if fact.kind == "redated" else 2 * MINUTE_MS
        article = {
            "id": fact.article,
            "url": f"{url}?utm_source=feed" if fact.kind == "link" else url,
            "title": fact.title,
            "text": f"{text}\n나라온 기자 raon@news.example\nⓒ {source}. 무단 전재 및 재배포 금지",
            "source": source,
            "section": fact.section,
            "published_at": shown(fact.at_ms - before_ms),
        }
        return orjson.dumps(article)
