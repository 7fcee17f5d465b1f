"""The outermost layer: request id, security headers, one log line and the metrics of every request.

Whatever is not caught further in ends here as a problem of status 500, so no caller ever reads a traceback or an
empty answer. Pure ASGI: a streamed body passes through without being gathered.
"""

import re
import secrets
import time
from typing import Any

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from service import logs
from service.api.metrics import UNMATCHED, ApiMetrics
from service.api.problems import answer, of_error

REQUEST_ID = "X-Request-Id"
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
SECURITY_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}
CLIENT_GONE = 499
"""As nginx calls it: no answer, for whoever asked was gone."""
HSTS = "max-age=31536000"


class Access:
    """Wraps the application; nothing stands outside of it."""

    def __init__(self, app: ASGIApp, metrics: ApiMetrics) -> None:
        self._app = app
        self._metrics = metrics
        self._log = logs.get("service.api.access")
        self._strangers = logs.get("service.api.refused")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        said = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = said if _REQUEST_ID.fullmatch(said) else f"req_{secrets.token_hex(12)}"
        state = scope["state"] = dict(scope.get("state") or {})
        state["request_id"] = request_id
        status = 0

        async def send_out(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(message, scope)
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, send_out)
        except ClientDisconnect:
            pass  # there is nobody to answer, and nothing to mend
        except Exception as error:
            problem = of_error(error)
            if problem.kind.status == 500:
                self._metrics.faults.inc()
                self._log.exception("a request ended in a fault", request_id=request_id)
            if status:
                raise  # half an answer is out: only the end of the connection tells that it is not whole
            await answer(problem, request_id, scope["path"])(scope, receive, send_out)
        finally:
            self._metrics.in_flight.dec()
            self._tell(scope, status, time.perf_counter() - began)

    def _tell(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNMATCHED)
        state: dict[str, Any] = scope["state"]
        caller = state.get("caller")
        status = status or CLIENT_GONE
        self._metrics.observe(route, scope["method"], status, seconds)
        log = self._log if caller and status != 429 else self._strangers  # which is kept from flooding
        log.info(
            "request",
            method=scope["method"],
            route=route,
            path=scope["path"][:200],  # without the query
            status=status,
            ms=round(seconds * 1000, 1),
            request_id=state["request_id"],
            actor=caller.actor.name if caller else None,
            address=(scope.get("client") or ("",))[0],
        )


def _add_headers(message: Message, scope: Scope) -> None:
    state = scope["state"]
    headers = MutableHeaders(scope=message)
    for name, value in (SECURITY_HEADERS | {REQUEST_ID: state["request_id"]} | state.get("headers", {})).items():
        headers[name] = value
    if scope.get("scheme") == "https":
        headers["Strict-Transport-Security"] = HSTS
