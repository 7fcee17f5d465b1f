"""An article read: one normalised text to search, its zones, and the way back to the fields as they were given.

Title and body stand in one string, so that one pass of the automaton finds all; a line break begins and ends it, so
that no neighbour of a find needs a bounds check. Zones are read only when something was found.
"""

import hashlib
import re
from bisect import bisect_left
from collections.abc import Iterator
from functools import cached_property

from service.ingest.html import Page, read_html
from service.ingest.normalise import Normal, normalise, normalise_in_place
from service.ingest.zones import ZoneMap, read_zones, zone_of_head
from service.model import ids
from service.model.article import Article
from service.model.mention import Field, Reason, Zone

_SITE = re.compile(r"\s+(?:\||-|::|<|:)\s+[^|<>]{1,30}$|\s*\|\s*[^|]{1,30}$")
_TAG = re.compile(r"<[^>]*>")
_SENTENCE_END = re.compile(r"[.!?。…][\"'”’)\]」』》]*(?=\s|$|(?=[가-힣“‘\"]))")
_QUOTE = re.compile('"')
MAX_SENTENCE = 500
"""Characters of a sentence on either side of what was found: what has no end is cut."""
MAX_COUNTED = 2_000
"""Characters of a line whose quotation marks are counted anew for each mention; of longer ones they are kept."""
_NUMBER_OR_LATIN = re.compile(r"[0-9a-z]")
_DATELINE_OPENERS = frozenset("[(【<〔")
_IN_TITLE: tuple[Zone, Reason | None] = (Zone.TITLE, None)


class View:
    """One field, as given, and the map from the normalised text to it."""

    __slots__ = ("_more", "base", "field", "given", "is_given", "normal")

    def __init__(self, field: Field, given: str, normal: Normal, more: Page | None = None, base: int = 0) -> None:
        self.field = field
        self.given = given
        self.normal = normal
        self._more = more
        self.base = base
        """Where in the field the normalised part begins (a title within HTML)."""
        self.is_given = not normal.maps and more is None and base == 0
        """Whether every character stands where it stood."""

    def start(self, position: int) -> int:
        """Offset into the field of the character at `position` of the normal text."""
        found = self.normal.start(position)
        return self._more.offsets.start(found) if self._more else found + self.base

    def stop(self, position: int) -> int:
        """Offset into the field just after the character before `position`."""
        found = self.normal.stop(position)
        return self._more.offsets.stop(found) if self._more else found + self.base


