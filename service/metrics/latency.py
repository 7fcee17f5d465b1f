"""How long after its publication an article gets where: one clock for all stages of all roles.

The slowest of a batch carries the trace of its article as an exemplar, so that a bucket of a chart leads to an article.
"""

from prometheus_client import CollectorRegistry, Histogram

from service.model.ids import trace_id

BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36_000, 86_400,
)  # fmt: skip


def stage_latency(registry: CollectorRegistry, stages: tuple[str, ...]) -> Histogram:
    """The histogram, with these stages at zero."""
    histogram = Histogram(
        "bongsu_stage_latency_seconds",
        "From publishing an article to the end of a stage.",
        ["stage"],
        buckets=BUCKETS_S,
        registry=registry,
    )
    for stage in stages:
        histogram.labels(stage)
    return histogram


class Waits:
    """The articles of one batch, by when they were published."""

    __slots__ = ("_oldest", "_oldest_s", "_published_s")

    def __init__(self) -> None:
        self._published_s: list[float] = []
        self._oldest: str | None = None
        self._oldest_s = 0.0

    def add(self, published_s: float, article: str | None = None) -> None:
        """An article is in the batch; None: its id is not known."""
        if article is not None and (self._oldest is None or published_s < self._oldest_s):
            if self._oldest is not None:
                self._published_s.append(self._oldest_s)
            self._oldest, self._oldest_s = article, published_s
        else:
            self._published_s.append(published_s)

    def observe(self, series: Histogram, now_s: float) -> None:
        """All of them have got to the end of a stage now."""
        observe = series.observe
        for published_s in self._published_s:
            observe(max(0.0, now_s - published_s))
        if self._oldest is not None:
            observe(max(0.0, now_s - self._oldest_s), {"trace_id": trace_id(self._oldest)})
