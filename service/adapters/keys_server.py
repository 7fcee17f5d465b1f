"""Public keys for receivers outside: a port that serves nothing else, one page a subscription.

The port of /metrics has all of them on one page, which is right inside a network and tells a stranger too much: how
the service fares, and who else there is.
"""

from collections.abc import Callable

from aiohttp import web

from service.delivery.keys_page import KEYS_FOLDER
from service.model.errors import WrongSetup

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
        self.port = 0

    async def start(self, port: int) -> int:
        """Listen; returns the port.

        Raises:
            WrongSetup: the port is taken, or not ours to take.
        """
        app = web.Application()
        app.router.add_get(KEYS_FOLDER + "{subscription}.json", self._answer)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=SHUTDOWN_S)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, self._host, port).start()
        except OSError as error:
            await self.stop()
            raise WrongSetup(
                f"cannot serve public keys on {self._host}:{port}: {error.strerror}; take another "
                "BONGSU_DELIVERY_KEYS_PORT"
            ) from None
        self.port = self._runner.addresses[0][1]
        return self.port

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
