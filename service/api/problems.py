"""Every error of the API as a problem (RFC 9457): what it is called, what it means and which status it has.

The table is what the OpenAPI, docs/api.md and the answers are made from. A type is a name that programs compare, not
a page: `urn:bongsu:problem:not-found`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from service import logs
from service.api.faults import faults
from service.model.errors import (
    BadInput,
    BongsuError,
    ChangedMeanwhile,
    HistoryUnavailable,
    InvalidRules,
    NotFound,
    RequestReused,
    Unavailable,
)

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:bongsu:problem:"
RETRY_AFTER_S = 2
"""After a 503: a broker that was restarted leads its partitions again in a few seconds."""
UNREADABLE = "There was an error parsing the body"
"""What FastAPI says of a body that no JSON parser gave a place for."""
MAX_ERRORS = 50


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of problem."""

    slug: str
    status: int
    title: str

    @property
    def uri(self) -> str:
        """Its `type`."""
        return PREFIX + self.slug


KINDS: Mapping[str, Kind] = {
    kind.slug: kind
    for kind in (
        Kind("malformed-request", 400, "The request cannot be read"),
        Kind("unauthenticated", 401, "No token that is valid"),
        Kind("missing-scope", 403, "The token may not do this"),
        Kind("not-found", 404, "There is nothing of this name"),
        Kind("method-not-allowed", 405, "The path has no such method"),
        Kind("request-timeout", 408, "The request did not arrive in time"),
        Kind("changed-meanwhile", 409, "Somebody else changed it at the same time"),
        Kind("precondition-failed", 412, "It is at another revision"),
        Kind("body-too-large", 413, "The request is too large"),
        Kind("unsupported-media-type", 415, "The content type is not one that is read here"),
        Kind("invalid-request", 422, "The request is not as it must be"),
        Kind("invalid-rules", 422, "The rules do not load"),
        Kind("idempotency-key-reused", 422, "The Idempotency-Key belongs to another request"),
        Kind("rate-limited", 429, "Too many requests"),
        Kind("internal-error", 500, "A fault of Bongsu"),
        Kind("unavailable", 503, "Something that Bongsu needs does not answer"),
        Kind("history-unavailable", 503, "The history cannot be read"),
    )
}
_BY_STATUS = {kind.status: kind for kind in reversed(list(KINDS.values()))}


