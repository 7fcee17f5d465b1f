"""One sentence, Korean or English, that says what a notification is about: for a chat window or a lock screen."""

from collections.abc import Sequence

from service.model.records import AlertRecord, Lang

MAX_TITLE = 80
MAX_NAME = 40
MAX_NAMES = 3
TEST = "test"
_FIRST, _LAST, _FINALS = 0xAC00, 0xD7A3, 28
_FINAL_WHEN_READ = frozenset("013678lmnrLMNR")
"""Digits and Latin letters whose Korean reading ends in a consonant: 영 일 삼 육 칠 팔, 엘 엠 엔 알."""


def summary(kind: str, alerts: Sequence[AlertRecord], lang: Lang = "ko") -> str:
    """What happened, for a person; bounded however long titles and names are."""
    return _english(kind, alerts) if lang == "en" else _korean(kind, alerts)


def _korean(kind: str, alerts: Sequence[AlertRecord]) -> str:
    if kind == TEST:
        return "[시험] 봉수가 보낸 시험 알림입니다. 실제 기사가 아닙니다."
    first = alerts[0]
    rule = short(first.rule.name or first.rule.id, MAX_NAME)
    title = f"‘{short(first.article.title or first.article.id, MAX_TITLE)}’"
    source = f"{short(first.article.source, MAX_NAME)} " if first.article.source else ""
    found = _names(alerts)
    if kind == "alert.digest" or len(alerts) > 1:
        articles = len({alert.article.id for alert in alerts})
        others = f" 외 {articles - 1}건" if articles > 1 else ""
        return (
            f"[{rule}] {source}{title}{others}, 알림 {len(alerts)}건입니다.{f' {found} 나왔습니다.' if found else ''}"
        )
    if kind == "alert.updated":
        return f"[{rule}] {source}{title} 기사가 바뀌었습니다.{f' {found} 나옵니다.' if found else ''}"
    copies = f" 같은 기사가 {first.story.copies}건 있습니다." if first.story.copies > 1 else ""
    return f"[{rule}] {source}{title}에 {found or '찾는 내용이'} 나왔습니다.{copies}"


def _english(kind: str, alerts: Sequence[AlertRecord]) -> str:
    if kind == TEST:
        return "[test] A test notification from Bongsu; there is no such article."
    first = alerts[0]
    rule = short(first.rule.name or first.rule.id, MAX_NAME)
    title = f"‘{short(first.article.title or first.article.id, MAX_TITLE)}’"
    source = f"{short(first.article.source, MAX_NAME)}: " if first.article.source else ""
    names, count = _surfaces(alerts)
    found = ", ".join(names) + (f" and {count - len(names)} more names" if count > len(names) else "")
    if kind == "alert.digest" or len(alerts) > 1:
        others = len({alert.article.id for alert in alerts}) - 1
        more = f" and {others} more article{'s' * (others > 1)}" if others else ""
        tells = f"; found: {found}" if found else ""
        return f"[{rule}] {source}{title}{more}, {len(alerts)} alerts{tells}."
    if kind == "alert.updated":
        return f"[{rule}] {source}{title} has changed{f'; it mentions {found}' if found else ''}."
    copies = f" {first.story.copies} articles tell this story." if first.story.copies > 1 else ""
    return f"[{rule}] {source}{title} mentions {found or 'what the rule looks for'}.{copies}"


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


def subject_josa(word: str) -> str:
    """`이` after a final consonant, `가` after a vowel, `이(가)` where the reading is not known."""
    last = word[-1:]
    if last and _FIRST <= ord(last) <= _LAST:
        return "이" if (ord(last) - _FIRST) % _FINALS else "가"
    if last.isascii() and last.isalnum():
        return "이" if last in _FINAL_WHEN_READ else "가"
    return "이(가)"


def short(text: str, limit: int) -> str:
    """One line of at most `limit` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
