"""Lists that come in pages, read as one: the next page is asked for when it is reached."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some of a list."""

    items: list[T]
    next_cursor: str | None
    """Of the page that follows; None: this is the last."""


class Pages(Generic[T]):
    """A list: iterate over its items, or over `pages()` to keep a cursor. Each iteration asks the API anew."""

    def __init__(self, read: Callable[[str | None], Page[T]], cursor: str | None = None) -> None:
        """`read` asks for the page of a cursor."""
        self._read = read
        self._cursor = cursor

    def __iter__(self) -> Iterator[T]:
        for page in self.pages():
            yield from page.items

    def pages(self) -> Iterator[Page[T]]:
        """Page by page."""
        cursor = self._cursor
        while True:
            page = self._read(cursor)
            yield page
            if page.next_cursor is None:
                return
            cursor = page.next_cursor

    def first_page(self) -> Page[T]:
        """One request."""
        return next(self.pages())
