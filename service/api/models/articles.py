"""What is answered to who publishes articles."""

from pydantic import Field

from service.api.models.common import Shown

MAX_ERRORS = 100

ARTICLE = {
    "type": "object",
    "title": "Article",
    "description": "One of text, html and title is required. What is not named here is kept, and so is "
    "what describes it (url, source, author, section, lang, published_at) and is no text: it costs no article.",
    "properties": {
        "id": {
            "description": "Chosen by you; the same id again is a new version. Default: made of source and url, "
            "else of source, title and text or html.",
            "anyOf": [{"type": "string", "minLength": 1, "maxLength": 512}, {"type": "integer"}, {"type": "null"}],
        },
        "url": {"description": "Where it was published."},
        "title": {"type": ["string", "null"]},
        "text": {"type": ["string", "null"], "description": "Plain; over 900 kB it is cut."},
        "html": {"type": ["string", "null"]},
        "source": {"description": "Name of the press."},
        "author": {},
        "section": {},
        "lang": {},
        "published_at": {"description": "RFC 3339; without an offset it is Asia/Seoul."},
    },
    "anyOf": [
        {"required": [name], "properties": {name: {"type": "string", "minLength": 1}}}
        for name in ("text", "html", "title")
    ],
    "additionalProperties": True,
    "example": {
        "source": "가온일보",
        "url": "https://news.example.org/1",
        "title": "가람시, 나루군과 협약",
        "text": "가람시는 1일 나루군과 협약을 맺었다고 밝혔다.",
        "published_at": "2026-03-01T09:00:00+09:00",
    },
}
"""As contract 3.1 has it; the route reads the bytes itself."""


class ArticleTaken(Shown):
    """One article that Kafka has acknowledged."""

    id: str = Field(description="Its id: the one given, or the one made.")


class LineError(Shown):
    """A line that is no article."""

    line: int = Field(description="From 1; blank lines are counted.")
    error: str


class ArticlesTaken(Shown):
    """Of many articles: what Kafka has acknowledged, and what was refused."""

    accepted: int = Field(description="Acknowledged by Kafka.")
    rejected: int = Field(description="Lines that are no articles. They cost nothing but themselves.")
    errors: list[LineError] = Field(description=f"Of the lines rejected, the first {MAX_ERRORS}.")
