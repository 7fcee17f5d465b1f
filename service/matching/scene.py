"""What was found in one article, as rules ask for it: by term, in a zone, near the beginning of the body."""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import unescape

from service.ingest.reading import Document
from service.matching.occurrence import Occurrence
from service.matching.positions import Positions
from service.model.mention import Reason, Zone

_TAG = re.compile(r"<[^>]*>")
_SPACES = re.compile(r"[ \t\r\n]+")
_BY_NAME: dict[str, Collection[Zone]] = {
    "title": (Zone.TITLE,),
    "subhead": (Zone.SUBHEAD,),
    "lead": (Zone.LEAD,),
    "body": (Zone.LEAD, Zone.BODY),
    "caption": (Zone.CAPTION,),
    "dateline": (Zone.DATELINE,),
    "related": (Zone.RELATED,),
    "any": tuple(Zone),
}
"""Paragraphs that a prefix means; `quote` is about places within them."""
BEYOND = frozenset(("dateline", "related", "any"))
"""Prefixes that reach zones which do not count by default."""


@dataclass(frozen=True, slots=True)
class Where:
    """To which part of an article a term is restricted."""

    zone: str | None = None
    first: int | None = None
    """Characters of the body."""

    @property
    def is_beyond(self) -> bool:
        """Whether it reaches what does not count by default."""
        return self.zone in BEYOND


EVERYWHERE = Where()
Finds = Sequence[Occurrence]


def by_place(one: Occurrence) -> tuple[int, int, int]:
    """The order of the article."""
    return one.start, one.end, one.surface.term


class Scene:
    """The occurrences of one article after all is decided about them."""

    __slots__ = ("__dict__", "_finds", "beyond", "counted", "document", "occurrences")

    def __init__(
        self,
        document: Document,
        counted: Mapping[int, Finds],
        beyond: Mapping[int, Finds],
        occurrences: Iterable[Occurrence],
    ) -> None:
        self.document = document
        self.counted = counted
        """By term, in order: what counts."""
        self.beyond = beyond
        """By term, in order: what would count if its zone did."""
        self.occurrences = occurrences
        """Whether they count or not."""
        self._finds: dict[tuple[int, Where], Finds] = {}

    @cached_property
    def positions(self) -> Positions:
        """Words, sentences, paragraphs: made when first asked for."""
        return Positions(self.document)

    def finds(self, term: int, where: Where = EVERYWHERE) -> Finds:
        """Occurrences of a term there, in order of the article."""
        if where is EVERYWHERE:
            return self.counted.get(term, ())
        key = (term, where)
        known = self._finds.get(key)
        if known is None:
            known = self._finds[key] = [one for one in self._all(term, where) if self._is_there(one, where)]
        return known

    def holders(self, term: int) -> Finds:
        """Occurrences of a term that begin and end as its boundary rules ask, whatever else is the matter with them."""
        key = (term, _HOLDER)
        known = self._finds.get(key)
        if known is None:
            standing = self._standing.get(term, ())
            known = [one for one in standing if one.surface.case is None or same_case(self.document, one)]
            self._finds[key] = known = sorted(known, key=by_place)
        return known

    @cached_property
    def _standing(self) -> dict[int, list[Occurrence]]:
        out: dict[int, list[Occurrence]] = {}
        for one in self.occurrences:
            if one.stands:
                out.setdefault(one.surface.term, []).append(one)
        return out

    def _all(self, term: int, where: Where) -> Iterable[Occurrence]:
        counted = self.counted.get(term, ())
        if not where.is_beyond or term not in self.beyond:
            return counted
        return sorted((*counted, *self.beyond[term]), key=by_place)

    def _is_there(self, one: Occurrence, where: Where) -> bool:
        document, zone = self.document, where.zone
        if where.first is not None:
            begin = self.positions.body_begin
            if not max(begin, document.body_start) <= one.start < begin + where.first:
                return False
        if zone is None:
            return True
        if zone == "quote":
            return document.zone_at(one.start) is Zone.QUOTE
        return document.place(one.start)[0] in _BY_NAME[zone]


_HOLDER = Where("holder")


def same_case(document: Document, one: Occurrence) -> bool:
    """Whether it stands there in just the letters of its surface; in HTML as it is read, not as it is marked up."""
    view, start, end = document.span(one.start, one.end)
    given = view.given[start:end]
    return given == one.surface.case or (view.field == "html" and _as_read(given) == one.surface.case)


def _as_read(html: str) -> str:
    """Without tags, each reference resolved once (`AT&amp;amp;T` shows `AT&amp;T`), white space as single spaces."""
    return unescape(_SPACES.sub(" ", _TAG.sub("", html)))


def is_only_zoned_out(one: Occurrence) -> bool:
    """Whether nothing but its zone speaks against an occurrence, as far as was looked."""
    return one.reason is Reason.ZONE and one.stands and not one.merged
