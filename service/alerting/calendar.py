"""When a digest is due and when quiet hours end, on the wall clock of a policy's time zone.

Both follow the one definition of `service/model/local_time.py`: a local time is the first instant at which the wall
clock shows it or a later one. So a digest never falls out for a clock that jumps, and never comes twice for one that is
set back.
"""

from datetime import date
from functools import lru_cache

from service.alerting.policy import Policy, Quiet
from service.model.local_time import first_ms, local_of, wall_time
from service.model.policy import zone_of

_DAYS_AHEAD = 16
"""Two weeks and a day: a zone may leave out the one day of a week on which a digest comes."""
_MAX_SPANS = 400
"""Spans of quiet that follow each other. Those that never end are refused where they are written."""


def next_digest_ms(policy: Policy, now_ms: int) -> int:
    """The first instant after `now_ms` at which a digest is due; milliseconds since the epoch, as all times here."""
    today = _today(policy, now_ms)
    # From yesterday on: a clock that is set back at midnight shows yesterday again.
    for day in range(today - 1, today + _DAYS_AHEAD):
        if _weekday(day) in policy.digest.days:
            for minute in policy.digest.minutes:
                due_ms = _first_ms(policy.timezone, day, minute)
                if due_ms > now_ms:
                    return due_ms
    raise AssertionError(f"no digest in {_DAYS_AHEAD} days: {policy.digest}")


def quiet_until_ms(policy: Policy, now_ms: int) -> int | None:
    """When the quiet hours end in which `now_ms` lies; None when it lies in none. Spans that touch are one."""
    until_ms = now_ms
    for _ in range(_MAX_SPANS):
        end_ms = _span_end_ms(policy, until_ms)
        if end_ms is None:
            break
        until_ms = end_ms
    return None if until_ms == now_ms else until_ms


def _span_end_ms(policy: Policy, at_ms: int) -> int | None:
    """The latest end of the spans that an instant lies in."""
    if not policy.quiet:
        return None
    spans = _spans(policy.timezone, policy.quiet, _today(policy, at_ms))
    return max((end_ms for start_ms, end_ms in spans if start_ms <= at_ms < end_ms), default=None)


@lru_cache(maxsize=1_000)
def _spans(timezone: str, quiet: tuple[Quiet, ...], today: int) -> tuple[tuple[int, int], ...]:
    """Beginning and end of all that may hold an instant of a day. Remembered: every alert of the day asks for them."""
    return tuple(
        (_first_ms(timezone, day, span.since_minute), _first_ms(timezone, day, span.until_minute))
        for span in quiet
        for day in (today - 2, today - 1, today, today + 1)
        if _weekday(day) in span.days
    )


def _today(policy: Policy, now_ms: int) -> int:
    return local_of(zone_of(policy.timezone), now_ms).toordinal()


def _weekday(ordinal: int) -> int:
    return (ordinal + 6) % 7  # of date.fromordinal(ordinal): day 1 was a Monday


@lru_cache(maxsize=10_000)
def _first_ms(timezone: str, ordinal: int, minute: int) -> int:
    """Remembered, as what it is asked for again and again."""
    return first_ms(zone_of(timezone), wall_time(date.fromordinal(ordinal), minute))
