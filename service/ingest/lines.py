"""What one line of an article is, judged by itself: story, chrome, by-line, heading of a list, and its dateline.

Lines come normalised (straight quotes, lower case). Nearly every line of a story ends in a plain sentence (했다.) and is
known by its last characters alone; only the others are looked at closely. docs/matching.md lists what is recognised.
"""

import re
from enum import Enum, auto

from service.ingest.wordlist import read_groups

_GROUPS = read_groups("service.ingest", "chrome.txt", phrases=True)


def _packed(phrase: str) -> str:
    return phrase.replace(" ", "").casefold()


def _any_of(phrases: list[str]) -> str:
    return "|".join(re.escape(phrase) for phrase in sorted(set(phrases), key=len, reverse=True))


def _spaced(phrases: list[str]) -> str:
    return "|".join(
        r"\s?".join(re.escape(part) for part in phrase.casefold().split())
        for phrase in sorted(set(phrases), key=len, reverse=True)
    )


class Kind(Enum):
    """What a line is."""

    STORY = auto()
    """Has a whole sentence."""
    SHORT = auto()
    """Words of the article without a sentence end: a sub-headline, an item, a headline."""
    CAPTION = auto()
    BYLINE = auto()
    NOTICE = auto()
    """Copyright, address, invitation to subscribe, portal hints."""
    RELATED_HEAD = auto()
    """A heading over headlines of other articles, perhaps with the first of them."""
    LINK = auto()
    """Begins with ▶ or ☞: a link when it stands at the end of an article."""
    ITEM = auto()
    """Begins with a dash, dot or number: an item of some list."""


REPORTER = _any_of(_GROUPS["reporter"]).casefold()
_MAIL = r"[a-z0-9][a-z0-9._%+-]{0,40}@[a-z0-9-]{1,40}(?:\.[a-z0-9-]{1,20}){1,4}"
_NAME = r"[가-힣]{2,4}"

_ALWAYS = re.compile(_any_of([_packed(phrase) for phrase in _GROUPS["always"]]))
_NOTICE = re.compile(_any_of([_packed(phrase) for phrase in _GROUPS["notice"]]))
_LABEL = re.compile(
    rf"[\[(【<](?:{_any_of([_packed(label) for label in _GROUPS['label']])})[\])】>]"
    rf"|(?:{_any_of([_packed(label) for label in _GROUPS['dated']])})(?:일시|시간|일)?[:|]?\d{{4}}"
)
_RELATED = re.compile(rf"[^\w\n]{{0,6}}(?:{_spaced(_GROUPS['related'])})(?![가-힣]{{2,}}[은는이가을를]\s)")

_PLAIN = re.compile(r"(?<!니)다\.(?=$|[\s\"')\]」』>]|[^\w\s])|[다요까죠][?!]?\"(?:이?라|고|며|는)|(?:했|었|았|였|됐|겠|한|된|는|인|있|없|이)다[\"']?(?:\s|$)")
_SENTENCE = re.compile(r"[다요까죠음함임됨][.!?](?=$|[\s\"')\]」』>])|[a-z一-鿿][.!?。](?=$|[\s\"')])|。")
_STORY_END = re.compile(r"[.!?。][\"')\]」』>]{0,3}(?=\s)")

_LONE_MAIL = re.compile(rf"\W{{0,4}}{_MAIL}\W{{0,4}}$")
_REPORTER_LINE = re.compile(
    rf"[^\w\n]{{0,4}}(?:[\w·&.-]{{1,15}}\s?[=/|]?\s?){{0,4}}{_NAME}\s?(?:[·,]\s?{_NAME}\s?){{0,4}}(?:{REPORTER})\b(?:[^\w\n]{{1,4}}{_MAIL})?[^\w\n]{{0,4}}$"
)
_MAIL_LINE = re.compile(rf"[^@\n]{{0,60}}{_MAIL}(?:[^@\n]{{0,20}})$")
_DATE_LINE = re.compile(
    r"[^\w\n]{0,3}(?:[가-힣]{2,6}\s?:?\s?)?\d{4}\s?[-.년/]\s?\d{1,2}\s?[-.월/]\s?\d{1,2}\s?[.일]?\s?\(?[월화수목금토일]?\)?\s*(?:오전|오후|am|pm)?\s*\d{0,2}:?\d{0,2}(?::\d\d)?\b"
)

