"""One sentence, Korean or English, that says what a notification is about: for a chat window or a lock screen."""

import re
from collections.abc import Sequence

from service.model.notice import Notice
from service.model.records import AlertRecord

MAX_TITLE = 80
MAX_NAME = 40
MAX_NAMES = 3
TEST = "test"
_FIRST, _LAST, _FINALS, _FINAL_L = 0xAC00, 0xD7A3, 28, 8
_FINAL_WHEN_READ = frozenset("013678lmnrLMNR")
"""Digits and Latin letters whose Korean reading ends in a consonant: 영 일 삼 육 칠 팔, 엘 엠 엔 알."""
_WORD_WITH_FINAL = re.compile(r"(?:[lmn]|ng|[bcdgkpt]le)$")
_WORD_WITHOUT = re.compile(r"[aiouyr]$")
"""Ends of Latin words, which are read and not spelled: Google 구글, Samsung 삼성; Tesla 테슬라, Naver 네이버."""


def summary(notice: Notice) -> str:
    """What happened, for a person; bounded however long titles and names are."""
    korean = notice.lang == "ko"
    if notice.kind == TEST:
        return (
            "[시험] 봉수가 보낸 시험 알림입니다. 실제 기사가 아닙니다."
            if korean
            else "[test] A test notification from Bongsu; there is no such article."
        )
    if not notice.alerts:
        return (
            "[정기 요약] 이번에는 전할 기사가 없습니다. 봉수는 잘 돌고 있습니다."
            if korean
            else "[digest] No stories this time; Bongsu is up and watching."
        )
    return _korean(notice) if korean else _english(notice)


def _is_list(notice: Notice) -> bool:
    """Several stories, and not one with its copies."""
    return notice.kind == "alert.digest" or (len(notice.alerts) > 1 and notice.reason != "group_wait")


_WHY_KO = {
    "digest": "정기 요약, ",
    "throttle": "알림 간격을 두느라 모아 둔 소식, ",
    "cap": "시간당 한도를 넘어 모아 둔 소식, ",
    "quiet_hours": "방해 금지 시간에 모아 둔 소식, ",
    "silence_ended": "알림을 꺼 둔 동안의 소식, ",
    "frequency": "짧은 시간에 몰린 소식, ",
}
_WHY_EN = {
    "digest": "Digest: ",
    "throttle": "Held by the throttle: ",
    "cap": "Beyond the hour's limit: ",
    "quiet_hours": "Held in quiet hours: ",
    "silence_ended": "Held by a silence that is over: ",
    "frequency": "Many stories at once: ",
}
_CHANGED_KO = {
    "sentence_changed": "기사에서 찾던 대목이 바뀌었습니다.",
    "correction": "기사가 정정되었습니다.",
    "taken_down": "기사가 삭제되었습니다.",
}
_CHANGED_EN = {
    "sentence_changed": "has other sentences where it mentions what the rule looks for",
    "correction": "was corrected",
    "taken_down": "was taken down",
}


def _korean(notice: Notice) -> str:
    alerts, first = notice.alerts, notice.alerts[0]
    rule = f"[{_rules(notice, ' 외 ', '')}]"
    title = f"‘{short(first.article.title or first.article.id, MAX_TITLE)}’"
    source = f"{short(first.article.source, MAX_NAME)} " if first.article.source else ""
    found = _names(alerts)
    if _is_list(notice):
        articles = len({alert.article.id for alert in alerts})
        others = f" 외 {articles - 1}건" if articles > 1 else ""
        why, count = _WHY_KO.get(notice.reason, ""), notice.held_count or len(alerts)
        tells = f" {found} 나왔습니다." if found else ""
        return f"{rule} {why}{source}{title}{others}, 알림 {count}건입니다.{tells}"
    if notice.kind == "alert.updated" or notice.reason == "headline":
        if (before := _headline_before(notice)) is not None and notice.reason != "correction":
            return (
                f"{rule} {source}기사 제목이 ‘{short(before, MAX_TITLE)}’에서 {title}{_direction(title)} 바뀌었습니다."
            )
        changed = _CHANGED_KO.get(notice.reason, "기사가 바뀌었습니다.")
        mentions = f" {found} 나옵니다." if found and notice.reason != "taken_down" else ""
        return f"{rule} {source}{title} {changed}{mentions}"
    copies = f" 같은 기사가 {first.story.copies}건 있습니다." if first.story.copies > 1 else ""
    if notice.reason == "sources":
        copies = f" 이제 {first.story.sources}개 매체가 다룹니다."
    if notice.reason == "tier":
        copies = " 더 비중 있는 매체가 다루었습니다."
    return f"{rule} {source}{title}에 {found or '찾는 내용이'} 나왔습니다.{copies}"


