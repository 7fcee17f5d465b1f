"""Stories: which articles tell the same thing.

The ladder, and the first step that fits is the reason that is named: the same article again, the same address, an equal
body, a near-duplicate, the next version of a headline. State is a table value for each article; the index over it
(`story_index`) is rebuilt from the table. Time is the record's, so that a replay comes to the same stories.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from service.alerting.headline import read_headline
from service.alerting.place import Place
from service.alerting.story_entry import MAX_ANSWERS, Answer, Told, decode_told, offset_of, rule_of
from service.alerting.story_index import MIN_BODY_LETTERS, Joined, StoryIndex
from service.alerting.url import canonical_url
from service.model import ids
from service.model.ids import TAKEN_DOWN
from service.model.local_time import KOREA
from service.model.records import ArticleHead, MatchRecord, RuleHead, RuleMatch, StoryHead
from service.model.sketch import Sketch, decode, unpack

AGENCIES = (
    "연합뉴스",
    "뉴시스",
    "뉴스1",
    "Reuters",
    "로이터",
    "AFP",
    "AP통신",
    "신화통신",
    "교도통신",
    "타스통신",
    "블룸버그",
)


@dataclass(frozen=True, slots=True)
class StoryLimits:
    """How long and how much is remembered."""

    window_ms: int = 72 * 3_600_000
    """An article joins a story of which a member came no longer ago."""
    max_entries: int = 200_000
    """Articles of an edition remembered at most; the oldest are forgotten first."""
    redated_after_ms: int = 48 * 3_600_000
    """An article published so long before it came is no news; 0: never said."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """What one match record did."""

    key: bytes
    value: bytes | None
    """To be stored under `key` before anything is sent; None: nothing new."""
    story: StoryHead
    article: ArticleHead
    """As the alerts show it: of an article that was taken down what was last known."""
    matches: tuple[RuleMatch, ...]
    """To address: those of the record; of an article that was taken down those that it had."""


class Stories:
    """The index over one or more partitions of the table. Pure: the same calls give the same answers."""

    def __init__(self, limits: StoryLimits, stored: Callable[[bytes], bytes | None]) -> None:
        """`stored` reads the table (for repeats, versions, takedowns); it must see the values of earlier steps."""
        self._limits = limits
        self._stored = stored
        self._partitions: dict[int, dict[str, StoryIndex]] = {}

    def rebuild(self, partition: int, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Index what the table holds of a partition, in any order; what was indexed of it before is forgotten."""
        self.forget(partition)
        for key, value in sorted(items, key=lambda item: offset_of(item[1])):
            self._index(partition, _edition(key)).add(key, decode_told(value))

    def forget(self, partition: int) -> None:
        """The partition went to another worker."""
        self._partitions.pop(partition, None)

    def __len__(self) -> int:
        """Articles remembered."""
        return sum(len(index.entries) for editions in self._partitions.values() for index in editions.values())

    def step(self, record: MatchRecord, place: Place) -> StoryStep:
        """Say which story the article belongs to. The same record at any place again: the same answer."""
        key = f"{record.edition}\0{record.article.id}".encode("utf-8", "surrogatepass")
        index = self._index(place.partition, record.edition)
        known = self._known(key, place, index)
        if known is None:
            return _unknown(key, record) if record.taken_down else self._new(key, record, place, index)
        content = TAKEN_DOWN if record.taken_down else record.content_hash
        answer = known.answer(content)
        if answer is not None:
            return self._again(key, record, known, answer)
        if place.offset <= known.place.offset:
            # a version so old that its answer is forgotten comes again, or a takedown of what was published only then:
            # nothing may go back to it
            if record.taken_down:
                return _unknown(key, record)
            return _step(key, None, record, known, _version(content, known))
        if known.redated and not record.taken_down and not self._is_redated(record):
            return self._new(key, record, place, index, known)  # dated anew: now it is news
        return self._version(key, record, place, known, index)

    def expire(self, place: Place, limit: int) -> list[bytes]:
        """Forget at most `limit` entries that are too old or too many; returns the keys to delete from the table."""
        gone: list[bytes] = []
        for index in self._partitions.get(place.partition, {}).values():
            while len(gone) < limit and index.entries:
                key, oldest = next(iter(index.entries.items()))
                is_old = place.now_ms - oldest.ms > self._limits.window_ms
                if not is_old and len(index.entries) <= self._limits.max_entries:
                    break
                index.drop(key)
                gone.append(key)
        return gone

    def _known(self, key: bytes, place: Place, index: StoryIndex) -> Told | None:
        entry = index.entries.get(key)
        if entry is None or place.now_ms - entry.ms > self._limits.window_ms:
            return None
        raw = self._stored(key)
        return None if raw is None else decode_told(raw)

    def _index(self, partition: int, edition: str) -> StoryIndex:
        editions = self._partitions.setdefault(partition, {})
        if edition not in editions:
            editions[edition] = StoryIndex(self._limits.window_ms)
        return editions[edition]

    def _new(
        self, key: bytes, record: MatchRecord, place: Place, index: StoryIndex, known: Told | None = None
    ) -> StoryStep:
        sketch = _sketch(record)
        redated = self._is_redated(record)
        own = ids.story_id(record.article.id)
        told = _told(record, place, sketch, own, record.article.id, redated=redated)
        joined = index.join(told, sketch, place.now_ms)
        told, role = _joined(told, joined, place, index) if joined else (told, "copy" if redated else "lead")
        by = joined.by if joined else None
        answer = Answer(record.content_hash, role, by, told.copies, told.sources, redated)
        told.answers = [*(known.answers if known else ()), answer][-MAX_ANSWERS:]
        told.rules = _merged(known.rules if known else [], record)
        index.add(key, told, sketch)
        return _step(key, told.encode(), record, told, answer)

    def _again(self, key: bytes, record: MatchRecord, known: Told, answer: Answer) -> StoryStep:
        """The stored answer. Rules that did not fire then (they are newer) are remembered for a takedown."""
        rules = known.rules if record.taken_down else _merged(known.rules, record)
        if len(rules) == len(known.rules):
            return _step(key, None, record, known, answer)
        value = replace(known, rules=rules).encode()
        return _step(key, value, record, known, answer)

    def _version(self, key: bytes, record: MatchRecord, place: Place, known: Told, index: StoryIndex) -> StoryStep:
        story = None if known.redated else index.stories.get(known.story)
        copies, sources = (story.copies, story.sources) if story else (known.copies, known.sources)
        if record.taken_down:
            told = replace(known, place=place, copies=copies, sources=sources)
        else:
            told = _told(record, place, _sketch(record), known.story, known.lead, redated=known.redated)
            told.copies, told.sources, told.rules = copies, sources, _merged(known.rules, record)
        answer = _version(TAKEN_DOWN if record.taken_down else record.content_hash, told)
        told.answers = [*known.answers, answer][-MAX_ANSWERS:]
        index.add(key, told)
        return _step(key, told.encode(), record, told, answer)

    def _is_redated(self, record: MatchRecord) -> bool:
        """Published long before the article came to us; measured when it came, so that an outage of ours makes none."""
        after_ms = self._limits.redated_after_ms
        published_ms = _ms(record.article.published_at) if after_ms else None
        return published_ms is not None and record.published_ms - published_ms > after_ms