class Document:
    """An article ready to be searched. `text` is what the automaton reads."""

    def __init__(self, article: Article) -> None:
        self.article = article
        self.title_view: View | None = None
        self._page: Page | None = None
        title, body = article.title or "", article.text
        if body is not None and "\n" not in title and "\r" not in title:
            text = normalise_in_place(f"\n{title}\n{body}\n")
            if text is not None:
                self.text = text
                self.body_start = len(title) + 2
                """Where in `text` the body begins; the title begins at 1."""
                self.normal_title = text[1 : self.body_start - 1]
                self.body_view = View("text", body, Normal(""))
                if article.title is not None:
                    self.title_view = View("title", title, Normal(""))
                return
        self._read_fields(article)

    def _read_fields(self, article: Article) -> None:
        """The way of an article in which something moves, or of HTML: each field by itself."""
        if article.title is not None:
            self.title_view = View("title", article.title, normalise(article.title))
        if article.text is not None:
            self.body_view = View("text", article.text, normalise(article.text))
        else:
            html = article.html or ""
            self._page = page = read_html(html)
            self.body_view = View("html", html, normalise(page.text), page)
            if self.title_view is None and page.title is not None:
                begin, end = page.title
                if not page.title_is_exact and (site := _SITE.search(html, begin, end)):
                    end = site.start()
                self.title_view = View("html", html, normalise(html[begin:end]), None, begin)
        title = self.title_view.normal.text.replace("\n", " ") if self.title_view else ""
        self.normal_title = title
        self.body_start = len(title) + 2
        self.text = f"\n{title}\n{self.body_view.normal.text}\n"

    @property
    def title(self) -> str:
        """The title as people read it: given, or out of the HTML."""
        if self.article.title is not None:
            return self.article.title
        return " ".join(self.normal_title_as_given().split()) if self.title_view else ""

    def normal_title_as_given(self) -> str:
        """The HTML title with its references resolved, but in its own letters."""
        view = self.title_view
        assert view is not None
        raw = (
            view.given[view.base : view.stop(len(view.normal.text))] if view.normal.text else ""
        )  # only HTML comes here
        return _plain(raw)

    @cached_property
    def zones(self) -> ZoneMap:
        """Zones, read when first asked for."""
        hints = self._page.hints if self._page else ()
        return read_zones(self.text, self.body_start, self.normal_title.strip(), hints)

    @cached_property
    def cleaned(self) -> str:
        """What the body says, without chrome and repetitions, normalised."""
        parts = "\n".join([part.strip(" ") for part in self.zones.counted(self.text)])
        return parts if "  " not in parts else "\n".join(" ".join(part.split()) for part in parts.split("\n"))

    @cached_property
    def content_hash(self) -> str:
        """Of title and cleaned body: equal means the article says the same."""
        return ids.content_hash(" ".join(self.normal_title.split()), self.cleaned)

    @cached_property
    def fingerprint(self) -> str:
        """Of the cleaned body alone, spaces aside: equal in copies under another headline."""
        letters = self.cleaned.replace(" ", "").replace("\n", "")
        return hashlib.blake2b(letters.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()

    def view(self, position: int) -> tuple[View, int]:
        """The field that `position` of `text` belongs to, and the position in its normal text."""
        if self.title_view is not None and position < self.body_start:
            return self.title_view, position - 1
        return self.body_view, position - self.body_start

    def span(self, start: int, end: int) -> tuple[View, int, int]:
        """Field and offsets, as given, of text[start:end]."""
        view, offset = self.view(start)
        if view.is_given:
            return view, offset, offset + end - start
        return view, view.start(offset), view.stop(offset + end - start)

    def position(self, field: Field, offset: int) -> int:
        """The position in `text` of the character at `offset` of a field as given: the way there, for a few."""
        for view, begin, end in (
            (self.title_view, 1, self.body_start - 1),
            (self.body_view, self.body_start, len(self.text) - 1),
        ):
            if view is None or view.field != field:
                continue
            low, high = 0, end - begin
            while low < high:
                middle = (low + high) // 2
                if view.stop(middle + 1) <= offset:
                    low = middle + 1
                else:
                    high = middle
            if low < end - begin and view.start(low) <= offset:
                return begin + low
        return self.body_start

    def place(self, position: int) -> tuple[Zone, Reason | None]:
        """Zone at `position`, quotations aside, and why what stands there does not count (zone, duplicate) or None."""
        if position < self.body_start:
            return _IN_TITLE
        if "zones" not in self.__dict__ and self.text[position - 1] in _DATELINE_OPENERS:
            begin = self.text.rfind("\n", 0, position) + 1
            if begin == position - 1 and (zone := zone_of_head(self.text, begin, position)) is not None:
                return zone
        return self.zones.at(position)

    def zone_at(self, position: int) -> Zone:
        """Innermost zone at `position`: quote > lead > body."""
        zone, _ = self.place(position)
        if zone in (Zone.BODY, Zone.LEAD) and self._is_quoted(position):
            return Zone.QUOTE
        return zone

    @cached_property
    def _quotes(self) -> list[int]:
        return [found.start() for found in _QUOTE.finditer(self.text)]

    def _is_quoted(self, position: int) -> bool:
        """Whether an odd number of quotation marks stands before it in its line, and one after."""
        line = self.zones.line_at(position)
        if line is None:
            return False
        if line.end - line.start <= MAX_COUNTED:
            text = self.text
            return text.count('"', line.start, position) % 2 == 1 and text.find('"', position, line.end) >= 0
        quotes = self._quotes
        before = bisect_left(quotes, position)
        return (
            (before - bisect_left(quotes, line.start)) % 2 == 1 and before < len(quotes) and quotes[before] < line.end
        )

    def sentence_span(self, position: int) -> tuple[int, int]:
        """Start and end, in `text`, of the sentence that holds `position`."""
        begin = max(self.text.rfind("\n", max(0, position - MAX_SENTENCE), position) + 1, position - MAX_SENTENCE)
        end = self.text.find("\n", position, position + MAX_SENTENCE)
        end = end if end >= 0 else min(position + MAX_SENTENCE, len(self.text) - 1)
        if position >= self.body_start and (line := self.zones.line_at(position)) and line.head <= position < line.tail:
            begin, end = max(begin, line.head), min(end, line.tail)
        for found in self.sentence_ends(begin, end):
            if found > position:
                end = found
                break
            begin = found
        while begin < position and self.text[begin].isspace():
            begin += 1
        return begin, max(end, position + 1)

    def sentence_ends(self, begin: int, end: int) -> Iterator[int]:
        """Where sentences end within text[begin:end], a part of one line."""
        text = self.text
        for found in _SENTENCE_END.finditer(text, begin, end):
            if not _NUMBER_OR_LATIN.match(text, found.start() - 1) or text[found.end()].isspace():
                yield found.end()

    def sentence(self, position: int) -> str:
        """The sentence at `position`, as given, without tags."""
        return self.as_given(*self.sentence_span(position))

    def as_given(self, begin: int, end: int) -> str:
        """What stood at text[begin:end], in its own letters, without tags; white space as single spaces."""
        view, start, stop = self.span(begin, end)
        found = view.given[start:stop]
        return " ".join((_plain(found) if view.field == "html" else found).split())

    @property
    def metas(self) -> dict[str, str]:
        """`name` or `property` of the meta elements of HTML, with their content."""
        return self._page.metas if self._page else {}

    @property
    def page_title(self) -> str:
        """All of <title>, with the name of the site; empty where the article is no HTML."""
        return self._page.whole_title if self._page else ""


def _plain(html: str) -> str:
    return Normal(_TAG.sub("", html)).text if "&" not in html else _unescaped(_TAG.sub("", html))


def _unescaped(text: str) -> str:
    import html

    return html.unescape(html.unescape(text))
