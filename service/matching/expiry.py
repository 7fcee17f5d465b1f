"""Until when a rule is in force: the end of the day that it names, where its readers live."""

from collections.abc import Iterable, Iterator
from datetime import date

from service.matching.entities import Rule
from service.model.local_time import KOREA, first_ms, wall_time

_DAY_MINUTES = 1440


def expires_s(day: str) -> float:
    """The second, since the epoch, from which a rule that says `expires: day` does not fire: the day itself counts.

    Raises:
        ValueError: no date as 2026-12-31.
    """
    year, month, number = (int(part) for part in day.split("-"))
    last = date(year, month, number)
    if last.isoformat() != day:
        raise ValueError(day)
    return first_ms(KOREA, wall_time(last, _DAY_MINUTES)) / 1000


def expired(rules: Iterable[Rule], now_s: float) -> Iterator[Rule]:
    """Those that do not fire any more."""
    return (rule for rule in rules if rule.expires is not None and expires_s(rule.expires) <= now_s)
