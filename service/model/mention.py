"""A mention: one place in an article where a watched surface stands, and what was decided about it."""

from enum import StrEnum
from typing import Literal, NamedTuple

Field = Literal["title", "text", "html"]
Via = Literal["title", "compound"]


class Reason(StrEnum):
    """Why an occurrence does not count. In the order in which they are asked: the first that holds is given."""

    ZONE = "zone"
    DUPLICATE = "duplicate"
    NOT_IN = "not_in"
    BOUNDARY = "boundary"
    TITLE = "title"
    COMPOUND = "compound"
    AMBIGUOUS = "ambiguous"


class Zone(StrEnum):
    """Where in an article something stands. Quote, lead and body nest; the innermost is named."""

    TITLE = "title"
    SUBHEAD = "subhead"
    LEAD = "lead"
    BODY = "body"
    CAPTION = "caption"
    QUOTE = "quote"
    DATELINE = "dateline"
    BYLINE = "byline"
    RELATED = "related"
    BOILERPLATE = "boilerplate"


UNCOUNTED_ZONES = frozenset({Zone.DATELINE, Zone.BYLINE, Zone.RELATED, Zone.BOILERPLATE})
"""What is written there is not what the article says; counted only where a rule asks for the zone by name."""


class Mention(NamedTuple):
    """An occurrence of a surface (contract 3.3). Offsets are code points into the field as it was given.

    Some are made for every article, and a tuple costs half of a frozen dataclass.
    """

    entity: str | None
    """Entity id; None for a literal of a rule."""
    surface: str
    text: str
    """The whole eojeol as given, e.g. `서울시와`."""
    field: Field
    zone: Zone
    start: int
    end: int
    confidence: float = 1.0
    via: Via | None = None
    reason: Reason | None = None
    """None when it counts."""
