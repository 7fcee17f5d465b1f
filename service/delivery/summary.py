"""One Korean sentence that says what a notification is about: what a chat window or a lock screen shows."""

from collections.abc import Sequence

from service.model.records import AlertRecord

MAX_TITLE = 80
MAX_NAME = 40
MAX_NAMES = 3
_FIRST, _LAST, _FINALS = 0xAC00, 0xD7A3, 28
_FINAL_WHEN_READ = frozenset("013678lmnrLMNR")
"""Digits and Latin letters whose Korean reading ends in a consonant: 영 일 삼 육 칠 팔, 엘 엠 엔 알."""


def summary(kind: str, alerts: Sequence[AlertRecord]) -> str:
    """What happened, for a person; bounded however long titles and names are."""
    first = alerts[0]
    rule = _short(first.rule.name or first.rule.id, MAX_NAME)
    title = f"‘{_short(first.article.title or first.article.id, MAX_TITLE)}’"
    source = f"{_short(first.article.source, MAX_NAME)} " if first.article.source else ""
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


def _names(alerts: Sequence[AlertRecord]) -> str:
    names = list(dict.fromkeys(mention.surface for alert in alerts for mention in alert.mentions))
    if not names:
        return ""
    shown = [_short(name, MAX_NAME) for name in names[:MAX_NAMES]]
    if len(names) > MAX_NAMES:
        return f"{', '.join(shown)} 등 이름 {len(names)}개가"
    return ", ".join(shown) + subject_josa(shown[-1])


def subject_josa(word: str) -> str:
    """`이` after a final consonant, `가` after a vowel, `이(가)` where the reading is not known."""
    last = word[-1:]
    if last and _FIRST <= ord(last) <= _LAST:
        return "이" if (ord(last) - _FIRST) % _FINALS else "가"
    if last.isascii() and last.isalnum():
        return "이" if last in _FINAL_WHEN_READ else "가"
    return "이(가)"


def _short(text: str, limit: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1] + "…"
