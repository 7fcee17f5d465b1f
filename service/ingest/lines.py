"""What one line of an article is, judged by itself: story, chrome, by-line, heading of a list, and its dateline.

Lines come normalised (straight quotes, lower case). Nearly every line of a story ends in a plain sentence (했다.) and
is known by its last characters alone; only the others are looked at closely. docs/matching.md says what is recognised.
"""

import re
from enum import StrEnum, auto

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


class Kind(StrEnum):
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
_ADDRESS = re.compile(r"\(우\)\d|우편번호|fax|팩스")
_LABEL = re.compile(
    rf"[\[(【<](?:{_any_of([_packed(label) for label in _GROUPS['label']])})[\])】>]"
    rf"|(?:{_any_of([_packed(label) for label in _GROUPS['dated']])})(?:일시|시간|일)?[:|]?\d{{4}}"
)
_RELATED = re.compile(rf"[^\w\n]{{0,6}}(?:{_spaced(_GROUPS['related'])})(?![가-힣]{{2,}}[은는이가을를]\s)")
_RELATED_IN_BRACKETS = re.compile(
    rf"[\[<(【〈《◆■●★☆◎][^\])>】〉》\n]{{0,20}}(?:{_spaced(_GROUPS['related'])})[^\])>】〉》\n]{{0,15}}[\])>】〉》◆■●★☆◎]$"
)
# 한빛일보 주요기사
_RELATED_OF_PRESS = re.compile(
    r"[^\w\n]{0,4}(?:[\w·]{2,15} ){1,2}"
    r"(?:관련|연관|가장 많이 본|많이 본|많이 읽은|인기|추천|주요|최신|다른|랭킹|핫) ?(?:기사|뉴스)[^\w\n]{0,4}"
)

_PLAIN = re.compile(
    r"(?<!니)다\.(?=$|[\s\"')\]」』>]|[^\w\s])|[다요까죠][?!]?\"(?:이?라|고|며|는)|(?:했|었|았|였|됐|겠|한|된|는|인|있|없|이)다[\"']?(?:\s|$)"
)
_SENTENCE = re.compile(r"[다요까죠음함임됨][.!?](?=$|[\s\"')\]」』>])|[a-z一-鿿][.!?。](?=$|[\s\"')])|。")
_STORY_END = re.compile(r"[.!?。][\"')\]」』>]{0,3}(?=\s)")

_HANGUL_WORD = re.compile("[가-힣]{2,4}")
_NO_LETTERS = re.compile(r"[^가-힣a-z0-9-]+")
_ASKING = re.compile("문의|신청|접수|제출|보내|참가|상담|예약|응모|모집|접속")
_FAMILY = frozenset(
    "김이박최정강조윤장임한오서신권황안송류유홍전고문양손배백허남심노하곽성차주우구민진지엄채원천방공현함변염여추도소석선설마길"
    "연위표명기반왕금옥육인맹제모탁국어은편용예경봉사부가복태목형피두감음빈동온호범좌팽승간상시갈단나라"
)
_DOUBLE_FAMILY = frozenset(("남궁", "황보", "제갈", "선우", "독고", "사공", "서문", "동방"))
_DESK_ENDS = ("부", "팀", "국", "본부", "지사", "센터")
_OFFICE_ENDS = ("시", "군", "청", "부", "과", "팀", "실", "처", "센터", "공사", "공단", "협회", "위원회")

_ROLE = re.compile(rf"(?:{REPORTER})(?![가-힣a-z])")
_MAILS = re.compile(rf"[\s(<\[]*{_MAIL}[\s)>\].,;/]*")
_LAST_NAME = re.compile(rf"(?:^|[\s\]\[(/|=·,)]){_NAME}\s?$")
_DATE_LINE = re.compile(
    r"[^\w\n]{0,3}(?:[가-힣]{2,6}\s?:?\s?)?\d{4}\s?[-.년/]\s?\d{1,2}\s?[-.월/]\s?\d{1,2}\s?[.일]?\s?\(?[월화수목금토일]?\)?\s*(?:오전|오후|am|pm)?\s*\d{0,2}:?\d{0,2}(?::\d\d)?\b"
)

