"""What the API exports about the requests that it answered."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from service.metrics.bounded import Gathered
from service.model.control_records import TokenRecord

BUCKETS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
UNMATCHED = "unmatched"
"""The route of a path that there is none of, and of what was refused before it was looked for."""
REFUSALS = ("token", "scope", "rate", "login_rate", "body_size")


def valid_until(tokens: Iterable[TokenRecord], now_ms: int) -> list[tuple[tuple[str], float]]:
    """When each token that is valid ends, the soonest first; seconds since the epoch. By its id, which is no secret."""
    valid = [one for one in tokens if one.revoked_ms is None and one.expires_ms > now_ms]
    return [((one.id,), one.expires_ms / 1000) for one in sorted(valid, key=lambda one: one.expires_ms)]


class ApiMetrics:
    """By template of the route, never by path: what a stranger asks for must not grow the series."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.requests = Counter(
            "bongsu_api_requests",
            "Requests answered, by route, method and class of the status.",
            ["route", "method", "status"],
            registry=registry,
        )
        self.seconds = Histogram(
            "bongsu_api_request_duration_seconds",
            "From the head of a request to the end of its answer.",
            ["route", "method"],
            buckets=BUCKETS_S,
            registry=registry,
        )
        self.in_flight = Gauge("bongsu_api_requests_in_flight", "Requests under way.", registry=registry)
        self.refused = Counter(
            "bongsu_api_refused", "Requests refused before they did anything, by why.", ["reason"], registry=registry
        )
        self.faults = Counter(
            "bongsu_api_faults", "Requests that ended in a fault of Bongsu (500); must stay 0.", registry=registry
        )
        self.tokens = Gathered(
            registry, "bongsu_token_expiry_timestamp_seconds", "When a token of the API that is valid ends.", ["token"]
        )
        for reason in REFUSALS:
            self.refused.labels(reason)
        self.observe(UNMATCHED, "GET", 404, None)

    def observe(self, route: str, method: str, status: int, seconds: float | None) -> None:
        """A request that was answered; `seconds` None makes the series at zero."""
        known = method if method in METHODS else "other"
        counter = self.requests.labels(route, known, f"{status // 100}xx")
        histogram = self.seconds.labels(route, known)
        if seconds is not None:
            counter.inc()
            histogram.observe(seconds)
