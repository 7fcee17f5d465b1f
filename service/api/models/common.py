"""What several resources share."""

import re
from datetime import UTC, datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    WithJsonSchema,
)

EXAMPLE_TIME = "2026-03-01T09:00:00.000Z"
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d")
_MIN = datetime(1970, 1, 1, tzinfo=UTC)
_MAX = datetime(2200, 1, 1, tzinfo=UTC)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _written(value: object) -> object:
    """A number is no time, though pydantic would take it for seconds since 1970."""
    if isinstance(value, datetime) or (isinstance(value, str) and _RFC_3339.match(value)):
        return value
    raise ValueError("is not a time as RFC 3339 has it, such as " + EXAMPLE_TIME)


def _sane(at: datetime) -> datetime:
    """Nothing that is asked for lies further off."""
    return min(max(at, _MIN), _MAX)


def whole(value: object) -> object:
    """Before an `int` is read: in JSON 512.0 is a whole number too."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Time = Annotated[
    datetime,
    PlainSerializer(_text, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time", "examples": [EXAMPLE_TIME]}),
]
"""In answers: RFC 3339, UTC, milliseconds."""

GivenTime = Annotated[AwareDatetime, Field(strict=False), BeforeValidator(_written), AfterValidator(_sane)]
"""In requests: RFC 3339 with an offset."""


def at(ms: int) -> datetime:
    """Milliseconds since the epoch as a time."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def at_or_none(ms: int | None) -> datetime | None:
    """The same, where there may be none."""
    return None if ms is None else at(ms)


def ms_of(time: datetime) -> int:
    """A time as milliseconds since the epoch."""
    return round(time.timestamp() * 1000)


class Given(BaseModel):
    """Base of what comes in: nothing unknown, nothing converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Shown(BaseModel):
    """Base of what goes out."""

    model_config = ConfigDict(frozen=True)
