"""`bongsu bench stories`: copies joined, false joins, articles/s of sketch and join, memory while a week goes by."""

import gc
import sys
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import orjson

from service.alerting.place import Place
from service.alerting.story import Stories, StoryLimits
from service.bench.families import COPIED_WITHIN_MS, HOUR_MS, Families, Told
from service.ingest.decode import decode_article
from service.ingest.reading import Document
from service.ingest.sketch import sketch
from service.model import ids
from service.model.records import ArticleHead, MatchRecord, RuleHead, RuleMatch

DAY_MS = 24 * HOUR_MS
MONDAY_MS = 1_767_571_200_000
DAYS = 14
"""The window is three days: from then on as much expires as comes."""
PER_EVENT = 4
"""Entries that expire with each event, at most."""
RULE = RuleHead(id="watched", name="지켜보는 이름", tags=("bench",))


@dataclass(slots=True)
class Tally:
    """What became of articles whose families are known."""

    joined: Counter[str] = field(default_factory=Counter)
    missed: Counter[str] = field(default_factory=Counter)
    false: Counter[str] = field(default_factory=Counter)
    told: Counter[str] = field(default_factory=Counter)
    by: Counter[str] = field(default_factory=Counter)
    sketch_s: float = 0.0
    join_s: float = 0.0


class Line:
    """The story stage without Kafka: articles in, stories out, a dict as the table."""

    def __init__(self, limits: StoryLimits) -> None:
        self.table: dict[bytes, bytes] = {}
        self.stories = Stories(limits, self.table.get)
        self.tally = Tally()
        self._offset = 0
        self._family_of: dict[str, str] = {}
        self._story_of: dict[str, str] = {}

    def tell(self, told: Told, *, judge: bool = True) -> None:
        """One article, timed, and judged by what is known of it."""
        document = Document(decode_article(orjson.dumps(told.article)))
        record = self._record(told, document)
        began = time.process_time()
        made = sketch(document.cleaned).encode()
        sketched = time.process_time()
        record = record.model_copy(update={"sketch": made})
        place = Place(0, self._offset, MONDAY_MS + told.at_ms)
        self._offset += 1
        joining = time.process_time()
        step = self.stories.step(record, place)
        gone = self.stories.expire(place, PER_EVENT)
        self.tally.join_s += time.process_time() - joining
        self.tally.sketch_s += sketched - began
        if step.value is not None:
            self.table[step.key] = step.value
        for key in gone:
            del self.table[key]
        if judge:
            self._judge(told, step.story.id, step.story.joined_by)

    def _judge(self, told: Told, story: str, by: str | None) -> None:
        tally = self.tally
        tally.told[told.kind] += 1
        tally.by[by or "lead"] += 1
        owner = self._family_of.setdefault(story, told.family)
        if owner != told.family:
            tally.false[told.kind] += 1
        elif told.family in self._story_of:
            (tally.joined if self._story_of[told.family] == story else tally.missed)[told.kind] += 1
        self._story_of.setdefault(told.family, story)

    def _record(self, told: Told, document: Document) -> MatchRecord:
        head = ArticleHead(**{name: value for name, value in told.article.items() if name != "text"})
        match = ids.match_id(head.id, document.content_hash, RULE.id)
        return MatchRecord(
            article=head,
            content_hash=document.content_hash,
            fingerprint=document.fingerprint,
            rules_version="bench",
            matches=(RuleMatch(match_id=match, rule=RULE, mentions=(), mentions_total=1),),
            published_ms=MONDAY_MS + told.at_ms,
            matched_ms=MONDAY_MS + told.at_ms,
        )


def in_order(*streams: Iterable[Told]) -> list[Told]:
    """As they come."""
    return sorted((told for stream in streams for told in stream), key=lambda told: told.at_ms)


def run(*, quick: bool, progress: Callable[[str], None]) -> dict[str, Any]:
    """All of it; about two minutes."""
    families = 200 if quick else 2_000
    per_day = 350 if quick else 1_400
    return {
        "families": _families(families, progress),
        "memory": _weeks(per_day, progress),
        "reference": "3,200 articles/s: rensa with whole lines, joined by LSH, in the lab (design.md part 5)",
    }


def _families(families: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """What was joined, and what should not have been."""
    line = Line(StoryLimits())
    writer = Families(seed=17)
    progress(f"stories: {families} families of copies among {6 * families} lookalikes")
    articles = in_order(writer.copies(families, DAY_MS), writer.others(6 * families, DAY_MS))
    for told in articles:
        line.tell(told)
    tally = line.tally
    copies = tally.joined.total() + tally.missed.total()
    return {
        "articles": len(articles),
        "copies": copies,
        "joined_percent": round(100 * tally.joined.total() / copies, 3),
        "false_percent": round(100 * tally.false.total() / len(articles), 3),
        "joined_by": dict(tally.by),
        "missed": dict(tally.missed),
        "false": dict(tally.false),
        "articles_per_s": round(len(articles) / (tally.sketch_s + tally.join_s)),
        "sketch_us": round(1e6 * tally.sketch_s / len(articles)),
        "join_us": round(1e6 * tally.join_s / len(articles)),
    }


def _held(line: Line) -> int:
    """Bytes allocated by the story stage, the values of the table aside."""
    ours = [tracemalloc.Filter(True, f"*/service/{part}") for part in ("alerting/*", "model/sketch.py")]
    statistics = tracemalloc.take_snapshot().filter_traces(ours).statistics("filename")
    return sum(one.size for one in statistics) - sum(map(sys.getsizeof, line.table.values()))


def _weeks(per_day: int, progress: Callable[[str], None]) -> dict[str, Any]:
    """Bytes that the index holds at the end of each simulated day of two weeks.

    Dicts that lose as many keys as they get grow once more after the window is full, at most to twice their size.
    """
    writer = Families(seed=23)
    gc.collect()
    tracemalloc.start()
    try:
        line = Line(StoryLimits())
        days = []
        for day in range(DAYS):
            written = in_order(
                writer.copies(per_day // 14, DAY_MS - COPIED_WITHIN_MS, day * DAY_MS),
                writer.others(per_day // 2, DAY_MS, day * DAY_MS),
            )
            for told in written:
                line.tell(told, judge=False)
            del written
            gc.collect()
            held = _held(line)
            days.append({"day": day + 1, "entries": len(line.stories), "table": len(line.table), "index_bytes": held})
            progress(f"stories: day {day + 1}, {len(line.stories)} entries, {held / 1e6:.1f} MB")
    finally:
        tracemalloc.stop()
    last = days[-1]
    return {
        "articles_per_day": per_day,
        "days": days,
        "bytes_per_entry": round(last["index_bytes"] / last["entries"]),
        "table_bytes_per_entry": round(sum(map(len, line.table.values())) / len(line.table)),
        "flat": _peak(days[DAYS // 2 :]) <= 1.05 * _peak(days[: DAYS // 2]),
    }


def _peak(days: list[dict[str, int]]) -> int:
    return max(day["index_bytes"] for day in days)
