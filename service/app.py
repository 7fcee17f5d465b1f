"""The composition root: the only module that knows every concrete class. Nothing connects at import."""

import asyncio
import contextlib
import gc
import random
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Protocol

from prometheus_client import CollectorRegistry

from service import logs
from service.adapters.processes import write_ready
from service.health import HealthServer
from service.metrics import RoleMetrics, WorkerMetrics
from service.model.errors import BongsuError, WrongSetup
from service.settings import Settings

READY_POLL_S = 0.05
READY_AGAIN_POLL_S = 1.0
"""Once it was ready."""
CANCEL_S = 1.0
STOP_DEADLINE_S = 6.0
"""For leaving in order, out of the 10 s in which SIGTERM ends a role."""


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


ON_UVLOOP = frozenset({"dispatcher", "api"})
MakeRole = Callable[[Settings, CollectorRegistry, RoleMetrics], Role]


def new_event_loop(role: str) -> asyncio.AbstractEventLoop:
    """The loop of libuv for the roles that gain by it, where it is installed; asyncio's own otherwise.

    The worker keeps asyncio's: Faust runs its own threads and services on it, and its time goes into matching.
    """
    if role in ON_UVLOOP:
        with contextlib.suppress(ImportError):  # there is none for Windows
            import uvloop

            return uvloop.new_event_loop()
    return asyncio.new_event_loop()


def make_worker(settings: Settings, registry: CollectorRegistry, role_metrics: RoleMetrics) -> Role:
    """Role `worker`."""
    from service.adapters.engines import compiler
    from service.streams.role import Worker

    return Worker(
        settings,
        compile_engine=compiler(settings.matching),
        metrics=WorkerMetrics(registry, settings.metrics.max_label_values),
        role_metrics=role_metrics,
        clock=time.time,
    )


def make_dispatcher(settings: Settings, registry: CollectorRegistry, role_metrics: RoleMetrics) -> Role:
    """Role `dispatcher`."""
    from service.dispatcher.composed import ComposedDispatcher

    return ComposedDispatcher(settings, registry, role_metrics, clock=time.time, luck=random.random)


def make_audit(settings: Settings, registry: CollectorRegistry, _: RoleMetrics) -> Role:
    """Role `audit`."""
    from service.audit.role import AuditRole

    return AuditRole(settings, registry, clock=time.time)


def make_history(settings: Settings, registry: CollectorRegistry, _: RoleMetrics) -> Role:
    """Role `history`."""
    from service.history.role import HistoryRole

    return HistoryRole(settings, registry, clock=time.time)


def make_api(
    settings: Settings, registry: CollectorRegistry, _: RoleMetrics, *, host: str | None = None, port: int | None = None
) -> Role:
    """Role `api`; `host` and `port` instead of those of the settings."""
    from service.api.role import ApiRole

    return ApiRole(settings, registry, host=host, port=port, clock=time.time)


async def run_role(  # noqa: PLR0913 - what a process is told about its role
    name: str,
    make: MakeRole,
    settings: Settings,
    *,
    metrics_port: int | None,
    ready_file: Path | None,
    on_stopping: Callable[[], None] = lambda: None,
) -> None:
    """Run a role until SIGTERM or SIGINT, or until it fails; leaves its offsets committed.

    `on_stopping` is called when it begins to leave, whatever the reason.

    Raises:
        BongsuError: the role could not start or had to end.
    """
    log = logs.get("service.app")
    stopping = asyncio.Event()
    registry = CollectorRegistry()
    role_metrics = RoleMetrics(registry, name)
    _remove_stale(ready_file)
    with _told_to_stop(stopping.set):
        role = make(settings, registry, role_metrics)
        not_ready = partial(_not_ready, role, stopping)
        health = HealthServer(
            registry, not_ready, documents=getattr(role, "documents", None), notes=getattr(role, "notes", None)
        )
        port = await health.start(metrics_port) if metrics_port is not None else 0
        log.info("starting", kafka=settings.kafka.bootstrap_servers, metrics_port=port or None)
        watch = asyncio.create_task(_watch(role, not_ready, role_metrics, ready_file, port, log), name="ready")
        loop_lag = asyncio.create_task(role_metrics.watch_loop(), name="loop lag")
        try:
            await _first(stopping.wait(), role.start(), asyncio.shield(role.failed), asyncio.shield(watch))
            if not stopping.is_set():
                await _first(stopping.wait(), asyncio.shield(role.failed), asyncio.shield(watch))
        finally:
            stopping.set()
            on_stopping()
            role_metrics.ready.set(0)
            watch.cancel()
            loop_lag.cancel()
            await asyncio.gather(watch, loop_lag, return_exceptions=True)
            log.info("stopping")
            await _stop_in_time(role, log)
            await health.stop()
    if role.failed.done():
        raise _as_ours(role.failed.result())


