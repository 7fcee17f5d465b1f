"""Who wrote an article, for which press, where and when: only what stands there.

Portal text says it in datelines, by-lines and copyright lines, HTML in meta elements as well. What it does not say is
None: a press that only delivered a picture is no source, and 29일 without year and month is no date.
"""

import functools
import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from service.ingest.decode import read_time
from service.ingest.lines import REPORTER, Kind, is_name
from service.ingest.reading import Document
from service.ingest.wordlist import read_groups
from service.ingest.zones import Line
from service.model.mention import Zone

_GROUPS = read_groups("service.ingest", "press.txt", phrases=True)
_PORTALS = frozenset(name.casefold() for name in _GROUPS["portal"])
_PRESS_END = re.compile(rf"(?:{'|'.join(map(re.escape, _GROUPS['press-end']))})$", re.IGNORECASE)
_DATED = "|".join(_GROUPS["published"])

_OPEN, _CLOSE = r"[\[(【<〔]", r"[\])】>〕]"
_CITY = r"(?P<city>[가-힣a-z][가-힣a-z .,·/()]{0,40}?)"
_DATELINE = re.compile(
    rf"\s*(?:{_OPEN}\s?{_CITY}\s?=\s?(?P<who>[^\])】>〕=\n]{{1,60}}){_CLOSE}(?P<after>[^=\n]{{2,60}}=)?"
    rf"|(?P<bare_city>[가-힣a-z·]{{2,20}})\s?=\s?(?P<bare_who>[^=\n]{{2,40}}?(?:{REPORTER}))(?![가-힣]))"
)
_HEAD = re.compile(rf"\s*{_OPEN}?(?P<who>[^=\])】>〕\n]{{2,40}}?(?:{REPORTER}))(?![가-힣]){_CLOSE}?")
_PEOPLE = re.compile(
    rf"(?P<press>[^=\n]*?)(?P<names>[가-힣]{{2,4}}(?:\s?[·,]\s?[가-힣]{{2,4}}){{0,3}})\s?(?:{REPORTER})(?![가-힣a-z])"
)
_MAIL = re.compile(r"[a-z0-9][a-z0-9._%+-]{0,40}@[a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,20}){1,4}")
_OWNER = re.compile(
    r"(?:[ⓒ©]|\(c\)|copyright(?!s))\s?(?:[ⓒ©]|\(c\))?\s?(?:by\s)?(?:\d{4}(?:\s?-\s?\d{4})?\.?\s)?"
    r"(?P<press>[가-힣a-z][가-힣a-z0-9·&-]{1,20}(?:\s(?!무단|all\s|rights|및|reserved)[가-힣a-z0-9·&-]{1,20}){0,2})"
)
_WHEN = re.compile(
    rf"(?:(?:{_DATED})\s?(?:일시|시간)?\s?[:|]?\s?|^)(\d{{4}})\s?[-./년]\s?(\d{{1,2}})\s?[-./월]\s?(\d{{1,2}})\s?[.일]?"
    r"\s?(?:\([월화수목금토일]\))?\s?(오전|오후|am|pm)?\s?(\d{1,2})\s?:\s?(\d\d)(?::(\d\d))?"
)
_SITE = re.compile(r"\s(?:\||-|::|<|:)\s(?P<press>[^|<>\n]{2,30})$")
_TRIM = " \t\n[](){}<>【】〔〕|/=·,:;-\"'"


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an article says about itself, in its own letters; None where it says nothing."""

    source: str | None = None
    """The press."""
    author: str | None = None
    """Names without titles, several joined by ", "."""
    author_email: str | None = None
    dateline_city: str | None = None
    published_at: str | None = None
    """RFC 3339; a time without offset is taken as Asia/Seoul."""
    section: str | None = None


@dataclass(slots=True)
class _Found:
    """Answers in the order of their worth: the first one stands."""

    owner: str | None = None
    press: str | None = None
    author: str | None = None
    mail: str | None = None
    city: str | None = None
    when: str | None = None
    signed_press: str | None = None
    """Stands only together with the author of the same line."""

    def add(self, later: "_Found") -> None:
        """What a later line says, where nothing was said before."""
        self.owner = self.owner or later.owner
        self.press = self.press or later.press
        if not self.author:
            self.author = later.author
            self.press = self.press or later.signed_press
        self.mail = self.mail or later.mail
        self.city = self.city or later.city
        self.when = self.when or later.when


class _Words(Protocol):
    """As much of a `Document` as is read here."""

    text: str

    def as_given(self, begin: int, end: int) -> str:
        """What stood at text[begin:end]."""
        ...


class _OneLine:
    """A line by itself. A line break stands before it, as in its article."""

    def __init__(self, normal: str, given: str) -> None:
        self.text = "\n" + normal
        self._given = given

    def as_given(self, begin: int, end: int) -> str:
        return " ".join(self._given[begin - 1 : end - 1].split())


def read_metadata(document: Document) -> Metadata:
    """Read it. Linear in the length; asked only for articles in which something was found."""
    found = _Found()
    view = document.body_view
    for line in document.zones.lines:
        has_head = line.head > line.start
        plain = line.tail == line.end and line.kind not in _TELLING and line.zone not in _TELLING
        if plain and not has_head:
            continue
        end = line.head if plain else line.end
        if view.is_given and end - line.start <= MAX_REMEMBERED:
            base = document.body_start
            normal, given = document.text[line.start : end], view.given[line.start - base : end - base]
            head, tail = line.head - line.start, min(line.tail, end) - line.start
            found.add(_of_line(normal, given, line.kind, line.zone, head, tail))
        else:
            of_line = _Found()
            _look_at(document, line, of_line)
            found.add(of_line)
    metas = document.metas
    site = _named(metas.get("og:site_name"))
    return Metadata(
        source=found.owner or site or found.press or _site_of_title(document),
        author=found.author or _person(metas),
        author_email=found.mail,
        dateline_city=found.city,
        published_at=read_time(metas.get("article:published_time", "")) or found.when,
        section=metas.get("article:section") or None,
    )


_TELLING = frozenset((Kind.BYLINE, Kind.NOTICE, Zone.BYLINE, Zone.BOILERPLATE))
MAX_REMEMBERED = 150


@functools.lru_cache(maxsize=10_000)
def _of_line(normal: str, given: str, kind: Kind, zone: Zone | None, head: int, tail: int) -> _Found:  # noqa: PLR0913
    """What one line says. Datelines, by-lines and copyright lines come again in article after article."""
    line = Line(1, 1 + len(normal))
    line.kind, line.zone = kind, zone
    line.head, line.tail = 1 + head, 1 + tail
    found = _Found()
    _look_at(_OneLine(normal, given), line, found)
    return found


def _look_at(document: _Words, line: Line, found: _Found) -> None:
    text = document.text
    if line.head > line.start and line.zone not in (Zone.RELATED, Zone.BOILERPLATE):
        _read_head(document, line, found)
    if line.zone is Zone.BYLINE or line.kind is Kind.BYLINE:
        _read_byline(document, line.start, line.end, found)
    elif line.tail < line.end:
        _read_byline(document, line.tail, line.end, found)
    if line.kind is Kind.NOTICE or line.zone is Zone.BOILERPLATE or line.tail < line.end:
        begin = line.start if line.tail == line.end else line.tail
        owner = _OWNER.search(text, begin, line.end)
        if owner is not None and found.owner is None and not text[begin : owner.start()].rstrip().endswith("사진"):
            found.owner = _named(document.as_given(*owner.span("press")))
    if found.when is None and line.kind in (Kind.BYLINE, Kind.NOTICE):
        found.when = _time(text[line.start : line.end])


def _read_head(document: _Words, line: Line, found: _Found) -> None:
    text = document.text
    dateline = _DATELINE.match(text, line.start, line.head)
    if dateline is None:
        head = _HEAD.match(text, line.start, line.head)
        if head is not None:
            _read_people(document, *head.span("who"), found)
        return
    bare = "bare_" if dateline["city"] is None else ""
    if found.city is None:
        found.city = document.as_given(*dateline.span(f"{bare}city")).strip(_TRIM) or None
    begin, end = dateline.span(f"{bare}who")
    if not _read_people(document, begin, end, found, in_dateline=True):
        found.press = found.press or _named(document.as_given(begin, end))
    if dateline["after"] is not None:
        _read_people(document, *dateline.span("after"), found)


def _read_people(document: _Words, begin: int, end: int, found: _Found, *, in_dateline: bool = False) -> bool:
    """Press and names before 기자 and the like. False when there is no such word."""
    people = _PEOPLE.search(document.text, begin, end)
    if people is None:
        return False
    names = [document.as_given(*span) for span in _spans(people, "names")]
    words = document.as_given(*people.span("press")).strip(_TRIM).split()
    while words and is_name(words[-1]) and not _PRESS_END.search(words[-1]):  # 김가람 이나래 기자
        names.insert(0, words.pop())
    found.author = found.author or ", ".join(names)
    press = " ".join(words).strip(_TRIM)
    if press and found.press is None and (in_dateline or _PRESS_END.search(press)):
        found.press = _named(press)
    return True


def _spans(found: re.Match[str], group: str) -> Iterator[tuple[int, int]]:
    start = found.start(group)
    for name in re.finditer("[가-힣]+", found[group]):
        yield start + name.start(), start + name.end()


def _read_byline(document: _Words, begin: int, end: int, found: _Found) -> None:
    text = document.text
    mail = _MAIL.search(text, begin, end)
    if mail is not None and found.mail is None:
        found.mail = document.as_given(*mail.span())
    if _read_people(document, begin, end, found) or mail is None:
        return
    words = text[begin : mail.start()].strip(_TRIM).split()
    if words and is_name(words[-1]) and found.author is None:  # 함지현 (hamz@...)
        found.author = words[-1]
        if len(words) == 2 and found.press is None and _PRESS_END.search(words[0]):
            at = text.index(words[0], begin)
            found.signed_press = _named(document.as_given(at, at + len(words[0])))


def _named(press: str | None) -> str | None:
    """The name of a press, bare; None for a portal, which only shows what others wrote."""
    name = " ".join((press or "").split()).strip(_TRIM + ".")
    return name if name and name.casefold() not in _PORTALS else None


def _site_of_title(document: Document) -> str | None:
    """`제목 | 가온일보` in <title>, where the last part is the name of a press by its end."""
    site = _SITE.search(" ".join(html.unescape(document.page_title).split()))
    name = _named(site["press"]) if site is not None else None
    return name if name and _PRESS_END.search(name) else None


def _person(metas: dict[str, str]) -> str | None:
    for key in ("article:author", "author", "dable:author", "byline"):
        given = metas.get(key, "")
        name = re.sub(rf"\s?(?:{REPORTER})$", "", given.split("(")[0].strip(), flags=re.IGNORECASE)
        if not name or "/" in name or "@" in name or _PRESS_END.search(name):
            continue
        if is_name(name) or name != given.split("(")[0].strip():
            return name
    return None


def _time(line: str) -> str | None:
    found = _WHEN.search(line)
    if found is None:
        return None
    year, month, day, half, hour, minute, second = found.groups()
    hours = int(hour)
    if half in ("오후", "pm") and hours < 12:
        hours += 12
    elif half in ("오전", "am") and hours == 12:
        hours = 0
    return read_time(f"{year}-{int(month):02}-{int(day):02}T{hours:02}:{minute}:{second or '00'}")
