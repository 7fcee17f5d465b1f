"""The URL of a subscription, judged where it is written: what can never be called is refused, the rest is told of."""

from service.delivery.addresses import AddressPolicy, Reason, Refusal, check_url, foretold
from service.delivery.sealing import is_sealed_url
from service.model.errors import InvalidSubscription
from service.settings import DeliverySettings

_NEVER = frozenset({Reason.MALFORMED, Reason.SCHEME, Reason.USERINFO, Reason.ZONE})
"""Refused here. The other reasons depend on the dispatcher's settings, which may not be ours: they are only told."""


def checked_url(url: str, delivery: DeliverySettings) -> str | None:
    """None when `url` can be called; a sentence when a dispatcher with these settings would refuse it.

    Raises:
        InvalidSubscription: it can never be called. The URL, which may be a secret, is not repeated.
    """
    policy = AddressPolicy.of(delivery.allow_addresses, delivery.ports, allow_http=delivery.allow_http)
    verdict = check_url(url, policy)
    if isinstance(verdict, Refusal):
        if verdict.reason in _NEVER:
            raise InvalidSubscription(f"the URL: {verdict}. One that works: https://alerts.example.org/bongsu")
        return str(verdict)
    if is_sealed_url(url):
        raise InvalidSubscription("the URL: its path starts as only what Bongsu has sealed may.")
    refusal = foretold(verdict, policy)
    if refusal is None:
        return None
    return f"{refusal}; unless all addresses of the name are in BONGSU_DELIVERY_ALLOW_ADDRESSES"