_DATELINE = re.compile(
    r"\s*(?:"
    # [충칭=이데일리 함지현 기자], (부산=연합뉴스) 나라온 기자 =
    rf"(?:\[[^\]=\n]{{1,40}}=[^\]\n]{{1,60}}\]|\([^()=\n]{{1,40}}=[^()\n]{{1,60}}\)|【[^】=\n]{{1,40}}=[^】\n]{{1,60}}】"
    rf"|<[^>=\n]{{1,40}}=[^>\n]{{1,60}}>|〔[^〕=\n]{{1,40}}=[^〕\n]{{1,60}}〕)"
    rf"(?:\s*[가-힣·,()\s]{{2,40}}?(?:{REPORTER})\s*=|\s*=)?"
    # 베이징=홍길동 특파원
    rf"|[가-힣a-z·]{{2,20}}\s?=\s?(?:[가-힣a-z0-9]{{2,12}}\s)?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})(?:\s*=|(?=\s))"
    r")\s*"
)
_HEAD_BYLINE = re.compile(
    rf"\s*(?:[\[(【<〔](?:[^\])】>〕\n]{{1,30}}[\s/|·,])?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})[\])】>〕]\s*=?\s*"
    rf"|(?:[가-힣a-z0-9]{{2,12}}\s)?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})\s*=\s*)"
)
_CREDIT = re.compile(
    rf"[\[(<【〔/]?\s?(?:{_spaced(_GROUPS['credit'])})\s?[=:|ⓒ©]\s?[^\])>】〕\n]{{1,40}}[\])>】〕]?\s*$"
    rf"|[\[(<【〔](?:{_spaced(_GROUPS['credit'])})[\s/][^\])>】〕\n]{{1,30}}[\])>】〕]\s*$"
    rf"|(?<=[\s/(\[])[\w·&.]{{2,15}}\s제공[\])]?\.?\s*$"
)
_TAIL_BYLINE = re.compile(
    rf"[\s/=(\[<|]*(?:(?:[\w·&.-]{{2,15}}\s?[=/|]?\s?){{0,3}}{_NAME}\s?(?:[·,]\s?{_NAME}\s?){{0,3}}(?:{REPORTER})\b[\s(,/|]*)?(?:{_MAIL})?[)\]>\s]*$"
)
_ITEM = re.compile(r"\s?(?:[-*·•‣○●□■◇◆★☆※+>]|\d{1,2}[.)]\s|[①-⑳])\s?")

LINK_BULLETS = frozenset("▶▷►☞👉➡▸🔗➤")
CAPTION_BULLETS = frozenset("▲△▼◀◁▽↑↓←→")
MAX_SHORT = 200
"""No by-line, notice or heading is longer: what is, is story."""


def is_story_by_its_end(line: str) -> bool:
    """The quick answer: long enough, starts like a sentence and ends in plain style."""
    return len(line) >= 40 and line.endswith("다.") and line[-3] != "니" and line[0] not in "[(【<〔▲△▶"


def kind_of(line: str) -> Kind:  # noqa: PLR0911, C901, PLR0912
    """What `line` is. It is stripped and not empty."""
    if is_story_by_its_end(line):
        return Kind.STORY
    packed = line.replace(" ", "") if len(line) <= 600 else ""
    if packed and (_ALWAYS.search(packed) or _LABEL.match(packed)):
        return Kind.NOTICE
    plain = _PLAIN.search(line) is not None
    if len(line) <= MAX_SHORT:
        if not plain and _RELATED.match(line):
            return Kind.RELATED_HEAD
        if _LONE_MAIL.match(line) or _REPORTER_LINE.match(line):
            return Kind.BYLINE
        if not plain and "@" in line and _MAIL_LINE.match(line):
            return Kind.BYLINE
    if packed and not plain and _NOTICE.search(packed):
        return Kind.NOTICE
    if len(line) <= MAX_SHORT and not plain and _DATE_LINE.match(line) and len(line) <= 80:
        return Kind.BYLINE
    if line[0] in LINK_BULLETS:
        return Kind.LINK
    if line[0] in CAPTION_BULLETS:
        return Kind.CAPTION
    if _ITEM.match(line):
        return Kind.ITEM
    if plain or _SENTENCE.search(line) or len(line) > MAX_SHORT:
        return Kind.STORY
    return Kind.SHORT


def head_end(line: str) -> tuple[int, bool]:
    """Length of the dateline or by-line that `line` begins with (0: none), and whether it names a place (a dateline)."""
    found = _DATELINE.match(line)
    if found is not None and not _CREDIT.match(line):
        return found.end(), True
    found = _HEAD_BYLINE.match(line)
    return (found.end(), False) if found is not None else (0, False)


def tail_start(line: str) -> int:
    """Where a credit, by-line or notice begins that the line ends in; its length when there is none."""
    found = _CREDIT.search(line, max(0, len(line) - 80))
    if found is not None:
        return found.start()
    last = 0
    for end in _STORY_END.finditer(line, max(0, len(line) - 250)):
        last = end.end()
        rest = line[last:]
        if len(rest) <= 120 and (_TAIL_BYLINE.fullmatch(rest) or kind_of(rest.strip() or ".") in _TAIL_KINDS):
            return last
    return len(line)


_TAIL_KINDS = frozenset((Kind.NOTICE, Kind.BYLINE, Kind.RELATED_HEAD))
