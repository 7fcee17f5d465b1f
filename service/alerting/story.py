"""Stories: which articles tell the same thing. The ladder of `join`, over an index that a table's items rebuild."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from service.alerting.place import Place
from service.model.records import ArticleHead, MatchRecord, RuleMatch, StoryHead


@dataclass(frozen=True, slots=True)
class StoryLimits:
    """How long and how much is remembered."""

    window_ms: int = 72 * 3_600_000
    """An article joins a story of which a member came no longer ago."""
    max_entries: int = 200_000
    """Articles remembered at most, over all partitions; the oldest are forgotten first."""
    redated_after_ms: int = 48 * 3_600_000
    """An article published so long before it came is no news; 0: never said."""


@dataclass(frozen=True, slots=True)
class StoryStep:
    """What one match record did."""

    key: bytes
    value: bytes | None
    """To be stored under `key` before anything is sent; None: nothing new."""
    story: StoryHead
    article: ArticleHead
    """As the alerts show it: of an article that was taken down what was last known."""
    matches: tuple[RuleMatch, ...]
    """To address: those of the record; of an article that was taken down those that it had."""


class Stories:
    """The index over one or more partitions of the table. Pure: the same calls give the same answers."""

    def __init__(self, limits: StoryLimits, stored: Callable[[bytes], bytes | None]) -> None:
        """`stored` reads the table (for repeats, versions, takedowns); it must see the values of earlier steps."""
        raise NotImplementedError

    def rebuild(self, partition: int, items: Iterable[tuple[bytes, bytes]]) -> None:
        """Index what the table holds of a partition, in any order; what was indexed of it before is forgotten."""
        raise NotImplementedError

    def forget(self, partition: int) -> None:
        """The partition went to another worker."""
        raise NotImplementedError

    def step(self, record: MatchRecord, place: Place) -> StoryStep:
        """Say which story the article belongs to. The same record at any place again: the same answer."""
        raise NotImplementedError

    def expire(self, place: Place, limit: int) -> list[bytes]:
        """Forget at most `limit` entries that are too old or too many; returns the keys to delete from the table."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Articles remembered."""
        raise NotImplementedError
