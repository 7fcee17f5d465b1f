"""`bongsu demo` and `bongsu up`: the main job on an embedded real Kafka, shown as it happens."""

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click
from rich.console import Console
from rich.text import Text

from service.actions.rotation import new_secret
from service.adapters.control import publish_subscription
from service.adapters.control_revisions import read_standing
from service.adapters.control_subscriptions import SUBSCRIPTION
from service.adapters.receiver import Receiver
from service.cli.account import SETTLE_S, print_account, problems_of, read_expected
from service.cli.arrivals import Arrivals
from service.cli.audit import take_audit
from service.cli.common import settings_of
from service.cli.ingest import publish
from service.cli.show import make_console
from service.local import LocalStack, make_dir
from service.model.control_records import SubscriptionRecord
from service.model.errors import WrongSetup
from service.model.policy import PolicyModel
from service.settings import PREFIX, ApiSettings, KafkaSettings, Settings

ROLES = ("worker", "dispatcher", "audit")
ROLES_UP = (*ROLES, "history", "api")
QUIET_S = 0.3
LOOPBACK = "127.0.0.0/8,::1/128"
OURS = ("TOPIC_PREFIX", "REQUEST_TIMEOUT_S", "SESSION_TIMEOUT_S")
"""Settings of Kafka that may be given; the others say where another Kafka is and how to speak to it."""
EVERY_ALERT = PolicyModel(mode="each", inhibit=False)
"""The sample receiver is to see what fires; by default it would get one webhook a story (docs/policies.md)."""
T = TypeVar("T")


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
    settings_of("demo")
    console = make_console()
    try:
        return asyncio.run(_told_to_stop(work(console)))
    except (KeyboardInterrupt, asyncio.CancelledError):
        console.print("\nstopped; nothing is left running")
        return 130


async def _told_to_stop(work: Awaitable[int]) -> int:
    """SIGTERM, and a terminal that is closed, end it in order like Ctrl-C."""
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    return await work


def _environ() -> dict[str, str]:
    """The caller's settings, with loopback allowed and Kafka ours."""
    given = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    others = [
        name
        for name in sorted(given)
        if name.startswith(f"{PREFIX}KAFKA_") and name.removeprefix(f"{PREFIX}KAFKA_") not in OURS
    ]
    if others:
        raise WrongSetup(
            f"{', '.join(others)} set: `bongsu demo` and `bongsu up` bring their own Kafka. Unset, or start the roles "
            "yourself (README, 'Run it against a Kafka that you already have')"
        )
    allowed = ",".join(filter(None, (LOOPBACK, given.get("BONGSU_DELIVERY_ALLOW_ADDRESSES"))))
    return {"BONGSU_LOG_FORMAT": "json", **given, "BONGSU_DELIVERY_ALLOW_ADDRESSES": allowed}


async def _demo(console: Console, rules_dir: Path, seeds_dir: Path) -> int:
    began = time.monotonic()
    environ = _environ()
    expected = read_expected(seeds_dir)
    arrivals = Arrivals(console)
    with _directory(console, Settings().bongsu.data_dir) as kept:
        stack = LocalStack(kept.path, environ=environ, progress=lambda line: _say(console, line))
        async with stack, Receiver(on_received=arrivals.arrived) as receiver:
            await _start(console, stack, receiver, rules_dir)
            _say(console, f"ready after {time.monotonic() - began:.1f} s; publishing {seeds_dir}/\n")
            published, account = await _while_all_runs(stack, _pass_through(stack, seeds_dir, arrivals))
        problems = problems_of(expected, published, arrivals.received, account)
        kept.failed = bool(problems)
        print_account(console, published, arrivals, account, began)
        for problem in problems:
            console.print(Text.assemble(("not as it must be: ", "bold red"), problem))
        return int(kept.failed)


async def _pass_through(stack: LocalStack, seeds_dir: Path, arrivals: Arrivals) -> tuple[int, dict[str, Any]]:
    """Publish the seeds and wait until all came to rest. Returns how many were published, and the account."""
    async with _following(arrivals, stack.settings):
        tally = await publish(stack.settings.kafka, (str(seeds_dir),))
        account = await take_audit(stack.settings.kafka, SETTLE_S)
        await asyncio.sleep(QUIET_S)
        await arrivals.shown()
    return tally.acknowledged, account


