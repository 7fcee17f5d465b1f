"""The first article of a story and what becomes of it: another headline, other sentences, a correction, a takedown."""

import re

from service.alerting.modes.answers import Answer, Asked, Suppress, Tell, is_version, sentences_of, title_of
from service.alerting.modes.first import again

UPDATES = frozenset({"headline_changed", "sentence_changed", "correction", "taken_down"})
"""Reasons that make an `alert.updated`."""
_CORRECTION = re.compile(
    r"정정(?:합니다|보도|문|기사)?(?=$|[\s\]\)·:])|바로잡습니다|\bcorrect(?:ion|ed)\b", re.IGNORECASE
)


def answer(asked: Asked) -> Answer:
    """News once, then at each change of the article that was told or of a newer version of it."""
    alert, told = asked.alert, asked.told
    if alert.story.role == "taken_down":
        gone = told is not None and alert.article.id == told.article
        return Tell("taken_down") if gone else Suppress("taken_down")
    if told is None:
        return Tell("first")
    if is_version(alert, told):
        title = title_of(alert)
        if title != told.title:
            corrected = _CORRECTION.search(title) and not _CORRECTION.search(told.title)
            return Tell("correction" if corrected else "headline_changed")
        if sentences_of(alert) != told.sentences:
            return Tell("sentence_changed")
    return again(asked)
