"""A receiver of webhooks: verifies with the official `standardwebhooks` package, and answers as told.

`bongsu listen` and the demo show what it got; tests let it fail, hang and come back.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import orjson
from aiohttp import web

from service.adapters.listening import listen
from service.delivery.verifying import Verdict, verify
from service.model.errors import WrongSetup

MAX_BODY_BYTES = 1_000_000
SHUTDOWN_S = 1.0


@dataclass(frozen=True, slots=True)
class Received:
    """One request as it arrived."""

    id: str
    headers: Mapping[str, str]
    body: bytes
    at_s: float
    """Clock of the receiver, seconds since the epoch."""
    status: int
    """What was answered."""
    verified: bool
    """The official package accepts it; False without secrets to verify with."""
    verdict: Verdict | None = None
    """Why not, when it does not; None without secrets."""

    @property
    def payload(self) -> dict[str, Any]:
        """The body as JSON. Raises `orjson.JSONDecodeError`."""
        value: dict[str, Any] = orjson.loads(self.body)
        return value


@dataclass(slots=True)
class Script:
    """How to answer: `statuses` in turn, the last for ever; each after `delay_s`."""

    statuses: Sequence[int] = (204,)
    delay_s: float = 0.0
    headers: Mapping[str, str] = field(default_factory=dict)
    by_id: bool = False
    """Each webhook-id goes through the statuses by itself."""


class Receiver:
    """Listens on loopback; any path, POST only."""

    def __init__(  # noqa: PLR0913 - each has a default
        self,
        secrets: Sequence[str] = (),
        *,
        script: Script | None = None,
        port: int = 0,
        host: str = "127.0.0.1",
        on_received: Callable[[Received], None] | None = None,
        keep: bool = True,
    ) -> None:
        """Prepare.

        Args:
            secrets: `whsec_...` to verify with; one that fits is enough. May be changed at any time.
            script: how to answer; 204 by default.
            port: 0 takes a free one.
            host: address to listen on.
            on_received: called with each request, before it is answered.
            keep: remember the requests in `received`.
        """
        self.secrets = list(secrets)
        self.script = script or Script()
        self.received: list[Received] = []
        self.url = ""
        self._port = port
        self._host = host
        self._on_received = on_received
        self._keep = keep
        self._runner: web.AppRunner | None = None
        self._turns: dict[str, Iterator[int]] = {}

    async def start(self) -> str:
        """Listen; returns the URL.

        Raises:
            WrongSetup: the port is taken.
        """
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/{path:.*}", self._receive)
        self._runner, port = await listen(
            app, self._host, self._port, doing="listen", instead="another --port", shutdown_s=SHUTDOWN_S
        )
        self.url = f"http://{self._host}:{port}/"
        return self.url

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def _receive(self, request: web.Request) -> web.Response:
        body = await request.read()
        now_s = time.time()
        headers = dict(request.headers)
        message_id = request.headers.get("webhook-id", "")
        status = self._next_status(message_id)
        verified, verdict = self._verify(headers, body, now_s)
        if self.secrets and not verified and 200 <= status < 300:
            status = 401
        received = Received(message_id, headers, body, now_s, status, verified, verdict)
        if self._keep:
            self.received.append(received)
        if self._on_received is not None:
            self._on_received(received)
        if self.script.delay_s:
            await asyncio.sleep(self.script.delay_s)
        return web.Response(status=status, headers=dict(self.script.headers))

    def _next_status(self, message_id: str) -> int:
        key = message_id if self.script.by_id else ""
        if key not in self._turns:
            self._turns[key] = iter(self.script.statuses)
        return next(self._turns[key], self.script.statuses[-1])

    def _verify(self, headers: Mapping[str, str], body: bytes, now_s: float) -> tuple[bool, Verdict | None]:
        if not self.secrets:
            return False, None
        if any(_accepts(secret, headers, body) for secret in self.secrets):
            return True, Verdict()
        verdict = verify(self.secrets, headers, body, now_s)
        # `v1a` is unknown to the official package; ours knows it
        return verdict.ok, verdict


def _accepts(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """Does the package that a stranger would use accept it?"""
    try:
        from standardwebhooks import Webhook, WebhookVerificationError
    except ImportError:
        raise WrongSetup("the receiver needs the package standardwebhooks: pip install 'bongsu[receiver]'") from None
    if not secret.startswith("whsec_"):
        return False
    try:
        Webhook(secret).verify(body, dict(headers), json_parse=False)
    except (WebhookVerificationError, ValueError):
        return False
    return True
