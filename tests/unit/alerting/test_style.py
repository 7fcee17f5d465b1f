"""The format and the language of a subscription travel with its alerts: what is read again makes the same bytes."""

import pytest

from service.alerting.addressing import SubscriptionIndex, alerts_for
from service.delivery.formats import body_of
from service.model.ids import sha256_hex
from service.model.records import AlertRecord
from tests.alerting_world import World
from tests.builders import match_record, subscription_record


def delivered(alert):
    world = World(payload=body_of, now_ms=1_000_100)
    world.step(alert)
    (delivery,) = world.deliveries
    return delivery


def test_each_subscription_is_told_in_its_own_way():
    index = SubscriptionIndex(
        [subscription_record("a", format="slack", lang="en"), subscription_record("b"), subscription_record("c", format="teams")]
    )  # fmt: skip
    alerts = alerts_for(match_record(), index, 5)
    assert [(alert.format, alert.lang) for alert in alerts] == [("slack", "en"), ("bongsu", "ko"), ("teams", "ko")]


@pytest.mark.parametrize(
    ("form", "content_type", "mark"),
    [
        ("bongsu", "application/json", '"type":"alert.matched"'),
        ("cloudevents", "application/cloudevents+json", '"specversion":"1.0"'),
        ("slack", "application/json", '"blocks":'),
        ("teams", "application/json", "AdaptiveCard"),
        ("discord", "application/json", '"embeds":'),
    ],
)
def test_the_delivery_holds_the_bytes_and_their_type(form, content_type, mark):
    (alert,) = alerts_for(match_record(), SubscriptionIndex([subscription_record(format=form)]), 5)
    again = AlertRecord.decode(alert.encode(), "alerts")
    first, second = delivered(alert), delivered(again)
    assert first == second
    assert (first.content_type, first.body_sha256) == (content_type, sha256_hex(first.body.encode()))
    assert mark in first.body


def test_an_alert_of_an_older_version_is_told_as_it_was_then():
    (alert,) = alerts_for(match_record(), SubscriptionIndex([subscription_record()]), 5)
    raw = alert.encode().replace(b'"format":"bongsu","lang":"ko",', b"")
    assert b"format" not in raw
    assert delivered(AlertRecord.decode(raw, "alerts")) == delivered(alert)
