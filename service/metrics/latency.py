"""How long after its publication an article gets where: one clock for all stages of all roles.

The slowest of a batch carries the trace of its article as an exemplar, so that a bucket of a chart leads to an article.
Batches are counted here and not by the library's histogram, which takes 2 µs for each value: a worker has two of them
for each article.
"""

import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from prometheus_client.utils import floatToGoString

from service.model.ids import trace_id

BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200, 36_000, 86_400,
)  # fmt: skip
_BOUNDS = [*map(floatToGoString, BUCKETS_S), "+Inf"]


class _Stage:
    """What got to the end of one stage, by how long that took."""

    def __init__(self) -> None:
        self.counts = [0] * len(_BOUNDS)
        self.sum_s = 0.0
        self.exemplars: list[Exemplar | None] = [None] * len(_BOUNDS)


class StageLatency(Collector):
    """The histogram `bongsu_stage_latency_seconds`. Not to be used by two threads at once."""

    def __init__(self, registry: CollectorRegistry, stages: Sequence[str]) -> None:
        """`stages` stand at zero."""
        self._stages = {stage: _Stage() for stage in stages}
        registry.register(self)

    def observe(self, stage: str, seconds: float, trace: str | None = None) -> None:
        """An article got to the end of a stage."""
        of = self._stages[stage]
        at = bisect_left(BUCKETS_S, seconds)
        of.counts[at] += 1
        of.sum_s += seconds
        if trace is not None:
            of.exemplars[at] = Exemplar({"trace_id": trace}, seconds, time.time())

    def observe_all(self, stage: str, waits: "Waits", now_s: float) -> None:
        """A batch got to the end of a stage now."""
        of = self._stages[stage]
        counts = of.counts
        total_s = 0.0
        for published_s in waits.published_s:
            seconds = now_s - published_s
            if seconds > 0:
                counts[bisect_left(BUCKETS_S, seconds)] += 1
                total_s += seconds
            else:
                counts[0] += 1
        of.sum_s += total_s
        if waits.oldest is not None:
            self.observe(stage, max(0.0, now_s - waits.oldest_s), trace_id(waits.oldest))

    def collect(self) -> Iterator[Metric]:
        """As it stands."""
        family = HistogramMetricFamily(
            "bongsu_stage_latency_seconds", "From publishing an article to the end of a stage.", labels=["stage"]
        )
        for stage, of in self._stages.items():
            buckets: list[Any] = [*zip(_BOUNDS, accumulate(of.counts), of.exemplars, strict=True)]
            family.add_metric([stage], buckets, of.sum_s)
        yield family


class Waits:
    """The articles of one batch, by when they were published."""

    __slots__ = ("oldest", "oldest_s", "published_s")

    def __init__(self) -> None:
        self.published_s: list[float] = []
        """Of all but the oldest."""
        self.oldest: str | None = None
        """Id of the oldest article of which the id is known."""
        self.oldest_s = 0.0

    def add(self, published_s: float, article: str | None = None) -> None:
        """An article is in the batch; None: its id is not known."""
        if article is None or (self.oldest is not None and published_s >= self.oldest_s):
            self.published_s.append(published_s)
            return
        if self.oldest is not None:
            self.published_s.append(self.oldest_s)
        self.oldest, self.oldest_s = article, published_s
