"""POST a webhook to a stranger's server without letting it hurt us.

The name is resolved once and every answer must be allowed; the socket itself is vetted again when it dials, so no
other answer can slip in between, while TLS still verifies the name. No redirect is followed, no proxy is taken from
the environment, one deadline covers connecting, headers and body, and of the answer no more is read or inflated than
is kept. HTTP itself is spoken in http_*.py: docs/adr/0006-own-http-client.md says why not by a library.
"""

import asyncio
import ssl
import time
from collections.abc import Mapping
from functools import lru_cache
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import quote

from yarl import URL

from service import __version__
from service.adapters.http_connection import LostConnection, Watch
from service.adapters.http_pool import NoConnection, NoTls, Origin, Pool
from service.adapters.http_reply import INFLATED, Reply
from service.adapters.own_faults import own_fault
from service.adapters.vetted_dns import BlockedAddressError, Lookup, NoName, SystemLookup, VettedNames
from service.delivery.addresses import AddressPolicy, Refusal, check_url
from service.delivery.attempts import Answer, Failure, Phases, failure_of
from service.delivery.urls import split_url, tokens_of
from service.logs import mask
from service.settings import DeliverySettings

EXCERPT_CHARACTERS = 300
MAX_READ_FOR_EXCERPT = 16_384
"""Bytes that are masked before the excerpt is cut out of them: a secret must not hide behind the cut."""
MIN_HIDDEN = 8
"""Shorter header values are words."""
NAMES_KEPT_S = 10.0
"""getaddrinfo does not tell how long an answer holds; none is kept longer than this."""
URLS_KEPT = 4096
"""Taking a URL apart and vetting what it says costs as much as signing; DNS is asked and vetted apart from it."""
_LEGAL = "/?:@!$&'()*+,;=[]%"
"""Beside letters, digits and `-._~` what a path or a query is sent with as it was written."""
_DEFAULTS = {
    "user-agent": f"User-Agent: Bongsu/{__version__}",
    "content-type": "Content-Type: application/json",
    "accept": "Accept: */*",
    "accept-encoding": "Accept-Encoding: identity",
}
_NO_SECRETS = ("webhook-", "content-", "traceparent")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection", "expect", "upgrade", "te", "trailer"})
"""Headers that decide where a request goes and where it ends."""


class _Called(NamedTuple):
    """A URL that may be called, as far as it says itself."""

    origin: Origin
    start: str
    """Of the request: its first line and `Host`."""


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
        self._names = VettedNames(lookup or SystemLookup(), self._policy, kept_s=NAMES_KEPT_S)
        self._pool = Pool(self._names, self._policy, tls)
        self._called = lru_cache(URLS_KEPT)(self._call)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        await self._pool.close()
        await self._names.close()

    @property
    def certificates(self) -> Mapping[str, float]:
        """Host -> end of the certificate that it showed last, seconds since the epoch."""
        return self._pool.certificates

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Send `body` as it is. Never raises for anything that the other side does: that is the answer."""
        watch = Watch()
        reply = Reply(self._max_bytes)
        try:
            called = self._called(url)
            if isinstance(called, Refusal):
                return Answer(failure=Failure.BLOCKED, detail=called.detail)
            request = _head(called.start, headers, len(body)) + body
            async with asyncio.timeout(self._timeout_s):
                await self._pool.exchange(called.origin, request, reply, watch)
            answer = self._answer(reply)
        except TimeoutError:
            if watch.dns is not None and watch.resolved is None:
                answer = Answer(failure=Failure.RESOLVER, detail=f"no answer of DNS within {self._timeout_s:g} s")
            else:
                words = f"no whole answer within {self._timeout_s:g} s"
                answer = Answer(status=watch.status, failure=Failure.TIMEOUT, detail=words)
        except (OSError, ValueError) as error:
            answer = Answer(status=watch.status, **_what_failed(error))
        return _with(answer, watch, headers, url)

    def _call(self, url: str) -> _Called | Refusal:
        """The host as a library that reads URLs for a living reads it; path and query byte for byte.

        A receiver may sign its URL or route by what it was given: `%2F`, `/../` and `%7E` are sent as they are, and
        only what HTTP does not allow is escaped.

        Raises:
            ValueError: the host cannot be read, or what stands there cannot be in a request.
        """
        target = check_url(url, self._policy)
        if isinstance(target, Refusal):
            return target
        first, rest = split_url(url)
        parsed = URL(first)
        host = str(target.literal) if target.literal is not None else parsed.raw_host or ""
        path = quote(rest.partition("#")[0], safe=_LEGAL)
        path = path if path.startswith("/") else f"/{path}"
        start = f"POST {path} HTTP/1.1\r\nHost: {parsed.host_port_subcomponent}"
        if not host or not start.isascii() or start.count("\n") != 1 or "\0" in start:
            raise ValueError(f"{first!r} and its path cannot be written into a request")
        return _Called(Origin(target.scheme, host, target.port), start)

    def _answer(self, reply: Reply) -> Answer:
        status = reply.status
        assert status is not None
        failure = failure_of(status)
        detail = "" if failure is None else f"HTTP {status} {reply.reason}".rstrip()
        if reply.cut:
            failure = failure or Failure.TOO_LARGE
            detail = f"{detail}; more than {self._max_bytes} bytes of answer were not read".lstrip("; ")
        return Answer(
            status=status,
            failure=failure,
            detail=detail,
            excerpt=_excerpt(reply.body, reply.encoding) if reply.body or reply.encoding != "identity" else "",
            retry_after=reply.retry_after,
            body_bytes=len(reply.body),
        )


def _head(start: str, headers: Mapping[str, str], length: int) -> bytes:
    """The head of a request, to its empty line.

    Raises:
        ValueError: a header that would be two, or that is ours to set.
    """
    names = {name.lower() for name in headers}
    if not names.isdisjoint(_OURS):
        raise ValueError(f"the header {min(names & _OURS)} is set by the client")
    lines = [start]
    lines += [line for name, line in _DEFAULTS.items() if name not in names]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    lines += [f"Content-Length: {length}", "", ""]
    head = "\r\n".join(lines)
    ends = len(lines)  # `start` holds one of its own
    if head.count("\r") != ends or head.count("\n") != ends or "\0" in head:
        raise ValueError("a header holds a line break or a NUL")
    return head.encode()


def _told_by(headers: Mapping[str, str], url: str) -> list[str]:
    """What a receiver may echo and nobody should read again: the subscription's own headers, tokens in its URL."""
    values = {value for name, value in headers.items() if not name.lower().startswith(_NO_SECRETS)}
    values |= {part for value in values for part in value.split()}  # the token after `Bearer`
    values = {value for value in values if len(value) >= MIN_HIDDEN}
    return sorted(values | set(tokens_of(url)), key=len, reverse=True)