def _english(notice: Notice) -> str:
    alerts, first = notice.alerts, notice.alerts[0]
    rule = f"[{_rules(notice, ' and ', ' more')}]"
    title = f"‘{short(first.article.title or first.article.id, MAX_TITLE)}’"
    source = f"{short(first.article.source, MAX_NAME)}: " if first.article.source else ""
    names, count = _surfaces(alerts)
    found = ", ".join(names) + (f" and {count - len(names)} more names" if count > len(names) else "")
    if _is_list(notice):
        others = len({alert.article.id for alert in alerts}) - 1
        more = f" and {others} more article{'s' * (others > 1)}" if others else ""
        tells = f"; found: {found}" if found else ""
        total = notice.held_count or len(alerts)
        why = _WHY_EN.get(notice.reason, "")
        return f"{rule} {why}{source}{title}{more}, {total} alert{'s' * (total != 1)}{tells}."
    if notice.kind == "alert.updated" or notice.reason == "headline":
        if (before := _headline_before(notice)) is not None and notice.reason != "correction":
            return f"{rule} {source}the headline ‘{short(before, MAX_TITLE)}’ is now {title}."
        changed = _CHANGED_EN.get(notice.reason, "has changed")
        return (
            f"{rule} {source}{title} {changed}{f'; it mentions {found}' if found and changed == 'has changed' else ''}."
        )
    copies = f" {first.story.copies} articles tell this story." if first.story.copies > 1 else ""
    if notice.reason == "sources":
        copies = f" {first.story.sources} sources tell it now."
    if notice.reason == "tier":
        copies = " A source of a higher tier tells it."
    return f"{rule} {source}{title} mentions {found or 'what the rule looks for'}.{copies}"


def _headline_before(notice: Notice) -> str | None:
    return next((one.before for one in notice.changes if one.what == "headline"), None)


def _rules(notice: Notice, joint: str, end: str) -> str:
    """The first rule's name, and how many others there are."""
    first = notice.alerts[0].rule
    others = len({alert.rule.id for alert in notice.alerts}) - 1
    name = short(first.name or first.id, MAX_NAME)
    return f"{name}{joint}{others}{end}" if others else name


def _surfaces(alerts: Sequence[AlertRecord]) -> tuple[list[str], int]:
    """The first few different names, and how many there are."""
    names = list(dict.fromkeys(mention.surface for alert in alerts for mention in alert.mentions))
    return [short(name, MAX_NAME) for name in names[:MAX_NAMES]], len(names)


def _names(alerts: Sequence[AlertRecord]) -> str:
    shown, count = _surfaces(alerts)
    if not shown:
        return ""
    if count > MAX_NAMES:
        return f"{', '.join(shown)} 등 이름 {count}개가"
    return ", ".join(shown) + subject_josa(shown[-1])


def _direction(quoted: str) -> str:
    """`로` after a vowel or ㄹ, `으로` after another consonant, `(으)로` where the reading is not known."""
    last = quoted.rstrip("’")[-1:]
    if last and _FIRST <= ord(last) <= _LAST:
        return "으로" if (ord(last) - _FIRST) % _FINALS not in (0, _FINAL_L) else "로"
    return "(으)로"


def subject_josa(word: str) -> str:
    """`이` after a final consonant, `가` after a vowel, `이(가)` where the reading is not known."""
    last = word[-1:]
    if last and _FIRST <= ord(last) <= _LAST:
        return "이" if (ord(last) - _FIRST) % _FINALS else "가"
    latin = word.rpartition(" ")[2]
    if latin.isascii() and latin[-2:].isalpha() and not latin.isupper() and last.islower():
        if _WORD_WITH_FINAL.search(latin):
            return "이"
        return "가" if _WORD_WITHOUT.search(latin) else "이(가)"
    if last.isascii() and last.isalnum():
        return "이" if last in _FINAL_WHEN_READ else "가"
    return "이(가)"


def short(text: str, limit: int) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
