"""Labels whose values people make up (rules, entities, subscriptions, hosts): so many have series of their own.

Where all of them fit each has its zero from the start, for `rate()`; else those that come first have one, and the rest
are counted together under `other`. What is gone (a rule, a subscription) makes room.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Generic

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from service.metrics.series import Count, Family, S

OTHER = "other"
MAX_LABEL_VALUES = 200
"""Where nobody says otherwise (BONGSU_METRICS_MAX_LABEL_VALUES)."""


class Capped(Generic[S]):
    """Counters or histograms, of whose first label at most `limit` values have series of their own."""

    def __init__(self, family: Family[S], limit: int, rest: Sequence[tuple[str, ...]] = ((),)) -> None:
        """`rest`: the values that the other labels take together, for the zeros."""
        self._family = family
        self._limit = limit
        self._rest = rest
        self._series: dict[tuple[str, ...], S] = {}
        self._known: set[str] = set()
        self._zero(OTHER)

    def of(self, value: str, *rest: str) -> S:
        """The series to count under."""
        series = self._series.get((value, *rest))
        return series if series is not None else self._made(value, rest)

    def has_room_for(self, value: str) -> bool:
        """Whether it has, or would get, series of its own."""
        return value in self._known or len(self._known) < self._limit

    def expect(self, values: Collection[str]) -> None:
        """These are all that there are: the series of others go, and where all fit each gets its zeros now."""
        for gone in self._known.difference(values):
            self._known.discard(gone)
            for labels in [labels for labels in self._series if labels[0] == gone]:
                del self._series[labels]
                self._family.remove(*labels)
        if len(values) <= self._limit:
            for value in values:
                if value not in self._known and value != OTHER:
                    self._known.add(value)
                    self._zero(value)

    def _made(self, value: str, rest: tuple[str, ...]) -> S:
        if value not in self._known and value != OTHER:
            if len(self._known) >= self._limit:
                return self.of(OTHER, *rest)
            self._known.add(value)
            self._zero(value)
        return self._series.get((value, *rest)) or self._labelled(value, rest)

    def _zero(self, value: str) -> None:
        for rest in self._rest:
            self._labelled(value, rest)

    def _labelled(self, value: str, rest: tuple[str, ...]) -> S:
        series = self._family.labels(value, *rest)
        self._series[(value, *rest)] = series
        return series


def inc_all(capped: Capped[Count], counts: Mapping[str, int]) -> None:
    """Add a batch: what has no series of its own is added up first."""
    beyond = 0
    for value, count in counts.items():
        if capped.has_room_for(value):
            capped.of(value).inc(count)
        else:
            beyond += count
    if beyond:
        capped.of(OTHER).inc(beyond)


Found = Iterable[tuple[Sequence[str], float]]
"""Values of the labels, and the number."""


class Gathered(Collector):
    """A gauge that asks at each scrape what there is to say; where there is nothing it has no series."""

    def __init__(self, registry: CollectorRegistry, name: str, documentation: str, labels: Sequence[str] = ()) -> None:
        self._about: dict[str, Any] = {"name": name, "documentation": documentation, "labels": labels}
        self.ask: Callable[[], Found] = tuple
        """Set by whoever knows; what matters most first."""
        registry.register(self)

    def describe(self) -> Iterator[Metric]:
        """The family without a series: it is not asked before there is somebody to ask."""
        yield GaugeMetricFamily(**self._about)

    def collect(self) -> Iterator[Metric]:
        """What is true now."""
        family = GaugeMetricFamily(**self._about)
        for labels, value in self.ask():
            family.add_metric(labels, value)
        yield family


def first(found: Found, limit: int) -> Found:
    """At most `limit` of them: for numbers that would mean nothing when added up."""
    return islice(found, limit)


def first_and_count(found: Found, limit: int) -> Found:
    """At most `limit` of them; of the rest how many there are under `other`, by the labels after the first."""
    more: dict[tuple[str, ...], float] = {}
    for number, (labels, value) in enumerate(found):
        if number < limit:
            yield labels, value
        else:
            rest = tuple(labels[1:])
            more[rest] = more.get(rest, 0) + value
    for rest, value in more.items():
        yield (OTHER, *rest), value
