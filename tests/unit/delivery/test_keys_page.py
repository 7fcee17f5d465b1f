import base64
import json

import aiohttp
import pytest
from prometheus_client import CollectorRegistry

from service.adapters.control import OpenSubscriptions
from service.adapters.keys_server import KeysServer
from service.delivery.headers import webhook_headers
from service.delivery.keys_page import KEYS_PATH, keys_page, keys_page_of
from service.delivery.sealing import Keyring, sealed_record
from service.delivery.signing import private_secret
from service.delivery.verifying import verify
from service.health import HealthServer
from service.model.control_records import RetiringSecret
from service.model.errors import WrongSetup
from tests.builders import SECRET, subscription_record

OLD, NEW = private_secret(b"o" * 32), private_secret(b"n" * 32)
KEYS = Keyring.parse("k1:" + base64.b64encode(b"k" * 32).decode())


class Follower:
    """The part of `SubscriptionsFollower` that is asked."""

    def __init__(self, *records):
        self.records = {record.id: record for record in records}

    def get(self, subscription):
        return self.records.get(subscription)

    def all(self):
        return tuple(self.records.values())


def test_the_page_holds_what_verifies_and_nothing_private():
    record = subscription_record(secrets=(SECRET, NEW), retiring=(RetiringSecret(secret=OLD, until_ms=5_000),))
    page = keys_page([record, subscription_record("hmac-only")], 4_999)
    assert list(json.loads(page)["subscriptions"]) == ["sub1"]
    new, old = json.loads(page)["subscriptions"]["sub1"]
    headers = webhook_headers(record, "msg_1", "application/json", 4_999, b"{}")
    assert verify([new], headers, b"{}", 5).ok
    assert verify([old], headers, b"{}", 5).ok
    assert b"whsk_" not in page
    assert b"whsec_" not in page
    assert len(json.loads(keys_page([record], 5_000))["subscriptions"]["sub1"]) == 1


def test_what_does_not_open_is_left_out():
    sealed = sealed_record(subscription_record(secrets=(NEW,)), KEYS, lambda: b"n" * 12)
    assert json.loads(keys_page([sealed], 0)) == {"subscriptions": {}}


async def test_it_is_served_beside_the_metrics_as_things_are_now():
    follower = Follower(sealed_record(subscription_record(secrets=(NEW,)), KEYS, lambda: b"n" * 12))
    opened = OpenSubscriptions(follower, KEYS)
    documents = {KEYS_PATH: lambda: keys_page(opened.all(), 0)}
    health = HealthServer(CollectorRegistry(), list, host="127.0.0.1", documents=documents)
    port = await health.start(0)
    try:
        async with aiohttp.ClientSession() as session:
            url = f"http://127.0.0.1:{port}/.well-known/webhook-keys.json"
            for wanted in (["sub1"], []):
                async with session.get(url) as answer:
                    assert (answer.status, answer.content_type) == (200, "application/json")
                    assert list((await answer.json())["subscriptions"]) == wanted
                follower.records.clear()
    finally:
        await health.stop()


def test_a_changed_record_is_opened_anew_and_a_removed_one_forgotten():
    follower = Follower(subscription_record(secrets=(SECRET,)))
    opened = OpenSubscriptions(follower, None)
    first = opened.get("sub1")
    assert first is not None
    assert first.secrets == (SECRET,)
    assert opened.get("sub1") is first
    follower.records["sub1"] = sealed_record(subscription_record(secrets=(NEW,)), KEYS, lambda: b"m" * 12)
    shut = opened.get("sub1")
    assert shut is not None
    assert shut.secrets[0].startswith("sealed1.k1."), "without its key it stays as it is"
    follower.records.clear()
    assert opened.get("sub1") is None
    assert opened.all() == ()


async def test_outside_each_subscription_has_a_page_and_nothing_else_is_there():
    follower = Follower(subscription_record(secrets=(SECRET, NEW)), subscription_record("hmac-only"))
    opened = OpenSubscriptions(follower, None)
    server = KeysServer(lambda subscription: keys_page_of(opened.get(subscription), 0), host="127.0.0.1")
    port = await server.start(0)
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get("/.well-known/webhook-keys/sub1.json") as answer:
                assert (answer.status, answer.content_type) == (200, "application/json")
                assert await answer.read() == keys_page(opened.all(), 0)
            hidden = ("hmac-only.json", "nobody.json", "sub1", "", "../../metrics", "%2e%2e%2fx.json")
            for path in (*(f"/.well-known/webhook-keys/{name}" for name in hidden), KEYS_PATH, "/metrics", "/"):
                async with session.get(path) as answer:
                    assert answer.status == 404, path
            async with session.post("/.well-known/webhook-keys/sub1.json") as answer:
                assert answer.status == 405
        with pytest.raises(WrongSetup, match="BONGSU_DELIVERY_KEYS_PORT"):
            await KeysServer(lambda _: None, host="127.0.0.1").start(port)
    finally:
        await server.stop()
