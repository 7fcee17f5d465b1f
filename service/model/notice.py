"""What a notification is to say, before anybody words it: between who decides and who writes the payload."""

from dataclasses import dataclass

from service.model.record import Format, Lang
from service.model.records import AlertRecord


@dataclass(frozen=True, slots=True)
class Change:
    """What an update says was, and is now."""

    what: str
    """headline, sentence, sources, tier: the name of what changed."""
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification; the same notice always makes the same bytes."""

    kind: str
    """alert.matched, alert.digest, alert.updated."""
    subscription: str
    sequence: int
    """Of this notification in its group; receivers order by it."""
    reason: str
    """Why this is told now."""
    alerts: tuple[AlertRecord, ...]
    """What is told. In a digest one a story, else the lead first and its copies after it; empty only in a digest."""
    timestamp_ms: int
    """When it was decided, milliseconds since the epoch."""
    format: Format = "bongsu"
    lang: Lang = "ko"
    held_count: int | None = None
    """Of a digest: how many alerts it stands for, those included that it does not list."""
    period: tuple[int, int] | None = None
    """Of a digest: from and until, milliseconds."""
    changes: tuple[Change, ...] = ()
    """Of an update or of another notification about a story that was told."""
