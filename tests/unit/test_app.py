"""`run_role` around a role that does as the test says."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from typing import Any

import aiohttp
import pytest

from service import app
from service.health import HealthServer
from service.model.errors import BongsuError, NewerSchema, Unavailable, WrongSetup
from service.settings import Settings
from tests.waiting import wait_until


class Role:
    def __init__(self):
        self.failed = asyncio.get_running_loop().create_future()
        self.missing = ["it is only starting"]
        self.calls = []
        self.start_error = None
        self.start_waits = None
        self.stop_error = None
        self.stop_waits = None

    async def start(self):
        self.calls.append("start")
        if self.start_waits is not None:
            await self.start_waits.wait()
        if self.start_error is not None:
            raise self.start_error
        self.missing = []

    async def stop(self):
        self.calls.append("stop")
        if self.stop_error is not None:
            raise self.stop_error
        while self.stop_waits is not None and not self.stop_waits.is_set():
            with contextlib.suppress(asyncio.CancelledError):  # a library that does not hear that it is over
                await self.stop_waits.wait()

    def not_ready(self):
        return self.missing


class Running:
    def __init__(self, role, tmp_path, metrics_port=None):
        self.role = role
        self.ready_file = tmp_path / "ready.json"
        self.left: list[Any] = []
        self.metrics: Any = None

        def make(_settings, _registry, metrics):
            self.metrics = metrics
            return role

        self.task = asyncio.ensure_future(
            app.run_role(
                "tester", make, Settings({}), metrics_port=metrics_port, ready_file=self.ready_file,
                on_stopping=lambda: self.left.append(list(role.calls)),
            )
        )  # fmt: skip

    async def ready(self):
        await wait_until(self.ready_file.exists, 5)
        return json.loads(self.ready_file.read_text(encoding="utf-8"))

    async def ended(self):
        return await asyncio.wait_for(self.task, 30)


@pytest.fixture
async def role():
    return Role()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_in_order(role, tmp_path, number):
    running = Running(role, tmp_path, metrics_port=0)
    told = await running.ready()
    assert told["pid"] == os.getpid()
    assert told["ports"]["metrics"] > 0
    os.kill(os.getpid(), number)
    await running.ended()
    assert role.calls == ["start", "stop"]
    assert running.left == [["start"]], "whoever watches the clock is told before it begins to leave"
    assert signal.getsignal(number) is not signal.SIG_IGN


async def test_readyz_tells_the_truth_from_start_to_end(role, tmp_path):
    role.start_waits = asyncio.Event()
    role.stop_waits = asyncio.Event()
    ports = []
    original = HealthServer.start

    async def start(self, port):
        ports.append(await original(self, port))
        return ports[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HealthServer, "start", start)
        running = Running(role, tmp_path, metrics_port=0)
        await wait_until(lambda: ports and role.calls, 5)

        async def readyz():
            async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{ports[0]}/readyz") as answer:
                return answer.status, (await answer.text()).strip()

        assert await readyz() == (503, "it is only starting")
        assert not running.ready_file.exists()
        role.start_waits.set()
        await running.ready()
        assert await readyz() == (200, "ready")
        assert running.metrics.ready._value.get() == 1
        os.kill(os.getpid(), signal.SIGTERM)
        await wait_until(lambda: "stop" in role.calls, 5)
        assert await readyz() == (503, "it is stopping")
        assert running.metrics.ready._value.get() == 0
        role.stop_waits.set()
        await running.ended()


@pytest.mark.parametrize("error", [WrongSetup("the topic x does not exist"), Unavailable("no Kafka")])
async def test_a_failure_during_start_is_raised_and_what_was_opened_is_closed(role, tmp_path, error):
    role.start_error = error
    with pytest.raises(type(error), match=str(error)):
        await Running(role, tmp_path).ended()
    assert role.calls == ["start", "stop"]


async def test_a_failure_while_start_hangs_is_seen(role, tmp_path):
    role.start_waits = asyncio.Event()
    running = Running(role, tmp_path)
    await wait_until(lambda: role.calls, 5)
    role.failed.set_result(NewerSchema("rules", 9, 1))
    with pytest.raises(NewerSchema):
        await running.ended()
    assert role.calls == ["start", "stop"]


async def test_a_signal_while_start_hangs_is_heard(role, tmp_path):
    role.start_waits = asyncio.Event()
    running = Running(role, tmp_path)
    await wait_until(lambda: role.calls, 5)
    os.kill(os.getpid(), signal.SIGTERM)
    await running.ended()
    assert role.calls == ["start", "stop"]


@pytest.mark.parametrize(
    ("error", "code"), [(NewerSchema("alerts", 9, 1), 3), (Unavailable("gone"), 1), (ValueError("a fault of ours"), 1)]
)
async def test_a_later_failure_gives_the_exit_code(role, tmp_path, error, code):
    running = Running(role, tmp_path)
    await running.ready()
    role.failed.set_result(error)
    with pytest.raises(BongsuError, match=str(error).split("`")[0]) as raised:
        await running.ended()
    assert raised.value.exit_code == code
    assert role.calls == ["start", "stop"]


async def test_a_stop_that_hangs_is_not_waited_for(role, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "STOP_DEADLINE_S", 0.05)
    role.stop_waits = asyncio.Event()
    running = Running(role, tmp_path)
    await running.ready()
    os.kill(os.getpid(), signal.SIGTERM)
    await running.ended()
    role.stop_waits.set()


async def test_a_stop_that_fails_does_not_hide_why_it_ended(role, tmp_path):
    role.stop_error = RuntimeError("cannot close")
    running = Running(role, tmp_path)
    await running.ready()
    role.failed.set_result(NewerSchema("alerts", 9, 1))
    with pytest.raises(NewerSchema):
        await running.ended()


async def test_a_ready_file_of_an_earlier_run_does_not_speak_for_this_one(role, tmp_path):
    (tmp_path / "ready.json").write_text("{}")
    role.start_waits = asyncio.Event()
    running = Running(role, tmp_path)
    await wait_until(lambda: role.calls, 5)
    assert not running.ready_file.exists()
    role.start_waits.set()
    await running.ready()
    os.kill(os.getpid(), signal.SIGTERM)
    await running.ended()


async def test_a_ready_file_that_cannot_be_written_is_named(role, tmp_path):
    with pytest.raises(WrongSetup, match=r"--ready-file .*missing.*choose another path"):
        await Running(role, tmp_path / "missing").ended()
    assert role.calls == ["start", "stop"]


async def test_readiness_that_is_lost_is_exported(role, tmp_path, monkeypatch):
    monkeypatch.setattr(app, "READY_AGAIN_POLL_S", 0.01)
    running = Running(role, tmp_path)
    await running.ready()
    role.missing = ["no partitions are assigned"]
    await wait_until(lambda: running.metrics.ready._value.get() == 0, 5)
    role.missing = []
    await wait_until(lambda: running.metrics.ready._value.get() == 1, 5)
    os.kill(os.getpid(), signal.SIGTERM)
    await running.ended()


def test_the_dispatcher_runs_on_uvloop_and_the_others_on_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    uvloop = pytest.importorskip("uvloop")

    def kind(role: str) -> type[asyncio.AbstractEventLoop]:
        loop = app.new_event_loop(role)
        loop.close()
        return type(loop)

    assert issubclass(kind("dispatcher"), uvloop.Loop)
    assert not issubclass(kind("worker"), uvloop.Loop)
    monkeypatch.setitem(sys.modules, "uvloop", None)  # as where there is none
    assert not issubclass(kind("dispatcher"), uvloop.Loop)
