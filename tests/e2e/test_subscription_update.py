"""`bongsu subscriptions update` on a real topic, and URLs that are secrets from the command to the wire."""

import asyncio
import json

import pytest

from service.adapters.control import OpenSubscriptions, SubscriptionsFollower, read_subscriptions, read_whole
from service.delivery.sealing import Keyring
from service.model import topics
from service.model.control_records import SubscriptionRecord
from tests.conftest import in_new_loop
from tests.deliveries import delivery, dispatching, produce, settings_for, terminal

pytestmark = pytest.mark.kafka

KEY = "k1:" + "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA="
URL = "https://alerts.example.org/in"
PATH = "/services/T0AB12CD3/B0EF45GH6/abcdefghijklmnopqrstuvwx"


@pytest.fixture
def made(bongsu):
    """Make a subscription; its id."""

    def make(*arguments, **env):
        done = bongsu("subscribe", *arguments, **env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["id"]

    return make


def standing(settings) -> SubscriptionRecord:
    record: SubscriptionRecord
    (record,) = in_new_loop(lambda: read_subscriptions(settings))
    return record


def test_what_is_named_changes_and_nothing_else(bongsu, made, kafka_settings):
    known = made("--url", URL, "--rule", "seoul-*", "--header", "X-Team: press", "--header", "X-Token: hunter2hunter2",
                 "--max-per-s", "2.5", "--max-in-flight", "3")  # fmt: skip
    before = standing(kafka_settings)
    assert (before.max_per_s, before.max_in_flight, before.revision) == (2.5, 3, 1)

    done = bongsu(
        "subscriptions", "update", known, "--url", "https://new.example.org/in", "--rule", "x", "--rule", "y",
        "--name", "시청", "--format", "cloudevents", "--lang", "en", "--max-per-s", "0", "--max-in-flight", "1",
        "--header", "x-team: city", "--header", "X-New: 1", "--without-header", "X-TOKEN",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    after = standing(kafka_settings)
    assert after.updated_ms >= before.updated_ms
    assert after == before.model_copy(
        update={
            "url": "https://new.example.org/in", "rules": ("x", "y"), "name": "시청", "format": "cloudevents",
            "lang": "en", "max_per_s": None, "max_in_flight": 1, "headers": {"x-team": "city", "X-New": "1"},
            "revision": 2, "updated_ms": after.updated_ms,
        }
    )  # fmt: skip
    shown = json.loads(done.stdout)
    assert (shown["revision"], shown["secrets"], shown["max_in_flight"]) == (2, ["whsec_***"], 1)

    again = bongsu("subscriptions", "update", known, "--name", "시청")
    assert (again.returncode, standing(kafka_settings)) == (0, after), "what is so already is not written"


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), 2, "say what is to change"),
        (("--url", "ftp://x"), 2, "only https and http"),
        (("--url", "https://x.example/sealed1.k1.AAAA"), 2, "only what Bongsu has sealed"),
        (("--rule", " "), 2, "a glob over rule ids"),
        (("--header", "webhook-id: 1"), 2, "is set by Bongsu"),
        (("--header", "X-A: sealed1.x"), 2, "only what Bongsu has sealed"),
        (("--without-header", "X-None"), 2, "no such header"),
        (("--max-per-s", "-1"), 2, "no rate above 0"),
        (("--max-per-s", "nan"), 2, "no rate above 0"),
        (("--max-in-flight", "1.5"), 2, "no number above 0"),
        (("--name", "x", "--revision", "7"), 1, "is at revision 1 and not 7"),
    ],
)
def test_what_cannot_be_meant_changes_nothing(bongsu, made, kafka_settings, arguments, code, says):
    known = made("--url", URL)
    before = standing(kafka_settings)
    done = bongsu("subscriptions", "update", known, *arguments)
    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert standing(kafka_settings) == before
    assert bongsu("subscriptions", "update", "nobody", "--name", "x").returncode == 2


