"""One article of a story, as the table keeps it and as the index does.

The value is a fixed head (what a rebuild and a metric need at once), the sketch, and JSON. The index keeps of it what
every new article is compared with; the rest (rules, answers, the article's head) is read from the table when it is
asked for.
"""

import struct
from dataclasses import dataclass, field
from hashlib import blake2b
from sys import intern
from typing import Any

import orjson

from service.alerting.headline import Headline
from service.alerting.place import Place
from service.model.records import ArticleHead, RuleMatch

_HEAD = struct.Struct("<BIqqI")
_FORMAT = 1
MAX_ANSWERS = 8
"""Versions of one article whose answers are kept."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was said of one version of an article: the same is said when it comes again."""

    content: str
    role: str
    joined_by: str | None
    copies: int
    sources: int
    redated: bool = False


@dataclass(slots=True)
class Told:
    """A table value: an article with all that is known of it."""

    place: Place
    sketch: bytes
    story: str
    lead: str
    """Id of the article that the story is named after."""
    copies: int
    sources: int
    """Of the story, as of this record."""
    redated: bool
    url: str | None
    fingerprint: str | None
    title: Headline
    agency: str | None
    article: ArticleHead
    rules: list[dict[str, Any]] = field(default_factory=list)
    """Of each rule that fired in any version: its head and what it found, without mentions."""
    answers: list[Answer] = field(default_factory=list)
    """Of the last versions, the newest last."""

    def answer(self, content: str) -> Answer | None:
        """What was said of a version, if it is remembered."""
        return next((one for one in reversed(self.answers) if one.content == content), None)

    def encode(self) -> bytes:
        """The table value."""
        head = _HEAD.pack(_FORMAT, self.place.partition, self.place.offset, self.place.now_ms, len(self.sketch))
        rest = {
            "story": self.story,
            "lead": self.lead,
            "copies": self.copies,
            "sources": self.sources,
            "redated": self.redated,
            "url": self.url,
            "body": self.fingerprint,
            "title": [self.title.letters, self.title.rank, sorted(self.title.numbers), self.title.subject],
            "agency": self.agency,
            "article": {name: value for name, value in self.article if value is not None},
            "rules": self.rules,
            "answers": [
                [one.content, one.role, one.joined_by, one.copies, one.sources, one.redated] for one in self.answers
            ],
        }
        return head + self.sketch + orjson.dumps(rest)


def offset_of(raw: bytes) -> int:
    """Offset of the record that a table value was written for, without reading the rest."""
    offset: int = _HEAD.unpack_from(raw)[2]
    return offset


def decode_told(raw: bytes) -> Told:
    """A table value that `Told.encode` wrote."""
    _, partition, offset, now_ms, size = _HEAD.unpack_from(raw)
    rest = orjson.loads(raw[_HEAD.size + size :])
    letters, rank, numbers, subject = rest["title"]
    return Told(
        place=Place(partition, offset, now_ms),
        sketch=raw[_HEAD.size : _HEAD.size + size],
        story=rest["story"],
        lead=rest["lead"],
        copies=rest["copies"],
        sources=rest["sources"],
        redated=rest["redated"],
        url=rest["url"],
        fingerprint=rest["body"],
        title=Headline(letters, rank, frozenset(numbers), subject),
        agency=rest["agency"],
        article=ArticleHead.model_construct(**rest["article"]),
        rules=rest["rules"],
        answers=[Answer(*one) for one in rest["answers"]],
    )


def rule_of(match: RuleMatch) -> dict[str, Any]:
    """What a takedown needs of a match: whom it goes to, not what was found where."""
    return {
        "rule": match.rule.model_dump(mode="json", exclude_none=True),
        "entities": match.entities,
        "mutes": match.mutes,
    }


class Entry:
    """An article in the index."""

    __slots__ = ("body", "headline", "key", "ms", "names", "offset", "sketch", "source", "story", "url")

    def __init__(self, key: bytes, told: Told) -> None:
        self.key = key
        self.offset = told.place.offset
        self.ms = told.place.now_ms
        self.story: str | None = None if told.redated else intern(told.story)
        """None: published long before it came; it leads nothing and nothing joins it."""
        self.sketch = told.sketch
        self.url = None if told.url is None else hashed(told.url)
        self.body = None if told.fingerprint is None else hashed(told.fingerprint)
        self.headline = told.title
        self.source = intern(told.article.source or "")
        self.names = tuple(dict.fromkeys(intern(name) for name in (told.article.source, told.agency) if name))
        """Whose article it is: a version chain stays with one press or one agency."""


def hashed(text: str) -> int:
    """64 bits for an index: a clash joins two articles once in 10^13."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")
