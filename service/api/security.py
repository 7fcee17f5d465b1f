"""Who sends a request, what they may do, and how often.

The token is looked at before anything else of a request is: no path, no body and no parameter tells a stranger
anything.
"""

import math
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from service.actions.actor import Actor
from service.api.limits import Buckets, Taken
from service.api.metrics import ApiMetrics
from service.api.parameters import well_formed
from service.api.problems import ApiProblem
from service.api.services import Caller, caller_of, services_of
from service.model import control_records
from service.model.control_records import TokenRecord

OPEN_PATHS = frozenset({"/v1/openapi.json"})
FAILED_LOGIN_S = 3.0
"""Between those of one address, when BONGSU_API_FAILED_LOGINS at once are used up."""
Verified = Callable[[str], TokenRecord | None]


class Authentication:
    """Lets only requests with a valid token in, and those no faster than the settings allow."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        verified: Verified,
        metrics: ApiMetrics,
        requests: Buckets,
        failures: Buckets,
    ) -> None:
        """`verified` knows whose a token is; `requests` are counted by token, `failures` by address."""
        self._app = app
        self._verified = verified
        self._metrics = metrics
        self._requests = requests
        self._failures = failures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        record = self._record(scope)
        taken = self._requests.take(record.id)
        state["caller"] = Caller(record, Actor(f"token:{record.id}", record.tenant, state["request_id"]))
        state["headers"] = self._told(taken)
        if not taken.allowed:
            self._metrics.refused.labels("rate").inc()
            raise ApiProblem(
                "rate-limited",
                f"this token may send {self._requests.per_s:g} requests a second, {self._requests.burst} at once",
                headers={"Retry-After": str(math.ceil(taken.wait_s))},
            )
        await self._app(scope, receive, send)

    def _record(self, scope: Scope) -> TokenRecord:
        kind, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        token = token.strip()
        record = self._verified(token) if kind.lower() == "bearer" else None
        if record is not None:
            return record
        taken = self._failures.take((scope.get("client") or ("",))[0])
        if not taken.allowed:
            self._metrics.refused.labels("login_rate").inc()
            raise ApiProblem(
                "rate-limited",
                "too many requests without a valid token came from this address",
                headers={"Retry-After": str(math.ceil(taken.wait_s))},
            )
        self._metrics.refused.labels("token").inc()
        challenge = 'Bearer realm="bongsu"' + (', error="invalid_token"' if token else "")
        raise ApiProblem(
            "unauthenticated",
            "send `Authorization: Bearer bongsu_...` with a token that is neither expired nor revoked; "
            "`bongsu token create` makes one",
            headers={"WWW-Authenticate": challenge},
        )

    def _told(self, taken: Taken) -> dict[str, str]:
        """As draft-ietf-httpapi-ratelimit-headers has it."""
        burst = self._requests.burst
        full_s = math.ceil((burst - taken.remaining) / self._requests.per_s)
        window_s = max(1, math.ceil(burst / self._requests.per_s))
        return {
            "RateLimit-Policy": f'"token";q={burst};w={window_s}',
            "RateLimit": f'"token";r={taken.remaining};t={full_s}',
        }


bearer = HTTPBearer(
    scheme_name="token",
    bearerFormat="bongsu_<id>_<secret>",
    description="A token of `bongsu token create`. It belongs to a tenant, has scopes and an end.",
    auto_error=False,
)


def _allowed(
    request: Request,
    scopes: SecurityScopes,
    _: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    caller = caller_of(request)
    missing = [scope for scope in scopes.scopes if scope not in caller.token.scopes]
    if missing:
        services_of(request).metrics.refused.labels("scope").inc()
        raise ApiProblem(
            "missing-scope",
            f"this needs the scope {missing[0]}; the token {caller.token.id} has "
            f"{', '.join(caller.token.scopes) or 'none'}",
            scope=missing[0],
        )
    return caller


def needs(scope: control_records.Scope) -> list[Any]:
    """`dependencies=` of a route: who calls it must have this scope, and say nothing that it does not know."""
    return [Security(_allowed, scopes=[scope]), Depends(well_formed)]
