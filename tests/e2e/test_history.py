"""The role `bongsu history` on a real Kafka: read again it equals, killed at any moment it loses and repeats nothing."""

import asyncio
import json
import random
import signal
import sys
import time
import urllib.request
from functools import partial
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import text

from service.adapters.kafka_client import make_producer, started, topic_name
from service.history.database import open_to_read, open_to_write, url_of
from service.history.queries import History
from service.history.role import HistoryRole
from service.history.store import Store
from service.model.control_records import ChangeRecord
from service.model.errors import HistoryUnavailable, NewerSchema, WrongSetup
from service.model.records import StoryHead
from service.settings import Settings
from tests.api_process import role
from tests.builders import (
    alert_record,
    attempt_record,
    decision_record,
    delivery_record,
    match_record,
    subscription_record,
)
from tests.commands import bongsu_forked
from tests.forked import spawn
from tests.histories import dump
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka
NOW_MS = int(time.time() * 1000)


async def publish(kafka_settings, *records, partition=None, at_ms=None):
    """(topic, key, value) each, in their order; `at_ms`: as if they had been written then."""
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        sent = [
            await producer.send(
                topic_name(kafka_settings, topic), value, key.encode(), partition=partition, timestamp_ms=at_ms
            )
            for topic, key, value in records
        ]
        await asyncio.gather(*sent)


def story_of(n, subscription="sub1"):
    """All that is written of one article that is told of."""
    alert, delivery = f"alr_{subscription}_{n}", f"msg_{subscription}_{n}"
    at = {"subscription": subscription}
    return [
        ("articles", f"a{n}", json.dumps({"id": f"a{n}", "title": f"나루시 소식 {n}", "source": "한빛일보"}).encode()),
        ("matches", "default", match_record(article=f"a{n}", published_ms=NOW_MS).encode()),
        ("alerts", subscription, alert_record(subscription, f"a{n}", alert_id=alert, story=StoryHead(id="sty_1")).encode()),
        ("decisions", subscription, decision_record(alert, None, decision="held", article=f"a{n}", decided_ms=NOW_MS + n, **at).encode()),
        ("decisions", subscription, decision_record(alert, delivery, article=f"a{n}", rule="seoul", decided_ms=NOW_MS + n, **at).encode()),
        ("deliveries", subscription, delivery_record(delivery, created_ms=NOW_MS + n, **at).encode()),
        ("attempts", subscription, attempt_record(delivery, "retry", terminal=False, status=503, started_ms=NOW_MS + n, **at).encode()),
        ("attempts", subscription, attempt_record(delivery, number=2, started_ms=NOW_MS + n + 9, **at).encode()),
        ("changes", subscription, ChangeRecord(change_id=f"chg_{n}", actor="cli:me@here", action="subscription.updated", target=subscription, outcome="done", at_ms=NOW_MS + n).encode()),
    ]  # fmt: skip


def environ(kafka_env, history_url, **more):
    return {
        **kafka_env,
        "BONGSU_HISTORY_URL": history_url.render_as_string(hide_password=False),
        "BONGSU_HISTORY_BATCH_SIZE": "7",
        **more,
    }


async def read_to_the_end(settings):
    """As `bongsu history rebuild` reads; returns how many records."""
    role = HistoryRole(settings, CollectorRegistry(), clock=time.time)
    try:
        await role.open()
        return await role.catch_up()
    finally:
        await role.stop()


def remove(path):
    """A SQLite database with its log."""
    for part in path.parent.glob(f"{path.name}*"):
        part.unlink()


