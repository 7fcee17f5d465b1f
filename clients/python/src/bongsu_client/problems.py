"""What the API answers when it does not do what was asked: RFC 9457 problems, one exception for each type.

BongsuError
├── Unreachable              no answer, or one that is not the API's
└── Problem                  an answer of 4xx or 5xx; `except NotFound` is enough for one type
    ├── MalformedRequest, InvalidRequest, InvalidRules, IdempotencyKeyReused, UnsupportedMediaType, BodyTooLarge
    ├── Unauthenticated, MissingScope
    ├── NotFound, MethodNotAllowed
    ├── ChangedMeanwhile, PreconditionFailed
    ├── RequestTimeout, RateLimited, ServiceUnavailable, HistoryUnavailable
    └── InternalError
docs/api.md has the cause and the cure of each.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

PREFIX = "urn:bongsu:problem:"


class BongsuError(Exception):
    """Whatever goes wrong between this client and the API."""


class Unreachable(BongsuError):
    """The API did not answer, or something that is not the API did."""


class Problem(BongsuError):
    """The API refused. A type that this client does not know yet is a plain `Problem`."""

    slug: ClassVar[str] = ""
    """The end of its `type`."""

    def __init__(self, status: int, said: Mapping[str, Any], retry_after_s: float | None = None) -> None:
        """`said` is the body."""
        self.status = status
        self.type = str(said.get("type", "about:blank"))
        self.title = str(said.get("title", ""))
        self.detail = str(said.get("detail", ""))
        self.errors: list[dict[str, Any]] = list(said.get("errors", ()))
        """Single faults: `detail`, and `pointer`, `parameter`, `header` or a place in a file."""
        self.request_id: str | None = said.get("request_id")
        """Name it when you ask whoever runs the API."""
        self.retry_after_s = retry_after_s
        self.said = dict(said)
        """All members of the problem."""
        super().__init__(f"{status} {self.title}: {self.detail} (request {self.request_id})")


class MalformedRequest(Problem):
    """400: the request cannot be read."""

    slug = "malformed-request"


class Unauthenticated(Problem):
    """401: no token that is valid."""

    slug = "unauthenticated"


class MissingScope(Problem):
    """403: the token may not do this; `said["scope"]` names what it lacks."""

    slug = "missing-scope"


class NotFound(Problem):
    """404: it does not exist, or not for this tenant."""

    slug = "not-found"


class MethodNotAllowed(Problem):
    """405: the path has no such method."""

    slug = "method-not-allowed"


class RequestTimeout(Problem):
    """408: the request did not arrive in time."""

    slug = "request-timeout"


class ChangedMeanwhile(Problem):
    """409: others changed it at the same time, again and again."""

    slug = "changed-meanwhile"


class PreconditionFailed(Problem):
    """412: it is at another revision than `if_match`."""

    slug = "precondition-failed"


class BodyTooLarge(Problem):
    """413: the request is too large."""

    slug = "body-too-large"


class UnsupportedMediaType(Problem):
    """415: the content type is not one that is read here."""

    slug = "unsupported-media-type"


class InvalidRequest(Problem):
    """422: the request is not as it must be; `errors` says where."""

    slug = "invalid-request"


class InvalidRules(Problem):
    """422: the rules do not load; `errors` has file, line and column."""

    slug = "invalid-rules"


class IdempotencyKeyReused(Problem):
    """422: the Idempotency-Key belongs to another request."""

    slug = "idempotency-key-reused"


class RateLimited(Problem):
    """429, and still after the retries of this client."""

    slug = "rate-limited"


class InternalError(Problem):
    """500: a fault of Bongsu, in its log under `request_id`."""

    slug = "internal-error"


class ServiceUnavailable(Problem):
    """503, and still after the retries of this client: e.g. Kafka does not answer."""

    slug = "unavailable"


class HistoryUnavailable(Problem):
    """503: the history cannot be read."""

    slug = "history-unavailable"


BY_SLUG: Mapping[str, type[Problem]] = {kind.slug: kind for kind in Problem.__subclasses__()}


def problem(status: int, said: Mapping[str, Any], retry_after_s: float | None = None) -> Problem:
    """The exception of a problem's body."""
    slug = str(said.get("type", "")).removeprefix(PREFIX)
    return BY_SLUG.get(slug, Problem)(status, said, retry_after_s)
