"""The whole line on one machine: embedded Kafka, topics, rules, every role as a process of its own.

`bongsu demo`, `bongsu up`, the end-to-end tests and the benchmarks start it from here, so that what they show is what
runs.
"""

import asyncio
import contextlib
import ipaddress
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from service.adapters.control import publish_rules
from service.adapters.embedded_kafka import EmbeddedKafka
from service.adapters.processes import Child
from service.adapters.rule_files import load_rules
from service.adapters.topics_admin import create_topics
from service.settings import Settings

ROLE_READY_S = 60.0
ROLE_STOP_S = 10.0
Progress = Callable[[str], None]


class LocalStack:
    """Starts everything, stops everything; leaves no process behind, whatever happens in between."""

    def __init__(self, data_dir: Path, *, environ: dict[str, str], progress: Progress, port: int | None = None) -> None:
        """`environ` are the BONGSU_ variables that the roles get besides the bootstrap servers."""
        self._data_dir = data_dir
        self._environ = dict(environ)
        self._progress = progress
        self._kafka = EmbeddedKafka(data_dir / "kafka", port=port, progress=progress)
        self._children: list[Child] = []
        self.settings = Settings(self._environ)
        self.ports: dict[str, dict[str, int]] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to be one of this stack."""
        return dict(self._environ)

    async def start_kafka(self) -> str:
        """Kafka and the topics; returns the bootstrap servers."""
        servers = await asyncio.to_thread(self._kafka.start)
        self._environ["BONGSU_KAFKA_BOOTSTRAP_SERVERS"] = servers
        self._environ["BONGSU_DATA_DIR"] = str(self._data_dir)
        self.settings = Settings(self._environ)
        await create_topics(self.settings.kafka)
        return servers

    async def apply_rules(self, directory: Path) -> int:
        """Publish a directory of rules; returns how many rules."""
        ruleset = await asyncio.to_thread(load_rules, directory)
        await publish_rules(self.settings.kafka, ruleset)
        return len(ruleset.rules)

    async def start_roles(self, names: Sequence[str], *, extra: dict[str, str] | None = None) -> None:
        """Start roles side by side and wait until each says that it is ready."""
        started = []
        for number, name in enumerate(names, len(self._children)):
            child = Child(name)
            log = self._data_dir / "logs" / f"{name}-{number}.log"
            child.start([name, "--metrics-port", "0"], {**self._environ, **(extra or {})}, log)
            self._children.append(child)
            started.append((f"{name}-{number}", child))
        for label, child in started:
            told = await asyncio.to_thread(child.wait_ready, ROLE_READY_S)
            self.ports[label] = told["ports"]

    def children(self, name: str) -> list[Child]:
        """The processes of a role."""
        return [child for child in self._children if child.name == name]

    @property
    def kafka(self) -> EmbeddedKafka:
        """The broker, for those who want to hurt it."""
        return self._kafka

    def ended(self) -> list[str]:
        """Roles that ended although nobody told them to, with the tail of their logs."""
        return [
            f"{child.name} ended with {child.returncode}:\n{child.tail()}"
            for child in self._children
            if child.returncode is not None
        ]

    async def stop(self) -> None:
        """SIGTERM to the roles, then Kafka. A Ctrl-C meanwhile does not leave anything behind."""
        stopping = asyncio.ensure_future(asyncio.to_thread(self._stop))
        while not stopping.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.shield(stopping)

    def _stop(self) -> None:
        from concurrent.futures import ThreadPoolExecutor

        if self._children:
            with ThreadPoolExecutor(len(self._children)) as pool:
                list(pool.map(lambda child: child.terminate(ROLE_STOP_S), self._children))
        self._kafka.stop()


def allowed_for(url: str) -> str:
    """The CIDR that lets the dispatcher call a literal local address; empty for names and public addresses."""
    host = urlsplit(url).hostname or ""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(host)
        return f"{address}/{address.max_prefixlen}"
    return ""


def flatten(account: dict[str, Any]) -> dict[str, Any]:
    """The few numbers of an audit that people ask for first."""
    ledgers = account["ledgers"]
    return {
        "alerts": ledgers["alerts"]["entries"],
        "deliveries": ledgers["deliveries"]["entries"],
        "unaccounted": sum(ledger["unaccounted"] for ledger in ledgers.values()),
        "conflicting": sum(ledger["conflicting"] for ledger in ledgers.values()),
        "pending": sum(ledger["pending"] for ledger in ledgers.values()),
    }
