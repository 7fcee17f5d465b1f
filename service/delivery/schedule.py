"""When a delivery is tried again, and in which retry tier it rests until then.

Time and luck are arguments, so a test can load the dice. Jitter and Retry-After only ever add to a wait: a receiver
that asks for peace gets at least as much as the schedule gives it.
"""

from collections.abc import Sequence
from datetime import UTC
from email.utils import parsedate_to_datetime

from service.model.topics import RETRY_TIERS_S

RETRY_AFTER_CAP_S = 3600.0
"""A receiver may ask for an hour; beyond that one header would hold an alert for years."""


def next_wait(  # noqa: PLR0913 - each is a separate fact
    schedule_s: Sequence[float], attempts_made: int, *, retry_after_s: float | None, luck: float, jitter: float,
    late_s: float = 0.0,
) -> float | None:  # fmt: skip
    """Seconds from the failed attempt to the next one; None when the schedule is used up.

    Args:
        schedule_s: waits after the 1st, 2nd, ... attempt.
        attempts_made: at least 1: the one that just failed is counted.
        retry_after_s: what the answer asked for.
        luck: in [0, 1).
        jitter: share of the wait that luck adds at most.
        late_s: how much later than it was due the failed attempt was made, because others had to be asked first. It
            is taken off the wait, so that a queue of ours does not add up from step to step: off the jitter as long as
            it is no more than that may be, so that a busy moment never makes a wait shorter than the schedule says,
            else at most half of the wait: a schedule must not be run through in one go after we were away.
    """
    if attempts_made > len(schedule_s):
        return None
    wait = schedule_s[attempts_made - 1]
    asked = 0.0 if retry_after_s is None else min(retry_after_s, RETRY_AFTER_CAP_S)
    spread = 1.0 + jitter * luck
    made_up = min(max(late_s, 0.0), jitter * luck * wait if late_s <= jitter * wait else wait / 2)
    return max(wait * spread - made_up, asked * spread)


def retry_after(value: str | None, now_s: float) -> float | None:
    """Seconds that a Retry-After header asks for, from seconds or an HTTP date; None for what is neither or is over."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text[:12])
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:  # asctime, or -0000: HTTP dates are UTC whatever they say of it, never our zone
            date = date.replace(tzinfo=UTC)
        seconds = date.timestamp() - now_s
    except (ValueError, TypeError, OverflowError):
        return None
    return seconds if seconds > 0 else None


def tier_for(remaining_s: float, tiers_s: Sequence[int] = RETRY_TIERS_S) -> int | None:
    """The largest tier that does not overshoot; None when even the smallest would: wait in memory."""
    return max((tier for tier in tiers_s if tier <= remaining_s), default=None)
