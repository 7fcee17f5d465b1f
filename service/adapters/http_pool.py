"""Connections to receivers, dialled only to addresses that were vetted, kept for a while and used again.

A kept connection has the address it was dialled to; it lives a minute at most, and not at all once its name was asked
again and no longer has that address, so that a name that moves is followed.
"""

import asyncio
import socket
import ssl
import time
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Any, NamedTuple

from aiohappyeyeballs import start_connection

from service.adapters.http_connection import Connection, LostConnection, Watch
from service.adapters.http_reply import Reply
from service.adapters.vetted_dns import BlockedAddressError, VettedNames
from service.delivery.addresses import AddressPolicy, check_address

IDLE_S = 15.0
MAX_AGE_S = 60.0
SWEEP_S = 5.0
CLOSE_S = 1.0
MAX_CERTIFICATES = 10_000
HAPPY_EYEBALLS_S = 0.25
"""After this long without a connection to an address the next one is tried beside it (RFC 8305)."""


class Origin(NamedTuple):
    """Who is called; `host` as DNS and TLS know it, without brackets."""

    scheme: str
    host: str
    port: int


class NoConnection(OSError):
    """Nobody could be connected to; its cause says why."""


class NoTls(OSError):
    """Connected, but not to who it should be, or not as safely as it must be."""


class Pool:
    """Any number of exchanges at once; each has a connection to itself."""

    def __init__(self, names: VettedNames, policy: AddressPolicy, tls: ssl.SSLContext | None) -> None:
        """`tls`: whom to trust; the system's authorities by default."""
        self._names = names
        self._policy = policy
        self._tls = tls
        self._idle: dict[Origin, list[Connection]] = {}
        self._all: set[Connection] = set()
        self._sweeping: asyncio.TimerHandle | None = None
        self.certificates: dict[str, float] = {}
        """Host -> end of the certificate that it showed last, seconds since the epoch; the newest MAX_CERTIFICATES."""

    async def exchange(self, origin: Origin, request: bytes, reply: Reply, watch: Watch) -> None:
        """Send `request`, read `reply`.

        A kept connection that the server had closed meanwhile says nothing about the endpoint: when nothing of an
        answer came, the same bytes go once more, on a connection of their own. Their id makes a repetition harmless.

        Raises:
            OSError: NoName, BlockedAddressError, NoConnection, NoTls or LostConnection.
            BadAnswer: what came is no answer.
        """
        kept = self._take(origin)
        if kept is not None:
            watch.address = kept.address
            try:
                return await self._on(kept, origin, request, reply, watch)
            except LostConnection:
                if reply.started:
                    raise
                watch.address = None
        fresh = await self.dial(origin, watch)
        return await self._on(fresh, origin, request, reply, watch)

    async def close(self) -> None:
        """Close all connections."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        self._idle.clear()
        closing = list(self._all)
        for connection in closing:
            connection.abort()
        if closing:
            await asyncio.wait([connection.lost for connection in closing], timeout=CLOSE_S)

    async def dial(self, origin: Origin, watch: Watch) -> Connection:
        """A new connection; with TLS, to whom the name says.

        Raises:
            OSError: NoName, BlockedAddressError, NoConnection or NoTls.
        """
        addresses = await self._names.resolve(origin.host, origin.port, origin.scheme, watch)
        self._forget_moved(origin, addresses)
        loop = asyncio.get_running_loop()
        watch.connect = time.perf_counter()
        infos = [_info(address, origin.port) for address in addresses]
        try:
            sock = await start_connection(
                infos,
                happy_eyeballs_delay=HAPPY_EYEBALLS_S,
                socket_factory=lambda info: self._socket(origin, info, watch),
            )
        except BlockedAddressError:
            raise
        except (OSError, RuntimeError) as error:  # uvloop knows both
            raise NoConnection(str(error)) from error
        watch.address = address = _peer(sock)
        since = loop.time()
        more: dict[str, Any] = {}
        if origin.scheme == "https":
            more = {"ssl": self._context(), "server_hostname": origin.host.rstrip(".")}
            watch.secured = time.perf_counter()
        try:
            transport, connection = await loop.create_connection(
                lambda: Connection(address, sock, since), sock=sock, **more
            )
        except (ssl.SSLError, ssl.CertificateError) as error:
            raise NoTls(str(error)) from error
        except OSError as error:  # the socket was connected: who hangs up now does so in the handshake
            raise (NoTls if watch.secured else NoConnection)(str(error)) from error
        watch.connected = time.perf_counter()
        if origin.scheme == "https":
            self._look_at_certificate(origin.host, transport.get_extra_info("peercert"))
        self._all.add(connection)
        connection.lost.add_done_callback(lambda _: self._all.discard(connection))
        return connection

    async def _on(self, connection: Connection, origin: Origin, request: bytes, reply: Reply, watch: Watch) -> None:
        if await connection.exchange(request, reply, watch):
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.setdefault(origin, []).append(connection)
            if self._sweeping is None:
                self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _take(self, origin: Origin) -> Connection | None:
        """The one that was used last, so that the others may grow old and go."""
        idle = self._idle.get(origin)
        while idle:
            connection = idle.pop()
            if self._young(connection) and connection.usable:
                return connection
            connection.abort()
        return None

    def _young(self, connection: Connection) -> bool:
        now = asyncio.get_running_loop().time()
        return now - connection.idle_since < IDLE_S and now - connection.since < MAX_AGE_S

    def _sweep(self) -> None:
        self._sweeping = None
        for origin, idle in list(self._idle.items()):
            kept = [connection for connection in idle if self._young(connection) and connection.usable]
            for connection in set(idle).difference(kept):
                connection.abort()
            if kept:
                self._idle[origin] = kept
            else:
                del self._idle[origin]
        if self._idle:
            self._sweeping = asyncio.get_running_loop().call_later(SWEEP_S, self._sweep)

    def _forget_moved(self, origin: Origin, addresses: list[str]) -> None:
        idle = self._idle.get(origin, [])
        for connection in [connection for connection in idle if connection.address not in addresses]:
            idle.remove(connection)
            connection.abort()

    def _socket(self, origin: Origin, info: Any, watch: Watch) -> socket.socket:
        """The last word before a dial: whatever came to be dialled is vetted here, and noted in `watch`."""
        family, kind, protocol, _, where = info
        refusal = check_address(ip_address(where[0]), self._policy, scheme=origin.scheme, port=where[1])
        if refusal is not None:
            raise BlockedAddressError(refusal)
        watch.address = where[0]
        return socket.socket(family, kind, protocol)

    def _look_at_certificate(self, host: str, certificate: Mapping[str, Any] | None) -> None:
        """`certificate` as `ssl` gives it."""
        if certificate is None or "notAfter" not in certificate:
            return
        self.certificates.pop(host, None)
        if len(self.certificates) >= MAX_CERTIFICATES:
            del self.certificates[next(iter(self.certificates))]
        self.certificates[host] = ssl.cert_time_to_seconds(certificate["notAfter"])

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            self._tls = ssl.create_default_context()
        return self._tls


def _peer(sock: socket.socket) -> str:
    try:
        return str(ip_address(sock.getpeername()[0]))
    except OSError as error:
        sock.close()
        raise NoConnection(str(error)) from error


def _info(address: str, port: int) -> Any:
    """As getaddrinfo says it."""
    if ip_address(address).version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port, 0, 0)
