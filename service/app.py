"""The composition root: the only module that knows every concrete class. Nothing connects at import."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry

from service import logs
from service.adapters.processes import write_ready
from service.health import HealthServer
from service.matching.engine import Engine
from service.matching.ruleset import RuleSet
from service.metrics import RoleMetrics, WorkerMetrics
from service.model.errors import BongsuError
from service.settings import MatchingSettings, Settings

READY_POLL_S = 0.05
STOP_DEADLINE_S = 9.0
"""SIGTERM ends a role within 10 s."""


class Role(Protocol):
    """What `run_role` asks of a role."""

    failed: "asyncio.Future[BaseException]"

    async def start(self) -> None:
        """Connect."""
        ...

    async def stop(self) -> None:
        """Leave in order."""
        ...

    def not_ready(self) -> list[str]:
        """What is missing for /readyz."""
        ...


MakeRole = Callable[[Settings, CollectorRegistry, RoleMetrics], Role]


def compiler(settings: MatchingSettings) -> Callable[[RuleSet], Engine]:
    """How this process makes an engine of a rule set: with the morphological veto where it is installed and wanted."""
    from service.adapters.sense import make_veto

    veto = make_veto(warn=logs.get("service.app").warning) if settings.morphology else None

    def compile_engine(ruleset: RuleSet) -> Engine:
        return Engine(ruleset, min_confidence=settings.min_confidence, veto=veto)

    return compile_engine


def make_worker(settings: Settings, registry: CollectorRegistry, role_metrics: RoleMetrics) -> Role:
    """Role `worker`."""
    from service.streams.role import Worker

    return Worker(
        settings,
        compile_engine=compiler(settings.matching),
        metrics=WorkerMetrics(registry),
        role_metrics=role_metrics,
        clock=time.time,
    )


def make_dispatcher(settings: Settings, registry: CollectorRegistry, role_metrics: RoleMetrics) -> Role:
    """Role `dispatcher`."""
    from service.dispatcher.composed import ComposedDispatcher

    return ComposedDispatcher(settings, registry, role_metrics, clock=time.time, luck=random.random)


def make_audit(settings: Settings, registry: CollectorRegistry, role_metrics: RoleMetrics) -> Role:
    """Role `audit`."""
    from service.audit.role import AuditRole

    return AuditRole(settings, registry, role_metrics, clock=time.time)


async def run_role(
    name: str, make: MakeRole, settings: Settings, *, metrics_port: int | None, ready_file: Path | None
) -> None:
    """Run a role until SIGTERM or SIGINT, or until it fails; leaves its offsets committed.

    Raises:
        BongsuError: the role could not start or had to end.
    """
    log = logs.get("service.app")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    registry = CollectorRegistry()
    role_metrics = RoleMetrics(registry, name)
    role = make(settings, registry, role_metrics)
    health = HealthServer(registry, role.not_ready)
    port = await health.start(metrics_port) if metrics_port is not None else 0
    log.info("starting", kafka=settings.kafka.bootstrap_servers, metrics_port=port or None)
    watch = asyncio.create_task(_watch(role, role_metrics, ready_file, port, log), name="ready")
    try:
        await _first(stopping.wait(), role.start())
        if not stopping.is_set():
            await _first(stopping.wait(), asyncio.shield(role.failed), asyncio.shield(watch))
    finally:
        watch.cancel()
        await asyncio.gather(watch, return_exceptions=True)
        log.info("stopping")
        try:
            await asyncio.wait_for(role.stop(), STOP_DEADLINE_S)
        except Exception as error:  # noqa: BLE001  the reason to stop matters more than how stopping went
            if not isinstance(error, TimeoutError):
                log.warning("stopping failed", error=repr(error))
            log.warning("not stopped in order within the deadline; what is uncommitted comes again")
        await health.stop()
    if role.failed.done():
        raise _as_ours(role.failed.result())


async def _first(*waits: Awaitable[object]) -> None:
    """Until the first is done; raises what it raised; the others are cancelled."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(role: Role, metrics: RoleMetrics, ready_file: Path | None, port: int, log: logs.Logger) -> None:
    """Keep `bongsu_ready` true, and write the ready file the first time that it is."""
    told = False
    while True:
        missing = role.not_ready()
        metrics.ready.set(not missing)
        if not missing and not told:
            told = True
            log.info("ready", metrics_port=port or None)
            write_ready(ready_file, {"metrics": port} if port else {})
        await asyncio.sleep(1.0 if told else READY_POLL_S)


def _as_ours(error: BaseException) -> BaseException:
    return error if isinstance(error, BongsuError) else BongsuError(f"{type(error).__name__}: {error}")
