"""Secrets of subscriptions on a real topic: sealed, exchanged and sealed anew while webhooks are sent."""

import json
import os
import subprocess
import sys
import urllib.request

import pytest

from service.adapters.control import OpenSubscriptions, SubscriptionsFollower, publish_subscription, read_whole
from service.adapters.embedded_kafka import free_port
from service.adapters.receiver import Receiver, Script
from service.cli.audit import take_audit
from service.delivery.rotation import public_keys
from service.delivery.sealing import Keyring
from service.model import topics
from service.model.control_records import SubscriptionRecord
from service.settings import KafkaSettings
from tests.deliveries import SECRET, attempts, delivery, dispatching, produce, settings_for, subscription, terminal
from tests.waiting import wait_for, wait_until

pytestmark = pytest.mark.kafka

KEYS = {number: f"k{number}:" + "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="[:-2] + f"{number}=" for number in (0, 4)}


class Opened(OpenSubscriptions):
    """As the composed dispatcher has them; nothing here disables an endpoint."""

    async def publish(self, record: SubscriptionRecord) -> None:
        raise AssertionError(f"{record.id} is not to be written")


@pytest.fixture
def bongsu(bongsu):
    """With `key` as the key that secrets are sealed with."""
    return lambda *args, key=None: bongsu(*args, **({"BONGSU_SECRET_KEY": key} if key else {}))


async def written(kafka: KafkaSettings) -> str:
    return b"\n".join((await read_whole(kafka, topics.SUBSCRIPTIONS)).values()).decode()


async def test_from_the_command_to_the_topic_and_back(kafka_settings, bongsu):
    made = bongsu(
        "subscribe", "--url", "https://alerts.example.org/", "--sign", "v1,v1a", "--format", "slack", "--lang", "en",
        "--header", "Authorization: Bearer hunter2hunter2", "--header", "X-Team: press", key=KEYS[0],
    )  # fmt: skip
    assert (made.returncode, made.stderr) == (0, "")
    told = json.loads(made.stdout)
    assert [secret.partition("_")[0] for secret in told["secrets"]] == ["whsec", "whsk"]
    assert told["public_keys"] == public_keys(told["secrets"])
    assert (told["format"], told["lang"]) == ("slack", "en")

    on_topic = await written(kafka_settings)
    for hidden in (*told["secrets"], "hunter2", "whsec_", "whsk_"):
        assert hidden not in on_topic
    listed = bongsu("subscriptions", "list")
    (shown,) = map(json.loads, listed.stdout.splitlines())
    assert shown["secrets"] == ["sealed with k0"] * 2
    assert shown["headers"] == {"Authorization": "***", "X-Team": "***"}

    without = bongsu("doctor")
    assert f"{told['id']}: its secrets are sealed and BONGSU_SECRET_KEY is not set" in without.stdout
    well = bongsu("doctor", key=KEYS[0])
    assert "error    secrets" not in well.stdout
    assert "warning  secrets" not in well.stdout

    new = bongsu("subscriptions", "rekey", key=f"{KEYS[4]},{KEYS[0]}")
    assert (new.returncode, new.stdout) == (0, "1 of 1 subscriptions sealed with the key k4, 0 are left\n")
    assert "sealed1.k0" not in await written(kafka_settings)
    stuck = bongsu("subscriptions", "rekey", key=KEYS[0])
    assert stuck.returncode == 1
    assert f"{told['id']}: a secret is sealed with the key 'k4'" in stuck.stderr

    rotated = bongsu("subscriptions", "rotate-secret", told["id"], "--overlap", "2h", key=KEYS[4])
    assert rotated.returncode == 0, rotated.stderr
    fresh = json.loads(rotated.stdout)
    assert [secret.partition("_")[0] for secret in fresh["secrets"]] == ["whsec", "whsk"]
    assert fresh["old_secrets_that_sign"] == 2
    everything = [made, listed, without, well, new, stuck, rotated]
    for secret in told["secrets"]:
        assert all(secret not in done.stdout + done.stderr for done in everything[1:])


async def test_clear_secrets_still_work_and_the_doctor_tells(kafka_settings, bongsu):
    made = bongsu("subscribe", "--url", "https://alerts.example.org/")
    assert "whsec_" in await written(kafka_settings)
    assert "warning  secrets       of 1 subscriptions stand in clear" in bongsu("doctor").stdout
    assert bongsu("subscriptions", "rekey", key=KEYS[0]).returncode == 0
    assert json.loads(made.stdout)["secrets"][0] not in await written(kafka_settings)
    no_key = bongsu("subscriptions", "rekey")
    assert (no_key.returncode, "BONGSU_SECRET_KEY is not set" in no_key.stderr) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--header", "webhook-id: 1"),
        ("--header", "X-A: a\r\nHost: b"),
        ("--header", "no colon"),
        ("--header", "X-A: 1", "--header", "x-a: 2"),
        ("--sign", "v2"),
        ("--format", "email"),
        ("--secret", SECRET, "--sign", "v1"),
    ],
)
def test_what_is_refused_when_it_is_written(bongsu, arguments):
    refused = bongsu("subscribe", "--url", "https://alerts.example.org/", *arguments)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "Traceback" not in refused.stderr


