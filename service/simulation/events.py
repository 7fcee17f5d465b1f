"""What can happen on a simulated day. All times are milliseconds since the epoch, UTC."""

from dataclasses import dataclass
from typing import TypeAlias

from service.model.control_records import SilenceRecord, SubscriptionRecord


@dataclass(frozen=True, slots=True)
class Published:
    """An article was published: the value as it would stand on the topic `articles`."""

    at_ms: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class TakenDown:
    """An article was removed."""

    at_ms: int
    article: str


@dataclass(frozen=True, slots=True)
class Silenced:
    """Somebody added a silence, or changed one of the same id."""

    at_ms: int
    silence: SilenceRecord


@dataclass(frozen=True, slots=True)
class Lifted:
    """Somebody ended a silence."""

    at_ms: int
    silence: str


@dataclass(frozen=True, slots=True)
class Subscribed:
    """A subscription was added, or changed."""

    at_ms: int
    subscription: SubscriptionRecord


@dataclass(frozen=True, slots=True)
class Unsubscribed:
    """A subscription was removed."""

    at_ms: int
    subscription: str


@dataclass(frozen=True, slots=True)
class Outage:
    """The workers stand still: what comes meanwhile is worked off when they are back."""

    at_ms: int
    until_ms: int


Event: TypeAlias = Published | TakenDown | Silenced | Lifted | Subscribed | Unsubscribed | Outage
