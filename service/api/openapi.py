"""The OpenAPI 3.1 document: what FastAPI makes of the routes, with every error as the problem that it is."""

import re
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from service import __version__
from service.api.problems import KINDS, MEDIA_TYPE

ALWAYS = (
    "malformed-request", "unauthenticated", "missing-scope", "invalid-request", "rate-limited", "internal-error",
    "unavailable",
)  # fmt: skip
WITH_BODY = ("request-timeout", "body-too-large", "unsupported-media-type")
DESCRIPTION = """Everything about webhook subscriptions without a shell. docs/api.md has the conventions: tokens,
paging, ETags, Idempotency-Key, limits, and every type of problem with its cure."""
SERVERS = [{"url": "/", "description": "where `bongsu api` listens"}]
TAGS = {
    "subscriptions": "Who is told what, and where.",
    "deliveries": "What was sent, every attempt, and sending it again.",
    "decisions": "What became of an article for a subscription, and why.",
    "silences": "What is not told for a while.",
    "rules": "What is looked for.",
    "articles": "What comes in.",
    "changes": "Who changed what.",
}
PROBLEM = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457.",
    "required": ["type", "title", "status", "detail", "instance", "request_id"],
    "properties": {
        "type": {
            "type": "string",
            "description": "What programs compare.",
            "enum": [kind.uri for kind in KINDS.values()],
        },
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do about it."},
        "instance": {"type": "string", "description": "The path that was asked for."},
        "request_id": {"type": "string", "description": "As in the header X-Request-Id, and in the log."},
        "errors": {
            "type": "array",
            "description": "Single faults, each with its place.",
            "items": {
                "type": "object",
                "required": ["detail"],
                "properties": {
                    "detail": {"type": "string"},
                    "pointer": {"type": "string", "description": "JSON pointer into the body."},
                    "parameter": {"type": "string"},
                    "header": {"type": "string"},
                },
            },
        },
    },
    "example": {
        "type": KINDS["not-found"].uri,
        "title": KINDS["not-found"].title,
        "status": 404,
        "detail": "there is no subscription sub_0123456789abcdef",
        "instance": "/v1/subscriptions/sub_0123456789abcdef",
        "request_id": "req_6f1d0c2b9a8e7f6d5c4b3a29",
    },
}
_PAGE = re.compile(r"Page_(\w+?)_(?=\")")
_METHODS = frozenset({"get", "put", "post", "delete", "patch"})
_HEADERS = {429: {"Retry-After": "Seconds."}, 503: {"Retry-After": "Seconds."}, 401: {"WWW-Authenticate": "Bearer."}}


def problems(*slugs: str) -> dict[int | str, dict[str, Any]]:
    """`responses=` of a route: problems that it has beside those that every route has."""
    return {KINDS[slug].status: _response(KINDS[slug].status, [slug]) for slug in slugs}


def describe(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """`app.openapi`."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = get_openapi(
                title="Bongsu",
                version=__version__,
                openapi_version="3.1.0",
                summary="Media-monitoring alerts as signed webhooks.",
                description=DESCRIPTION,
                routes=app.routes,
                servers=SERVERS,
                tags=[{"name": name, "description": text} for name, text in TAGS.items()],
                license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            )
            _with_problems(document)
            app.openapi_schema = _named(document)
        return app.openapi_schema

    return openapi


def _named(document: dict[str, Any]) -> dict[str, Any]:
    """Pages by a name that a client's class may have: `SubscriptionPage` for `Page_Subscription_`."""
    text = orjson.dumps(document).decode()
    renamed: dict[str, Any] = orjson.loads(_PAGE.sub(r"\1Page", text))
    return renamed


def _with_problems(document: dict[str, Any]) -> None:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for fastapis in ("HTTPValidationError", "ValidationError"):
        schemas.pop(fastapis, None)
    schemas["Problem"] = PROBLEM
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            for name in schema.get("required", ()):  # FastAPI leaves out what is null, also of examples
                example.setdefault(name, None)
    for path in document["paths"].values():
        for method, operation in path.items():
            if method in _METHODS and operation.get("security"):
                _add(operation)


def _add(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    responses = operation["responses"]
    slugs = (*ALWAYS, *(WITH_BODY if "requestBody" in operation else ()))
    by_status: dict[int, list[str]] = {}
    for slug in slugs:
        by_status.setdefault(KINDS[slug].status, []).append(slug)
    for status, named in by_status.items():
        told = responses.get(str(status))
        if told is None or "HTTPValidationError" in str(told):
            responses[str(status)] = _response(status, named)
    for status in [status for status in responses if status.startswith(("4", "5"))]:
        responses[status].setdefault("headers", {})["X-Request-Id"] = _header("As in the log.")
    operation["responses"] = dict(sorted(responses.items()))


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is there or not: it is never null."""
    kept = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kept) != 1:
        return schema
    rest = {name: said for name, said in schema.items() if name != "anyOf"}
    return rest | dict(kept[0])


def _response(status: int, slugs: Iterable[str]) -> dict[str, Any]:
    titles = "; ".join(f"{KINDS[slug].title} (`{slug}`)" for slug in slugs)
    response: dict[str, Any] = {
        "description": titles,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    if status in _HEADERS:
        response["headers"] = {name: _header(text) for name, text in _HEADERS[status].items()}
    return response


def _header(text: str) -> dict[str, Any]:
    return {"description": text, "schema": {"type": "string"}}
