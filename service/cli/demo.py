"""`bongsu demo` and `bongsu up`: the main job on an embedded real Kafka, shown as it happens."""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import yaml
from rich.console import Console

from service import logs
from service.adapters.control import publish_subscription
from service.adapters.kafka_client import make_consumer, started
from service.adapters.receiver import Received, Receiver
from service.cli.audit import as_text, take_audit
from service.cli.ingest import publish
from service.cli.show import show_webhook
from service.cli.subscribe import new_secret
from service.local import LocalStack
from service.model import topics
from service.model.errors import BongsuError, WrongSetup
from service.model.records import DeliveryRecord, SubscriptionRecord
from service.settings import PREFIX, Settings

ROLES = ("worker", "dispatcher", "audit")
SETTLE_S = 60.0
QUIET_S = 0.3
LOOPBACK = "127.0.0.0/8,::1/128"


class Arrivals:
    """What the sample receiver got, shown with the time since its article was published."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._published: dict[str, int] = {}
        self._there = asyncio.Condition()
        self._showing: set[asyncio.Task[None]] = set()
        self.received: list[Received] = []
        self.latencies_ms: list[float] = []

    def arrived(self, received: Received) -> None:
        """Callback of the receiver."""
        self.received.append(received)
        task = asyncio.create_task(self._show(received))
        self._showing.add(task)
        task.add_done_callback(self._showing.discard)

    async def follow(self, settings: Settings) -> None:
        """Read `deliveries` beside the dispatcher: its records tell when the article was published."""
        consumer = make_consumer(settings.kafka, topics.DELIVERIES, group=None)
        async with started(settings.kafka, consumer):
            while True:
                for messages in (await consumer.getmany(timeout_ms=200)).values():
                    async with self._there:
                        for message in messages:
                            record = DeliveryRecord.decode(message.value, topics.DELIVERIES)
                            self._published[record.id] = record.published_ms
                        self._there.notify_all()

    async def _show(self, received: Received) -> None:
        latency_ms: float | None = None
        with contextlib.suppress(TimeoutError):
            async with self._there:
                await asyncio.wait_for(self._there.wait_for(lambda: received.id in self._published), 2.0)
            latency_ms = received.at_s * 1000 - self._published[received.id]
            self.latencies_ms.append(latency_ms)
        show_webhook(self._console, received, latency_ms)

    async def shown(self) -> None:
        """Until everything that arrived is on the terminal."""
        while self._showing:
            await asyncio.gather(*self._showing)


@click.command()
@click.option(
    "--rules", "rules_dir", type=click.Path(exists=True, path_type=Path), default=Path("rules"), show_default=True
)
@click.option(
    "--seeds", "seeds_dir", type=click.Path(exists=True, path_type=Path), default=Path("seeds"), show_default=True
)
def demo(rules_dir: Path, seeds_dir: Path) -> int:
    """See the main job: articles in through a real Kafka, verified webhooks out, and the books balanced.

    Starts Kafka and every role in processes of their own, publishes the seeds, shows each webhook as it arrives, and
    ends with an account: exit code 0 when every expected webhook arrived once and nothing is unaccounted for. Leaves
    nothing running; may be run any number of times.
    """
    return _run(lambda console: _demo(console, rules_dir, seeds_dir))


@click.command()
@click.option(
    "--rules", "rules_dir", type=click.Path(exists=True, path_type=Path), default=Path("rules"), show_default=True
)
@click.option("--port", type=click.IntRange(1, 65535), help="Port of Kafka; a free one by default.")
def up(rules_dir: Path, port: int | None) -> int:
    """Everything running on this machine until Ctrl-C: prints the addresses and takes articles.

    Its data stays under BONGSU_DATA_DIR (default .bongsu) and is there again the next time.
    """
    return _run(lambda console: _up(console, rules_dir, port))


def _run(work: Callable[[Console], Awaitable[int]]) -> int:
    settings = Settings()
    logs.configure(settings.log, "demo")
    console = Console(highlight=False)
    try:
        return asyncio.run(_awaited(work(console)))
    except KeyboardInterrupt:
        console.print("\nstopped; nothing is left running")
        return 130


async def _awaited(work: Awaitable[int]) -> int:
    return await work


def _environ() -> dict[str, str]:
    """The caller's settings, with loopback allowed and Kafka ours."""
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    if "BONGSU_KAFKA_BOOTSTRAP_SERVERS" in given:
        raise WrongSetup(
            "BONGSU_KAFKA_BOOTSTRAP_SERVERS is set: `bongsu demo` and `bongsu up` bring their own Kafka. Unset it, or "
            "start the roles yourself (README, 'Run it against a Kafka that you already have')"
        )
    return {"BONGSU_DELIVERY_ALLOW_ADDRESSES": LOOPBACK, "BONGSU_LOG_FORMAT": "json", **given}


async def _demo(console: Console, rules_dir: Path, seeds_dir: Path) -> int:
    began = time.monotonic()
    data_dir = Settings().bongsu.data_dir / f"demo-{os.getpid()}"
    arrivals = Arrivals(console)
    stack = LocalStack(data_dir, environ=_environ(), progress=lambda line: console.print(f"[dim]{line}[/]"))
    failed = True
    try:
        async with stack, Receiver(on_received=arrivals.arrived) as receiver:
            await _start(console, stack, receiver, rules_dir)
            console.print(f"[dim]ready after {time.monotonic() - began:.1f} s; publishing {seeds_dir}/[/]\n")
            async with _following(arrivals, stack.settings):
                tally = await publish(stack.settings.kafka, (str(seeds_dir),))
                account = await take_audit(stack.settings.kafka, SETTLE_S)
                await asyncio.sleep(QUIET_S)
                await arrivals.shown()
            problems = [*stack.roles.ended(), *_problems(seeds_dir, tally.acknowledged, arrivals, account)]
        failed = bool(problems)
        _account(console, tally.acknowledged, arrivals, account, began)
        for problem in problems:
            console.print(f"[bold red]not as it must be:[/] {problem}")
        return int(failed)
    finally:
        if not failed:
            shutil.rmtree(data_dir, ignore_errors=True)
        elif data_dir.exists():
            console.print(f"[dim]the logs are in {data_dir}/logs[/]")


