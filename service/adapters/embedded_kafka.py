"""A real Apache Kafka (KRaft, broker and controller in one JVM) without Docker: for laptops, tests and CI.

Everything that a single small broker needs to be told is in `_PROPERTIES`; each line there was needed or measured.
Not for production: one node, no replication, no authentication, loopback only.
"""

import base64
import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from service.adapters.kafka_jars import class_path, java
from service.adapters.processes import POLL_S, log_tail, spawn, stop
from service.model.errors import Unavailable, WrongSetup

HOST = "127.0.0.1"
_STARTED = b"Kafka Server started"

_PROPERTIES = """\
node.id=1
process.roles=broker,controller
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
controller.quorum.voters=1@{host}:{controller}
log.dirs={logs}
# one broker: nothing can be replicated
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
# few files, a quick start
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
log.cleaner.dedupe.buffer.size=8388608
# a group starts at once instead of waiting 3 s for more members
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
# a mistyped topic is an error, not a new topic
auto.create.topics.enable=false
# after a SIGKILL the broker waits until its former self is given up: 12 s to start instead of 3 with the default of 9 s
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
file.delete.delay.ms=1000
"""

_JVM = (
    "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx512m", "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info",
)  # fmt: skip


def free_port() -> int:
    """A port of the loopback that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def cluster_id(random: bytes) -> str:
    """Kafka's text of 16 random bytes. One that starts with "-", one of 64, would be taken for an option."""
    return "b" + base64.urlsafe_b64encode(random).decode().rstrip("=")[1:]


class EmbeddedKafka:
    """One broker over one data directory. `start` again after `stop` or `kill` finds the same data and port."""

    def __init__(
        self,
        data_dir: Path,
        *,
        port: int | None = None,
        progress: Callable[[str], None] | None = None,
        properties: Mapping[str, str] | None = None,
    ) -> None:
        """Nothing happens before `start`.

        Args:
            data_dir: everything it keeps, its log too; made if it is not there.
            port: of 127.0.0.1; None takes a free one.
            progress: told what takes long.
            properties: of the broker, over ours.
        """
        self.data_dir = data_dir.absolute()
        self.log_path = self.data_dir / "kafka.log"
        self._wanted_port = port
        self._more_properties = "".join(f"{name}={value}\n" for name, value in (properties or {}).items())
        self._ports: tuple[int, int] | None = None
        self._progress = progress or (lambda _: None)
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None

    @property
    def bootstrap_servers(self) -> str:
        """`127.0.0.1:PORT`, once started."""
        assert self._ports is not None, "start() first"
        return f"{HOST}:{self._ports[0]}"

    @property
    def pid(self) -> int:
        """Of the JVM."""
        assert self._process is not None, "start() first"
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the JVM is there (paused counts)."""
        return self._process is not None and self._process.poll() is None

    def start(self, timeout_s: float = 120) -> str:
        """Start and wait until it takes requests. Returns the bootstrap servers. A download is not in `timeout_s`.

        Raises:
            WrongSetup: the port or the data directory is in use, or the extra `embedded` is missing.
            Unavailable: it did not come up in time; with the tail of its log. Or the download failed.
        """
        if self.running:
            return self.bootstrap_servers
        jars = class_path(self._progress)
        deadline = time.monotonic() + timeout_s
        self._hold_data_dir()
        try:
            self._launch_on_free_ports(jars, deadline)
        except BaseException:  # Ctrl-C too: nothing stays behind
            self.stop()
            raise
        return self.bootstrap_servers

    def stop(self, timeout_s: float = 15) -> None:
        """Stop it in an orderly way; SIGKILL after `timeout_s`. Does nothing when it does not run."""
        if self._process is not None:
            stop(self._process, timeout_s)
        self._let_go()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._let_go()

    def wait(self, timeout_s: float | None = None) -> int | None:
        """Wait until the JVM ends; returns its exit code, or None after `timeout_s`."""
        assert self._process is not None, "start() first"
        try:
            return self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers. Returns when every thread of it has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        if hasattr(os, "waitid"):  # not on macOS before Python 3.13
            os.waitid(os.P_PID, self.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _hold_data_dir(self) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        lock = (self.data_dir / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise WrongSetup(
                f"another Bongsu runs a Kafka in {self.data_dir}; stop it, or choose another directory "
                "(--data-dir, BONGSU_DATA_DIR)"
            ) from None
        self._lock = lock

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _launch_on_free_ports(self, jars: list[Path], deadline: float) -> None:
        """A free port can be taken between our look and Kafka's: others are tried then, but never for a chosen one."""
        tries = 3
        while True:
            log_start = self.log_path.stat().st_size if self.log_path.exists() else 0
            if self._launch(jars, deadline, log_start):
                return
            log = log_tail(self.log_path, start=log_start)
            tries -= 1
            if not tries or self._wanted_port is not None or "Address already in use" not in log:
                raise Unavailable(f"Kafka did not come up (log: {self.log_path}):\n{log}")
            self._ports = None

    def _launch(self, jars: list[Path], deadline: float, log_start: int) -> bool:
        port, controller = self._ports = self._ports or (self._wanted_port or free_port(), free_port())
        if self._wanted_port is not None:
            _refuse_busy(port)
        properties = self.data_dir / "server.properties"
        properties.write_text(
            _PROPERTIES.format(host=HOST, port=port, controller=controller, logs=self.data_dir / "logs")
            + self._more_properties,
            encoding="utf-8",
        )
        run = [str(java()), *_JVM, "-cp", ":".join(map(str, jars))]
        if not (self.data_dir / "logs" / "meta.properties").exists():
            self._format(run, properties, deadline)
        self._process = spawn([*run, "kafka.Kafka", str(properties)], log_path=self.log_path)
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                return False
            with self.log_path.open("rb") as log:
                log.seek(log_start)
                if _STARTED in log.read():
                    return True
            time.sleep(POLL_S)
        return False

    def _format(self, run: list[str], properties: Path, deadline: float) -> None:
        cluster = cluster_id(uuid.uuid4().bytes)
        format_log = self.data_dir / "format.log"
        formatting = spawn(
            [*run, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(properties)], log_path=format_log
        )
        try:
            code = formatting.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            code = None
        finally:
            stop(formatting, 0)
        if code != 0:
            raise Unavailable(f"Kafka's data directory could not be made:\n{log_tail(format_log)}")


def _refuse_busy(port: int) -> None:
    with contextlib.closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Kafka does: TIME_WAIT is no obstacle
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise WrongSetup(f"Kafka cannot listen on {HOST}:{port}: {error.strerror}; choose another --port") from None
