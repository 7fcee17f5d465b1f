"""Settings become client options; a mistake in them is named."""

import asyncio
import ssl

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, SaslAuthenticationFailed, TopicAuthorizationFailedError

from service.adapters import kafka_client
from service.adapters.control_topic import put
from service.adapters.kafka_client import as_ours, client_options, make_producer, started, topic_name
from service.model.errors import Unavailable, WrongSetup
from service.settings import KafkaSettings
from tests.certificates import Authority


def test_plain():
    settings = KafkaSettings(bootstrap_servers="a:1,b:2", request_timeout_s=2.5)
    assert client_options(settings) == {
        "bootstrap_servers": "a:1,b:2",
        "security_protocol": "PLAINTEXT",
        "request_timeout_ms": 2500,
    }


def test_the_prefix_stands_before_topics_and_groups():
    assert topic_name(KafkaSettings(topic_prefix="press."), "articles") == "press.articles"
    assert topic_name(KafkaSettings(), "articles") == "articles"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_sasl(mechanism):
    settings = KafkaSettings(
        security_protocol="SASL_PLAINTEXT", sasl_mechanism=mechanism, sasl_username="bongsu", sasl_password="s3cret"
    )
    options = client_options(settings)
    assert options["sasl_mechanism"] == mechanism
    assert (options["sasl_plain_username"], options["sasl_plain_password"]) == ("bongsu", "s3cret")
    assert "ssl_context" not in options
    assert "s3cret" not in repr(settings)


def test_tls_checks_the_broker_and_may_show_a_certificate(tmp_path):
    authority = Authority(tmp_path)
    certificate, key = authority.issue("bongsu")
    for protocol in ("SSL", "SASL_SSL"):
        context = client_options(
            KafkaSettings(
                security_protocol=protocol,
                sasl_username="u",
                sasl_password="p",
                ssl_cafile=authority.path,
                ssl_certfile=certificate,
                ssl_keyfile=key,
            )
        )["ssl_context"]
        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert [ca["subject"] for ca in context.get_ca_certs()] == [((("commonName", "test authority"),),)]


def test_without_a_cafile_the_authorities_of_the_system_count():
    assert client_options(KafkaSettings(security_protocol="SSL"))["ssl_context"].verify_mode is ssl.CERT_REQUIRED


