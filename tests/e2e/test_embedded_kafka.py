"""What the code relies on of the embedded Kafka and of aiokafka against it, pinned."""

import asyncio
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.adapters.embedded_kafka import EmbeddedKafka, free_port
from service.adapters.kafka_client import client_options, make_consumer, make_producer, started, topic_name
from service.model import topics
from service.model.errors import Unavailable, WrongSetup
from service.settings import KafkaSettings
from tests.certificates import Authority
from tests.conftest import PARTITIONS
from tests.waiting import wait_for, wait_until

pytestmark = pytest.mark.kafka


async def read_all(settings, name, partitions=PARTITIONS):
    """Every (partition, key, value) of a topic."""
    found = []
    async with started(settings, make_consumer(settings, group=None)) as consumer:
        parts = [TopicPartition(topic_name(settings, name), number) for number in range(partitions)]
        ends = await consumer.end_offsets(parts)
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        while any([await consumer.position(part) < ends[part] for part in parts]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found += [(record.partition, record.key, record.value) for record in batch]
    return found


async def test_records_come_back_by_key_in_order_and_once(kafka_settings):
    sent = [(f"k{number % 7}".encode(), str(number).encode()) for number in range(500)]
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        topic = topic_name(kafka_settings, topics.ARTICLES)
        await asyncio.gather(*[await producer.send(topic, value, key=key) for key, value in sent])
    found = await read_all(kafka_settings, topics.ARTICLES)
    assert len(found) == len(sent)
    for key in {key for key, _ in sent}:
        assert len({part for part, k, _ in found if k == key}) == 1
        assert [value for _, k, value in found if k == key] == [value for k, value in sent if k == key]


async def test_an_article_of_almost_six_megabytes_passes(kafka_settings):
    large = b"x" * 5_900_000
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        await producer.send_and_wait(topic_name(kafka_settings, topics.ARTICLES), large, key=b"a")
    assert [len(value) for _, _, value in await read_all(kafka_settings, topics.ARTICLES)] == [len(large)]


async def test_a_mistyped_topic_is_an_error_and_not_a_new_topic(kafka_settings):
    async with started(kafka_settings, AIOKafkaAdminClient(**client_options(kafka_settings))) as admin:
        await admin.describe_topics([topic_name(kafka_settings, "artikles")])
        assert topic_name(kafka_settings, "artikles") not in await admin.list_topics()


class Assigned(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self):
        self.now = set()

    async def on_partitions_revoked(self, revoked):
        self.now = set()

    async def on_partitions_assigned(self, assigned):
        self.now = set(assigned)


async def test_a_group_shares_partitions_and_takes_over_from_commits(kafka_settings):
    topic = topic_name(kafka_settings, topics.ARTICLES)
    async with started(kafka_settings, make_producer(kafka_settings)) as producer:
        for partition in range(PARTITIONS):
            await producer.send_and_wait(topic, b"one", partition=partition)

        def member(listener):
            consumer = make_consumer(kafka_settings, group="g", heartbeat_interval_ms=100)
            consumer.subscribe([topic], listener=listener)
            return consumer

        first_has, second_has = Assigned(), Assigned()
        async with started(kafka_settings, member(first_has)) as first:
            await wait_until(lambda: len(first_has.now) == PARTITIONS)
            seen = [record.value for _ in range(PARTITIONS) for record in [await first.getone()]]
            assert seen == [b"one"] * PARTITIONS
            await first.commit()
            async with started(kafka_settings, member(second_has)) as second:
                await wait_until(lambda: len(first_has.now) == len(second_has.now) == 1)
                assert first_has.now | second_has.now == {TopicPartition(topic, number) for number in range(PARTITIONS)}
                for partition in range(PARTITIONS):
                    await producer.send_and_wait(topic, b"two", partition=partition)
                assert (await first.getone()).value == b"two"
                assert (await second.getone()).value == b"two"  # from the commit of the first, not from the start
            await wait_until(lambda: len(first_has.now) == PARTITIONS)


async def test_what_was_acknowledged_survives_stop_and_kill_on_the_same_port(private_kafka):
    servers = private_kafka.bootstrap_servers
    settings = KafkaSettings(bootstrap_servers=servers)
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        await admin.create_topics([NewTopic("t", 1, 1)])
    async with started(settings, make_producer(settings)) as producer:
        for end in (private_kafka.stop, private_kafka.kill):
            await producer.send_and_wait("t", end.__name__.encode())
            await asyncio.to_thread(end)
            assert not private_kafka.running
            assert await asyncio.to_thread(private_kafka.start) == servers
        await producer.send_and_wait("t", b"the same producer goes on")
    values = [value for _, _, value in await read_all(settings, "t", 1)]
    assert values == [b"stop", b"kill", b"the same producer goes on"]


async def test_a_paused_broker_answers_nothing_and_then_everything(private_kafka):
    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers)
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        await admin.create_topics([NewTopic("t", 1, 1)])
    async with started(settings, make_producer(settings)) as producer:
        await producer.send_and_wait("t", b"1")
        private_kafka.pause()
        future = await producer.send("t", b"2")
        done, _ = await asyncio.wait([future], timeout=0.5)
        assert not done
        private_kafka.resume()
        await asyncio.wait_for(future, 20)


