"""Processes of Bongsu without the second of imports each: forked from one that has imported everything already.

A test run starts some five hundred of them, which was a third of its CPU. What runs is `python -m MODULE` in a process
of its own all the same, with its own environment, session, output and signals; only what an interpreter does before the
first line of ours is done once. Started from nothing they still are in the tests of the command itself, of `demo` and
`up`, of the image, of a rolling restart, and in every soak.
"""

import contextlib
import ctypes
import io
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from multiprocessing import connection, forkserver, reduction
from pathlib import Path
from typing import Any

import pytest

from service.adapters import processes

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.preloaded"])
_ONE_AT_A_TIME = threading.RLock()
"""An exit code is read from a pipe, and to start a process looks for the ends of all others: two readers, one code."""
PR_SET_PDEATHSIG = 1


class _Fd:
    """A file descriptor that goes along to the child."""

    def __init__(self, fd: int) -> None:
        self.fd = fd

    def __reduce__(self) -> Any:
        return _received, (reduction.DupFd(self.fd),)


def _received(passed: Any) -> int:
    fd: int = passed.detach()
    return fd


class Forked:
    """As much of `subprocess.Popen` as is used of a process here."""

    def __init__(
        self,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        stdin: int,
        stdout: int,
        stderr: int,
        unbuffered: bool = False,
    ) -> None:
        """`argv` is a module and its arguments; `stdin`, `stdout`, `stderr` are file descriptors, and stay yours."""
        self.args = list(argv)
        self._process = _CONTEXT.Process(
            target=_become,
            args=(self.args, dict(env), str(Path.cwd()), [_Fd(stdin), _Fd(stdout), _Fd(stderr)], unbuffered),
            daemon=True,
        )
        with _ONE_AT_A_TIME:
            self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        connection.wait([self._process.sentinel], timeout)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(argv: list[str], env: dict[str, str], cwd: str, streams: list[int], unbuffered: bool) -> None:
    """In the child: what `python -m` would have done, from here on."""
    # The server goes when nobody holds this end any more: the tests, however they end, and not we. Then we go too.
    os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    os.setsid()
    for number, fd in enumerate(streams):
        os.dup2(fd, number)
        os.close(fd)
    sys.stdin = io.TextIOWrapper(open(0, "rb", closefd=False))  # noqa: SIM115
    size = 0 if unbuffered else io.DEFAULT_BUFFER_SIZE
    out, err = (open(fd, "wb", size, closefd=False) for fd in (1, 2))  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(out, write_through=unbuffered)
    sys.stderr = io.TextIOWrapper(err, errors="backslashreplace", line_buffering=True)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = list(argv)
    runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


def spawn(argv: Sequence[str], *, log_path: Path, env: Mapping[str, str] | None = None) -> Any:
    """As service.adapters.processes.spawn, for `python [-u] -m MODULE ...`; anything else is started as ever."""
    rest = list(argv[1:])
    unbuffered = rest[:1] == ["-u"]
    rest = rest[unbuffered:]
    if argv[0] != sys.executable or rest[:1] != ["-m"]:
        return _spawn(argv, log_path=log_path, env=env)
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as log, Path(os.devnull).open("rb") as nothing:
        fds = {"stdin": nothing.fileno(), "stdout": log.fileno(), "stderr": log.fileno()}
        return Forked(rest[1:], env=dict(os.environ if env is None else env), unbuffered=unbuffered, **fds)


_spawn = processes.spawn


@pytest.fixture(autouse=True)
def roles_are_forked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roles of a test with Kafka; not where what a start costs is measured, or all must be as it is outside."""
    marked = {mark.name for mark in request.node.iter_markers()}
    if "kafka" in marked and not marked & {"soak", "deploy"}:
        monkeypatch.setattr(processes, "spawn", spawn)
