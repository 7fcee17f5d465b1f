"""The dispatcher with the parts around it: its subscriptions, its HTTP client, its readiness."""

import asyncio
import ssl
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from service import logs
from service.adapters.control import OpenSubscriptions, SubscriptionsFollower, publish_subscription
from service.adapters.keys_server import KeysServer
from service.adapters.webhook_client import WebhookClient
from service.delivery.keys_page import KEYS_PATH, keys_page, keys_page_of
from service.dispatcher.metrics import DispatcherMetrics
from service.dispatcher.metrics_subscriptions import expiring, states_of
from service.dispatcher.role import Dispatcher
from service.metrics import RoleMetrics
from service.metrics.bounded import Found, first, first_and_count
from service.model.control_records import SubscriptionRecord
from service.model.errors import ChangedMeanwhile, Unavailable
from service.settings import Settings

PUBLISH_AGAIN_S = 1.0
CHANGED = ("revision", "disabled_ms", "disabled_reason", "updated_ms")


class ComposedDispatcher:
    """`bongsu dispatcher` as `run_role` runs it."""

    def __init__(
        self,
        settings: Settings,
        registry: CollectorRegistry,
        role_metrics: RoleMetrics,
        *,
        clock: Callable[[], float],
        luck: Callable[[], float],
    ) -> None:
        self._settings = settings
        self._role_metrics = role_metrics
        self._log = logs.get(__name__)
        self._subscriptions = SubscriptionsFollower(settings.kafka, on_change=self._count, on_failure=self._fail)
        # The machine's authorities are read now: later nobody's webhook waits the tenth of a second that it takes.
        self._client = WebhookClient(settings.delivery, tls=ssl.create_default_context())
        self._opened = opened = OpenSubscriptions(self._subscriptions, settings.bongsu.keys)
        self.documents = {KEYS_PATH: lambda: keys_page(opened.all(), int(clock() * 1000))}
        self._keys = KeysServer(lambda subscription: keys_page_of(opened.get(subscription), int(clock() * 1000)))
        metrics = DispatcherMetrics(registry, settings.metrics.max_label_values)
        self._metrics = metrics.subscriptions
        self._clock = clock
        self._dispatcher = Dispatcher(
            settings,
            metrics=metrics,
            # in clear: what is written back is taken from the follower, whose records are sealed
            subscriptions=opened,
            publish=self._publish,
            client=self._client,
            clock=clock,
            luck=luck,
        )
        self._metrics.states.ask = self._states
        self._metrics.secrets.ask = self._expiring_secrets
        self._metrics.certificates.ask = self._certificates
        self.failed: asyncio.Future[BaseException] = self._dispatcher.failed

    async def start(self) -> None:
        """Subscriptions first: a delivery to one that is not known yet would be undeliverable."""
        await self._subscriptions.start()
        self._opened.all()  # secrets in clear, or that do not open, are told now and not at the first delivery
        self._count()
        keys_port = self._settings.delivery.keys_port
        if keys_port is not None:
            self._log.info("public keys", port=await self._keys.start(keys_port))
        await self._dispatcher.start()

    async def stop(self) -> None:
        """Drain, commit, leave."""
        await self._dispatcher.stop()
        await self._keys.stop()
        await self._subscriptions.stop()
        await self._client.close()

    def not_ready(self) -> list[str]:
        """What is still missing, as sentences."""
        missing = []
        if not self._subscriptions.ready:
            missing.append("control topics are not read to their end")
        if not self._dispatcher.ready:
            missing.append("no partitions are assigned")
        missing.extend(self._dispatcher.own_faults())
        return missing

    async def _publish(self, record: SubscriptionRecord) -> None:
        """Replace a subscription, unless somebody else did meanwhile; Kafka may be away, what caused it waits.

        Written is the record as it stands on the topic, sealed secrets and all, never what was opened to sign with.
        """
        while True:
            stands = self._subscriptions.get(record.id)
            if stands is None or stands.revision + 1 != record.revision:
                return
            changed = {name: getattr(record, name) for name in CHANGED}
            try:
                await publish_subscription(self._settings.kafka, stands.model_copy(update=changed))
            except ChangedMeanwhile:
                return
            except Unavailable:
                await asyncio.sleep(PUBLISH_AGAIN_S)
            else:
                return

    def _fail(self, error: BaseException) -> None:
        if not self.failed.done():
            self.failed.set_result(error)

    def _count(self) -> None:
        known = self._subscriptions.all()
        self._role_metrics.subscriptions.set(len(known))
        self._metrics.known({record.id for record in known})

    def _states(self) -> Found:
        found = states_of(self._subscriptions.all(), self._dispatcher.troubled())
        return first_and_count(found, self._metrics.max_label_values)

    def _expiring_secrets(self) -> Found:
        found = expiring(self._subscriptions.all(), int(self._clock() * 1000))
        return first(found, self._metrics.max_label_values)

    def _certificates(self) -> Found:
        hosts = self._dispatcher.hosts()
        ends = sorted((end_s, host) for host, end_s in self._client.certificates.items() if host in hosts)
        return first((((host,), end_s) for end_s, host in ends), self._metrics.max_label_values)
