"""The API in this process, on a real `Control` over a real Kafka: what its tests ask."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from prometheus_client import CollectorRegistry

from service.actions import tokens
from service.actions.actor import Actor
from service.actions.control import Control
from service.api.application import build
from service.api.metrics import ApiMetrics
from service.settings import Settings

YEAR_MS = 365 * 86_400_000
URL = "https://alerts.example.org/in"
ALLOWED = {"BONGSU_API_REQUESTS_PER_S": "100000", "BONGSU_API_BURST": "100000"}


class Api:
    """One API process, as far as requests and records can tell."""

    def __init__(self, control: Control, settings: Settings, **parts: Any) -> None:
        self.control = control
        self.registry = CollectorRegistry()
        self.app = build(control, None, settings, ApiMetrics(self.registry), **parts)
        self._clients: list[httpx.AsyncClient] = []

    async def token(self, *scopes: str, tenant: str = "default", name: str = "tests") -> str:
        """A token with these scopes; of all scopes when none is named."""
        now_ms = self.control.now_ms()
        made = await tokens.create(
            self.control, Actor("cli:tests@here", tenant), name, scopes or tokens.SCOPES, expires_ms=now_ms + YEAR_MS
        )
        return made.text

    def client(self, token: str | None = None, **headers: str) -> httpx.AsyncClient:
        """Speaks to the application, with this token."""
        said = {"Authorization": f"Bearer {token}"} if token else {}
        transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=True)
        client = httpx.AsyncClient(transport=transport, base_url="http://api", headers=said | headers, timeout=60)
        self._clients.append(client)
        return client

    async def close(self) -> None:
        """All clients."""
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def serving(environ: dict[str, str], **parts: Any) -> AsyncIterator[Api]:
    """An API on the topics that `environ` names."""
    settings = Settings({**ALLOWED, **environ})
    async with Control(settings) as control:
        api = Api(control, settings, **parts)
        try:
            yield api
        finally:
            await api.close()


def problem_of(answer: httpx.Response, slug: str) -> dict[str, Any]:
    """The problem that it must be."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    body: dict[str, Any] = answer.json()
    assert body["type"] == f"urn:bongsu:problem:{slug}", body
    assert body["status"] == answer.status_code
    assert body["request_id"] == answer.headers["x-request-id"]
    return body
