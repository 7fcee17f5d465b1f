"""The delivery that `bongsu test-delivery` makes: each is another one, for whoever receives it."""

import json
import secrets

import pytest

from service.actions.test_delivery import as_test
from tests.builders import subscription_record


@pytest.mark.parametrize("lang", ["ko", "en"])
def test_two_tests_share_no_id_so_that_nobody_drops_the_second_as_a_repeat(lang):
    subscriber = subscription_record(format="cloudevents", lang=lang)
    first, second = (as_test(subscriber, secrets.token_hex(8), 1_000, 30) for _ in range(2))
    assert first.id != second.id
    events = [json.loads(made.body) for made in (first, second)]
    assert len({(event["source"], event["id"]) for event in events}) == 2, "CloudEvents: together they are unique"
    alerts = [event["data"]["alerts"][0]["alert_id"] for event in events]
    assert all(len(alert) == len("alr_") + 32 for alert in alerts)
    assert (first.reason, first.alert_ids, first.deadline_ms) == ("test", (), 31_000)


def test_the_same_test_is_the_same_bytes():
    made = [as_test(subscription_record(), "0a" * 8, 1_000, 30) for _ in range(2)]
    assert made[0] == made[1]
