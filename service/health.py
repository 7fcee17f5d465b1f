"""`/metrics`, `/healthz` and `/readyz` of a role."""

from collections.abc import Callable, Mapping
from functools import partial

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.openmetrics import exposition as openmetrics

from service.adapters.listening import listen
from service.metrics.page import page_of

SHUTDOWN_S = 0.5
"""A scrape under way may end; a role has 10 s for all of its end."""

NotReady = Callable[[], list[str]]
Documents = Mapping[str, Callable[[], bytes]]
"""Path -> JSON that a role serves beside its metrics, made anew for each request."""


class HealthServer:
    """A small HTTP server; port 0 takes a free one."""

    def __init__(
        self,
        registry: CollectorRegistry,
        not_ready: NotReady,
        *,
        host: str = "0.0.0.0",  # noqa: S104
        documents: Documents | None = None,
        notes: NotReady | None = None,
    ) -> None:
        """`notes` are what a role that is ready has to say all the same."""
        self._registry = registry
        self._documents = documents or {}
        self._not_ready = not_ready
        self._notes = notes or list
        self._host = host
        self._runner: web.AppRunner | None = None
        self.port = 0

    async def start(self, port: int) -> int:
        """Listen; returns the port.

        Raises:
            WrongSetup: the port is taken, or not ours to take.
        """
        app = web.Application()
        app.router.add_get("/metrics", self._metrics)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        for path in self._documents:
            app.router.add_get(path, self._document)
        self._runner, self.port = await listen(
            app, self._host, port, doing="serve metrics", instead="another --metrics-port, or 0", shutdown_s=SHUTDOWN_S
        )
        return self.port

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        """As OpenMetrics, with exemplars, to who asks for it."""
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        if content_type.startswith("application/openmetrics-text"):
            # our names need no escaping, and the library takes two thirds longer when it looks whether they do
            encode = partial(openmetrics.generate_latest, escaping=openmetrics.ALLOWUTF8)
        return web.Response(body=await page_of(self._registry, encode), headers={"Content-Type": content_type})

    async def _document(self, request: web.Request) -> web.Response:
        return web.Response(body=self._documents[request.path](), content_type="application/json")

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        missing = self._not_ready()
        return web.Response(status=503 if missing else 200, text="\n".join(missing or ["ready", *self._notes()]) + "\n")