def _told(  # noqa: PLR0913 - what a table value is made of
    record: MatchRecord, place: Place, sketch: Sketch | None, story: str, lead: str, *, redated: bool
) -> Told:
    says_enough = sketch is not None and sketch.letters >= MIN_BODY_LETTERS
    return Told(
        place=place,
        sketch=b"" if sketch is None else sketch.pack(),
        story=story,
        lead=lead,
        copies=1,
        sources=1,
        redated=redated,
        url=canonical_url(record.article.url),
        fingerprint=record.fingerprint if says_enough else None,
        title=read_headline(record.article.title),
        agency=_agency(record.article),
        article=record.article,
        rules=_merged([], record),
    )


def _joined(told: Told, joined: Joined, place: Place, index: StoryIndex) -> tuple[Told, str]:
    """The article as a member of a story, and its role. The same page under another id is no further copy."""
    assert joined.entry.story is not None  # an index holds no others
    story = index.stories[joined.entry.story]
    is_page = joined.by == "url"
    copies, sources = story.copies, story.sources
    if not told.redated:
        copies += not is_page
        sources += not story.knows(told.article.source or "", index.oldest_ms(place.now_ms))
    role = "version" if is_page or joined.by == "version_chain" else "copy"
    return replace(told, story=story.id, lead=story.lead, copies=copies, sources=sources), role


def _version(content: str, told: Told) -> Answer:
    role = TAKEN_DOWN if content == TAKEN_DOWN else "version"
    return Answer(content, role, "article", told.copies, told.sources, told.redated)


def _step(key: bytes, value: bytes | None, record: MatchRecord, told: Told, answer: Answer) -> StoryStep:
    story = StoryHead(
        id=told.story,
        copies=answer.copies,
        sources=answer.sources,
        role=answer.role,
        joined_by=answer.joined_by,
        redated=True if answer.redated else None,
    )
    if not record.taken_down:
        return StoryStep(key, value, story, record.article, record.matches)
    return StoryStep(key, value, story, told.article, _matches_of(told))


def _unknown(key: bytes, record: MatchRecord) -> StoryStep:
    """Taken down, and no rule had been found in it, or long ago: nobody was told."""
    return StoryStep(key, None, StoryHead(id=ids.story_id(record.article.id), role=TAKEN_DOWN), record.article, ())


def _matches_of(told: Told) -> tuple[RuleMatch, ...]:
    """What an article's rules are addressed with when it is taken down: without mentions, for it says nothing now."""
    return tuple(
        RuleMatch(
            match_id=ids.match_id(told.article.id, TAKEN_DOWN, rule["rule"]["id"]),
            rule=RuleHead.model_validate(rule["rule"]),
            mentions=(),
            mentions_total=0,
            entities=tuple(rule["entities"]),
            mutes=None if rule["mutes"] is None else tuple(rule["mutes"]),
        )
        for rule in told.rules
    )


def _merged(rules: list[dict[str, Any]], record: MatchRecord) -> list[dict[str, Any]]:
    by_id = {rule["rule"]["id"]: rule for rule in rules}
    fresh = [rule_of(match) for match in record.matches if match.rule.id not in by_id]
    return [*rules, *fresh]


def _sketch(record: MatchRecord) -> Sketch | None:
    """None where it has none (an older worker wrote it) or none that can be read: other steps still join it."""
    if not record.sketch:
        return None
    try:
        return unpack(decode(record.sketch))
    except ValueError:
        return None


def _agency(article: ArticleHead) -> str | None:
    text = f"{article.source or ''} {article.author or ''}"
    return next((agency for agency in AGENCIES if agency in text), None)


def _ms(published_at: str | None) -> int | None:
    """RFC 3339; naive means Korea (contract 3.1). What cannot be read says nothing."""
    if published_at is None:
        return None
    try:
        when = datetime.fromisoformat(published_at.strip())
        return round((when if when.tzinfo else when.replace(tzinfo=KOREA)).timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _edition(key: bytes) -> str:
    return key.partition(b"\0")[0].decode("utf-8", "surrogatepass")
