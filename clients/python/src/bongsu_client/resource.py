"""What the groups of methods share: a call whose answer has a type, and lists."""

from collections.abc import Mapping
from typing import Any, TypeVar, cast
from urllib.parse import quote

from bongsu_client.pages import Page, Pages
from bongsu_client.transport import Transport

T = TypeVar("T")
PAGE = 100
"""Items that are asked for at once: as many as the API gives."""


class Resource:
    """A part of the API."""

    _transport: Transport

    def _json(self, _: type[T], method: str, path: str, **how: Any) -> T:
        return cast("T", self._transport.call(method, path, **how).json)

    def _pages(self, _: type[T], path: str, query: Mapping[str, Any], limit: int, cursor: str | None) -> Pages[T]:
        def read(at: str | None) -> Page[T]:
            said = self._transport.call("GET", path, query={**query, "limit": limit, "cursor": at}).json
            return Page(cast("list[T]", said["items"]), said["next_cursor"])

        return Pages(read, cursor)


def path_of(*parts: str) -> str:
    """What stands below /v1, e.g. `path_of("deliveries", delivery_id)`: an id may hold anything."""
    return "/".join(["/v1", *(quote(part, safe="") for part in parts)])


def matching(etag: str | int | None) -> dict[str, str | None]:
    """`If-Match` of a revision, or of an ETag as it stood in an answer."""
    if etag is None:
        return {"If-Match": None}
    text = str(etag)
    return {"If-Match": text if text == "*" or text.startswith('"') else f'"{text}"'}


def keyed(key: str | None) -> dict[str, str | None]:
    """`Idempotency-Key`; None: one is chosen."""
    return {"Idempotency-Key": key}
