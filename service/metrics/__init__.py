"""Series that more than one role, or the worker or the audit, exports. Prefix `bongsu_`, base units, zeros first.

The registry is injected; the pure parts never count: the shell counts what they returned. No label takes values that
a stranger can grow without bound: what people name (rules, entities, subscriptions) is capped in `bounded`.
"""

from prometheus_client import disable_created_metrics

from service.metrics.audit import AuditMetrics
from service.metrics.role import RoleMetrics, subscriptions_gauge
from service.metrics.worker import WorkerMetrics

__all__ = ["AuditMetrics", "RoleMetrics", "WorkerMetrics", "subscriptions_gauge"]

disable_created_metrics()  # type: ignore[no-untyped-call]
"""When each counter was made would be a third of a scrape, and nobody asks: processes say when they began."""
