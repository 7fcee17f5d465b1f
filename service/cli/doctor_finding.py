"""What the doctor's checks have in common: one finding a line, with what to do about it."""

import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from service.settings import Settings

Level = Literal["ok", "warning", "error"]
NAMED = 5
"""Of many alike so many are named; the rest is counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor."""

    level: Level
    about: str
    """One word: kafka, topics, clock, ..."""
    text: str
    """What was found."""
    todo: str = ""
    """What to do about it; empty where all is well."""


Check = Callable[[Settings], AsyncIterator[Finding]]


def level_of(value: float, warning: float, error: float) -> Level:
    """By two limits; at a limit it counts already."""
    return "error" if value >= error else "warning" if value >= warning else "ok"


def some(names: Iterable[str]) -> str:
    """The first few of them, and how many more there are."""
    known = sorted(names)
    more = len(known) - NAMED
    return ", ".join(known[:NAMED]) + (f" and {more} more" if more > 0 else "")


def now_ms() -> int:
    """The clock, milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def span(seconds: float) -> str:
    """A length of time for people: `40 s`, `12 min`, `3 h`, `5 days`."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
