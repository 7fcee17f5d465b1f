"""What every role exports about itself."""

import asyncio
from functools import cached_property

from prometheus_client import CollectorRegistry, Gauge, Histogram, Info
from prometheus_client.process_collector import ProcessCollector

from service import __version__

TICK_S = 0.5


class RoleMetrics:
    """Who it is, whether it is ready, what it uses, and whether its event loop gets its turn."""

    def __init__(self, registry: CollectorRegistry, role: str) -> None:
        self.build = Info("bongsu_build", "Version and role of this process.", registry=registry)
        self.build.info({"version": __version__, "role": role})
        self.ready = Gauge("bongsu_ready", "1 when /readyz says yes.", registry=registry)
        self.loop_lag = Histogram(
            "bongsu_event_loop_lag_seconds",
            "How much later than asked the event loop came back to a timer.",
            buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        ProcessCollector(namespace="bongsu", registry=registry)
        self._registry = registry

    async def watch_loop(self) -> None:
        """Until cancelled: ask to be woken again and again, and see when that is."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + TICK_S
            await asyncio.sleep(TICK_S)
            self.loop_lag.observe(max(0.0, loop.time() - due_s))

    @cached_property
    def subscriptions(self) -> Gauge:
        """Only of the roles that read them: elsewhere a 0 would say that there are none."""
        return subscriptions_gauge(self._registry)


def subscriptions_gauge(registry: CollectorRegistry) -> Gauge:
    """What the worker and the dispatcher know."""
    return Gauge("bongsu_subscriptions", "Subscriptions known to this process.", registry=registry)
