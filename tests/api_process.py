"""`bongsu api` as it runs: processes of their own on a real Kafka, called over HTTP with real tokens."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from service.actions import tokens
from service.actions.actor import Actor
from service.actions.control import Control
from service.adapters.processes import Child
from service.model import topics
from service.settings import Settings
from tests.api_world import ALLOWED
from tests.waiting import PATIENCE_S

FREE = {**ALLOWED, "BONGSU_API_FAILED_LOGINS": "100000"}
"""No test but those of the rate limit wants to meet it."""


@contextlib.contextmanager
def role(name: str, env: Mapping[str, str], folder: Path, *options: str) -> Iterator[dict[str, int]]:
    """`bongsu NAME` until the block ends; gives its ports when it is ready. Its log: `<folder>/<name>-<n>.log`."""
    number = sum(1 for _ in folder.glob(f"{name}-*.log"))
    child = Child(name)
    child.start([name, *options], env, folder / f"{name}-{number}.log")
    try:
        yield child.wait_ready(PATIENCE_S)["ports"]
    finally:
        child.terminate(15)


@contextlib.contextmanager
def api(env: Mapping[str, str], folder: Path, **more: str) -> Iterator[str]:
    """`bongsu api` on a free port; gives its URL. `more`: variables."""
    with role("api", {**env, **FREE, **more}, folder, "--host", "127.0.0.1", "--port", "0") as ports:
        yield f"http://127.0.0.1:{ports['api']}"


async def make_token(env: Mapping[str, str], *scopes: str, tenant: str = "default") -> str:
    """A token that is good for an hour; without `scopes` for everything."""
    async with Control(Settings(env), follow=(topics.TOKENS,), once=True) as control:
        expires_ms = int((time.time() + 3600) * 1000)
        made = await tokens.create(
            control, Actor("cli:test@here", tenant), "a test", scopes or tokens.SCOPES, expires_ms=expires_ms
        )
    return made.text