async def _up(console: Console, rules_dir: Path, port: int | None) -> int:
    data_dir = Settings().bongsu.data_dir / "up"
    arrivals = Arrivals(console, keep=False)
    environ = {"BONGSU_API_PORT": _api_port(ApiSettings().port)} | _environ()
    stack = LocalStack(data_dir, environ=environ, progress=lambda line: _say(console, line), port=port)
    async with stack, Receiver(on_received=arrivals.arrived, keep=False) as receiver:
        ports = await _start(console, stack, receiver, rules_dir, ROLES_UP)
        servers = stack.kafka.bootstrap_servers
        api = f"http://127.0.0.1:{ports['api']['api']}/v1"
        addresses = {
            name: f"http://127.0.0.1:{numbers['metrics']}/metrics  /healthz  /readyz" for name, numbers in ports.items()
        }
        for name, address in {"Kafka": servers, "receiver": receiver.url, "API": api, **addresses}.items():
            console.print(f"{name:<10} {address}", markup=False, soft_wrap=True)
        console.print(
            "\nPut articles in, from another terminal:\n"
            f"  export BONGSU_KAFKA_BOOTSTRAP_SERVERS={servers}{_prefix_export(stack.settings)}\n"
            "  .venv/bin/bongsu ingest seeds/01-talks.txt\n"
            f"Or ask the API ({api}/openapi.json says what), with a token:\n"
            "  .venv/bin/bongsu token create --name me --scope all\nCtrl-C ends it.\n",
            markup=False,
            soft_wrap=True,
        )
        async with _following(arrivals, stack.settings):
            await stack.ended()
    return 1  # `ended` only returns by an error


def _api_port(usual: int) -> str:
    """The usual one where it is free: then an address that was written down is good the next time too."""
    with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", usual)):
        return str(usual)
    return "0"


def _prefix_export(settings: Settings) -> str:
    prefix = settings.kafka.topic_prefix
    return f" BONGSU_KAFKA_TOPIC_PREFIX={prefix}" if prefix else ""


def _say(console: Console, line: str) -> None:
    console.print(Text(line, "dim"))


async def _while_all_runs(stack: LocalStack, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, unless something of the stack ends by itself meanwhile.

    Raises:
        Unavailable: it did; with the tail of its log.
    """
    working, watching = asyncio.ensure_future(work), asyncio.ensure_future(stack.ended())
    try:
        await asyncio.wait({working, watching}, return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            watching.result()
        return await working
    finally:
        for task in (working, watching):
            task.cancel()
        await asyncio.gather(working, watching, return_exceptions=True)


@dataclass(slots=True)
class _Kept:
    """A directory of one run."""

    path: Path
    failed: bool = False


@contextlib.contextmanager
def _directory(console: Console, parent: Path) -> Iterator[_Kept]:
    """A new directory for one run: removed at the end, unless the run failed and its logs are wanted."""
    make_dir(parent)
    kept = _Kept(Path(tempfile.mkdtemp(prefix="demo-", dir=parent)))
    try:
        yield kept
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise
    except BaseException:
        kept.failed = True
        raise
    finally:
        if kept.failed:
            _say(console, f"the logs are in {kept.path}/logs")
        else:
            shutil.rmtree(kept.path, ignore_errors=True)


async def _start(
    console: Console, stack: LocalStack, receiver: Receiver, rules_dir: Path, roles: Sequence[str] = ROLES
) -> dict[str, dict[str, int]]:
    """Kafka, topics, rules, the sample subscription, the roles. Returns the ports of each role."""
    servers = await stack.start_kafka()
    _say(console, f"Kafka at {servers}, topics created")
    count = await stack.apply_rules(rules_dir)
    record = await _sample(stack.settings.kafka, receiver.url)
    receiver.secrets = list(record.secrets)
    await publish_subscription(stack.settings.kafka, record, stack.settings.bongsu.keys)
    _say(console, f"{count} rules of {rules_dir}/ in force, a receiver at {receiver.url} subscribed to each alert")
    _say(console, f"starting {', '.join(roles)} ...")
    children = await stack.roles.start(*roles)
    return {child.name: child.wait_ready(1)["ports"] for child in children}


async def _sample(settings: KafkaSettings, url: str) -> SubscriptionRecord:
    """The sample subscription, at this receiver from now on; what was changed of it since the last time stays."""
    now_ms = time.time_ns() // 1_000_000
    fresh: dict[str, Any] = {
        "url": url, "secrets": (new_secret(),), "retiring": (), "disabled_ms": None, "disabled_reason": None,
        "updated_ms": now_ms,
    }  # fmt: skip
    stands = (await read_standing(settings, SUBSCRIPTION)).stands("sample")
    if stands is not None and stands.removed_ms is None:
        return stands.model_copy(update={**fresh, "revision": stands.revision + 1})
    revision = 1 if stands is None else stands.revision + 1
    return SubscriptionRecord(
        id="sample", name="sample receiver", revision=revision, policy=EVERY_ALERT, created_ms=now_ms, **fresh
    )


@contextlib.asynccontextmanager
async def _following(arrivals: Arrivals, settings: Settings) -> AsyncIterator[None]:
    task = asyncio.create_task(arrivals.follow(settings))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
