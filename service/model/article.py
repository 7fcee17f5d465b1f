"""An article as it was published, after decoding and before anything was read out of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MAX_TEXT_BYTES = 900_000
"""Over this the text is cut and the article flagged `partial` (contract 3.1)."""


@dataclass(frozen=True, slots=True)
class Article:
    """One version of an article (contract 3.1). `text`, `html` and `title` are exactly what was given."""

    id: str
    title: str | None = None
    text: str | None = None
    html: str | None = None
    url: str | None = None
    source: str | None = None
    author: str | None = None
    section: str | None = None
    lang: str | None = None
    published_at: str | None = None
    """RFC 3339 with an offset; a naive time was taken as Asia/Seoul."""
    partial: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Fields that Bongsu does not know or could not read, kept as they came."""
    unread: tuple[str, ...] = ()
    """Names of fields that Bongsu knows but could not read, such as a `published_at` that is no time."""