async def _up(console: Console, rules_dir: Path, port: int | None) -> int:
    data_dir = Settings().bongsu.data_dir / "up"
    arrivals = Arrivals(console)
    stack = LocalStack(data_dir, environ=_environ(), progress=lambda line: console.print(f"[dim]{line}[/]"), port=port)
    async with stack, Receiver(on_received=arrivals.arrived, keep=False) as receiver:
        ports = await _start(console, stack, receiver, rules_dir)
        console.print(f"\nKafka      {stack.kafka.bootstrap_servers}")
        console.print(f"receiver   {receiver.url}")
        for name, number in ports.items():
            console.print(f"{name:<10} http://127.0.0.1:{number}/metrics  /healthz  /readyz")
        console.print("\nPut articles in, from another terminal:")
        console.print(
            f"  export BONGSU_KAFKA_BOOTSTRAP_SERVERS={stack.kafka.bootstrap_servers}\n"
            "  .venv/bin/bongsu ingest seeds/01-talks.txt\nCtrl-C ends it.\n",
            soft_wrap=True,
        )
        async with _following(arrivals, stack.settings):
            while not (ended := stack.roles.ended()):  # noqa: ASYNC110  processes have no event to wait for
                await asyncio.sleep(1.0)
    raise BongsuError("a role ended by itself:\n" + "\n".join(ended))


async def _start(console: Console, stack: LocalStack, receiver: Receiver, rules_dir: Path) -> dict[str, int]:
    """Kafka, topics, rules, the sample subscription, the roles. Returns the metrics port of each role."""
    servers = await stack.start_kafka()
    console.print(f"[dim]Kafka at {servers}, topics created[/]")
    count = await stack.apply_rules(rules_dir)
    now_ms = time.time_ns() // 1_000_000
    record = SubscriptionRecord(
        id="sample",
        name="sample receiver",
        url=receiver.url,
        secrets=(new_secret(),),
        created_ms=now_ms,
        updated_ms=now_ms,
    )
    receiver.secrets = list(record.secrets)
    await publish_subscription(stack.settings.kafka, record)
    console.print(
        f"[dim]{count} rules of {rules_dir}/ in force, a receiver at {receiver.url} subscribed to all of them[/]"
    )
    console.print(f"[dim]starting {', '.join(ROLES)} ...[/]")
    children = await stack.roles.start(*ROLES)
    return {child.name: child.wait_ready(1)["ports"]["metrics"] for child in children}


@contextlib.asynccontextmanager
async def _following(arrivals: Arrivals, settings: Settings) -> Any:
    task = asyncio.create_task(arrivals.follow(settings))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _problems(seeds_dir: Path, published: int, arrivals: Arrivals, account: dict[str, Any]) -> list[str]:
    """What is wrong with the run, as sentences; empty when all is as it must be."""
    problems = []
    if not account["balanced"]:
        problems.append(f"the books do not balance:\n{as_text(account)}")
    if not account["at_rest"]:
        problems.append(f"not all came to rest within {SETTLE_S:g} s:\n{as_text(account)}")
    if account["topics"][topics.DEAD_LETTERS]["records"]:
        problems.append(f"{account['topics'][topics.DEAD_LETTERS]['records']} records went to dead-letters")
    unverified = sum(not received.verified for received in arrivals.received)
    if unverified:
        problems.append(f"{unverified} webhooks did not verify")
    delivered = account["ledgers"]["deliveries"]["ends"].get("delivered", 0)
    different = len({received.id for received in arrivals.received})
    if different != delivered:
        problems.append(f"{different} different webhooks arrived, {delivered} were accounted as delivered")
    expected = seeds_dir / "expected.yaml"
    if expected.exists():
        rules = yaml.safe_load(expected.read_text(encoding="utf-8"))
        if len(rules) != published:
            problems.append(f"{published} articles were published, {expected} names {len(rules)}")
        matches = sum(map(len, rules.values()))
        if different != matches:
            problems.append(f"{expected} promises {matches} webhooks, {different} arrived")
    return problems


def _account(console: Console, published: int, arrivals: Arrivals, account: dict[str, Any], began: float) -> None:
    ledgers = account["ledgers"]
    different = len({received.id for received in arrivals.received})
    verified = len({received.id for received in arrivals.received if received.verified})
    unaccounted = sum(ledger["unaccounted"] + ledger["conflicting"] for ledger in ledgers.values())
    latencies = sorted(arrivals.latencies_ms)
    middle = f", {latencies[len(latencies) // 2]:.0f} ms in the middle" if latencies else ""
    console.rule("the account")
    for label, value in (
        ("articles in", published),
        ("articles in which a rule was found", account["topics"][topics.MATCHES]["records"]),
        ("alerts", ledgers["alerts"]["entries"]),
        ("webhooks delivered", f"{different}{middle}"),
        ("webhooks verified", verified),
        ("dead letters", account["topics"][topics.DEAD_LETTERS]["records"]),
        ("unaccounted for", unaccounted),
        ("seconds", f"{time.monotonic() - began:.1f}"),
    ):
        console.print(f"  {label:<36}{value}")