def test_two_of_one_data_directory_and_a_port_in_use_are_refused(private_kafka, tmp_path):
    with pytest.raises(WrongSetup, match=r"another Bongsu runs a Kafka in .*--data-dir"):
        EmbeddedKafka(private_kafka.data_dir).start()
    port = int(private_kafka.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(WrongSetup, match=f"127.0.0.1:{port}.*choose another --port"):
        EmbeddedKafka(tmp_path / "other", port=port).start()
    assert private_kafka.running


def test_a_broker_that_does_not_come_up_shows_the_tail_of_its_log(tmp_path):
    broken = EmbeddedKafka(tmp_path / "k", properties={"listeners": "NONSENSE://127.0.0.1:1"})
    with pytest.raises(Unavailable, match=r"(?s)could not be made.*NONSENSE"):
        broken.start()
    assert not broken.running
    slow = EmbeddedKafka(tmp_path / "k2")
    with pytest.raises(Unavailable):
        slow.start(timeout_s=0.3)
    assert not slow.running


def of_data_dir(path):
    """JVMs that run a Kafka of this directory."""
    return [
        process
        for process in psutil.process_iter(["cmdline"])
        if "kafka.Kafka" in (process.info["cmdline"] or []) and str(path) in " ".join(process.info["cmdline"])
    ]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_command_says_its_address_and_leaves_no_process(tmp_path, number):
    command = [sys.executable, "-m", "service", "kafka", "--port", "0", "--data-dir", str(tmp_path / "k")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        line = process.stdout.readline()
        assert line.startswith("Kafka is ready: BONGSU_KAFKA_BOOTSTRAP_SERVERS=127.0.0.1:"), process.stderr.read()
        port = int(line.rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), 5).close()
        assert len(of_data_dir(tmp_path)) == 1
        began = time.monotonic()
        process.send_signal(number)
        process.communicate(timeout=20)
        assert process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
        assert time.monotonic() - began < 10
        wait_for(lambda: not of_data_dir(tmp_path))


@pytest.fixture(scope="module")
def secured(tmp_path_factory):
    """A broker that also listens with SASL_SSL (PLAIN) and with mutual TLS; yields settings for both."""
    home = tmp_path_factory.mktemp("secured")
    authority = Authority(home)
    certificate, key = authority.issue("broker")
    keystore = home / "broker-keystore.pem"
    keystore.write_bytes(key.read_bytes() + certificate.read_bytes())
    client_certificate, client_key = authority.issue("client")
    plain, sasl, tls, controller = (free_port() for _ in range(4))
    jaas = 'org.apache.kafka.common.security.plain.PlainLoginModule required user_bongsu="right";'
    listeners = f"PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},TLS://127.0.0.1:{tls}"
    properties = {
        "listeners": f"{listeners},CONTROLLER://127.0.0.1:{controller}",
        "advertised.listeners": listeners,
        "controller.quorum.voters": f"1@127.0.0.1:{controller}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_SSL,TLS:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(keystore),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority.path),
        "listener.name.tls.ssl.client.auth": "required",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN",
        "listener.name.sasl.plain.sasl.jaas.config": jaas,
    }
    with EmbeddedKafka(home / "kafka", port=plain, properties=properties):
        yield {
            "sasl": {
                "bootstrap_servers": f"127.0.0.1:{sasl}",
                "security_protocol": "SASL_SSL",
                "sasl_username": "bongsu",
                "sasl_password": "right",
                "ssl_cafile": authority.path,
            },
            "tls": {
                "bootstrap_servers": f"127.0.0.1:{tls}",
                "security_protocol": "SSL",
                "ssl_cafile": authority.path,
                "ssl_certfile": client_certificate,
                "ssl_keyfile": client_key,
            },
        }


@pytest.mark.parametrize("how", ["sasl", "tls"])
async def test_tls_and_sasl_work_with_producer_consumer_and_admin(secured, how):
    settings = KafkaSettings(**secured[how])
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        await admin.create_topics([NewTopic(how, 1, 1)])
    async with started(settings, make_producer(settings)) as producer:
        await producer.send_and_wait(how, "충칭".encode())
    assert [value.decode() for _, _, value in await read_all(settings, how, 1)] == ["충칭"]


@pytest.mark.parametrize(
    ("how", "change", "error", "says"),
    [
        (
            "sasl",
            {"sasl_password": "wrong"},
            WrongSetup,
            "refuses us .*Invalid username or password.*BONGSU_KAFKA_SASL",
        ),
        ("sasl", {"ssl_cafile": None}, Unavailable, "does not answer .*certificate verify failed"),
        ("tls", {"ssl_certfile": None, "ssl_keyfile": None}, Unavailable, "does not answer"),
    ],
)
async def test_who_is_refused_is_told(secured, how, change, error, says):
    settings = KafkaSettings(**{**secured[how], **change, "request_timeout_s": 5})
    with pytest.raises(error, match=says):
        async with started(settings, make_producer(settings)):
            pass