def _printable(text: str) -> str:
    """Without what a terminal would obey: a receiver writes it, an operator reads it."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


def _hide(text: str, hidden: list[str]) -> str:
    if not text:
        return text
    for value in hidden:
        text = text.replace(value, "***")
    return mask(text)


def _with(answer: Answer, watch: Watch, headers: Mapping[str, str], url: str) -> Answer:
    def between(start: float | None, end: float | None) -> float | None:
        return None if start is None or end is None else round((end - start) * 1000, 3)

    end = time.perf_counter()
    dialled = None if watch.connect is None else watch.connected or end
    hidden = _told_by(headers, url) if answer.detail or answer.excerpt else []
    return Answer(
        status=answer.status,
        failure=answer.failure,
        detail=_hide(_printable(answer.detail), hidden),
        excerpt=_hide(answer.excerpt, hidden)[:EXCERPT_CHARACTERS],
        retry_after=answer.retry_after,
        address=watch.address,
        body_bytes=answer.body_bytes,
        sent=watch.sent,
        phases=Phases(
            dns_ms=between(watch.dns, watch.resolved or end),
            connect_ms=between(watch.resolved or watch.connect, watch.secured or dialled),
            tls_ms=between(watch.secured, dialled),
            first_byte_ms=between(watch.connected or watch.start, watch.first_byte),
            total_ms=round((end - watch.start) * 1000, 3),
        ),
    )


def _excerpt(body: bytearray, encoding: str) -> str:
    if encoding not in ("identity", *INFLATED):
        return f"({encoding} encoding)"
    return _printable(bytes(body[:MAX_READ_FOR_EXCERPT]).decode("utf-8", "replace"))


def _what_failed(error: OSError | ValueError) -> dict[str, Any]:
    """Class and words of an exception."""
    if isinstance(error, BlockedAddressError):
        return {"failure": Failure.BLOCKED, "detail": error.refusal.detail}
    cause = error.__cause__ or error
    words = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
    # not of TLS: the number that OpenSSL gives its errors is no errno
    ours = own_fault(error) if isinstance(error, NoName | NoConnection) else None
    if ours is not None:
        return {"failure": ours, "detail": words[:500]}
    classes: tuple[tuple[type[Exception], Failure], ...] = (
        (NoName, Failure.DNS),
        (NoTls, Failure.TLS),
        (NoConnection, Failure.CONNECT),
        (LostConnection, Failure.RESET),
        (OSError, Failure.RESET),
        (Exception, Failure.PROTOCOL),
    )
    failure = next(failure for kind, failure in classes if isinstance(error, kind))
    return {"failure": failure, "detail": words[:500]}
