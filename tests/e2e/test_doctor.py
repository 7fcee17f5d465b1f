"""`bongsu doctor` against a real Kafka: each thing that can be wrong is told, with what to do; what is well says so."""

import json
import time
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions

from service.adapters.control import publish_subscription
from service.adapters.kafka_client import client_options, make_producer, started, topic_name
from service.adapters.topics_admin import delete_topics
from service.model import topics
from service.model.control_records import ChangeRecord
from service.model.records import EndpointRecord
from tests.api_process import role
from tests.builders import SECRET
from tests.commands import bongsu_forked
from tests.conftest import in_new_loop
from tests.deliveries import subscription
from tests.waiting import wait_for

pytestmark = pytest.mark.kafka

RULES = """
entities: [{id: seoul-city, name: 서울시, kind: government}]
rules: [{id: seoul, name: 서울시, when: '@seoul-city'}]
"""
KEY = "k1:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
DAY_MS = topics.DAY_MS


def asked(bongsu, *args, **env):
    """Exit code, and the findings."""
    done = bongsu("doctor", "--json", *args, **env)
    told = json.loads(done.stdout)
    levels = [one["level"] for one in told["findings"]]
    assert (told["errors"], told["warnings"]) == (levels.count("error"), levels.count("warning"))
    assert told["ok"] == (not told["errors"]) == (done.returncode == 0), done.stdout
    assert all(bool(one["todo"]) for one in told["findings"] if one["level"] == "warning"), "each says what to do"
    return done.returncode, told["findings"]


def ills(findings):
    return [(one["level"], one["about"]) for one in findings if one["level"] != "ok"]


def text_of(findings, about):
    return " | ".join(f"{one['text']}; {one['todo']}" for one in findings if one["about"] == about)


def test_a_cluster_as_it_is_made(bongsu, tmp_path):
    code, sick = asked(bongsu)
    assert code == 1
    assert ills(sick) == [("error", "rules"), ("warning", "subscriptions"), ("warning", "roles"), ("warning", "roles")]
    assert {one["about"] for one in sick} == {
        "kafka", "topics", "copies", "clock", "rules", "subscriptions", "tokens", "roles", "lag", "disk", "extras",
        "files", "history",
    }  # fmt: skip
    assert "bongsu rules apply DIR" in text_of(sick, "rules")
    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    bongsu("rules", "apply", tmp_path)
    bongsu("subscribe", "--url", "https://alerts.example.org/", BONGSU_SECRET_KEY=KEY)
    code, well = asked(bongsu, BONGSU_SECRET_KEY=KEY)
    assert (code, ills(well)) == (0, [("warning", "roles")] * 2), "nothing but that nobody runs yet"
    text = bongsu("doctor", BONGSU_SECRET_KEY=KEY)
    assert (text.returncode, text.stderr) == (0, "")
    assert len(text.stdout.splitlines()) == len(well)
    assert "warning  roles         no worker is in its group; start `bongsu worker`" in text.stdout


def test_topics_that_are_missing_or_differ(bongsu, kafka_settings):
    async def spoil():
        await delete_topics(kafka_settings, [topic_name(kafka_settings, "attempts")])
        async with started(kafka_settings, AIOKafkaAdminClient(**client_options(kafka_settings))) as admin:
            await admin.create_partitions({topic_name(kafka_settings, "alerts"): NewPartitions(total_count=3)})

    in_new_loop(spoil)
    wait_for(lambda: "attempts" in text_of(asked(bongsu)[1], "topics"))
    told = text_of(asked(bongsu)[1], "topics")
    assert "1 of 19 are missing" in told
    assert "bongsu topics create" in told
    assert "3 partitions, must be 2" in told


def test_rules_of_each_tenant(bongsu, kafka_settings, tmp_path):
    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    bongsu("rules", "apply", tmp_path)
    bongsu("rules", "apply", "--tenant", "gangwon", tmp_path)

    async def spoil():
        async with started(kafka_settings, make_producer(kafka_settings)) as producer:
            torn = b'{"schema":1,"tenant":"gangwon","version":"v9","items":["rule/none"],"published_ms":1}'
            await producer.send_and_wait(topic_name(kafka_settings, "rules"), torn, b"current/gangwon")

    assert [one["level"] for one in asked(bongsu)[1] if one["about"] == "rules"] == ["ok", "ok"]
    in_new_loop(spoil)
    code, found = asked(bongsu)
    assert code == 1
    assert [one["level"] for one in found if one["about"] == "rules"] == ["ok", "error"]
    assert "gangwon: the newest set does not load" in text_of(found, "rules")


