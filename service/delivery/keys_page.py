"""The page of public keys: what receivers that verify `v1a` need, at a fixed path of the dispatcher's metrics port."""

from collections.abc import Iterable

import orjson

from service.delivery.headers import secrets_at
from service.delivery.rotation import public_keys
from service.model.control_records import SubscriptionRecord
from service.model.errors import InvalidSubscription

KEYS_PATH = "/.well-known/webhook-keys.json"
KEYS_FOLDER = "/.well-known/webhook-keys/"
"""Of pages `ID.json` that hold one subscription's, on a port for receivers outside."""


def keys_page(records: Iterable[SubscriptionRecord], now_ms: int) -> bytes:
    """`{"subscriptions": {id: ["whpk_..."]}}` of all that sign with ed25519 at `now_ms`, newest first, as JSON.

    `records` are opened; one that cannot be is left out, as nothing is signed for it.
    """
    found: dict[str, list[str]] = {}
    for record in records:
        try:
            keys = public_keys(secrets_at(record, now_ms))
        except InvalidSubscription:
            continue
        if keys:
            found[record.id] = keys
    return orjson.dumps({"subscriptions": found})


def keys_page_of(record: SubscriptionRecord | None, now_ms: int) -> bytes | None:
    """The same page for one subscription; None when it is not there or signs with no ed25519 key."""
    page = keys_page([] if record is None else [record], now_ms)
    return None if page == keys_page([], now_ms) else page
