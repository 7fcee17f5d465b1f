"""Role `api`: the application in uvicorn, on the loop of the role, stopped as every role is.

uvicorn is given a socket that is bound already, so that a port in use is one sentence, and no signals, which are
`run_role`'s. At its end requests under way are answered; what takes longer than GRACE_S is cut off.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator, Mapping

import uvicorn
from prometheus_client import CollectorRegistry

from service import logs
from service.actions.control import Control
from service.api.application import build
from service.api.metrics import ApiMetrics, valid_until
from service.history.database import open_to_read, url_of
from service.history.queries import History
from service.metrics.bounded import Found, first
from service.model.errors import WrongSetup
from service.settings import Settings

GRACE_S = 4
"""Out of the 6 s that a role has to stop in order."""
BACKLOG = 1024
KEEP_ALIVE_S = 75
"""Longer than a load balancer keeps a connection, so that it is the one to close."""


class _Server(uvicorn.Server):
    """Without signals of its own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """None."""
        yield


class ApiRole:
    """Serves HTTP. `failed` is set when the role must end."""

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        *,
        host: str | None = None,
        port: int | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Nothing connects before `start`.

        Args:
            settings: of every section.
            registry: of the metrics.
            host: instead of BONGSU_API_HOST.
            port: instead of BONGSU_API_PORT.
            clock: seconds since the epoch.
        """
        self.failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self._host = settings.api.host if host is None else host
        self._port = settings.api.port if port is None else port
        self._clock = clock
        self._control = Control(settings, clock=lambda: int(clock() * 1000), on_failure=self._fail)
        self._history = History(open_to_read(url_of(settings)))
        metrics = ApiMetrics(registry)
        metrics.tokens.ask = self._expiring_tokens
        self._named = settings.metrics.max_label_values
        self._app = build(self._control, self._history, settings, metrics, clock)
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._log = logs.get(__name__)
        self.port = 0

    @property
    def ports(self) -> Mapping[str, int]:
        """For the ready file."""
        return {"api": self.port}

    async def start(self) -> None:
        """Read the control topics, then listen.

        Raises:
            WrongSetup: the port is taken, or Kafka refuses us.
            Unavailable: Kafka does not answer.
        """
        listening = _bound(self._host, self._port)
        try:
            await self._control.start()
        except BaseException:
            listening.close()
            raise
        self.port = listening.getsockname()[1]
        config = uvicorn.Config(
            self._app,
            http="httptools",
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=BACKLOG,
            timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=GRACE_S,
        )
        self._server = _Server(config)
        self._serving = asyncio.create_task(self._server.serve([listening]), name="serve api")
        self._serving.add_done_callback(self._ended)
        self._log.info("listening", host=self._host, port=self.port)

    async def stop(self) -> None:
        """Answer what is under way, then let go of Kafka."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await asyncio.gather(self._serving, return_exceptions=True)
        await self._control.stop()
        self._history.close()

    def not_ready(self) -> list[str]:
        """What is missing for /readyz."""
        missing = [f"the topic {topic} is not read" for topic in self._control.missing()]
        if self._server is None or not self._server.started:
            missing.append("it does not listen yet")
        return missing

    def _expiring_tokens(self) -> Found:
        return first(valid_until(self._control.tokens.all(), int(self._clock() * 1000)), self._named)

    def _ended(self, serving: "asyncio.Task[None]") -> None:
        if self._server is not None and self._server.should_exit and not serving.cancelled():
            return
        error = None if serving.cancelled() else serving.exception()
        self._fail(error or RuntimeError("the HTTP server ended by itself"))

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_result(error)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except BaseException:
            listening.close()
            raise
    except OSError as error:
        raise WrongSetup(
            f"cannot serve the API on {host}:{port}: {error.strerror}; take another BONGSU_API_PORT, or --port"
        ) from None
    listening.setblocking(False)
    return listening
