"""The page that /metrics answers with, made in turns.

The library makes it in one go, and all that time nothing is read, matched or sent. Here the event loop has its turn
after a few families, or a few hundred series, and the series of `service/metrics/series.py` are asked for their text.
All else is written by the library, a family at a time.
"""

import asyncio
import time
from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from service.metrics.series import Samples

Encode = Callable[[Collector], bytes]
"""One of the library's: from what collects to a page."""
TURN_S = 0.002
"""CPU time after which other tasks get a turn."""
AT_ONCE = 100
"""Series between two looks at the clock."""


async def page_of(registry: CollectorRegistry, encode: Encode) -> bytes:
    """What `encode` makes of a registry, byte for byte.

    Which series a family has is settled when its turn comes; each of them is as it stands when it is written, whole.
    """
    end = encode(_Families())
    parts: list[bytes] = []
    began_s = time.thread_time()
    for family in registry.collect():
        for part in _parts(family, encode, end):
            parts.append(part)
            if time.thread_time() - began_s > TURN_S:
                await asyncio.sleep(0)
                began_s = time.thread_time()
    return b"".join([*parts, end])


def _parts(family: Metric, encode: Encode, end: bytes) -> Iterator[bytes]:
    if not isinstance(family.samples, Samples):
        yield encode(_Families(family)).removesuffix(end)
        return
    yield encode(_Families(Metric(family.name, family.documentation, family.type))).removesuffix(end)
    series = family.samples.series
    for start in range(0, len(series), AT_ONCE):
        yield "".join([one.text() for one in series[start : start + AT_ONCE]]).encode()


class _Families(Collector):
    """Some families, as the library wants to be given them."""

    def __init__(self, *families: Metric) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        yield from self._families