def fetch(url):
    """Its text; raises where the answer is no 200."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return answer.read().decode()


def rows_of(settings):
    engine = open_to_write(url_of(settings))
    try:
        return dump(engine)
    finally:
        engine.dispose()


async def test_read_again_from_an_empty_database_it_equals(kafka_settings, kafka_env, history_url):
    env = environ(kafka_env, history_url)
    settings = Settings(env)
    await publish(kafka_settings, *story_of(1), *story_of(2), *story_of(3, "sub2"))
    assert await read_to_the_end(settings) == 27
    await publish(kafka_settings, *story_of(4), ("attempts", "sub1", b"no json"), ("articles", "a1", None))
    assert await read_to_the_end(settings) == 11, "only what is new"
    before = rows_of(settings)
    assert {name: len(rows) for name, rows in before.items()} == {
        "offsets": 12, "deliveries": 4, "attempts": 8, "decisions": 4, "alerts": 4, "articles": 4, "matches": 4,
        "mentions": 4, "changes": 4, "forgotten": 0,
    }  # fmt: skip
    done = await asyncio.to_thread(bongsu_forked, "history", "rebuild", "--yes", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("38 records read in")
    assert rows_of(settings) == before


async def test_killed_at_random_it_goes_on_where_it_stood(kafka_settings, kafka_env, history_url, tmp_path):
    env = environ(kafka_env, history_url)
    settings = Settings(env)
    luck = random.Random(11)
    count = 240
    await publish(kafka_settings, *(record for n in range(count) for record in story_of(n, f"sub{n % 3}")))
    kills = 0

    def alive():
        return spawn([sys.executable, "-m", "service", "history"], log_path=tmp_path / "killed.log", env=env)

    reader = History(open_to_read(url_of(settings)))

    def attempts():
        try:
            return reader.counts()["attempts"]
        except HistoryUnavailable:
            return 0

    def moved_or_ended(process, seen):
        return attempts() > seen or process.poll() is not None

    try:
        while (seen := attempts()) < 2 * count and kills < 5:
            process = alive()
            try:
                await wait_until(partial(moved_or_ended, process, seen))
                await asyncio.sleep(luck.random() * 0.05)  # not a wait for something: the moment of the kill
                assert process.poll() is None, (tmp_path / "killed.log").read_text(encoding="utf-8")[-2000:]
            finally:
                process.send_signal(signal.SIGKILL)
                process.wait()
            kills += 1
        await read_to_the_end(settings)
    finally:
        reader.close()
    assert kills >= 2
    killed = rows_of(settings)
    assert len(killed["attempts"]) == 2 * count
    fresh = Settings({**env, "BONGSU_HISTORY_URL": f"sqlite:///{tmp_path}/fresh.sqlite"})
    await read_to_the_end(fresh)
    assert killed == rows_of(fresh), "and SQLite says what PostgreSQL says"


async def test_the_role_follows_and_says_how_far_it_is(kafka_settings, kafka_env, history_url, tmp_path):
    env = environ(kafka_env, history_url)
    reader = History(open_to_read(url_of(Settings(env))))
    with role("history", env, tmp_path, "--metrics-port", "0") as ports:
        await publish(kafka_settings, *story_of(1))
        await wait_until(lambda: reader.attempts("sub1", limit=9))
        delivery = await wait_until(lambda: reader.delivery("msg_sub1_1"))
        await wait_until(lambda: reader.progress().behind_records == 0)
        assert reader.lag_s(int(time.time() * 1000)) < 60
        (decision,) = reader.decisions("sub1", limit=9)
        assert (delivery.status, decision.decision, decision.article_title) == (
            "delivered",
            "notified",
            "나루시 소식 1",
        )
        metrics = await asyncio.to_thread(fetch, f"http://127.0.0.1:{ports['metrics']}/metrics")
        assert 'bongsu_history_records_total{topic="attempts"} 2.0' in metrics
        await asyncio.to_thread(fetch, f"http://127.0.0.1:{ports['metrics']}/readyz")
    said = await asyncio.to_thread(bongsu_forked, "history", "status", env=env)
    assert said.returncode == 0, said.stderr
    assert json.loads(said.stdout)["rows"]["attempts"] == 2
    reader.close()


async def test_a_subscriber_is_forgotten_and_stays_so(kafka_settings, kafka_env, history_url, tmp_path):
    env = environ(kafka_env, history_url)
    settings = Settings(env)
    record = subscription_record("sub1", created_ms=NOW_MS, updated_ms=NOW_MS)
    await publish(kafka_settings, ("subscriptions", "sub1", record.encode()), partition=0)
    await publish(kafka_settings, *story_of(1), *story_of(2, "sub2"))
    await read_to_the_end(settings)
    unknown = await asyncio.to_thread(bongsu_forked, "history", "forget", "sub9", env=env)
    assert unknown.returncode == 2
    assert "there is no subscription sub9" in unknown.stderr
    done = await asyncio.to_thread(bongsu_forked, "history", "forget", "sub1", env=env)
    assert done.returncode == 0, done.stderr
    await publish(kafka_settings, *story_of(3))
    await read_to_the_end(settings)
    reader = History(open_to_read(url_of(settings)))
    try:
        assert [one.delivery_id for one in reader.attempts("sub1", limit=9)] == ["msg_sub1_3"] * 2
        assert len(reader.attempts("sub2", limit=9)) == 2
        assert reader.delivery("msg_sub1_1") is None
        assert [change.action for change in reader.changes("default", limit=9)][:1] == ["subscription.forgotten"]
    finally:
        reader.close()
    before = rows_of(settings)
    assert (await asyncio.to_thread(bongsu_forked, "history", "rebuild", "--yes", env=env)).returncode == 0
    assert rows_of(settings) == before


async def test_what_is_too_old_goes_and_does_not_come_back(kafka_settings, kafka_env, history_url):
    env = environ(kafka_env, history_url)
    day_ms = 86_400_000
    await publish(kafka_settings, *story_of(1), at_ms=NOW_MS - 3 * day_ms)
    await publish(kafka_settings, *story_of(2))
    await read_to_the_end(Settings(env))
    assert len(rows_of(Settings(env))["attempts"]) == 4
    shorter = Settings({**env, "BONGSU_HISTORY_RETENTION_DAYS": "2"})
    running = HistoryRole(shorter, CollectorRegistry(), clock=time.time)
    await running.start()
    try:
        await wait_until(lambda: len(rows_of(shorter)["attempts"]) == 2)
    finally:
        await running.stop()
    before = rows_of(shorter)
    kept = {name: len(rows) for name, rows in before.items()}
    assert (kept["deliveries"], kept["articles"], kept["mentions"], kept["changes"]) == (1, 1, 1, 2)
    done = await asyncio.to_thread(
        bongsu_forked, "history", "rebuild", "--yes", env={**env, "BONGSU_HISTORY_RETENTION_DAYS": "2"}
    )
    assert done.returncode == 0, done.stderr
    assert rows_of(shorter) == before


async def test_a_database_that_is_deleted(kafka_settings, kafka_env, tmp_path):
    """While the role is away it is made again; under the role it ends it with a sentence."""
    settings = Settings(kafka_env)
    path = Path(str(url_of(settings).database))
    await publish(kafka_settings, *story_of(1))
    await read_to_the_end(settings)
    before = rows_of(settings)
    remove(path)
    await read_to_the_end(settings)
    assert rows_of(settings) == before
    running = HistoryRole(settings, CollectorRegistry(), clock=time.time)
    await running.start()
    try:
        remove(path)
        failed = await asyncio.wait_for(asyncio.shield(running.failed), 60)
    finally:
        await running.stop()
    assert isinstance(failed, WrongSetup)
    assert "was deleted or replaced while it was being written" in str(failed)


async def test_two_that_write_stop_each_other_and_spoil_nothing(kafka_settings, kafka_env, history_url):
    settings = Settings(environ(kafka_env, history_url))
    roles = [HistoryRole(settings, CollectorRegistry(), clock=time.time) for _ in range(2)]
    for one in roles:
        await one.start()
    await publish(kafka_settings, *(record for n in range(20) for record in story_of(n)))
    try:
        await wait_until(lambda: any(one.failed.done() for one in roles))
        for ended in (one for one in roles if one.failed.done()):
            assert "changed by somebody else" in str(ended.failed.result())
    finally:
        for one in roles:
            await one.stop()
    await read_to_the_end(settings)
    both = rows_of(settings)
    assert (len(both["attempts"]), len(both["decisions"])) == (40, 20)
    assert (
        await asyncio.to_thread(bongsu_forked, "history", "rebuild", "--yes", env=environ(kafka_env, history_url))
    ).returncode == 0
    assert rows_of(settings) == both


async def test_a_commit_whose_answer_is_lost_is_not_made_twice(kafka_settings, kafka_env, history_url, monkeypatch):
    settings = Settings(environ(kafka_env, history_url))
    real = Store.apply
    lost: list[bool] = []

    def apply(self, *args):
        real(self, *args)
        if len(lost) < 3:
            lost.append(True)
            raise HistoryUnavailable("the connection broke")

    monkeypatch.setattr(Store, "apply", apply)
    await publish(kafka_settings, *story_of(1), *story_of(2))
    reader = History(open_to_read(url_of(settings)))
    running = HistoryRole(settings, CollectorRegistry(), clock=time.time)
    await running.start()
    try:
        await wait_until(lambda: not running.not_ready())
        assert len(reader.attempts("sub1", limit=9)) == 4
        assert not running.failed.done()
    finally:
        await running.stop()
        reader.close()
    assert len(lost) == 3


async def test_of_other_topics_it_wants_nothing(kafka_settings, kafka_env, history_url):
    env = environ(kafka_env, history_url)
    settings = Settings(env)
    await publish(kafka_settings, *story_of(1))
    await read_to_the_end(settings)
    engine = open_to_write(url_of(settings))
    with engine.begin() as connection:
        connection.execute(text("UPDATE offsets SET next_offset = 999 WHERE topic LIKE '%attempts'"))
    with pytest.raises(WrongSetup, match="these are other topics than those it was read from"):
        await read_to_the_end(settings)
    with engine.begin() as connection:
        connection.execute(text("UPDATE offsets SET topic = 'other.attempts' WHERE topic LIKE '%attempts'"))
    with pytest.raises(WrongSetup, match=r"was read from other\.attempts and not"):
        await read_to_the_end(settings)
    engine.dispose()


async def test_a_newer_schema_ends_it_and_is_not_skipped(kafka_settings, kafka_env, history_url):
    settings = Settings(environ(kafka_env, history_url))
    await publish(kafka_settings, *story_of(1))
    await publish(kafka_settings, ("attempts", "sub1", b'{"schema": 9}'))
    running = HistoryRole(settings, CollectorRegistry(), clock=time.time)
    await running.start()
    try:
        failed = await asyncio.wait_for(asyncio.shield(running.failed), 60)
    finally:
        await running.stop()
    assert isinstance(failed, NewerSchema)
