"""Bongsu (봉수): media-monitoring alerts, from articles on Kafka to signed webhooks.

The package follows the data: `ingest` reads an article, `matching` finds what is watched, `alerting` decides who is
told, `delivery` says how; `streams`, `dispatcher` and `audit` carry that over Kafka. docs/architecture.md has the map.
"""

__version__ = "0.1.0"
