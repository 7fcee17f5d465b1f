"""The whole line on one machine: embedded Kafka, topics, rules, every role as a process of its own.

`bongsu demo`, `bongsu up`, the end-to-end tests and the benchmarks start it from here, so that what they show is what
runs.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Self

from service.adapters.control import publish_rules
from service.adapters.embedded_kafka import EmbeddedKafka
from service.adapters.processes import Child
from service.adapters.rule_files import load_rules
from service.adapters.topics_admin import create_topics
from service.model.errors import Unavailable, WrongSetup
from service.settings import Settings

ROLE_READY_S = 60.0
ROLE_STOP_S = 10.0
KAFKA_GIVE_UP_S = 8.0
"""How long the end of an interrupted start is waited for. A download does not hear; it ends with the process."""
WATCH_S = 0.25
Progress = Callable[[str], None]


class Roles:
    """Roles as processes, on a Kafka that is there. Started side by side, stopped side by side."""

    def __init__(self, data_dir: Path, environ: Mapping[str, str]) -> None:
        """`environ` are the BONGSU_ variables of all of them."""
        self._data_dir = data_dir
        self._environ = dict(environ)
        self._all: list[Child] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, *names: str, **extra: str) -> list[Child]:
        """Start one process for each name, with `extra` variables, and wait until each says that it is ready."""
        started = []
        for name in names:
            child = Child(name)
            log = self._data_dir / "logs" / f"{name}-{len(self._all)}.log"
            child.start([name, "--metrics-port", "0"], {**self._environ, **extra}, log)
            self._all.append(child)
            started.append(child)
        for child in started:
            await asyncio.to_thread(child.wait_ready, ROLE_READY_S)
        return started

    def ended(self) -> list[str]:
        """Roles that ended, with the tail of their logs."""
        return [
            f"{child.name} ended with {child.returncode}:\n{child.tail()}"
            for child in self._all
            if child.returncode is not None
        ]

    async def stop(self) -> None:
        """SIGTERM to all, SIGKILL to what does not hear; a Ctrl-C meanwhile changes nothing."""
        await undisturbed(self._stop)

    def _stop(self) -> None:
        if self._all:
            with ThreadPoolExecutor(len(self._all)) as pool:
                list(pool.map(lambda child: child.terminate(ROLE_STOP_S), self._all))


class LocalStack:
    """Embedded Kafka and the roles on it; leaves no process behind, whatever happens in between."""

    def __init__(
        self, data_dir: Path, *, environ: Mapping[str, str], progress: Progress, port: int | None = None
    ) -> None:
        self._data_dir = data_dir
        self._progress = progress
        self.environ = {**environ, "BONGSU_DATA_DIR": str(data_dir)}
        self.kafka = EmbeddedKafka(data_dir / "kafka", port=port, progress=progress)
        self.settings = Settings(self.environ)
        self.roles = Roles(data_dir, self.environ)
        self._starting: Future[str] | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.roles.stop()
        await undisturbed(self._stop_kafka)

    async def start_kafka(self) -> str:
        """Kafka and the topics; returns the bootstrap servers.

        Raises:
            WrongSetup: the data directory cannot be written, or is in use.
            Unavailable: Kafka did not come up, or could not be fetched.
        """
        make_dir(self._data_dir)
        self._starting = in_daemon(self.kafka.start)
        servers = await asyncio.wrap_future(self._starting)
        self.environ["BONGSU_KAFKA_BOOTSTRAP_SERVERS"] = servers
        self.settings = Settings(self.environ)
        self.roles = Roles(self._data_dir, self.environ)
        await create_topics(self.settings.kafka)
        return servers

    async def apply_rules(self, directory: Path) -> int:
        """Publish a directory of rules; returns how many rules."""
        ruleset = await asyncio.to_thread(load_rules, directory)
        await publish_rules(self.settings.kafka, ruleset)
        return len(ruleset.rules)

    async def ended(self) -> None:
        """Wait until anything of this ends by itself; it should not.

        Raises:
            Unavailable: what ended, with the tail of its log.
        """
        while True:
            gone = self.roles.ended()
            if not self.kafka.running:
                gone.append(f"Kafka ended; its log is {self.kafka.log_path}")
            if gone:
                raise Unavailable("\n".join(gone))
            await asyncio.sleep(WATCH_S)

    def _stop_kafka(self) -> None:
        """Also one that another thread is starting at this moment."""
        deadline = time.monotonic() + KAFKA_GIVE_UP_S
        while self._starting is not None and not self._starting.done() and time.monotonic() < deadline:
            if self.kafka.running:
                self.kafka.stop()
            time.sleep(0.05)
        self.kafka.stop()


def make_dir(data_dir: Path) -> None:
    """Make a directory for data, if it is not there.

    Raises:
        WrongSetup: it cannot be made.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WrongSetup(
            f"the directory {data_dir} cannot be made: {error.strerror}; choose another with BONGSU_DATA_DIR"
        ) from None


def in_daemon(work: Callable[[], str]) -> "Future[str]":
    """Run blocking work in a thread that does not keep the process alive: asyncio's own would be waited for."""
    future: Future[str] = Future()
    future.set_running_or_notify_cancel()  # who waits may be cancelled; the work is not

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001  it belongs to whoever waits
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


async def undisturbed(work: Callable[[], object]) -> None:
    """Run blocking clean-up in a thread to its end, however often this task is cancelled meanwhile."""
    running = asyncio.ensure_future(asyncio.to_thread(work))
    while not running.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.shield(running)
    running.result()