class ApiProblem(HTTPException):
    """Raised by whatever answers a request; becomes the answer.

    An HTTPException, for FastAPI lets those pass where it reads a body and makes 400 of all others.
    """

    def __init__(
        self,
        slug: str,
        detail: str,
        *,
        errors: Sequence[Mapping[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        """`errors` are single faults, each with `detail` and, where it has a place, `pointer`; `more` are members."""
        self.kind = KINDS[slug]
        super().__init__(self.kind.status, detail, dict(headers or {}))
        self.errors = tuple(errors)
        self.more = more
        self.reason: str | None = None
        """What goes to the log and not to the client, where `detail` does not say it."""


def answer(problem: ApiProblem, request_id: str, instance: str) -> Response:
    """The problem as a response. What the client is not told is written to the log, under the request id."""
    if problem.reason is not None:
        logs.get(__name__).warning(
            "a request could not be answered", type=problem.kind.slug, reason=problem.reason, request_id=request_id
        )
    body: dict[str, Any] = {
        "type": problem.kind.uri,
        "title": problem.kind.title,
        "status": problem.kind.status,
        "detail": problem.detail,
        "instance": instance,
        "request_id": request_id,
    }
    if problem.errors:
        body["errors"] = list(problem.errors)
    headers = dict(problem.headers or {})
    if problem.kind.status in {429, 503}:
        headers.setdefault("Retry-After", str(RETRY_AFTER_S))
    return Response(
        orjson.dumps(_encodable(body | problem.more)), problem.kind.status, headers=headers, media_type=MEDIA_TYPE
    )


def of_error(error: Exception, route: Any = None) -> ApiProblem:
    """The problem that an error is. What is no error of ours is an `internal-error`, without its text.

    `route` is FastAPI's, where it is known: which fields and headers there are.
    """
    if isinstance(error, ApiProblem):
        return error
    if isinstance(error, RequestValidationError):
        return _of_validation(error, route)
    if isinstance(error, HTTPException):
        return _of_http(error)
    if isinstance(error, BongsuError):
        return _of_ours(error)
    return ApiProblem("internal-error", "this is a fault of Bongsu, written to its log under the request id")


def _of_ours(error: BongsuError) -> ApiProblem:
    if isinstance(error, InvalidRules):
        faults = [
            {"file": one.file, "line": one.line, "column": one.column, "detail": one.message}
            for one in error.problems[:MAX_ERRORS]
        ]
        return ApiProblem("invalid-rules", f"{len(error.problems)} faults; nothing was changed", errors=faults)
    if isinstance(error, RequestReused):
        said = [{"header": "Idempotency-Key", "detail": "belongs to another request"}]
        return ApiProblem("idempotency-key-reused", str(error), errors=said)
    if isinstance(error, NotFound):  # what follows is for those who have a shell
        return ApiProblem("not-found", str(error).partition(";")[0])
    # of the rest (WrongSetup, NewerSchema) whoever runs Bongsu must act, whoever calls can only come again
    slug = next((slug for kind, slug in _SLUGS if isinstance(error, kind)), "unavailable")
    if error.outside is None:
        return ApiProblem(slug, str(error))
    problem = ApiProblem(slug, error.outside)
    problem.reason = str(error)
    return problem


_SLUGS: tuple[tuple[type[BongsuError], str], ...] = (
    (BadInput, "invalid-request"),
    (ChangedMeanwhile, "changed-meanwhile"),
    (HistoryUnavailable, "history-unavailable"),
    (Unavailable, "unavailable"),
)


def _of_http(error: HTTPException) -> ApiProblem:
    kind = _BY_STATUS.get(error.status_code)
    if kind is None:
        kind = _BY_STATUS[500 if error.status_code >= 500 else 400]
    said = str(error.detail) if error.detail else kind.title
    if said == UNREADABLE:
        said = "the body is not JSON that can be read: UTF-8, not nested too deeply, no number of thousands of digits"
    elif kind.status == 404:
        said = "there is nothing at this path"
    elif said == HTTPStatus(kind.status).phrase:
        said = kind.title
    return ApiProblem(kind.slug, said, headers=error.headers)


def _of_validation(error: RequestValidationError, route: Any) -> ApiProblem:
    found = error.errors()
    if any(one["type"] == "json_invalid" for one in found):
        one = found[0]
        return ApiProblem(
            "malformed-request", f"the body is not JSON: {one['ctx']['error']} at character {one['loc'][-1]}"
        )
    told = faults(found, route)
    errors, first = told[:MAX_ERRORS], told[0]
    where = next((f"{first[kind] or 'the body'}: " for kind in ("pointer", "parameter", "header") if kind in first), "")
    more = f" (and {len(told) - 1} more)" if len(told) > 1 else ""
    return ApiProblem("invalid-request", f"{where}{first['detail']}{more}", errors=errors)


async def handle(request: Request, error: Exception) -> Response:
    """FastAPI's exception handler for all of them."""
    problem = of_error(error, request.scope.get("route"))
    packed = request.headers.get("content-encoding", "identity").strip().lower() != "identity"
    if problem.kind.slug == "malformed-request" and packed and not isinstance(error, ApiProblem):
        problem = ApiProblem(  # FastAPI reads the body before anything of ours sees the request
            "unsupported-media-type",
            "send the body as it is; only articles and drafts of rules are taken with Content-Encoding: gzip",
            headers={"Accept-Encoding": "identity"},
        )
    return answer(problem, request.scope["state"]["request_id"], request.url.path)


def _encodable(value: Any) -> Any:
    """Lone surrogates, which JSON can say and UTF-8 cannot, come from names that a client chose."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable(one) for one in value]
    return value
