"""Every article, and every version of it that says something else: for those who count."""

from service.alerting.modes.answers import Answer, Asked, Suppress, Tell


def answer(asked: Asked) -> Answer:
    """Always news, unless the article is gone."""
    return Suppress("taken_down") if asked.alert.story.role == "taken_down" else Tell("each")
