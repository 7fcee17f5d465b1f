"""The disk of the worker's tables, and of the history, is full: the role says so, and nothing is lost or told twice."""

import asyncio
from pathlib import Path

import pytest

from service.adapters.processes import Child
from service.adapters.receiver import Receiver
from service.bench.processes import metric
from service.history.database import open_to_read, url_of
from service.history.queries import History
from service.local import Roles
from service.settings import KafkaSettings, Settings
from tests.line import apply_rules, article, lean_env, publish, settled_account, subscribe
from tests.small_disk import small_disk
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

BEFORE, MEANWHILE = 20, 40
MANY = 3000
"""More than fits into what SQLite has allotted already."""
TABLES_MB = 48
HISTORY_MB = 8


async def test_the_disk_of_the_tables_is_full(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path
) -> None:
    await apply_rules(kafka_settings, tmp_path)
    env = lean_env(kafka_env)
    with small_disk(tmp_path / "disk", TABLES_MB) as disk:
        full = {"BONGSU_DATA_DIR": str(disk.path / "data")}
        async with Receiver() as receiver, Roles(tmp_path, env) as roles:
            await subscribe(kafka_settings, receiver, "chongqing-watch")
            await roles.start("dispatcher")
            (worker,) = await roles.start("worker", **full)
            await publish(kafka_settings, [article(number) for number in range(BEFORE)])
            await wait_until(lambda: len(receiver.received) == BEFORE)

            disk.fill()
            await publish(kafka_settings, [article(number) for number in range(BEFORE, BEFORE + MEANWHILE)])
            code = await asyncio.to_thread(worker.wait, 60)
            assert (code, said(worker, disk.path)) == (1, [True] * 3), worker.tail()

            again = Child("worker")  # what a supervisor does, while the disk is full still
            again.start(["worker"], {**env, **full}, tmp_path / "again.log")
            code = await asyncio.to_thread(again.wait, 60)
            assert (code, said(again, disk.path)) == (1, [True] * 3), again.tail()

            disk.make_room()
            await roles.start("worker", **full)
            account = await settled_account(kafka_settings)
            received = list(receiver.received)
    assert account["ledgers"]["alerts"]["ends"] == {"notified": BEFORE + MEANWHILE}
    assert account["ledgers"]["deliveries"]["ends"] == {"delivered": BEFORE + MEANWHILE}
    assert len({one.id for one in received}) == BEFORE + MEANWHILE


def said(worker: Child, disk: Path) -> list[bool]:
    """In its last sentence: what is wrong, where, and what to do."""
    last = worker.tail(1)
    return [part in last for part in ("No space left on device", f"tables in {disk}", "make room")]


async def test_the_disk_of_the_history_is_full(
    kafka_settings: KafkaSettings, kafka_env: dict[str, str], tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", HISTORY_MB) as disk:
        env = {**kafka_env, "BONGSU_DATA_DIR": str(disk.path)}
        history = History(open_to_read(url_of(Settings(env))))
        async with Roles(tmp_path, env) as roles:
            (role,) = await roles.start("history")
            await publish(kafka_settings, [article(number) for number in range(BEFORE)])
            await wait_until(lambda: history.counts()["articles"] == BEFORE)

            disk.fill()
            await publish(kafka_settings, [article(number) for number in range(BEFORE, BEFORE + MANY)])
            await wait_until(lambda: "database or disk is full" in role.log_path.read_text(encoding="utf-8"))
            assert "the history waits and tries again" in role.tail(40)
            assert failures(role) > 0
            assert role.returncode is None, "it waits"
            before = history.counts()["articles"]
            assert BEFORE <= before < BEFORE + MANY, "what is there can be read"

            disk.make_room()
            await wait_until(lambda: history.counts()["articles"] == BEFORE + MANY)
            await wait_until(lambda: history.progress().behind_records == 0)
        history.close()


def failures(role: Child) -> float:
    """How often the database did not take a batch, as /metrics says."""
    port = role.wait_ready(1)["ports"]["metrics"]
    return metric(port, r'bongsu_history_failures_total\{by="database"\} ')
