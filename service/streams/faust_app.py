"""The Faust app of the worker: every option that is not Faust's default, and why."""

import ssl
from pathlib import Path
from typing import Any

import faust

from service.adapters.kafka_client import HEARTBEATS_PER_SESSION, client_options, topic_name
from service.model import topics
from service.settings import KafkaSettings
from service.streams import recovery, stores, transport

STANDBYS = 1
"""Copies of a table that another worker keeps on its disk, so that a takeover reads little."""


def make_app(settings: KafkaSettings, tables: Path, *, store: str, alert_partitions: int) -> faust.App:
    """An app that is started from code: the command-line worker would bind port 6066 even without its web server.

    Args:
        settings: where Kafka is.
        tables: a directory of this process's own.
        store: BONGSU_ALERTING_STORE.
        alert_partitions: of the topics that Faust makes where a table does not say.
    """
    transport.register()
    stores.register()
    servers = ";".join(f"{transport.SCHEME}://{server.strip()}" for server in settings.bootstrap_servers.split(","))
    tables.mkdir(parents=True, exist_ok=True)  # Faust makes its own directory but not the parents
    app = faust.App(
        topic_name(settings, topics.WORKER_GROUP),
        version=1,
        broker=servers,
        broker_credentials=_credentials(settings),
        # a worker that was killed is replaced after the session timeout; Faust's 60 s is too long for news
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / HEARTBEATS_PER_SESSION,
        broker_rebalance_timeout=30.0,
        broker_request_timeout=max(settings.session_timeout_s + 5, settings.request_timeout_s),
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=6_500_000,
        # acknowledgements are ours; waiting for them on a rebalance could wait for a broker that is away
        stream_wait_empty=False,
        stream_recovery_delay=0.0,
        topic_disable_leader=True,
        topic_replication_factor=settings.replication_factor,
        topic_partitions=alert_partitions,
        producer_max_request_size=6_500_000,
        store=stores.store_url(store),
        datadir=str(tables / "faust"),
        web_enabled=False,
        table_standby_replicas=0 if store.startswith("memory") else STANDBYS,
        autodiscover=False,
    )
    recovery.install(app)
    return app


def raw_topic(app: faust.App, settings: KafkaSettings, name: str) -> Any:
    """A topic as bytes: decoding is ours, so that what cannot be decoded is ours to dead-letter."""
    return app.topic(
        topic_name(settings, name), key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
    )


def make_table(app: faust.App, name: str, *, store: str, partitions: int) -> Any:
    """A table of bytes: a `dict` or `list` could not be decoded on recovery (design, part 5)."""
    return app.Table(name, key_type=bytes, value_type=bytes, partitions=partitions, options=stores.store_options(store))


def _credentials(settings: KafkaSettings) -> Any:
    options = client_options(settings)
    context: ssl.SSLContext | None = options.get("ssl_context")
    if settings.security_protocol.startswith("SASL"):
        assert settings.sasl_password is not None
        return faust.SASLCredentials(
            username=settings.sasl_username,
            password=settings.sasl_password.get_secret_value(),
            ssl_context=context,
            mechanism=settings.sasl_mechanism,
        )
    return faust.SSLCredentials(context=context) if context is not None else None
