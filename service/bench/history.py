"""How long a list of attempts takes over a history of many rows: through HTTP, from a real `bongsu api` on SQLite.

Nine attempts of ten are to one subscription, which is the one that is asked for: a history in which each has few
would say little. The rows are put into the tables directly; what folding costs is not measured here.
"""

import asyncio
import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Engine

from service.adapters.control_topic import put
from service.adapters.kafka_client import make_producer, started, topic_name
from service.bench.access import make_token
from service.history import tables
from service.history.database import open_to_write, url_of
from service.history.migrate import migrate
from service.history.store import Store
from service.local import LocalStack, Roles
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.settings import KafkaSettings, Settings

BUSY = "sub_busy"
REQUESTS = 400
"""Of each question."""
LIMIT = 50
CONNECTIONS = 4
"""At once, in the last measurement."""
DAYS = 30
RULES = (("common", 0.2), ("rare", 0.0005))
"""Rules that are asked for, and their share of the deliveries."""
OUTCOMES = ("delivered",) * 90 + ("retry",) * 8 + ("given_up", "expired")
Progress = Callable[[str], None]


def attempts_over(rows: int, *, progress: Progress) -> dict[str, Any]:
    """Milliseconds, p50, p99 and the longest, of each kind of question over so many attempts."""
    with tempfile.TemporaryDirectory(prefix="bongsu-bench-") as folder:
        return asyncio.run(_measured(Path(folder), rows, progress))


async def _measured(folder: Path, rows: int, progress: Progress) -> dict[str, Any]:
    async with LocalStack(folder, environ={}, progress=progress) as stack:
        await stack.start_kafka()
        environ = {
            **stack.environ, "BONGSU_API_PORT": "0", "BONGSU_API_REQUESTS_PER_S": "100000", "BONGSU_API_BURST": "100000"
        }  # fmt: skip
        settings = Settings(environ)
        began = time.monotonic()
        engine = open_to_write(url_of(settings))
        try:
            await asyncio.to_thread(_fill, engine, rows)
            progress(f"{rows:,} attempts put into a history in {time.monotonic() - began:.0f} s")
            token = await make_token(settings.kafka)
            await _subscribe(settings.kafka)
            async with Roles(folder / "api", environ) as roles:
                (role,) = await roles.start("api")
                url = f"http://127.0.0.1:{role.wait_ready(1)['ports']['api']}/v1/subscriptions/{BUSY}/attempts"
                Store(engine).tell({}, behind_records=0, now_ms=_now_ms())
                async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
                    asked = await _ask_all(session, url, progress)
        finally:
            engine.dispose()
        size = await asyncio.to_thread(_size, folder)
    return {
        "rows": rows,
        "bytes": size,
        "limit": LIMIT,
        "p99_ms": max(one["p99_ms"] for one in asked.values()),
        **asked,
    }


async def _ask_all(session: aiohttp.ClientSession, url: str, progress: Progress) -> dict[str, Any]:
    luck = random.Random(8)
    now_s = time.time()

    def before() -> str:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now_s - luck.random() * DAYS * 86_400))

    kinds: dict[str, Callable[[], dict[str, str]]] = {
        "newest": dict,
        "before_a_time": lambda: {"before": before()},
        "failed_before_a_time": lambda: {"before": before(), "outcome": "given_up"},
        "common_rule": lambda: {"before": before(), "rule": "common"},
        "rare_rule": lambda: {"before": before(), "rule": "rare"},
        "one_delivery": lambda: {"delivery": _delivery(luck.randrange(1000))},
    }
    found: dict[str, Any] = {}
    for kind, params in kinds.items():
        found[kind] = _summary([await _one(session, url, params()) for _ in range(REQUESTS)])
        progress(f"{kind}: p50 {found[kind]['p50_ms']} ms, p99 {found[kind]['p99_ms']} ms")
    found["following_cursors"] = _summary(await _follow(session, url))
    together = await asyncio.gather(*(_some(session, url, [{"before": before()}] * 100) for _ in range(CONNECTIONS)))
    found[f"{CONNECTIONS}_at_once"] = _summary([took for some in together for took in some])
    return found


