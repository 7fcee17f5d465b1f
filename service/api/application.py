"""The ASGI application: every layer and every route, wired. Nothing connects here."""

import time
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from service.actions import tokens
from service.actions.control import Control
from service.api import problems
from service.api.access import Access
from service.api.limits import BodyLimit, Buckets
from service.api.metrics import ApiMetrics
from service.api.openapi import describe
from service.api.routes import routers
from service.api.security import FAILED_LOGIN_S, Authentication
from service.api.services import Services
from service.history.queries import History
from service.model.control_records import TokenRecord
from service.model.errors import BongsuError, Unavailable
from service.settings import Settings


def build(  # noqa: PLR0913 - the parts that the composition root chooses
    control: Control,
    history: History | None,
    settings: Settings,
    metrics: ApiMetrics,
    clock: Callable[[], float] = time.time,
    monotonic: Callable[[], float] = time.monotonic,
) -> FastAPI:
    """The API over these parts; `history` None: what comes from it is answered 503."""

    def verified(text: str) -> TokenRecord | None:
        if not control.tokens.follower.ready:
            raise Unavailable("the tokens are not read from Kafka yet")
        return tokens.verified(control, text)

    app = FastAPI(
        title="Bongsu",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Access, metrics=metrics),
            Middleware(BodyLimit, max_bytes=settings.api.max_body_bytes, metrics=metrics),
            Middleware(
                Authentication,
                verified=verified,
                metrics=metrics,
                requests=Buckets(settings.api.requests_per_s, settings.api.burst, monotonic),
                failures=Buckets(1 / FAILED_LOGIN_S, settings.api.failed_logins, monotonic),
            ),
        ],
        exception_handlers={
            HTTPException: _http_error,
            RequestValidationError: problems.handle,
            BongsuError: problems.handle,
        },
    )
    app.state.services = Services(control, history, settings, metrics, clock)
    for router in routers():
        app.include_router(router)
    app.openapi = describe(app)  # type: ignore[method-assign]
    return app


async def _http_error(request: Request, error: Exception) -> Response:
    """As any; where a path has other methods, with all of them in `Allow`, not those of the first route only."""
    if isinstance(error, HTTPException) and error.status_code == 405:
        error.headers = {"Allow": ", ".join(_methods_of(request))}
    return await problems.handle(request, error)


def _methods_of(request: Request) -> list[str]:
    path = request.url.path
    routes: list[Any] = [route for router in routers() for route in router.routes]
    # `/silences/preview` is a path of its own, though it looks like a silence of that id
    fitting = [route for route in routes if route.path == path] or [one for one in routes if one.path_regex.match(path)]
    return sorted({method for route in fitting for method in route.methods})