_DATELINE = re.compile(
    r"\s*(?:"
    # [충칭=이데일리 함지현 기자], (부산=연합뉴스) 나라온 기자 =
    rf"(?:\[[^\]=\n]{{1,40}}=[^\]\n]{{1,60}}\]|\([^()=\n]{{1,40}}=[^()\n]{{1,60}}\)|【[^】=\n]{{1,40}}=[^】\n]{{1,60}}】"
    rf"|<[^>=\n]{{1,40}}=[^>\n]{{1,60}}>|〔[^〕=\n]{{1,40}}=[^〕\n]{{1,60}}〕)"
    rf"(?:\s*[가-힣·,()\s]{{2,40}}?(?:{REPORTER})\s*=|\s*=)?"
    # (대전)나솔비 기자 =
    rf"|[\[(【<〔][가-힣·]{{2,12}}[\])】>〕]\s?{_NAME}(?:[·,\s]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})\s?="
    # milan, march 3 (gaon news) -
    r"|[a-z][a-z ./-]{1,30}(?:, [a-z ]{2,20})?(?:, [a-z]{3,9}\.? \d{1,2}(?:, \d{4})?)?"
    r" \((?:[a-z ]{0,20}(?:news|reuters|yonhap|xinhua|kyodo|bloomberg)|ap|afp)\)"
    r" ?-{1,2}(?= )"
    # 울산/홍길동 기자 =
    rf"|[가-힣a-z·]{{2,12}}\s?[/|]\s?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})\s*="
    # 베이징=홍길동 특파원
    rf"|[가-힣a-z·]{{2,20}}\s?=\s?(?:[가-힣a-z0-9]{{2,12}}\s)?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})(?:\s*=|(?=\s))"
    r")\s*"
)
_HEAD_BYLINE = re.compile(
    rf"\s*(?:[\[(【<〔](?:[^\])】>〕\n]{{1,30}}[\s/|·,])?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})[\])】>〕]\s*=?\s*"
    rf"|(?:[가-힣a-z0-9]{{2,12}}\s)?{_NAME}(?:[·,]\s?{_NAME}){{0,3}}\s?(?:{REPORTER})\s*=\s*)"
)
_ROLE_OF_ONE = (
    rf"(?:{_spaced(_GROUPS['role'])})(?:[·,/](?:{_spaced(_GROUPS['role'])}))*\s?[:=|]\s?{_NAME}(?:[·,]\s?{_NAME})*"
    rf"(?:\s?(?:{REPORTER}))?"
)
# 취재: 정하늘 / 영상: 오세은
_ROLES = re.compile(rf"[\[(<■▣]?\s?{_ROLE_OF_ONE}(?:[\s/|,·]+{_ROLE_OF_ONE})+[\])>]?")
# 한빛뉴스 정하늘입니다.
_SIGN_OFF = re.compile(
    rf"[^.?!,\"']{{0,30}}(?:뉴스|방송|tv|kbs|mbc|sbs|ytn|jtbc|mbn|ebs|cbs)[,\s]{{1,2}}{_NAME}(?:입니다|이었습니다|였습니다)\.?"
)
_CREDIT = re.compile(
    rf"[\[(<【〔/]?\s?(?:{_spaced(_GROUPS['credit'])})\s?[=:|ⓒ©]\s?[^\])>】〕\n]{{1,40}}[\])>】〕]?\s*$"
    rf"|[\[(<【〔](?:{_spaced(_GROUPS['credit'])})[\s/][^\])>】〕\n]{{1,30}}[\])>】〕]\s*$"
    rf"|(?:^|(?<=[\s/(\[]))[\w·&.]{{2,15}}\s제공[\])]?\.?\s*$"
    rf"|[/(\[<]\s?[\w·&. ]{{2,25}}\s?(?:캡처|캡쳐|갈무리)[\])>]?\.?\s*$"
    rf"|^[\[(<■▣]?\s?{_ROLE_OF_ONE}[\])>]?$"
    r"|(?:^|(?<=[.|/)]\s)|(?<=[.|/)]))(?:사진|자료|영상|이미지)\s?제공\s[\w·&]{2,15}$"
)
_ITEM = re.compile(r"\s?(?:[-*·•‣○●□■◇◆★☆※+>]|\d{1,2}[.)]\s|[①-⑳])\s?")

LINK_BULLETS = frozenset("▶▷►☞👉➡▸🔗➤")
CAPTION_BULLETS = frozenset("▲△▼◀◁▽↑↓←→")
MAX_SHORT = 200
"""No by-line or heading is longer: what is, is story."""
MAX_NOTICE = 600
MAX_DATE = 80
MAX_CREDIT = 200
"""A line that is nothing but a credit is shorter."""
MAX_BEFORE_MAIL = 60
MAX_BEFORE_ROLE = 50
_OPENERS = frozenset("[(【<〔▲△▶▷☞■◆-*·/©ⓒ")


def is_story_by_its_end(line: str) -> bool:
    """The quick answer: long enough, starts like a sentence and ends in plain style."""
    return len(line) >= 40 and line[-2:] == "다." and line[-3] != "니" and line[0] not in _OPENERS


def is_name(word: str) -> bool:
    """Whether a word looks like the full name of a Korean: a family name and one or two syllables more."""
    if not _HANGUL_WORD.fullmatch(word) or word.endswith(_OFFICE_ENDS):
        return False
    return word[:2] in _DOUBLE_FAMILY if len(word) == 4 else len(word) in (2, 3) and word[0] in _FAMILY


