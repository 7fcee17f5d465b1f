"""How far an endpoint is on the way to being disabled, and whose fault a failure is."""

import orjson
from hypothesis import given
from hypothesis import strategies as st

from service.delivery.health import WARN_PERCENT, Health, operational
from service.delivery.signing import usable_id
from service.model.ids import sha256_hex
from service.model.records import DeliveryRecord

HOUR_MS = 3_600_000


def test_both_the_number_and_the_time_must_be_used_up() -> None:
    burst = Health(100, 10 * HOUR_MS)
    assert [burst.failed(number) for number in range(1000)] == [None] * 1000
    lonely = Health(100, 10 * HOUR_MS)
    assert [lonely.failed(day * 24 * HOUR_MS) for day in range(40)] == [None] * 40
    assert (burst.percent(HOUR_MS), lonely.percent(40 * 24 * HOUR_MS)) == (10, 40)


def test_each_warning_comes_once_and_a_success_clears_all() -> None:
    health = Health(10, 1)
    told = [health.failed(1000 * number) for number in range(12)]
    assert [level for level in told if level] == [50, 70, 90, 100]
    assert health.succeeded()
    assert health.percent(10**9) == 0
    assert health.failed(10**9) is None
    assert not health.succeeded()


@given(
    steps=st.lists(st.tuples(st.booleans(), st.integers(0, 5 * HOUR_MS)), max_size=80),
    needed=st.integers(1, 12),
    after_ms=st.integers(1, 24 * HOUR_MS),
)
def test_the_way_is_what_the_history_says(steps: list[tuple[bool, int]], needed: int, after_ms: int) -> None:
    health, now = Health(needed, after_ms), 0
    row: list[int] = []
    told = 0
    for good, step in steps:
        now += step
        if good:
            assert health.succeeded() is (told > 0)
            row, told = [], 0
            continue
        row.append(now)
        level = health.failed(now)
        reached = max((each for each in (0, *WARN_PERCENT, 100) if (
            100 * len(row) >= each * needed and 100 * (now - row[0]) >= each * after_ms
        )), default=0)  # fmt: skip
        assert level == (reached if reached > told else None) or rounding(level, reached)
        told = max(told, level or 0)


def rounding(level: int | None, reached: int) -> bool:
    """A float may fall short of a level that integers reach exactly; it must never be ahead."""
    return (level or 0) <= reached and reached in (*WARN_PERCENT, 100)


def test_the_operational_webhook_is_named_after_its_content() -> None:
    def made(percent: int) -> DeliveryRecord:
        return operational(
            "operational.endpoint_failing", to="ops", about="press-office", now_ms=5, timestamp="2026-11-23T00:00:00Z",
            failures=7, since_ms=1, percent=percent, reason="HTTP 500",
        )  # fmt: skip

    first = made(50)
    assert first == made(50)
    assert first.id != made(70).id
    assert usable_id(first.id)
    assert first.body_sha256 == sha256_hex(first.body.encode())
    body = orjson.loads(first.body)
    assert (body["type"], body["data"]["subscription"]) == ("operational.endpoint_failing", "press-office")
