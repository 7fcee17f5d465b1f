"""Counters and histograms of which a role may have thousands of series: what people name makes them.

The library takes 8 µs to read one sample and write it, all at once: 1,000 subscriptions stopped the event loop for
130 ms at each scrape. Here a series writes its lines itself and keeps them until it counts again, and a page is made a
series at a time (service/metrics/page.py). Whoever collects in the library's way gets the library's samples.

Not to be used by two threads at once.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from typing import Any, Generic, Protocol, TypeVar, cast, overload

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString


class Series(Protocol):
    """One combination of labels."""

    def samples(self) -> list[Sample]:
        """As the library tells them."""
        ...

    def text(self) -> str:
        """The lines of the samples, the same in both formats that Prometheus reads."""
        ...


S = TypeVar("S", bound=Series)
_number: Callable[[float], str] = floatToGoString


class Samples(Sequence[Sample]):
    """The samples of a family, made when somebody asks; a page takes the texts of its series instead."""

    def __init__(self, series: Sequence[Series]) -> None:
        self.series = series

    @overload
    def __getitem__(self, index: int) -> Sample: ...
    @overload
    def __getitem__(self, index: slice) -> list[Sample]: ...
    def __getitem__(self, index: Any) -> Any:
        return list(self)[index]

    def __iter__(self) -> Iterator[Sample]:
        for one in self.series:
            yield from one.samples()

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Family(Collector, Generic[S]):
    """What Counters and Histograms have in common: series by the values of their labels."""

    _type: str

    def __init__(self, name: str, documentation: str, labels: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labels = labels
        self._series: dict[tuple[str, ...], S] = {}
        registry.register(self)

    def labels(self, *values: str) -> S:
        """The series to count under; it begins at zero."""
        series = self._series.get(values)
        if series is None:
            series = self._series[values] = self._made(dict(zip(self._labels, values, strict=True)))
        return series

    def remove(self, *values: str) -> None:
        """It is told no longer."""
        self._series.pop(values, None)

    def describe(self) -> Iterator[Metric]:
        """The family without its series."""
        yield Metric(self._name, self._documentation, self._type)

    def collect(self) -> Iterator[Metric]:
        """As it stands; which series there are is settled now, so a page may be made while they come and go."""
        family = Metric(self._name, self._documentation, self._type)
        family.samples = cast("list[Sample]", Samples(list(self._series.values())))
        yield family

    def _made(self, labels: dict[str, str]) -> S:
        raise NotImplementedError


class Count:
    """A series of Counters."""

    __slots__ = ("_labels", "_name", "_start", "_text", "_value")

    def __init__(self, name: str, labels: dict[str, str]) -> None:
        self._name = name
        self._labels = labels
        self._start = line_start(name, labels)
        self._value = 0.0
        self._text = ""

    def inc(self, amount: float = 1) -> None:
        """Count so many more."""
        if amount < 0:
            raise ValueError(f"{self._name} cannot be counted down by {amount}: a counter only grows")
        self._value += amount
        self._text = ""

    def samples(self) -> list[Sample]:
        """One, the number."""
        return [Sample(self._name, self._labels, self._value)]

    def text(self) -> str:
        """The line."""
        if not self._text:
            self._text = self._start + _number(self._value) + "\n"
        return self._text


class Counters(Family[Count]):
    """As the library's Counter with labels."""

    _type = "counter"

    def _made(self, labels: dict[str, str]) -> Count:
        return Count(f"{self._name}_total", labels)


class Spread:
    """A series of Histograms."""

    __slots__ = ("_counts", "_family", "_labels", "_lines", "_sum", "_text")

    def __init__(self, family: "Histograms", labels: dict[str, str]) -> None:
        self._family = family
        self._labels = labels
        self._counts = [0] * len(family.bounds)
        self._sum = 0.0
        self._text = ""
        starts = (line_start(sample.name, sample.labels).replace("%", "%%") for sample in self.samples())
        self._lines = "".join(f"{start}%s\n" for start in starts)
        """With a place for each number."""

    def observe(self, value: float) -> None:
        """Count a value in its bucket."""
        self._counts[bisect_left(self._family.buckets, value)] += 1
        self._sum += value
        self._text = ""

    def samples(self) -> list[Sample]:
        """A bucket each, their number, their sum."""
        name, labels = self._family.name, self._labels
        up_to = list(accumulate(self._counts))
        buckets = [
            Sample(f"{name}_bucket", {**labels, "le": bound}, float(count))
            for bound, count in zip(self._family.bounds, up_to, strict=True)
        ]
        return [
            *buckets,
            Sample(f"{name}_count", labels, float(up_to[-1])),
            Sample(f"{name}_sum", labels, self._sum),
        ]

    def text(self) -> str:
        """The lines."""
        if not self._text:
            up_to = list(accumulate(self._counts))
            self._text = self._lines % tuple(map(_number, (*up_to, up_to[-1], self._sum)))
        return self._text


class Histograms(Family[Spread]):
    """As the library's Histogram with labels."""

    _type = "histogram"

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str],
        registry: CollectorRegistry,
        *,
        buckets: Sequence[float],
    ) -> None:
        """`buckets`: upper bounds, ascending; what is beyond them has one of its own."""
        self.name = name
        self.buckets = tuple(buckets)
        self.bounds = [*map(_number, buckets), "+Inf"]
        super().__init__(name, documentation, labels, registry)

    def _made(self, labels: dict[str, str]) -> Spread:
        return Spread(self, labels)


def line_start(name: str, labels: dict[str, str]) -> str:
    """A line of a sample up to its number."""
    told = ",".join(f'{label}="{_escaped(value)}"' for label, value in sorted(labels.items()))
    return f"{name}{{{told}}} "


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
