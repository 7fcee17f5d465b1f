"""Endpoints for `bongsu bench delivery`: a process of its own that takes webhooks and costs next to nothing.

It speaks just enough HTTP/1.1 to be posted to, so that the machine's time goes to what is measured. Path `/n` is
endpoint n; some never answer, all answer 500 until a moment, or nobody listens.
"""

import asyncio
import multiprocessing
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import Any, Self

HEAD_END = b"\r\n\r\n"
ACCEPTED = b"HTTP/1.1 204 No Content\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"


@dataclass(slots=True)
class Arrivals:
    """What came: id -> when it was first accepted; and how many requests there were in all."""

    first: dict[str, float] = field(default_factory=dict)
    accepted: int = 0
    refused: int = 0
    bodies: dict[str, set[int]] = field(default_factory=dict)
    """Hashes of the bodies that came under an id: one each, or something is wrong."""


class Endpoints:
    """Starts the process and talks to it; `port` is where it listens."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.port = 0

    def __enter__(self) -> Self:
        self._process.start()
        self.port = self._ask("listen")
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.join()
        self._pipe.close()

    def url(self, number: int) -> str:
        """Of endpoint `number`."""
        return f"http://127.0.0.1:{self.port}/{number}"

    def hang(self, below: int) -> None:
        """Endpoints 0 ... below-1 never answer; 0: all do."""
        self._ask("hang", below)

    def fail_until(self, when_s: float) -> None:
        """All answer 500 until then (epoch seconds)."""
        self._ask("fail_until", when_s)

    def close(self) -> None:
        """Nobody listens, and whoever is connected is cut off."""
        self._ask("close")

    def listen(self) -> None:
        """Listen (again)."""
        self._ask("listen")

    def accepted(self) -> int:
        """How many different ids were accepted."""
        return int(self._ask("accepted"))

    def take(self) -> Arrivals:
        """What came since the last time."""
        taken: Arrivals = self._ask("take")
        return taken

    def _ask(self, *command: Any) -> Any:
        self._pipe.send(command)
        return self._pipe.recv()


class _Connection(asyncio.Protocol):
    def __init__(self, server: "_Server") -> None:
        self._server = server
        self._transport: asyncio.Transport | None = None
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._server.connections.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  asyncio's signature
        if self._transport is not None:
            self._server.connections.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        assert self._transport is not None
        self._buffer += data
        while (end := self._buffer.find(HEAD_END)) >= 0:
            head = self._buffer[:end]
            fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
            size = end + len(HEAD_END) + int(fields[b"content-length"])
            if len(self._buffer) < size:
                return
            body, self._buffer = self._buffer[end + len(HEAD_END) : size], self._buffer[size:]
            number = int(head.split(b" ", 2)[1].strip(b"/") or 0)
            answer = self._server.answer(number, fields[b"webhook-id"].decode(), body)
            if answer is not None:
                self._transport.write(answer)


class _Server:
    def __init__(self) -> None:
        self.connections: set[asyncio.Transport] = set()
        self._arrivals = Arrivals()
        self._hang = 0
        self._fail_until = 0.0
        self._port = 0
        self._listener: asyncio.Server | None = None

    def answer(self, number: int, message_id: str, body: bytes) -> bytes | None:
        now = time.time()
        arrivals = self._arrivals
        arrivals.bodies.setdefault(message_id, set()).add(hash(body))
        if number < self._hang:
            return None
        if now < self._fail_until:
            arrivals.refused += 1
            return FAILED
        arrivals.accepted += 1
        arrivals.first.setdefault(message_id, now)
        return ACCEPTED

    async def obey(self, command: str, *values: Any) -> Any:
        if command == "listen":
            loop = asyncio.get_running_loop()
            self._listener = await loop.create_server(lambda: _Connection(self), "127.0.0.1", self._port, backlog=2048)
            self._port = self._listener.sockets[0].getsockname()[1]
            return self._port
        if command == "close":
            assert self._listener is not None
            self._listener.close()
            for transport in list(self.connections):
                transport.abort()
        elif command == "hang":
            (self._hang,) = values
        elif command == "fail_until":
            (self._fail_until,) = values
        elif command == "accepted":
            return len(self._arrivals.first)
        elif command == "take":
            taken, self._arrivals = self._arrivals, Arrivals()
            return taken
        return None


def _serve(pipe: Connection) -> None:
    async def main() -> None:
        server = _Server()
        asked = asyncio.Queue[tuple[Any, ...]]()
        asyncio.get_running_loop().add_reader(pipe.fileno(), lambda: asked.put_nowait(pipe.recv()))
        while True:
            pipe.send(await server.obey(*(await asked.get())))

    asyncio.run(main())
