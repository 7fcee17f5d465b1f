"""POST a webhook to a stranger's server without letting it hurt us.

The name is resolved once and every answer must be allowed; the socket itself is vetted again when it dials, so no
other answer can slip in between, while TLS still verifies the name. No redirect is followed, no proxy is taken from
the environment, one deadline covers connecting, headers and body, and of the answer no more is read or inflated than
is kept.
"""

import asyncio
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address
from types import SimpleNamespace, TracebackType
from typing import Any, Self

import aiohttp
from yarl import URL

from service import __version__
from service.adapters.own_faults import own_fault
from service.adapters.vetted_dns import BlockedAddressError, Lookup, SystemLookup, VettingResolver
from service.delivery.addresses import AddressPolicy, Refusal, check_address, check_url
from service.delivery.attempts import Answer, Failure, Phases, failure_of
from service.logs import mask
from service.settings import DeliverySettings

EXCERPT_CHARACTERS = 300
MAX_READ_FOR_EXCERPT = 16_384
"""Bytes that are masked before the excerpt is cut out of them: a secret must not hide behind the cut."""
MIN_HIDDEN = 8
"""Shorter header values are words."""
DNS_CACHE_S = 10
IDLE_S = 15.0
URLS_KEPT = 4096
"""Taking a URL apart and vetting what it says costs as much as signing; DNS is asked and vetted apart from it."""


class _Response(aiohttp.ClientResponse):
    """Remembers whom it came from: a short answer has let go of its connection before anyone can ask."""

    peer: str | None = None
    secured: float | None = None
    """When TLS began on that connection."""

    async def start(self, connection: aiohttp.connector.Connection) -> aiohttp.ClientResponse:
        transport = connection.transport
        if transport is not None:
            where = transport.get_extra_info("peername")
            self.peer = str(where[0]) if where else None
            self.secured = getattr(transport.get_extra_info("ssl_object"), "began", None)
        return await super().start(connection)


class _TimedTls(ssl.SSLObject):
    """Remembers when its handshake began: aiohttp tells only when connecting and TLS are over, together."""

    began: float | None = None

    def do_handshake(self) -> None:
        if self.began is None:
            self.began = time.perf_counter()
        super().do_handshake()


def _timed(context: ssl.SSLContext) -> ssl.SSLContext:
    context.sslobject_class = _TimedTls
    return context