def _is_signature(before: str) -> bool:
    """Whether what stands before an address at the end of a line names a person: nothing, a name, a press and a name.

    문의는 부산시 문화과 arts@example.com is a line of the story.
    """
    if len(before) > MAX_BEFORE_MAIL or "." in before:
        return False
    words = _NO_LETTERS.sub(" ", before).split()
    if not words or words[-1] in ("e-mail", "email", "이메일", "메일"):
        return len(words) <= 1
    if _ROLE.search(before):
        return len(words) <= 6 and not _ASKING.search(before)
    allowed = 3 if words[-2:-1] and words[-2].endswith(_DESK_ENDS) else 2
    return len(words) <= allowed and is_name(words[-1]) and not _ASKING.search(before)


def is_byline(line: str) -> bool:
    """Whether a short line is only who wrote it: 나라온 기자, 가온일보 나라온 기자 raon@example.com, a bare address."""
    if _SIGN_OFF.fullmatch(line) or ((":" in line or "=" in line or "|" in line) and _ROLES.fullmatch(line)):
        return True
    rest = line
    if "@" in line:
        mail = _MAILS.search(line)
        if mail is None:
            return False
        if mail.end() == len(line) and _is_signature(line[: mail.start()]):
            return True
        rest = line[: mail.start()] + line[mail.end() :]
    role = None
    for role in _ROLE.finditer(rest):  # noqa: B007 - the last one
        pass
    if role is None:
        return False
    after, before = rest[role.end() :], rest[: role.start()]
    if any(character.isalnum() for character in after) or len(before) > MAX_BEFORE_ROLE:
        return False
    return _LAST_NAME.search(before) is not None and len(before.split()) <= 6 and not _SENTENCE.search(before)


def kind_of(line: str) -> Kind:  # noqa: PLR0911, C901
    """What `line` is. It is stripped and not empty."""
    if is_story_by_its_end(line):
        return Kind.STORY
    short = len(line) <= MAX_SHORT
    packed = line.replace(" ", "") if len(line) <= MAX_NOTICE else ""
    if packed and (_ALWAYS.search(packed) or _LABEL.match(packed)):
        return Kind.NOTICE
    plain = _PLAIN.search(line) is not None
    if short and not plain:
        if _RELATED.match(line) or _RELATED_IN_BRACKETS.match(line) or _RELATED_OF_PRESS.fullmatch(line):
            return Kind.RELATED_HEAD
        if is_byline(line):
            return Kind.BYLINE
    if packed and not plain and (_NOTICE.search(packed) or _ADDRESS.search(packed)):
        return Kind.NOTICE
    if len(line) <= MAX_DATE and not plain and _DATE_LINE.match(line):
        return Kind.BYLINE
    if line[0] in LINK_BULLETS:
        return Kind.LINK
    if line[0] in CAPTION_BULLETS:
        return Kind.CAPTION
    if _ITEM.match(line):
        return Kind.ITEM
    return Kind.STORY if plain or not short or _SENTENCE.search(line) else Kind.SHORT


def head_end(line: str) -> tuple[int, bool]:
    """Length of the dateline or by-line that `line` begins with (0: none), and whether it is a dateline."""
    if "=" in line[:60] or ") -" in line[:80]:
        found = _DATELINE.match(line)
        if found is not None and not (len(line) <= MAX_CREDIT and _CREDIT.match(line)):
            return found.end(), True
    if _ROLE.search(line, 0, 60):
        found = _HEAD_BYLINE.match(line)
        if found is not None:
            return found.end(), False
    return 0, False


def tail_start(line: str) -> int:
    """Where a credit, by-line or notice begins that the line ends in; its length when there is none."""
    size = len(line)
    if line[-1:] == "." and line[-2:-1] == "다":
        return size
    found = _CREDIT.search(line, max(0, size - 80))
    if found is not None:
        return found.start()
    for end in _STORY_END.finditer(line, max(0, size - 250)):
        rest = line[end.end() :].strip()
        if rest and len(rest) <= MAX_TAIL and (is_byline(rest.lstrip("/=|")) or kind_of(rest) in _TAIL_KINDS):
            return end.end()
    return size


MAX_TAIL = 120
_TAIL_KINDS = frozenset((Kind.NOTICE, Kind.BYLINE, Kind.RELATED_HEAD))


def judge(line: str) -> tuple[Kind, int, int, bool]:
    """What `line` is, where its own words begin and end, and whether what stands before them is a dateline."""
    head, is_place = head_end(line)
    rest = line[head:]
    if not rest:
        return Kind.BYLINE, len(line), len(line), is_place
    kind = kind_of(rest)
    if head and kind in (Kind.NOTICE, Kind.BYLINE):
        return kind, 0, len(line), False
    tail = head + tail_start(rest) if kind in _TELLING else len(line)
    return kind, head, tail, is_place


_TELLING = frozenset((Kind.STORY, Kind.CAPTION, Kind.SHORT, Kind.ITEM))
