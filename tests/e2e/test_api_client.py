"""The Python client against `bongsu api` on a real Kafka: what its README promises."""

from datetime import UTC, datetime

import pytest
from bongsu_client import Bongsu, Unreachable, problems

from service.adapters.embedded_kafka import free_port
from tests.api_process import api, make_token, role
from tests.line import lean_env
from tests.waiting import wait_for

pytestmark = pytest.mark.kafka
RULES = """
entities:
  - {id: garam, name: 가람시, kind: government}
rules:
  - {id: garam-deals, name: 가람시의 협약, when: '@garam AND "협약"'}
"""


@pytest.fixture
async def token(kafka_env):
    return await make_token(kafka_env)


@pytest.mark.long
def test_a_day_with_it(kafka_env, tmp_path, token):
    env = lean_env(kafka_env)
    with (
        role("dispatcher", env, tmp_path),
        role("history", env, tmp_path),
        api(env, tmp_path) as url,
        Bongsu(url, token) as bongsu,
    ):
        subscriptions(bongsu)
        deliveries(bongsu)
        silences(bongsu)
        rules(bongsu)
        assert {change["action"] for change in bongsu.list_changes()} >= {"subscription.created", "silence.created"}


def subscriptions(bongsu):
    made = bongsu.create_subscription({"url": "http://127.0.0.1:9/", "rules": ["*"]}, idempotency_key="one")
    assert made["secrets"][0].startswith("whsec_")
    assert bongsu.create_subscription({"url": "http://127.0.0.1:9/", "rules": ["*"]}, idempotency_key="one") == made
    with pytest.raises(problems.IdempotencyKeyReused):
        bongsu.create_subscription({"url": "http://127.0.0.1:9/other"}, idempotency_key="one")
    changed = bongsu.update_subscription(made["id"], {"name": "night desk"}, if_match=made["revision"])
    assert (changed["name"], changed["revision"]) == ("night desk", made["revision"] + 1)
    with pytest.raises(problems.PreconditionFailed):
        bongsu.update_subscription(made["id"], {"name": "day desk"}, if_match=made["revision"])
    with pytest.raises(problems.InvalidRequest) as caught:
        bongsu.update_subscription(made["id"], {"max_per_s": -1})
    assert caught.value.errors[0]["pointer"] == "/max_per_s"
    assert bongsu.pause_subscription(made["id"])["status"] == "paused"
    assert bongsu.resume_subscription(made["id"], if_match="*")["status"] == "active"
    rotated = bongsu.rotate_subscription_secret(made["id"], {"overlap_s": 60})
    assert rotated["secrets"] == bongsu.get_subscription_secret(made["id"])["secrets"] != made["secrets"]
    others = {bongsu.create_subscription({"url": f"http://127.0.0.1:9/{n}"})["id"] for n in range(4)}
    assert {one["id"] for one in bongsu.list_subscriptions(limit=2)} == others | {made["id"]}
    assert [len(page.items) for page in bongsu.list_subscriptions(limit=2).pages()] == [2, 2, 1]
    for other in others:
        bongsu.delete_subscription(other)
    with pytest.raises(problems.NotFound):
        bongsu.get_subscription(other)
    assert [one["id"] for one in bongsu.list_subscriptions(name="NIGHT", status="active")] == [made["id"]]


def deliveries(bongsu):
    (subscription,) = bongsu.list_subscriptions()
    sent = bongsu.test_subscription(subscription["id"])
    attempts = wait_for(lambda: list(bongsu.list_attempts(subscription["id"])), what="the attempt is in the history")
    assert [attempt["delivery_id"] for attempt in attempts] == [sent["delivery_id"]]
    assert attempts[0]["outcome"] == "given_up"  # nobody listens at port 9
    delivery = bongsu.get_delivery(sent["delivery_id"])
    assert [attempt["id"] for attempt in delivery["attempts"]] == [attempts[0]["id"]]
    assert [one["id"] for one in bongsu.list_deliveries(subscription["id"])] == [sent["delivery_id"]]
    assert bongsu.replay_delivery(sent["delivery_id"])["delivery_ids"] == [sent["delivery_id"]]
    none = bongsu.replay_subscription(subscription["id"], {"failed_since": datetime.now(UTC).isoformat()})
    assert none["replayed"] == 0
    assert list(bongsu.list_decisions(subscription["id"])) == []


def silences(bongsu):
    body = {"matchers": {"source": ["나루신문"]}, "duration_s": 600, "comment": "a campaign that is known"}
    made = bongsu.create_silence(body)
    assert made["state"] == "active"
    assert bongsu.preview_silence({"matchers": body["matchers"]})["hidden"] == 0
    assert bongsu.lift_silence(made["id"], if_match=made["revision"])["state"] == "ended"
    assert [one["id"] for one in bongsu.list_silences(state="ended")] == [made["id"]]
    assert bongsu.get_silence(made["id"])["comment"] == body["comment"]


def rules(bongsu):
    assert bongsu.check_rules(RULES)["loads"]
    assert not bongsu.check_rules("rules: [")["loads"]
    with pytest.raises(problems.InvalidRules):
        bongsu.apply_rules("rules: [", if_match="*")
    applied = bongsu.apply_rules(RULES, if_match="*")
    assert bongsu.rules_version() == f'"{applied["version"]}"'
    assert [rule["id"] for rule in bongsu.list_rules()] == ["garam-deals"]
    assert bongsu.get_rule("garam-deals")["name"] == "가람시의 협약"
    assert [entity["id"] for entity in bongsu.list_entities()] == ["garam"]
    assert bongsu.get_entity("garam")
    articles = [{"title": f"가람시, {n}번째 협약", "text": "가람시가 협약을 맺었다."} for n in range(3)]
    assert bongsu.explain_rules({"article": articles[0], "rule": "garam-deals"})
    assert bongsu.publish_articles(articles[0])["id"]
    (taken,) = bongsu.publish_many([*articles, {"text": 7}])
    assert (taken["accepted"], taken["rejected"], taken["errors"][0]["line"]) == (3, 1, 4)
    found = bongsu.backtest_rules({"draft": RULES})
    assert found["fired_in"] >= 3


async def test_a_token_that_may_not_do_this(kafka_env, tmp_path):
    reader = await make_token(kafka_env, "subscriptions:read")
    with api(kafka_env, tmp_path) as url:
        with Bongsu(url, reader) as bongsu:
            assert list(bongsu.list_subscriptions()) == []
            with pytest.raises(problems.MissingScope) as caught:
                bongsu.create_subscription({"url": "https://a.example.org"})
            assert caught.value.said["scope"] == "subscriptions:write"
        with Bongsu(url, "bongsu_0_0") as nobody, pytest.raises(problems.Unauthenticated):
            nobody.list_subscriptions().first_page()


def test_nobody_listens():
    with (
        Bongsu(f"http://127.0.0.1:{free_port()}", "t", retries=1, sleep=lambda _: None) as bongsu,
        pytest.raises(Unreachable),
    ):
        bongsu.get_subscription("sub_1")
