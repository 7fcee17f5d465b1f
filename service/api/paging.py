"""Lists in pages: `limit` and an opaque `cursor`. No change moves the order, so no page skips or repeats."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

import orjson
from fastapi import Query
from pydantic import BaseModel, Field

from service.api.problems import ApiProblem

MAX_LIMIT = 100
DEFAULT_LIMIT = 50
T = TypeVar("T")
R = TypeVar("R")

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Items of one page at most.")]
Cursor = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=1_000,
        description="`next_cursor` of the page before; with the same filters.",
    ),
]


class Page(BaseModel, Generic[T]):
    """Some of a list."""

    items: list[T]
    next_cursor: str | None = Field(description="Of the page that follows; null: this is the last.")


@dataclass(frozen=True, slots=True)
class Keys:
    """Cursors of one list with its filters: they hold where a page ended, and what was asked for."""

    asked: str

    @classmethod
    def of(cls, name: str, filters: Mapping[str, Any]) -> "Keys":
        """`name` of the list; `filters` as they were given."""
        said = orjson.dumps([name, filters], option=orjson.OPT_SORT_KEYS, default=str)
        return cls(hashlib.sha256(said).hexdigest()[:12])

    def write(self, key: Iterable[str | int]) -> str:
        """Of the page that begins after `key`."""
        return base64.urlsafe_b64encode(orjson.dumps([self.asked, *key])).decode().rstrip("=")

    def read(self, cursor: str | None, types: tuple[type, ...]) -> tuple[Any, ...] | None:
        """The key that a page begins after, its parts of these `types`; None: it is the first.

        Raises:
            ApiProblem: it is no cursor of this list with these filters.
        """
        if cursor is None:
            return None
        try:
            asked, *key = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        except (ValueError, TypeError, binascii.Error):
            asked, key = None, []
        if asked != self.asked or tuple(map(type, key)) != types:
            raise ApiProblem(
                "invalid-request",
                "cursor: it is not one of this list with these filters; begin again without it",
                errors=[{"parameter": "cursor", "detail": "it is not one of this list with these filters"}],
            )
        return tuple(key)


def newest_first(  # noqa: PLR0913 - each is a separate fact
    records: Iterable[R],
    keys: Keys,
    cursor: str | None,
    limit: int,
    *,
    key: Callable[[R], tuple[int, str]],
    shown: Callable[[R], T],
) -> Page[T]:
    """A page of what is all in memory, by `key` (time, id) from the highest on."""
    after = keys.read(cursor, (int, str))
    found = sorted((one for one in records if after is None or key(one) < after), key=key, reverse=True)
    page = found[:limit]
    more = len(found) > limit
    return Page(items=[shown(one) for one in page], next_cursor=keys.write(key(page[-1])) if more else None)