async def _some(session: aiohttp.ClientSession, url: str, asked: list[dict[str, str]]) -> list[float]:
    return [await _one(session, url, params) for params in asked]


async def _follow(session: aiohttp.ClientSession, url: str) -> list[float]:
    """Page after page, as somebody who reads all would."""
    took: list[float] = []
    cursor: dict[str, str] = {}
    for _ in range(REQUESTS):
        began = time.perf_counter()
        async with session.get(url, params={"limit": str(LIMIT), **cursor}) as answer:
            body = await answer.json()
        took.append(time.perf_counter() - began)
        if body["next_cursor"] is None:
            break
        cursor = {"cursor": body["next_cursor"]}
    return took


async def _one(session: aiohttp.ClientSession, url: str, params: dict[str, str]) -> float:
    began = time.perf_counter()
    async with session.get(url, params={"limit": str(LIMIT), **params}) as answer:
        body = await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {body.decode()}")
    return time.perf_counter() - began


def _summary(took: list[float]) -> dict[str, float]:
    ordered = sorted(round(one * 1000, 2) for one in took)
    return {
        "requests": len(ordered),
        "p50_ms": ordered[len(ordered) // 2],
        "p99_ms": ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)],
        "max_ms": ordered[-1],
    }


def _fill(engine: Engine, rows: int) -> None:
    migrate(engine)
    with engine.begin() as connection:
        made = _rows(rows)
        while some := list(islice(made, 20_000)):
            connection.execute(tables.attempts.insert(), [attempt for attempt, _ in some])
            decided = [decision for _, decision in some if decision is not None]
            connection.execute(tables.decisions.insert(), decided)


def _rows(count: int) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    """Attempts from 30 days ago until now, and the decision that told of each delivery."""
    luck = random.Random(7)
    now_ms = _now_ms()
    step_ms = DAYS * topics.DAY_MS / count
    for number in range(count):
        at_ms = round(now_ms - (count - number) * step_ms)
        subscription = BUSY if number % 10 else f"sub_{luck.randrange(100)}"
        outcome = luck.choice(OUTCOMES)
        delivery = _delivery(number)
        place = {"record_ms": at_ms, "record_partition": 0, "record_offset": number}
        about = {"subscription": subscription, "delivery_id": delivery, **place}
        share, rule = luck.random(), "other"
        for name, limit in RULES:
            if share < limit:
                rule = name
        yield (
            {
                "id": f"att_{hashlib.md5(delivery.encode(), usedforsecurity=False).hexdigest()}", "number": 1,
                "outcome": outcome, "terminal": outcome != "retry", "status": 200 if outcome == "delivered" else 503,
                "error": None if outcome == "delivered" else "status", "detail": None, "body_sha256": "0" * 64,
                "started_ms": at_ms, "duration_ms": 12.5, "phases": '{"connect_ms":1.5,"first_byte_ms":10.0}',
                "address": "203.0.113.7", "request_bytes": 2400, "response_bytes": 120, "excerpt": "ok " * 30,
                "next_due_ms": None, "deadline_ms": at_ms + topics.DAY_MS, "published_ms": at_ms, "reason": "live",
                **about,
            },
            {
                "alert_id": f"alr_{number}", "decision": "notified", "group_id": "g", "reason": "first", "by_id": None,
                "until_ms": None, "story": "sty_1", "rule": rule, "article": f"a{number}", "decided_ms": at_ms, **about,
            },
        )  # fmt: skip


def _delivery(number: int) -> str:
    return f"msg_{hashlib.md5(str(number).encode(), usedforsecurity=False).hexdigest()}"


async def _subscribe(settings: KafkaSettings) -> None:
    """The subscription that is asked for."""
    now_ms = _now_ms()
    subscription = SubscriptionRecord(
        id=BUSY, url="https://alerts.example.org/in", secrets=("whsec_" + "C2FVsBQIhrscChlQIMV+b5sSYspob7oD",),
        created_ms=now_ms, updated_ms=now_ms,
    )  # fmt: skip
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic_name(settings, topics.SUBSCRIPTIONS), [(BUSY, subscription.encode())])


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("history.sqlite*"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
