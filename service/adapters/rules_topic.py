"""The topic `rules` as every reader understands it: definitions, and of each tenant's manifests the one that stands."""

from collections.abc import Iterable

from aiokafka import AIOKafkaProducer

from service.adapters.control_topic import put, read_each
from service.adapters.kafka_client import topic_name
from service.adapters.rule_manifests import CURRENT, manifest_key, tenant_of_key
from service.adapters.rule_order import RuleOrder
from service.model import topics
from service.settings import KafkaSettings


class RulesOnTopic:
    """What stands on the topic, from its records in their order."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        """By key. Where no manifest of a tenant can be read it is the last one, so that whoever reads it learns why."""
        self.orders: dict[str, RuleOrder] = {}
        """By tenant."""

    def take(self, key: str, value: bytes | None) -> None:
        """The next record. Raises NewerSchema: it is a manifest that a newer Bongsu wrote."""
        tenant = tenant_of_key(key)
        if tenant is not None and key == manifest_key(CURRENT, tenant):
            order = self.order_of(tenant)
            order.take(value)
            value = value if order.stands is None else order.stands
        if value is None:
            self.values.pop(key, None)
        else:
            self.values[key] = value

    def order_of(self, tenant: str) -> RuleOrder:
        """The manifests of a tenant, also where there are none yet."""
        return self.orders.setdefault(tenant, RuleOrder(tenant))

    def untidy(self) -> list[RuleOrder]:
        """Those whose standing manifest is to be written again, in the order of their tenants."""
        return [self.orders[tenant] for tenant in sorted(self.orders) if self.orders[tenant].untidy]


async def read_rules(settings: KafkaSettings) -> RulesOnTopic:
    """What stands now. Raises as `read_each`, and NewerSchema: a manifest was written by a newer Bongsu."""
    found = RulesOnTopic()
    await read_each(settings, topics.RULES, found.take)
    return found


async def mend(settings: KafkaSettings, producer: AIOKafkaProducer, orders: Iterable[RuleOrder]) -> None:
    """Write again what stands. That may come late too: whoever mends looks again. Raises KafkaError, TimeoutError."""
    records = [(manifest_key(CURRENT, order.tenant), order.mended()) for order in orders if order.manifest is not None]
    await put(producer, topic_name(settings, topics.RULES), records, settings.request_timeout_s)
