"""Digest times and quiet hours against an oracle that looks at the wall clock minute by minute."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import event, example, given, settings
from hypothesis import strategies as st

from service.alerting.calendar import next_digest_ms, quiet_until_ms
from service.alerting.policy import Digest, Policy, Quiet
from service.model.local_time import exists, first_ms, local_of

MINUTE_MS = 60_000
MINUTE = timedelta(minutes=1)
ZONES = [
    "Asia/Seoul",
    "Europe/Berlin",  # an hour, at 02:00 and at 03:00
    "America/New_York",
    "Africa/Cairo",  # jumps at midnight: 00:00 does not exist
    "America/Havana",  # set back at 01:00 to midnight: a day begins twice
    "America/Scoresbysund",  # set back at midnight: the day before comes again
    "Australia/Lord_Howe",  # half an hour
    "Pacific/Apia",  # left out 2011-12-30
    "Asia/Kathmandu",
]
CHANGES = [
    datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin, Scoresbysund
    datetime(2026, 10, 25, 1, tzinfo=UTC),
    datetime(2026, 3, 8, 6, tzinfo=UTC),  # New York, Havana
    datetime(2026, 11, 1, 6, tzinfo=UTC),
    datetime(2026, 4, 23, 22, tzinfo=UTC),  # Cairo
    datetime(2026, 10, 29, 21, tzinfo=UTC),
    datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe
    datetime(2026, 10, 3, 15, tzinfo=UTC),
    datetime(2011, 12, 30, 10, tzinfo=UTC),  # Apia
    datetime(2026, 6, 1, tzinfo=UTC),
]
NOWS = st.builds(
    lambda change, minutes: round((change + minutes * MINUTE).timestamp() * 1000),
    st.sampled_from(CHANGES),
    st.integers(-2 * 1440, 2 * 1440),
)
MINUTES = st.one_of(st.sampled_from([0, 1, 15, 30, 60, 90, 119, 120, 150, 180]), st.integers(0, 1439))
DAYS = st.frozensets(st.integers(0, 6), min_size=1)


def wall(zone: ZoneInfo, at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, tz=zone).replace(tzinfo=None)


class Clock:
    """Every minute of some days: when the wall clock first showed each time or a later one."""

    def __init__(self, zone: str, from_ms: int, to_ms: int) -> None:
        self.shown: list[tuple[int, datetime]] = []
        latest = datetime.min
        for at_ms in range(from_ms, to_ms, MINUTE_MS):
            now = wall(ZoneInfo(zone), at_ms)
            if now > latest:  # it may be set back: only what it had not shown yet
                self.shown.append((at_ms, now))
                latest = now

    def first(self, wanted: datetime) -> int:
        return next(at_ms for at_ms, now in self.shown if now >= wanted)


def whole_minute(now_ms: int) -> int:
    return now_ms // MINUTE_MS * MINUTE_MS


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), NOWS, MINUTES)
@example("Europe/Berlin", round(CHANGES[0].timestamp() * 1000), 150)
@example("America/Scoresbysund", round(CHANGES[1].timestamp() * 1000), 30)
def test_a_local_time_is_the_first_instant_that_shows_it_or_a_later_one(zone: str, now_ms: int, minute: int) -> None:
    clock = Clock(zone, now_ms - 3 * 1440 * MINUTE_MS, now_ms + 3 * 1440 * MINUTE_MS)
    wanted = datetime.combine(wall(ZoneInfo(zone), now_ms), datetime.min.time()) + minute * MINUTE
    event("exists" if exists(ZoneInfo(zone), wanted) else "jumped over")
    assert first_ms(ZoneInfo(zone), wanted) == clock.first(wanted)
    assert exists(ZoneInfo(zone), wanted) == (wanted in {now for _, now in clock.shown})
    assert local_of(ZoneInfo(zone), now_ms) == wall(ZoneInfo(zone), now_ms)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), NOWS, st.sets(MINUTES, min_size=1, max_size=3), DAYS, st.integers(0, MINUTE_MS - 1))
@example("Africa/Cairo", round(CHANGES[4].timestamp() * 1000) - MINUTE_MS, {15}, frozenset(range(7)), 0)
@example("Pacific/Apia", round(CHANGES[8].timestamp() * 1000) - MINUTE_MS, {540}, frozenset({4}), 0)
def test_the_next_digest_is_the_first_that_the_wall_clock_shows(
    zone: str, now_ms: int, minutes: set[int], days: frozenset[int], into: int
) -> None:
    policy = Policy(mode="digest", timezone=zone, digest=Digest(tuple(sorted(minutes)), days))
    now_ms += into
    clock = Clock(zone, whole_minute(now_ms) - 3 * 1440 * MINUTE_MS, whole_minute(now_ms) + 17 * 1440 * MINUTE_MS)
    midnights = {datetime.combine(now, datetime.min.time()) for _, now in clock.shown}
    # a day that is left out whole, and the days around: all that are in the calendar
    first, last = min(midnights) + timedelta(days=1), max(midnights) - timedelta(days=1)
    every = [first + timedelta(days=n) for n in range((last - first).days)]
    dues = sorted(
        clock.first(day + minute * MINUTE) for day in every if day.weekday() in days for minute in minutes
    )  # fmt: skip
    assert next_digest_ms(policy, now_ms) == next(due_ms for due_ms in dues if due_ms > now_ms)


QUIETS = st.lists(
    st.builds(
        lambda since, length, days: Quiet(since, since + length, days), MINUTES, st.integers(1, 1440), DAYS
    ),
    max_size=3,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(ZONES), NOWS, QUIETS, st.integers(0, MINUTE_MS - 1))
@example("Europe/Berlin", round(CHANGES[1].timestamp() * 1000), [Quiet(22 * 60, 26 * 60 + 30)], 0)
@example("America/Scoresbysund", round(CHANGES[1].timestamp() * 1000), [Quiet(23 * 60, 31 * 60)], 0)
def test_quiet_lasts_for_as_long_as_the_spans_touch(zone: str, now_ms: int, quiet: list[Quiet], into: int) -> None:
    policy = Policy(timezone=zone, quiet=tuple(quiet))
    now_ms += into
    clock = Clock(zone, whole_minute(now_ms) - 4 * 1440 * MINUTE_MS, whole_minute(now_ms) + 12 * 1440 * MINUTE_MS)
    midnights = sorted({datetime.combine(now, datetime.min.time()) for _, now in clock.shown})
    first = midnights[0] + timedelta(days=1)
    silent: set[int] = set()  # minutes, as instants
    for day in [first + timedelta(days=n) for n in range((midnights[-1] - first).days - 1)]:
        for span in quiet:
            if day.weekday() in span.days:
                start_ms = clock.first(day + span.since_minute * MINUTE)
                silent.update(range(start_ms, clock.first(day + span.until_minute * MINUTE), MINUTE_MS))
    end_ms = whole_minute(now_ms)
    while end_ms in silent:
        end_ms += MINUTE_MS
    found = quiet_until_ms(policy, now_ms)
    if end_ms == whole_minute(now_ms):
        event("not quiet")
        assert found is None
    elif end_ms - now_ms < 7 * 1440 * MINUTE_MS:  # what fills a week fills all of them, and is refused where written
        event("quiet")
        assert found == end_ms
