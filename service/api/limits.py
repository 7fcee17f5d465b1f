"""How much, and how often: token buckets for requests, a cap on the size and on the slowness of a body."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service.api.metrics import ApiMetrics
from service.api.problems import ApiProblem

MAX_BUCKETS = 10_000
"""Remembered at once; those used longest ago are full again by then."""
BODY_PAUSE_S = 20.0
"""Between two parts of a body."""


@dataclass(slots=True)
class Taken:
    """What a bucket said."""

    allowed: bool
    remaining: int
    wait_s: float
    """Until the next one is allowed; 0 when this one was."""


class Buckets:
    """A token bucket for each key; a key that was not seen for long is full."""

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float]) -> None:
        """`clock` is monotonic, seconds."""
        self.per_s = per_s
        self.burst = burst
        self._clock = clock
        self._levels: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> Taken:
        """One out of the bucket of `key`."""
        now = self._clock()
        level, at = self._levels.pop(key, (float(self.burst), now))
        level = min(self.burst, level + (now - at) * self.per_s)
        allowed = level >= 1
        if allowed:
            level -= 1
        self._levels[key] = (level, now)
        if len(self._levels) > MAX_BUCKETS:
            self._levels.popitem(last=False)
        return Taken(allowed, int(level), 0.0 if allowed else (1 - level) / self.per_s)


class AtOnce:
    """So many questions of a kind in one process, for each reads whole topics; who asks more comes again."""

    def __init__(self, most: int, what: str) -> None:
        """`what` is being answered, in the plural."""
        self._most = most
        self._what = what
        self._count = 0

    @contextmanager
    def one(self) -> Iterator[None]:
        """While it is answered. Raises ApiProblem: there are too many."""
        if self._count >= self._most:
            raise ApiProblem("rate-limited", f"{self._most} {self._what} are being answered; ask again in a moment")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1


def body_too_large(limit: int) -> ApiProblem:
    """413. The connection ends with it: the rest of the body is not read."""
    return ApiProblem(
        "body-too-large",
        f"a body holds {limit} bytes at most (BONGSU_API_MAX_BODY_BYTES); send it in parts",
        headers={"Connection": "close"},
    )


class BodyLimit:
    """Refuses a body that is too large, by its Content-Length or as it comes, and one that stops coming."""

    def __init__(self, app: ASGIApp, max_bytes: int, metrics: ApiMetrics, pause_s: float = BODY_PAUSE_S) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._pause_s = pause_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            self._metrics.refused.labels("body_size").inc()
            raise body_too_large(self._max_bytes)
        size = 0
        whole = False

        async def receive_some() -> Message:
            nonlocal size, whole
            if whole:
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), self._pause_s)
            except TimeoutError:
                raise ApiProblem(
                    "request-timeout",
                    f"no part of the body came for {self._pause_s:g} s",
                    headers={"Connection": "close"},
                ) from None
            size += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if size > self._max_bytes:
                self._metrics.refused.labels("body_size").inc()
                raise body_too_large(self._max_bytes)
            return message

        await self._app(scope, receive_some, send)