def _not_ready(role: Role, stopping: asyncio.Event) -> list[str]:
    if stopping.is_set():
        return ["it is stopping"]
    if role.failed.done():
        return [f"it failed: {role.failed.result()}"]
    return role.not_ready()


@contextlib.contextmanager
def _told_to_stop(stop: Callable[[], None]) -> Iterator[None]:
    """SIGTERM and SIGINT call `stop` within."""
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGTERM, signal.SIGINT)
    for number in numbers:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _stop_in_time(role: Role, log: logs.Logger) -> None:
    """`role.stop()`, but no longer than STOP_DEADLINE_S; it is not waited for even where it ignores that it is over."""
    stop = asyncio.ensure_future(role.stop())
    await asyncio.wait([stop], timeout=STOP_DEADLINE_S)
    if not stop.done():
        stop.cancel()
        log.warning("not stopped in order within the deadline; what is not committed comes again", s=STOP_DEADLINE_S)
    elif not stop.cancelled() and (error := stop.exception()) is not None:  # the reason to stop matters more
        log.warning("stopping failed; what is not committed comes again", exc_info=error)


def _remove_stale(ready_file: Path | None) -> None:
    """A file of an earlier run would say that this one is ready."""
    if ready_file is None:
        return
    try:
        ready_file.unlink(missing_ok=True)
    except OSError as error:
        raise _unwritable(ready_file, error) from None


def _unwritable(ready_file: Path, error: OSError) -> WrongSetup:
    return WrongSetup(f"--ready-file {ready_file} cannot be written: {error.strerror}; choose another path")


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
        await asyncio.wait(tasks, timeout=CANCEL_S)  # a library may swallow the cancellation


async def _watch(  # noqa: PLR0913 - each is a separate fact
    role: Role,
    not_ready: Callable[[], list[str]],
    metrics: RoleMetrics,
    ready_file: Path | None,
    port: int,
    log: logs.Logger,
) -> None:
    """Keep `bongsu_ready` true, and write the ready file the first time that it is."""
    told: list[str] | None = None
    while True:
        missing = not_ready()
        metrics.ready.set(not missing)
        if not missing and told is None:
            log.info("ready", metrics_port=port or None)
            gc.freeze()  # modules and what lives as long as the role: to look at it again and again takes 50 ms each
            try:
                write_ready(ready_file, ({"metrics": port} if port else {}) | getattr(role, "ports", {}))
            except OSError as error:
                assert ready_file is not None
                raise _unwritable(ready_file, error) from None
        elif told is not None and bool(missing) != bool(told):
            log.warning("no longer ready" if missing else "ready again", missing=missing)
        if not missing or told is not None:
            told = missing
        await asyncio.sleep(READY_POLL_S if told is None else READY_AGAIN_POLL_S)


def _as_ours(error: BaseException) -> BaseException:
    return error if isinstance(error, BongsuError) else BongsuError(f"{type(error).__name__}: {error}")
