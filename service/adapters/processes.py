"""Children that cannot outlive us: Kafka's JVM, and the roles that `bongsu demo`, `bongsu up` and the tests start.

On Linux the kernel kills a child when the *thread* that forked it ends (PR_SET_PDEATHSIG), so every child is forked by
one thread that lives as long as this process; a worker thread of asyncio would take them down with it. The signal is
set in the child by a small Python that then becomes the real program: `preexec_fn` may deadlock in a threaded parent.
"""

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from service.model.errors import Unavailable

_BECOME = """
import ctypes, os, signal, sys
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != int(sys.argv[1]):  # the parent was quicker than prctl
        os._exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""

POLL_S = 0.02

_jobs: "queue.SimpleQueue[tuple[Future[subprocess.Popen[bytes]], Callable[[], subprocess.Popen[bytes]]]]"
_jobs = queue.SimpleQueue()
_forking: list[threading.Thread] = []
_starting = threading.Lock()


def _fork_for_everyone() -> None:
    while True:
        future, start = _jobs.get()
        try:
            future.set_result(start())
        except BaseException as error:  # noqa: BLE001  it belongs to the caller, who waits for it
            future.set_exception(error)


def spawn(argv: Sequence[str], *, log_path: Path, env: Mapping[str, str] | None = None) -> "subprocess.Popen[bytes]":
    """Start `argv` (its first an absolute path) in a session of its own, its output appended to `log_path`.

    The terminal's Ctrl-C does not reach it; it dies with this process.

    Raises:
        OSError: the log cannot be written, or the program cannot be started.
    """
    log_path.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(argv[0], os.X_OK):
        raise FileNotFoundError(f"{argv[0]} is no program that can be run")

    def start() -> "subprocess.Popen[bytes]":
        with log_path.open("ab") as log:
            return subprocess.Popen(  # noqa: S603  argv is ours
                [sys.executable, "-I", "-S", "-c", _BECOME, str(os.getpid()), *argv],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(os.environ if env is None else env),
                start_new_session=True,
            )

    with _starting:
        if not _forking:
            _forking.append(threading.Thread(target=_fork_for_everyone, name="bongsu-fork", daemon=True))
            _forking[0].start()
    future: Future[subprocess.Popen[bytes]] = Future()
    _jobs.put((future, start))
    return future.result()


def stop(process: "subprocess.Popen[bytes]", timeout_s: float) -> int:
    """SIGTERM, and SIGKILL after `timeout_s`. Returns the exit code (negative: the signal that ended it)."""
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGCONT)  # a paused process would not hear the first
        try:
            return process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def log_tail(path: Path, lines: int = 15, start: int = 0) -> str:
    """The last lines of a log, from byte `start` on; empty when there is none."""
    try:
        with path.open("rb") as log:
            log.seek(max(start, path.stat().st_size - 16_384))
            text = log.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def write_ready(path: Path | None, ports: Mapping[str, int]) -> None:
    """Tell whoever waits for `path` that this role is ready. Appears whole or not at all."""
    if path is None:
        return
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps({"pid": os.getpid(), "ports": dict(ports)}), encoding="utf-8")
    part.replace(path)


class Child:
    """One `python -m service ROLE …` of ours."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.log_path = Path(os.devnull)
        self._ready_file: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    def start(self, args: Sequence[str], env: Mapping[str, str], log_path: Path, *, ready: bool = True) -> None:
        """Start `bongsu *args`; `env` is added to this process's. With `ready`, `--ready-file` is passed as well."""
        self.log_path = log_path
        self._log_start = log_path.stat().st_size if log_path.exists() else 0
        more: list[str] = []
        if ready:
            self._ready_file = log_path.with_suffix(".ready").absolute()
            self._ready_file.unlink(missing_ok=True)
            more = ["--ready-file", str(self._ready_file)]
        # -u: the log is whole after a SIGKILL
        argv = [sys.executable, "-u", "-m", "service", *args, *more]
        self._process = spawn(argv, log_path=log_path, env={**os.environ, **env})

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None, "start() first"
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit code, negative when a signal ended it; None while it runs."""
        assert self._process is not None, "start() first"
        return self._process.poll()

    def wait_ready(self, timeout_s: float) -> dict[str, Any]:
        """Wait for the ready file: {"pid": …, "ports": {…}}. Blocks; from asyncio use `asyncio.to_thread`.

        Raises:
            Unavailable: it ended, or was not ready in time; with the tail of its log.
        """
        assert self._ready_file is not None, "start(ready=True) first"
        deadline = time.monotonic() + timeout_s
        while True:
            with contextlib.suppress(OSError, json.JSONDecodeError):
                told: dict[str, Any] = json.loads(self._ready_file.read_text(encoding="utf-8"))
                return told
            if self.returncode is not None:
                raise Unavailable(f"{self.name} ended with {self.returncode} before it was ready:\n{self.tail()}")
            if time.monotonic() > deadline:
                raise Unavailable(f"{self.name} was not ready after {timeout_s:g} s:\n{self.tail()}")
            time.sleep(POLL_S)

    def wait(self, timeout_s: float) -> int:
        """Wait for the end. Raises `subprocess.TimeoutExpired`."""
        assert self._process is not None, "start() first"
        return self._process.wait(timeout_s)

    def terminate(self, timeout_s: float = 10) -> int:
        """SIGTERM, and SIGKILL after `timeout_s`; returns the exit code. Does nothing when it has ended."""
        assert self._process is not None, "start() first"
        return stop(self._process, timeout_s)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        assert self._process is not None, "start() first"
        self._process.kill()
        self._process.wait()

    def send(self, number: signal.Signals) -> None:
        """Send a signal, e.g. SIGSTOP."""
        assert self._process is not None, "start() first"
        self._process.send_signal(number)

    def tail(self, lines: int = 15) -> str:
        """The last lines that this run wrote."""
        return log_tail(self.log_path, lines, self._log_start)
