"""`bongsu bench stories`: copies joined, false joins, articles/s of sketch and join, memory while a week goes by."""

import gc
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from service.alerting.place import Place
from service.alerting.story import Stories, StoryLimits
from service.bench.families import HOUR_MS, Families, Told
from service.ingest.decode import decode_article
from service.ingest.reading import Document
from service.ingest.sketch import sketch
from service.model import ids
from service.model.records import ArticleHead, MatchRecord, RuleHead, RuleMatch

DAY_MS = 24 * HOUR_MS
MONDAY_MS = 1_767_571_200_000
PER_EVENT = 4
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

    def tell(self, told: Told) -> None:
        """One article, timed, and judged by what is known of it."""
        document = Document(decode_article_of(told.article))
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


def decode_article_of(article: dict[str, Any]) -> Any:
    """As it comes from Kafka."""
    import orjson

    return decode_article(orjson.dumps(article))


def in_order(*streams: Iterable[Told]) -> list[Told]:
    """As they come."""
    return sorted((told for stream in streams for told in stream), key=lambda told: told.at_ms)


def memory_of(make: Callable[[], Line]) -> tuple[Line, int]:
    """What `make` returns, with the bytes that it holds."""
    import tracemalloc

    gc.collect()
    tracemalloc.start()
    try:
        line = make()
        gc.collect()
        return line, tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def run(*, quick: bool, progress: Callable[[str], None]) -> dict[str, Any]:
    """All of it; about two minutes."""
    families = 200 if quick else 2_000
    line = Line(StoryLimits())
    writer = Families(seed=17)
    progress(f"{families} families of copies among {6 * families} others")
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
