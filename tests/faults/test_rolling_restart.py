"""A rolling restart under load: two workers and two dispatchers, one after the other, and the news go on.

200 articles a second come all the time. What proves that nothing is lost: the receiver, the books, and the queries of
the Overview dashboard, asked of a real Prometheus that watched all of it.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from service.adapters.embedded_kafka import free_port
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.processes import Child
from service.adapters.receiver import Received, Receiver
from service.settings import KafkaSettings
from tests.deploy import dashboards
from tests.deploy.prometheus import Prometheus, running, scrape
from tests.line import apply_rules, article, local_env, settled_account, subscribe
from tests.waiting import wait_until

# with `.ci/run`'s tools, which have a Prometheus: without one the half of it that the dashboards tell is not there
pytestmark = [pytest.mark.kafka, pytest.mark.long, pytest.mark.deploy]

PER_S = 200
TICK_S = 0.05
BETWEEN = 400
"""Webhooks between two restarts: everybody works again before the next one goes."""
LEAVES_S = 10.0
SCRAPE_S = 1.0
OVERVIEW = dashboards.GRAFANA / "dashboards" / "overview.json"


@dataclass
class Load:
    """Articles at a steady pace until it is told to stop."""

    settings: KafkaSettings
    published: int = 0
    took_s: float = 0.0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def run(self) -> None:
        topic = topic_name(self.settings, "articles")
        sent: list[Any] = []
        async with started(self.settings, make_producer(self.settings)) as producer:
            began = time.monotonic()
            while not self.stopping.is_set():
                due = int((time.monotonic() - began) * PER_S)
                for number in range(self.published, due):
                    one = article(number)
                    sent.append(await producer.send(topic, orjson.dumps(one), one["id"].encode()))
                self.published = max(self.published, due)
                self.took_s = time.monotonic() - began
                await asyncio.sleep(TICK_S)
            await asyncio.gather(*sent)


@dataclass
class Arrivals:
    """What the receiver got, by id."""

    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    count: int = 0
    late_s: float = 0.0
    """The longest silence: no webhook came for so long."""
    last_s: float = 0.0

    def __call__(self, one: Received) -> None:
        now_s = time.monotonic()
        if self.last_s:
            self.late_s = max(self.late_s, now_s - self.last_s)
        self.last_s, self.count = now_s, self.count + 1
        self.bodies[one.id].add(one.body)


@dataclass
class Instance:
    """A role at one address, as Prometheus knows it; the process behind it changes."""

    role: str
    env: dict[str, str]
    logs: Path
    port: int = field(default_factory=free_port)
    child: Child = field(init=False)

    async def start(self) -> None:
        self.child = Child(self.role)
        arguments = [self.role, "--metrics-port", str(self.port)]
        self.child.start(arguments, self.env, self.logs / f"{self.role}-{self.port}.log")
        await asyncio.to_thread(self.child.wait_ready, 60)

    async def restart(self) -> float:
        """As a supervisor does it; returns how long it took to leave."""
        began = time.monotonic()
        self.child.send(signal.SIGTERM)
        code = await asyncio.to_thread(self.child.wait, 30)
        left_s = time.monotonic() - began
        assert code == 0, self.child.tail()
        await self.start()
        return left_s


async def test_a_rolling_restart_loses_nothing(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path
) -> None:
    await apply_rules(kafka_settings, tmp_path)
    env = local_env(kafka_env)
    roles = [Instance(role, env, tmp_path) for role in ("worker", "worker", "dispatcher", "dispatcher", "audit")]
    arrived, load = Arrivals(), Load(kafka_settings)
    async with Receiver(on_received=arrived, keep=False) as receiver, ended(roles):
        await subscribe(kafka_settings, receiver, "chongqing-watch")
        await asyncio.gather(*(one.start() for one in roles))
        with watching(tmp_path, roles) as prometheus:
            publishing = asyncio.create_task(load.run())
            began_s = time.time()
            left_s = []
            for one in roles[:4]:
                await more(arrived)
                left_s.append(await one.restart())
            await more(arrived)
            load.stopping.set()
            await publishing
            await wait_until(lambda: len(arrived.bodies) >= load.published, 60, "every article is told")
            account = await settled_account(kafka_settings)
            if prometheus is not None:
                await shown(prometheus, began_s, load.published)
    total = load.published
    assert total >= 0.9 * PER_S * load.took_s, f"{total} in {load.took_s:.0f} s is not the load that was meant"
    assert len(arrived.bodies) == total
    assert all(len(bodies) == 1 for bodies in arrived.bodies.values()), "one id, one content"
    assert account["ledgers"]["alerts"]["ends"] == {"notified": total}
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": total}
    assert max(left_s) < LEAVES_S, left_s
    print(
        f"{total} articles in {load.took_s:.0f} s; left after {', '.join(f'{one:.1f}' for one in left_s)} s; "
        f"{arrived.count - total} webhooks came twice; longest silence {arrived.late_s:.1f} s"
    )


async def more(arrived: Arrivals) -> None:
    wanted = arrived.count + BETWEEN
    await wait_until(lambda: arrived.count >= wanted, 60, "webhooks go on")


@contextlib.asynccontextmanager
async def ended(roles: list[Instance]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        children = [one.child for one in roles if hasattr(one, "child")]
        await asyncio.gather(*(asyncio.to_thread(child.terminate, 10) for child in children))


@contextlib.contextmanager
def watching(home: Path, roles: list[Instance]) -> Iterator[Prometheus | None]:
    """A Prometheus; None where there is none (`.ci/run` installs one)."""
    if shutil.which("prometheus") is None and not os.environ.get("CI_TOOLS"):
        yield None
        return
    targets: dict[str, list[str]] = defaultdict(list)
    for one in roles:
        targets[f"bongsu-{one.role}"].append(f"127.0.0.1:{one.port}")
    with running(home / "prometheus", scrape(targets, every_s=SCRAPE_S)) as prometheus:
        yield prometheus


def panel(title: str) -> str:
    """The query of a panel of the Overview, as Grafana would send it."""
    found = [target for target in dashboards.queries(dashboards.load(OVERVIEW)) if target.panel == title]
    assert len(found) == 1, f"the Overview has {len(found)} queries under {title!r}"
    return found[0].expanded({"__rate_interval": f"{4 * SCRAPE_S:g}s", "__range": "2m"})


async def shown(prometheus: Prometheus, began_s: float, total: int) -> None:
    """What an operator sees: nothing lost at any time, news flowed all the time, and all came to rest."""

    def now(title: str) -> dict[str, float]:
        found = prometheus.query(panel(title))
        return {",".join(one["metric"].values()): float(one["value"][1]) for one in found}

    def meanwhile(title: str) -> list[float]:
        found = prometheus.query_range(panel(title), start_s=began_s, end_s=time.time(), step_s=1)
        return [float(value) for one in found for _, value in one["values"]]

    def at_rest() -> bool:
        return (
            now("Records kept, by topic").get("articles") == total
            and set(now("Records not acknowledged, by topic").values()) == {0.0}
            and set(now("On their way, by ledger").values()) == {0.0}
            and now("Oldest record that waits") == {"": 0.0}
        )

    await wait_until(at_rest, 60, "the Overview shows that all is at rest")
    assert now("Not ready") == {"": 0.0}, "all who were restarted are back"
    assert set(meanwhile("Lost or told twice")) == {0.0}
    assert now("Webhooks accepted") == {"": 1.0}
    assert now("Dead letters") == {"": 0.0}
    outcomes = {name for name, rate in now("Webhooks, by outcome of the attempt").items() if rate}
    assert outcomes <= {"delivered"}
    flow = meanwhile("Articles")
    print(
        f"Overview: articles/s least {min(flow):.0f}, median {sorted(flow)[len(flow) // 2]:.0f}; oldest that waited "
        f"{max(meanwhile('Oldest record that waits')):.1f} s; {Counter(meanwhile('Lost or told twice'))} lost or twice"
    )