class WebhookClient:
    """Sends one POST at a time per call, any number of calls at once; connections are kept and used again."""

    def __init__(
        self, settings: DeliverySettings, *, lookup: Lookup | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """Prepare; nothing is opened before the first POST.

        Args:
            settings: deadlines, sizes and the addresses that are allowed.
            lookup: names to addresses; the system's resolver by default.
            tls: whom to trust; the system's authorities by default.
        """
        self._timeout_s = settings.timeout_s
        self._max_bytes = settings.max_response_bytes
        self._policy = AddressPolicy.of(settings.allow_addresses, settings.ports, allow_http=settings.allow_http)
        self._system = SystemLookup() if lookup is None else None
        self._lookup: Lookup = lookup or self._system  # type: ignore[assignment]
        self._tls = tls
        self._sessions: dict[str, aiohttp.ClientSession] = {}
        self._checked = lru_cache(URLS_KEPT)(lambda url: check_url(url, self._policy))
        self._parsed = lru_cache(URLS_KEPT)(URL)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        sessions, self._sessions = list(self._sessions.values()), {}
        for session in sessions:
            await session.close()
        if self._system is not None:
            self._system.close()

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` as it is. Never raises for anything that the other side does: that is the answer."""
        target = self._checked(url)
        if isinstance(target, Refusal):
            return Answer(failure=Failure.BLOCKED, detail=target.detail)
        watch = _Watch()
        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await self._post(target.scheme, url, body, headers, watch)
        except TimeoutError:
            answer = Answer(
                status=watch.status, failure=Failure.TIMEOUT, detail=f"no whole answer within {self._timeout_s:g} s"
            )
        except (aiohttp.ClientError, OSError, ValueError) as error:
            answer = Answer(status=watch.status, **_what_failed(error))
        return _with(answer, watch, _told_by(headers))

    async def _post(self, scheme: str, url: str, body: bytes, headers: Mapping[str, str], watch: "_Watch") -> Answer:
        session = self._session(scheme)
        try:
            return await self._exchange(session, url, body, headers, watch)
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            # A kept connection that the server had closed meanwhile says nothing about the endpoint. The id makes
            # a repetition harmless, so the same bytes go once more, on a connection of their own.
            if not watch.reused or watch.status is not None or isinstance(error, aiohttp.ClientConnectorError):
                raise
            watch.reused = False
            return await self._exchange(session, url, body, {**headers, "Connection": "close"}, watch)

    async def _exchange(
        self, session: aiohttp.ClientSession, url: str, body: bytes, headers: Mapping[str, str], watch: "_Watch"
    ) -> Answer:
        async with session.post(
            self._parsed(url), data=body, headers=headers, allow_redirects=False, trace_request_ctx=watch
        ) as response:
            watch.status = response.status
            watch.first_byte = time.perf_counter()
            watch.address = getattr(response, "peer", None)
            watch.secured = getattr(response, "secured", None) if watch.connected is not None else None
            text, size, cut = await self._read(response)
            failure = failure_of(response.status)
            detail = "" if failure is None else f"HTTP {response.status} {response.reason or ''}".rstrip()
            if cut:
                response.close()  # what is still coming is not wanted, so neither is the connection
                failure = failure or Failure.TOO_LARGE
                detail = f"{detail}; more than {self._max_bytes} bytes of answer were not read".lstrip("; ")
            return Answer(
                status=response.status,
                failure=failure,
                detail=detail,
                excerpt=text,
                retry_after=response.headers.get("Retry-After"),
                body_bytes=size,
            )

    async def _read(self, response: aiohttp.ClientResponse) -> tuple[str, int, bool]:
        """Excerpt, bytes after inflating, and whether there was more than may be read."""
        encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
        inflate = zlib.decompressobj(wbits=47) if encoding in ("gzip", "x-gzip", "deflate") else None
        kept = bytearray()
        on_wire = 0
        async for chunk in response.content.iter_any():
            on_wire += len(chunk)
            room = self._max_bytes + 1 - len(kept)
            try:
                kept += inflate.decompress(chunk, room) if inflate else chunk[:room]
            except zlib.error:
                inflate, encoding = None, "broken"
            if max(len(kept), on_wire) > self._max_bytes:
                return _excerpt(kept, encoding), len(kept), True
        return _excerpt(kept, encoding), len(kept), False

    def _session(self, scheme: str) -> aiohttp.ClientSession:
        """One session a scheme: its resolver and its sockets must know whether TLS will protect what is sent."""
        if scheme not in self._sessions:
            connector = aiohttp.TCPConnector(
                resolver=VettingResolver(self._lookup, self._policy, scheme),
                socket_factory=self._vetted_socket(scheme),
                ssl=_timed(self._tls if self._tls is not None else ssl.create_default_context()),
                limit=0,  # the dispatcher bounds what is in flight
                ttl_dns_cache=DNS_CACHE_S,
                keepalive_timeout=IDLE_S,
            )
            self._sessions[scheme] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),  # one deadline, in `post`
                headers={
                    "User-Agent": f"Bongsu/{__version__}",
                    "Content-Type": "application/json",
                    "Accept": "*/*",
                    "Accept-Encoding": "identity",
                },
                trace_configs=[_tracing()],
                response_class=_Response,
            )
        return self._sessions[scheme]

    def _vetted_socket(self, scheme: str) -> Callable[[Any], socket.socket]:
        def factory(info: Any) -> socket.socket:
            family, kind, protocol, _, where = info
            refusal = check_address(ip_address(where[0]), self._policy, scheme=scheme, port=where[1])
            if refusal is not None:
                raise BlockedAddressError(refusal)
            return socket.socket(family, kind, protocol)

        return factory


class _Watch:
    """Where one attempt stands: filled in by the tracing hooks as it goes."""

    __slots__ = (
        "address", "connect", "connected", "dns", "first_byte", "resolved", "reused", "secured", "start", "status",
    )  # fmt: skip

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.dns: float | None = None
        self.resolved: float | None = None
        self.connect: float | None = None
        self.secured: float | None = None
        """TLS began: connecting was over."""
        self.connected: float | None = None
        self.first_byte: float | None = None
        self.status: int | None = None
        self.address: str | None = None
        self.reused = False


def _tracing() -> aiohttp.TraceConfig:
    def at(name: str) -> Any:
        async def note(_: aiohttp.ClientSession, context: SimpleNamespace, __: Any) -> None:
            watch = context.trace_request_ctx
            if watch is not None:
                setattr(watch, name, True if name == "reused" else time.perf_counter())

        return note

    trace = aiohttp.TraceConfig()
    trace.on_dns_resolvehost_start.append(at("dns"))
    trace.on_dns_resolvehost_end.append(at("resolved"))
    trace.on_connection_create_start.append(at("connect"))
    trace.on_connection_create_end.append(at("connected"))
    trace.on_connection_reuseconn.append(at("reused"))
    return trace


def _told_by(headers: Mapping[str, str]) -> list[str]:
    """What a receiver may echo and nobody should read again: values of the subscription's own headers."""
    values = {value for name, value in headers.items() if not name.lower().startswith(("webhook-", "content-"))}
    values |= {part for value in values for part in value.split()}  # the token after `Bearer`
    return sorted((value for value in values if len(value) >= MIN_HIDDEN), key=len, reverse=True)


def _hide(text: str, hidden: list[str]) -> str:
    if not text:
        return text
    for value in hidden:
        text = text.replace(value, "***")
    return mask(text)


def _with(answer: Answer, watch: _Watch, hidden: list[str]) -> Answer:
    def between(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else round((end - start) * 1000, 3)

    end = time.perf_counter()
    return Answer(
        status=answer.status,
        failure=answer.failure,
        detail=_hide(answer.detail, hidden),
        excerpt=_hide(answer.excerpt, hidden)[:EXCERPT_CHARACTERS],
        retry_after=answer.retry_after,
        address=watch.address,
        body_bytes=answer.body_bytes,
        phases=Phases(
            dns_ms=between(watch.dns, watch.resolved),
            connect_ms=between(watch.resolved or watch.connect, watch.secured or watch.connected),
            tls_ms=between(watch.secured, watch.connected),
            first_byte_ms=between(watch.connected or watch.start, watch.first_byte),
            total_ms=round((end - watch.start) * 1000, 3),
        ),
    )


def _excerpt(body: bytearray, encoding: str) -> str:
    if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        return f"({encoding} encoding)"
    text = bytes(body[:MAX_READ_FOR_EXCERPT]).decode("utf-8", "replace")
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _what_failed(error: Exception) -> dict[str, Any]:
    """Class and words of an exception. The order matters: aiohttp's classes derive from one another."""
    cause = getattr(error, "os_error", error)
    if isinstance(cause, BlockedAddressError):
        return {"failure": Failure.BLOCKED, "detail": cause.refusal.detail}
    words = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    ours = own_fault(error)
    if ours is not None:
        return {"failure": ours, "detail": words[:500]}
    classes: tuple[tuple[type[Exception] | tuple[type[Exception], ...], Failure], ...] = (
        (aiohttp.ClientConnectorDNSError, Failure.DNS),
        ((aiohttp.ClientSSLError, ssl.SSLError), Failure.TLS),
        (aiohttp.ClientConnectorError, Failure.CONNECT),
        ((aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError), Failure.RESET),
        (aiohttp.ClientPayloadError, Failure.RESET),
        (Exception, Failure.PROTOCOL),
    )
    failure = next(failure for kind, failure in classes if isinstance(error, kind))
    return {"failure": failure, "detail": words[:500]}
