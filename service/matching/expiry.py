"""Until when a rule is in force: the end of the day that it names, where its readers live."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta, timezone

from service.matching.entities import Rule

_SEOUL = timezone(timedelta(hours=9))
"""As naive times of articles are read (contract 3.1); it has no summer time."""


def expires_s(day: str) -> float:
    """The second, since the epoch, from which a rule that says `expires: day` does not fire: the day itself counts.

    Raises:
        ValueError: no date as 2026-12-31.
    """
    year, month, number = (int(part) for part in day.split("-"))
    if date(year, month, number).isoformat() != day:
        raise ValueError(day)
    return (datetime(year, month, number, tzinfo=_SEOUL) + timedelta(days=1)).timestamp()


def expired(rules: Iterable[Rule], now_s: float) -> Iterator[Rule]:
    """Those that do not fire any more."""
    return (rule for rule in rules if rule.expires is not None and expires_s(rule.expires) <= now_s)
