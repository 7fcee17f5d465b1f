"""One connection to a receiver: a request goes out, its answer comes in, and then perhaps another.

At most one exchange is under way on it. Anything that comes when nothing was asked ends it, and so does an exchange
that is not over in every respect: cancelled, cut short, answered before all of it was sent.
"""

import asyncio
import socket
import time
from typing import cast

from service.adapters.http_reply import Reply


class LostConnection(ConnectionError):
    """It ended before the answer was whole."""


class Watch:
    """Where one attempt stands; times of `time.perf_counter`, None for what was not reached or not needed."""

    __slots__ = (
        "address", "connect", "connected", "dns", "first_byte", "resolved", "secured", "sent", "start", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.dns: float | None = None
        self.resolved: float | None = None
        self.connect: float | None = None
        self.secured: float | None = None
        """TLS began: connecting was over."""
        self.connected: float | None = None
        self.sent = False
        """The request was written, in part at least."""
        self.first_byte: float | None = None
        self.status: int | None = None
        self.address: str | None = None
        """Who was dialled; of several the one that answered, else the last."""


class Connection(asyncio.Protocol):
    """Made by `Pool.dial`, which knows that `address` may be called."""

    def __init__(self, address: str, sock: socket.socket, since: float) -> None:
        self.address = address
        self.since = since
        """When it was dialled, in the loop's time."""
        self.idle_since = since
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the socket is closed."""
        self._socket = sock
        self._transport: asyncio.Transport | None = None
        self._reply: Reply | None = None
        self._over: asyncio.Future[None] | None = None
        self._watch: Watch | None = None
        self._closing = False

    @property
    def usable(self) -> bool:
        """Nothing came and nothing ended since the last answer, as far as the kernel knows by now."""
        transport = self._transport
        if self._closing or transport is None or transport.is_closing():
            return False
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return False  # the end of the connection, or an answer that nobody asked for

    async def exchange(self, request: bytes, reply: Reply, watch: Watch) -> bool:
        """Send, and feed `reply` until it wants no more; True when the connection may be used again.

        Raises:
            LostConnection: it ended before that.
            BadAnswer: what came is no answer.
        """
        assert self._over is None, "one exchange at a time"
        if self._closing or self._transport is None:
            raise LostConnection("the connection is closed")
        self._reply, self._watch = reply, watch
        self._over = over = asyncio.get_running_loop().create_future()
        reusable = False
        try:
            self._transport.write(request)
            watch.sent = True
            await over
            reusable = reply.reusable and not self._closing and not self._transport.get_write_buffer_size()
        finally:
            self._reply = self._watch = self._over = None
            if not reusable:
                self.abort()
                if over.done() and not over.cancelled():
                    over.exception()  # seen, also where the deadline came in the same moment
        return reusable

    def abort(self) -> None:
        """Close at once; whatever is still to come is not wanted."""
        self._closing = True
        if self._transport is not None:
            self._transport.abort()

    # --- what asyncio calls ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open, with TLS where that was asked for."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's does not derive from it

    def data_received(self, data: bytes) -> None:
        """Some of an answer, or something that nobody asked for."""
        reply, over, watch = self._reply, self._over, self._watch
        if reply is None or over is None or watch is None or over.done():
            self.abort()
            return
        if watch.first_byte is None:
            watch.first_byte = time.perf_counter()
        try:
            done = reply.feed(data)
        except ValueError as error:
            over.set_exception(error)
            return
        watch.status = reply.status
        if done:
            over.set_result(None)

    def eof_received(self) -> None:
        """The other side says no more. Ours is closed with it: nothing is sent to who no longer answers."""
        self._closing = True
        if self._over is not None and not self._over.done() and self._reply is not None and self._reply.end():
            self._over.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._closing = True
        if self._over is not None and not self._over.done():
            where = "in the middle of its answer" if self._reply and self._reply.started else "without an answer"
            why = f" ({type(exc).__name__}: {exc})" if exc is not None else ""
            self._over.set_exception(LostConnection(f"the receiver closed the connection {where}{why}"))
        if not self.lost.done():
            self.lost.set_result(None)