def test_a_file_that_is_no_certificate_is_named(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.write_text("not a certificate")
    with pytest.raises(WrongSetup, match=r"BONGSU_KAFKA_SSL_CAFILE=.*nowhere.pem"):
        client_options(KafkaSettings(security_protocol="SSL", ssl_cafile=tmp_path / "nowhere.pem"))
    with pytest.raises(WrongSetup, match=r"BONGSU_KAFKA_SSL_CAFILE=.*empty.pem"):
        client_options(KafkaSettings(security_protocol="SSL", ssl_cafile=empty))
    with pytest.raises(WrongSetup, match=r"BONGSU_KAFKA_SSL_CERTFILE=.*empty.pem"):
        client_options(KafkaSettings(security_protocol="SSL", ssl_certfile=empty, ssl_keyfile=empty))


@pytest.mark.parametrize(
    ("error", "expected", "says"),
    [
        (
            KafkaConnectionError("no route"),
            Unavailable,
            r"Kafka at x:1 does not answer \(KafkaConnectionError: no route\)",
        ),
        (KafkaConnectionError(), Unavailable, r"\(KafkaConnectionError\)"),
        (TimeoutError(), Unavailable, r"\(TimeoutError\)"),
        (SaslAuthenticationFailed("who?"), WrongSetup, "refuses us .*BONGSU_KAFKA_SASL_"),
        (TopicAuthorizationFailedError("articles"), WrongSetup, "ACLs in docs/topics.md"),
    ],
)
def test_errors_of_kafka_say_what_to_do(error, expected, says):
    ours = as_ours(KafkaSettings(bootstrap_servers="x:1"), error)
    assert type(ours) is expected
    with pytest.raises(expected, match=says):
        raise ours


class FakeClient:
    """Counts its ends."""

    def __init__(self, fails=None):
        self.fails = fails
        self.stops: list[str] = []

    async def start(self):
        if self.fails:
            raise self.fails

    async def stop(self):
        self.stops.append("stop")


async def test_a_client_is_stopped_whatever_happens():
    settings = KafkaSettings()
    client = FakeClient()
    async with started(settings, client) as same:
        assert same is client
        assert client.stops == []
    assert client.stops == ["stop"]
    failing = FakeClient(KafkaConnectionError("away"))
    with pytest.raises(Unavailable, match="away"):
        async with started(settings, failing):
            raise AssertionError("not reached")
    assert failing.stops == ["stop"]
    broken = FakeClient()
    with pytest.raises(ZeroDivisionError):
        async with started(settings, broken):
            _ = 1 / 0
    assert broken.stops == ["stop"]


async def test_after_an_error_a_client_that_does_not_stop_is_left(monkeypatch):
    """A producer stops when Kafka has all that it holds: where a partition has no leader a command would never end."""
    monkeypatch.setattr(kafka_client, "STOP_S", 0.01)
    settings = KafkaSettings()
    monkeypatch.setattr(FakeClient, "stop", lambda _: asyncio.Event().wait())
    async with asyncio.timeout(20):
        with pytest.raises(Unavailable, match="TimeoutError"):
            async with started(settings, FakeClient()):
                raise TimeoutError
        with pytest.raises(ZeroDivisionError):
            async with started(settings, FakeClient()):
                _ = 1 / 0


async def test_a_producer_that_is_not_waited_for_sends_no_more(monkeypatch):
    producer = make_producer(KafkaSettings())
    producer._txn_manager.set_pid_and_epoch(7, 0)
    monkeypatch.setattr(producer._metadata, "leader_for_partition", lambda _: None)
    monkeypatch.setattr(producer.client, "force_metadata_update", asyncio.get_running_loop().create_future)
    await producer._sender.start()
    promised = await producer._message_accumulator.add_message(TopicPartition("alerts", 0), None, b"1", timeout=1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await producer.stop()
    await asyncio.wait([producer._sender.sender_task], timeout=20)
    assert producer._sender.sender_task.done()
    assert not promised.done()


async def test_what_is_not_acknowledged_in_time_is_told():
    class Silent:
        async def send(self, *_, **__):
            return asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError):
        await put(Silent(), "control", [("a", b"1"), ("b", None)], 0.01)


@pytest.mark.parametrize("sent_before", [False, True])
async def test_a_batch_outlives_a_partition_without_a_leader_and_leaves_no_gap_behind_it(sent_before, monkeypatch):
    """With a gap Kafka would refuse all that this producer sends to the partition from then on."""
    producer = make_producer(KafkaSettings(request_timeout_s=0.01))
    batches, numbers = producer._message_accumulator, producer._txn_manager
    numbers.set_pid_and_epoch(7, 0)
    leaders: dict[str, int | None] = {"now": 1}
    monkeypatch.setattr(producer._metadata, "leader_for_partition", lambda _: leaders["now"])
    partition = TopicPartition("alerts", 0)
    promised = await batches.add_message(partition, None, b"1", timeout=1)
    if sent_before:
        ready, _ = batches.drain_by_nodes(ignore_nodes=())
        batches.reenqueue(ready[1][partition])
    counted = numbers.sequence_number(partition)
    for nobody in (None, -1):
        leaders["now"] = nobody
        await asyncio.sleep(0.03)  # three times as long as a request may take
        ready, leaderless = batches.drain_by_nodes(ignore_nodes=())
        assert (ready, leaderless) == ({}, True)
    assert not promised.done()
    assert numbers.sequence_number(partition) == counted
    leaders["now"] = 1
    ready, _ = batches.drain_by_nodes(ignore_nodes=())
    ready[1][partition].done(base_offset=5)
    assert (await promised).offset == 5
    await producer.stop()
