"""Public keys for receivers outside: a port that serves nothing else, one page a subscription.

The port of /metrics has all of them on one page, which is right inside a network and tells a stranger too much: how
the service fares, and who else there is.
"""

from collections.abc import Callable

from aiohttp import web

from service.adapters.listening import listen
from service.delivery.keys_page import KEYS_FOLDER

SHUTDOWN_S = 0.5
MAX_AGE_S = 60
"""A key that was exchanged signs beside the new one for hours; a minute of an old page costs nothing."""


class KeysServer:
    """Answers GET `/.well-known/webhook-keys/ID.json`; port 0 takes a free one."""

    def __init__(self, page: Callable[[str], bytes | None], *, host: str = "0.0.0.0") -> None:  # noqa: S104
        """`page`: JSON for a subscription's id; None when there is nothing to tell."""
        self._page = page
        self._host = host
        self._runner: web.AppRunner | None = None

    async def start(self, port: int) -> int:
        """Listen; returns the port.

        Raises:
            WrongSetup: the port is taken, or not ours to take.
        """
        app = web.Application()
        app.router.add_get(KEYS_FOLDER + "{subscription}.json", self._answer)
        self._runner, taken = await listen(
            app, self._host, port, doing="serve public keys", instead="another BONGSU_DELIVERY_KEYS_PORT",
            shutdown_s=SHUTDOWN_S,
        )  # fmt: skip
        return taken

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _answer(self, request: web.Request) -> web.Response:
        page = self._page(request.match_info["subscription"])
        if page is None:
            raise web.HTTPNotFound(text="no such subscription, or it signs with no public key\n")
        headers = {"Cache-Control": f"public, max-age={MAX_AGE_S}"}
        return web.Response(body=page, content_type="application/json", headers=headers)