def test_subscriptions_and_secrets_that_need_somebody(bongsu, kafka_settings, tmp_path):
    now_ms = int(time.time() * 1000)
    at = {"created_ms": now_ms, "updated_ms": now_ms}
    url = "https://alerts.example.org/in"

    async def make():
        known: dict[str, dict[str, Any]] = {
            "deaf": {"rules": ("busan-*",)},
            "entity": {"rules": ("entity:seoul-*",)},
            "off": {"disabled_ms": now_ms, "disabled_reason": "410 Gone"},
            "failing": {},
            "old": {"created_ms": now_ms - 400 * DAY_MS},
            "exchanged": {"created_ms": now_ms - 400 * DAY_MS},
        }
        for name, fields in known.items():
            record = subscription(url, name).model_copy(update={**at, **fields})
            await publish_subscription(kafka_settings, record)
        await publish_subscription(kafka_settings, subscription("https://10.1.2.3/", "inside").model_copy(update=at))
        fails = EndpointRecord(
            subscription="failing", revision=1, failures=12, since_ms=now_ms, told_percent=0, noted_ms=now_ms
        )
        change = ChangeRecord(
            change_id="c1", actor="cli:me@here", action="subscription.secret_rotated", target="exchanged",
            outcome="done", at_ms=now_ms - DAY_MS,
        )  # fmt: skip
        async with started(kafka_settings, make_producer(kafka_settings)) as producer:
            await producer.send_and_wait(topic_name(kafka_settings, "endpoints"), fails.encode(), b"failing")
            await producer.send_and_wait(topic_name(kafka_settings, "changes"), change.encode(), b"exchanged")

    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    bongsu("rules", "apply", tmp_path)
    in_new_loop(make)
    _, found = asked(bongsu, BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION="nobody")
    told = text_of(found, "subscriptions")
    assert "no rule in force fits: deaf; they" in told
    assert "off is disabled since" in told
    assert "410 Gone" in told
    assert "failing fails since" in told
    assert "12 times in a row" in told
    assert "inside: with the settings of this shell it is not called" in told
    assert "BONGSU_DELIVERY_OPERATIONS_SUBSCRIPTION=nobody does not exist" in told
    assert "7, 0 of them paused" in told
    secrets = text_of(found, "secrets")
    assert "of 7 subscriptions stand in clear" in secrets
    assert "of old are older than 365 days" in secrets
    assert SECRET not in json.dumps(found)
    bongsu("subscriptions", "rekey", BONGSU_SECRET_KEY=KEY)
    other = "k2:" + "QUJD" * 10 + "QUI="
    _, found = asked(bongsu, BONGSU_SECRET_KEY=f"{other},{KEY}")
    assert "of 7 subscriptions are sealed with a former key" in text_of(found, "secrets")
    code, found = asked(bongsu, BONGSU_SECRET_KEY=other)
    assert code == 1
    assert text_of(found, "secrets").count("sealed with the key 'k1'") == 7


def test_who_is_alive_and_what_waits(bongsu, kafka_env, tmp_path):
    (tmp_path / "watch.yaml").write_text(RULES, encoding="utf-8")
    bongsu("rules", "apply", tmp_path)
    bongsu("ingest", "-", stdin='{"title": "서울시 소식", "text": "서울시가 알렸다."}\n')
    code, found = asked(bongsu)
    assert code == 1
    assert "no worker is in its group, and 1 records wait for one; start `bongsu worker`" in text_of(found, "roles")
    assert "articles: 1 records wait" in text_of(found, "lag")
    with (
        role("worker", kafka_env, tmp_path, "--metrics-port", "0") as worker,
        role("history", kafka_env, tmp_path),
    ):
        url = f"http://127.0.0.1:{worker['metrics']}"
        wait_for(lambda: "nothing waits for the workers" in text_of(asked(bongsu)[1], "lag"))
        wait_for(lambda: "(0 records)" in text_of(asked(bongsu)[1], "history"))
        code, found = asked(bongsu, "--role", url, "--role", "http://127.0.0.1:9")
        roles = text_of(found, "roles")
        assert "1 worker (127.0.0.1)" in roles
        assert "no dispatcher is in its group" in roles
        assert f"{url}/readyz: ready" in roles
        assert "http://127.0.0.1:9/readyz does not answer" in roles
        assert code == 1, "whom one asks for by name must be there"


def test_without_kafka_the_rest_is_told(bongsu, tmp_path):
    env = {"BONGSU_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9", "BONGSU_KAFKA_REQUEST_TIMEOUT_S": "2"}
    done = bongsu_forked("doctor", "--json", env={**env, "BONGSU_DATA_DIR": "/proc/nowhere"})
    found = json.loads(done.stdout)["findings"]
    assert done.returncode == 1
    assert ills(found) == [("error", "kafka"), ("error", "disk")]
    assert {one["about"] for one in found} == {"kafka", "disk", "extras", "files", "history"}
    (tmp_path / "cert.pem").write_text("no certificate", encoding="utf-8")
    cert = {"BONGSU_KAFKA_SSL_CERTFILE": str(tmp_path / "cert.pem"), "BONGSU_KAFKA_SSL_KEYFILE": str(tmp_path / "k")}
    done = bongsu_forked("doctor", env={**env, **cert, "BONGSU_HISTORY_URL": "postgresql://nobody@127.0.0.1:9/none"})
    assert "error    certificate" in done.stdout
    assert "error    history" in done.stdout
    assert "nobody@" in done.stdout
