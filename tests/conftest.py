"""What all tests share: one real Kafka for the whole run, a fresh set of topics for each test that wants one.

Under pytest-xdist (`make test`) each of its workers is a run of its own, with its own Kafka.
"""

import asyncio
import logging
import os
import signal
import uuid
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import HealthCheck, settings
from sqlalchemy import URL

from service.adapters.embedded_kafka import EmbeddedKafka
from service.adapters.topics_admin import create_topics, delete_topics
from service.settings import KafkaSettings
from tests import postgres
from tests.commands import bongsu_forked
from tests.forked import roles_are_forked
from tests.soak import PLUGIN, Run, soak

__all__ = ["roles_are_forked", "soak"]

settings.register_profile("dev", max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", max_examples=500, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    """Who runs us in the background of a script lets us ignore Ctrl-C, and our children would inherit that."""
    config.pluginmanager.register(Run(os.environ.get("SOAK_RECORD")), PLUGIN)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest first, then what needs Kafka: side by side (`-n`), nothing long is left for the end."""
    items.sort(key=lambda item: (item.get_closest_marker("long") is None, item.get_closest_marker("kafka") is None))


PARTITIONS = 2
"""Enough for rebalances; with 4 a test would pay for twice as many logs."""


def in_new_loop(work: Callable[[], Awaitable[Any]]) -> Any:
    """Run a coroutine from a fixture that is not asynchronous, whatever loop the test uses."""

    async def run() -> Any:
        return await work()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, run()).result()


THIRD_PARTIES = ("aiokafka", "faust", "mode", "asyncio")


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sets up logs; the next test must not inherit them."""
    root = logging.getLogger()
    loggers = [root, *map(logging.getLogger, THIRD_PARTIES)]
    before = [(logger, logger.level, logger.propagate, logger.handlers[:]) for logger in loggers]
    yield
    for logger, level, propagate, handlers in before:
        logger.setLevel(level)
        logger.propagate = propagate
        logger.handlers[:] = handlers
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test sees the defaults, not what the shell of whoever runs it happens to export."""
    for name in list(os.environ):
        if name.startswith("BONGSU_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedKafka]:
    """The Kafka of the run, started when the first test asks. Do not stop it: `private_kafka` is for that."""
    with EmbeddedKafka(tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture
def kafka_settings(shared_kafka: EmbeddedKafka) -> Iterator[KafkaSettings]:
    """Settings with a topic prefix of this test's own; its topics exist and are deleted afterwards."""
    made = KafkaSettings(bootstrap_servers=shared_kafka.bootstrap_servers, topic_prefix=f"t{uuid.uuid4().hex[:8]}.")
    states = in_new_loop(lambda: create_topics(made, partitions=PARTITIONS))
    yield made
    in_new_loop(lambda: delete_topics(made, [state.name for state in states]))


@pytest.fixture
def kafka_env(kafka_settings: KafkaSettings, tmp_path: Path) -> dict[str, str]:
    """The same as environment variables, for commands and roles in processes of their own."""
    return {
        "BONGSU_KAFKA_BOOTSTRAP_SERVERS": kafka_settings.bootstrap_servers,
        "BONGSU_KAFKA_TOPIC_PREFIX": kafka_settings.topic_prefix,
        "BONGSU_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def bongsu(kafka_env: dict[str, str]) -> Callable[..., Any]:
    """Call `bongsu` on the topics of this test: `bongsu("ingest", "-", stdin="...", BONGSU_LANG="ko")`."""

    def call(*args: object, stdin: str | bytes | None = None, **env: str) -> Any:
        return bongsu_forked(*args, stdin=stdin, env={**kafka_env, **env})

    return call


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[URL]:
    """A real PostgreSQL; tests that want one are skipped where there is none (tests/postgres.py)."""
    if not postgres.available():
        assert not os.environ.get("CI"), "there is no PostgreSQL here, which .ci/run should have installed"
        pytest.skip("there is no PostgreSQL here; TEST_POSTGRES_URL may name one")
    with postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def history_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[URL]:
    """An empty database for a history, of either kind."""
    if request.param == "sqlite":
        yield URL.create("sqlite", database=str(tmp_path / "history.sqlite"))
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture
def private_kafka(tmp_path: Path) -> Iterator[EmbeddedKafka]:
    """A Kafka of this test's own, to stop, kill and pause. Started; no topics."""
    with EmbeddedKafka(tmp_path / "private-kafka") as kafka:
        yield kafka