def test_of_two_at_the_same_time_each_knows_what_became_of_its_change(bongsu, made, kafka_settings):
    known = made("--url", URL)

    async def both():
        calls = [
            asyncio.to_thread(bongsu, "subscriptions", "update", known, "--revision", "1", "--name", name)
            for name in "abc"
        ]
        return await asyncio.gather(*calls)

    done = in_new_loop(both)
    won = [json.loads(one.stdout)["name"] for one in done if one.returncode == 0]
    stands = standing(kafka_settings)
    assert won == [stands.name]
    assert stands.revision == 2
    assert all("Traceback" not in one.stderr and one.stderr.count("\n") == 1 for one in done if one.returncode)


def test_a_name_that_will_be_refused_is_told_at_once(bongsu):
    for url, says in (("http://alerts.example.org/", "plain http"), ("https://alerts.example.org:22/", "port 22")):
        done = bongsu("subscribe", "--url", url)
        assert done.returncode == 0
        assert says in done.stderr
        assert "unless all addresses of the name are in BONGSU_DELIVERY_ALLOW_ADDRESSES" in done.stderr
        assert says in bongsu("doctor").stdout
    assert bongsu("subscribe", "--url", "http://a.example/", BONGSU_DELIVERY_ALLOW_HTTP="true").stderr == ""


def test_headers_sealed_with_a_key_that_is_not_here_stay_and_get_no_clear_neighbour(bongsu, made, kafka_settings):
    known = made("--url", URL, "--header", "Authorization: Bearer hunter2hunter2", BONGSU_SECRET_KEY=KEY)
    refused = bongsu("subscriptions", "update", known, "--header", "X-New: hunter3")
    assert (refused.returncode, "set BONGSU_SECRET_KEY" in refused.stderr) == (2, True)
    assert "hunter3" not in refused.stderr
    assert bongsu("subscriptions", "update", known, "--name", "x").returncode == 0, "that is no secret"
    done = bongsu("subscriptions", "update", known, "--header", "X-New: hunter3", BONGSU_SECRET_KEY=KEY)
    assert done.returncode == 0, done.stderr
    stands = standing(kafka_settings)
    assert list(stands.headers) == ["Authorization", "X-New"]
    assert all(value.startswith("sealed1.k1.") for value in stands.headers.values())


async def test_a_url_that_is_a_secret_is_seen_by_its_receiver_alone(kafka_settings, bongsu):
    """From `subscribe` over the topic to the request line; the receiver says it back in every way it can."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.partition(b"\r\n")[0])
        told = b"no_service: " + PATH.encode() + b" and " + PATH.rpartition("/")[2].encode()
        writer.write(b"HTTP/1.1 404 " + PATH.encode() + b"\r\nConnection: close\r\n\r\n" + told)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def call(*args, key=KEY):
        return await asyncio.to_thread(
            bongsu, *args, BONGSU_SECRET_KEY=key, BONGSU_DELIVERY_ALLOW_ADDRESSES="127.0.0.0/8"
        )

    async with server:
        made = await call("subscribe", "--url", url + PATH, "--format", "slack")
        assert made.stderr == ""
        known = json.loads(made.stdout)
        assert known["url"] == url + PATH, "shown once"
        on_topic = b"".join((await read_whole(kafka_settings, topics.SUBSCRIPTIONS)).values()).decode()
        follower = SubscriptionsFollower(kafka_settings)
        await follower.start()
        opened = OpenSubscriptions(follower, Keyring.parse(KEY))
        opened.publish = None  # type: ignore[attr-defined]
        try:
            async with dispatching(settings_for(kafka_settings), opened):  # type: ignore[arg-type]
                await produce(kafka_settings, [one := delivery(1, to=known["id"])])
                attempts = await terminal(kafka_settings, [one.id])
        finally:
            await follower.stop()
        said = [await call(*args) for args in (("subscriptions", "list"), ("attempts",), ("doctor",))]
        said.append(await call("subscriptions", "rekey", key="k2:" + KEY.partition(":")[2] + "," + KEY))
        said.append(await call("subscriptions", "update", known["id"], "--url", "ftp:" + PATH))
    assert asked
    assert set(asked) == {f"POST {PATH} HTTP/1.1".encode()}
    assert json.loads(said[0].stdout)["url"] == f"{url}/***"
    everything = [on_topic, *(one.stdout + one.stderr for one in said), *(one.encode().decode() for one in attempts)]
    assert "no_service" in everything[-1]
    for secret in PATH.split("/")[2:]:
        assert [text for text in everything if secret in text] == []