@pytest.mark.parametrize("arguments", [("nobody",), ("nobody", "--overlap", "31d"), ("nobody", "--overlap", "soon")])
def test_rotations_that_cannot_be_meant(bongsu, kafka_settings, arguments):
    assert bongsu("subscriptions", "rotate-secret", *arguments).returncode == 2


async def test_secrets_are_exchanged_and_sealed_anew_while_webhooks_are_sent(kafka_settings, bongsu):
    """The receiver holds the old secret, then the new; the key changes as well; every webhook verifies."""
    both = Keyring.parse(f"{KEYS[0]},{KEYS[4]}")
    sent = [delivery(number) for number in range(60)]
    async with Receiver([SECRET]) as receiver:
        await publish_subscription(kafka_settings, subscription(receiver.url), both)
        follower = SubscriptionsFollower(kafka_settings)
        await follower.start()
        try:
            async with dispatching(settings_for(kafka_settings), Opened(follower, both)):  # type: ignore[arg-type]
                await produce(kafka_settings, sent[:20])
                rotated = bongsu("subscriptions", "rotate-secret", "press-office", "--overlap", "1h", key=KEYS[0])
                (new,) = json.loads(rotated.stdout)["secrets"]
                await wait_until(lambda: follower.all()[0].revision == 2, what="the rotation is known")
                await produce(kafka_settings, sent[20:40])  # signed with both; the receiver still holds the old one
                await terminal(kafka_settings, [one.id for one in sent[:40]])
                receiver.secrets = [new]
                assert bongsu("subscriptions", "rekey", key=f"{KEYS[4]},{KEYS[0]}").returncode == 0
                await produce(kafka_settings, sent[40:])
                await terminal(kafka_settings, [one.id for one in sent])
        finally:
            await follower.stop()
    assert {got.id for got in receiver.received} == {one.id for one in sent}
    assert all(got.verified for got in receiver.received)


async def test_without_the_key_nothing_is_sent_and_with_it_everything_arrives(kafka_settings):
    """The schedule here would be over in a fraction of a second; none of it is used up while nothing can be signed."""
    async with Receiver([SECRET]) as receiver:
        await publish_subscription(kafka_settings, subscription(receiver.url), Keyring.parse(KEYS[0]))
        follower = SubscriptionsFollower(kafka_settings)
        await follower.start()
        try:
            async with dispatching(settings_for(kafka_settings), Opened(follower, None)):  # type: ignore[arg-type]
                await produce(kafka_settings, [one := delivery(1)])
                await wait_until(lambda: _looked_at(kafka_settings, 2), what="it was looked at twice")
            assert receiver.received == []
            receiver.script = Script((500, 500, 200))
            with_key = Opened(follower, Keyring.parse(KEYS[0]))
            async with dispatching(settings_for(kafka_settings), with_key):  # type: ignore[arg-type]
                made = await terminal(kafka_settings, [one.id])
        finally:
            await follower.stop()
    unasked = [attempt for attempt in made if attempt.error == "bad_secret"]
    assert {(attempt.outcome, attempt.number, attempt.terminal) for attempt in unasked} == {("held", 1, False)}
    assert all("'k0'" in (attempt.detail or "") for attempt in unasked)
    asked = [(attempt.outcome, attempt.number) for attempt in made if attempt.error != "bad_secret"]
    assert asked == [("retry", 1), ("retry", 2), ("delivered", 3)]
    assert len(receiver.received) == 3
    assert receiver.received[-1].verified
    assert (await take_audit(kafka_settings))["balanced"]


async def _looked_at(kafka: KafkaSettings, times: int) -> bool:
    return len(await attempts(kafka)) >= times


def test_the_dispatcher_serves_public_keys_and_warns_once_of_clear_secrets(bongsu, kafka_env, tmp_path):
    made = [
        json.loads(bongsu("subscribe", "--url", f"https://{n}.example.org/", "--sign", "v1,v1a").stdout) for n in "ab"
    ]
    ready, log, keys_port = tmp_path / "ready", tmp_path / "log", free_port()
    with log.open("wb") as out:
        role = subprocess.Popen(
            [sys.executable, "-m", "service", "dispatcher", "--metrics-port", "0", "--ready-file", str(ready)],
            env={
                **os.environ, **kafka_env, "BONGSU_LOG_FORMAT": "json", "BONGSU_DELIVERY_KEYS_PORT": str(keys_port),
            },
            stderr=out,
        )  # fmt: skip
        try:
            wait_for(lambda: ready.exists() or role.poll() is not None, 60)
            port = json.loads(ready.read_text())["ports"]["metrics"]
            page = f"http://127.0.0.1:{port}/.well-known/webhook-keys.json"
            with urllib.request.urlopen(page, timeout=10) as answer:
                served = json.load(answer)
            outside = f"http://127.0.0.1:{keys_port}/.well-known/webhook-keys/{made[1]['id']}.json"
            with urllib.request.urlopen(outside, timeout=10) as answer:
                one_page = json.load(answer)
        finally:
            role.terminate()
            role.wait(20)
    assert served == {"subscriptions": {one["id"]: one["public_keys"] for one in made}}
    assert one_page == {"subscriptions": {made[1]["id"]: made[1]["public_keys"]}}
    said = log.read_text()
    assert said.count("webhook secrets stand in clear on the topic") == 1
    assert all(secret not in said for one in made for secret in one["secrets"])
