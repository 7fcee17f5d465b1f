"""Times of day where people live: the wall clock jumps and is set back, and both are said exactly.

One definition serves all: **a local time is the first instant at which the wall clock shows it or a later one.** So
02:30 of a night in which the clock jumps from 02:00 to 03:00 is the moment of the jump, and of a night in which it is
set back from 03:00 to 02:00 it is the first 02:30. Instants are milliseconds since the epoch, UTC.
"""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

KOREA = ZoneInfo("Asia/Seoul")
"""Where naive times of articles and the days of rules are read (contract 3.1)."""
_MINUTE = timedelta(minutes=1)
_MIDNIGHT = datetime.min.time()
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


def local_of(zone: ZoneInfo, now_ms: int) -> datetime:
    """What the wall clock shows at an instant, without a zone."""
    return (_EPOCH + now_ms * _MS).astimezone(zone).replace(tzinfo=None)


def wall_time(day: date, minute: int) -> datetime:
    """`minute` minutes after midnight of `day` on the wall clock; 1440 is the midnight after it."""
    return datetime.combine(day, _MIDNIGHT) + minute * _MINUTE


def exists(zone: ZoneInfo, wall: datetime) -> bool:
    """Whether the wall clock ever shows it."""
    return _shown(wall.replace(tzinfo=zone).astimezone(UTC), zone) == wall


def first_ms(zone: ZoneInfo, wall: datetime) -> int:
    """The first instant at which the wall clock shows `wall` or later."""
    at = wall.replace(tzinfo=zone).astimezone(UTC)  # fold 0: of two times the first; of a jump, an instant after it
    if _shown(at, zone) != wall:
        before = wall.replace(tzinfo=zone, fold=1).astimezone(UTC)
        while at - before > timedelta(seconds=1):  # before the jump < the jump <= at
            middle = before + timedelta(seconds=(at - before) // timedelta(seconds=2))
            before, at = (middle, at) if _shown(middle, zone) < wall else (before, middle)
    return (at - _EPOCH) // _MS


def _shown(at: datetime, zone: ZoneInfo) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None)
