"""`bongsu audit` on a real Kafka: it says what it does not know instead of saying that all is well."""

import json

import pytest

from service.adapters.kafka_client import make_producer, started, topic_name
from service.audit.books import Books
from service.audit.reader import LedgerReader
from service.cli.audit import take_audit
from service.model.errors import NewerSchema, Unavailable, WrongSetup
from service.settings import KafkaSettings
from tests.builders import alert_record, attempt_record, decision_record, delivery_record
from tests.commands import bongsu_process
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka


async def produce(settings, *records):
    async with started(settings, make_producer(settings)) as producer:
        for topic, value in records:
            await producer.send_and_wait(topic_name(settings, topic), value, b"sub1", partition=0)


async def test_topics_that_do_not_exist_are_no_balance(shared_kafka):
    settings = KafkaSettings(bootstrap_servers=shared_kafka.bootstrap_servers, topic_prefix="nowhere.")
    with pytest.raises(WrongSetup, match=r"nowhere\.\S+ does not exist; run `bongsu topics create`"):
        await take_audit(settings)


async def test_a_newer_schema_is_no_balance(kafka_settings):
    await produce(kafka_settings, ("alerts", b'{"schema": 9}'))
    with pytest.raises(NewerSchema):
        await take_audit(kafka_settings)


async def test_a_kafka_that_does_not_answer_is_told(private_kafka):
    from service.adapters.topics_admin import create_topics

    settings = KafkaSettings(bootstrap_servers=private_kafka.bootstrap_servers, request_timeout_s=2.0)
    await create_topics(settings, partitions=1)
    reader = LedgerReader(settings, Books())
    await reader.start()

    async def caught_up():
        """What a role does: ask again. Two seconds are short for topics made just now, or a broker just woken."""
        try:
            await reader.catch_up()
        except Unavailable:
            return False
        return True

    try:
        await wait_until(caught_up)
        private_kafka.pause()
        with pytest.raises(Unavailable, match="Kafka at"):
            await reader.catch_up()
        private_kafka.resume()
        await wait_until(caught_up)
    finally:
        private_kafka.resume()
        await reader.stop()


async def test_it_reads_on_and_counts_what_it_cannot_read(kafka_settings):
    books = Books()
    reader = LedgerReader(kafka_settings, books)
    await reader.start()
    try:
        alert = alert_record()
        await produce(kafka_settings, ("alerts", alert.encode()), ("alerts", b"no json"), ("attempts", b"{}"))
        committed = await reader.catch_up()
        assert (committed, reader.unreadable) == ({}, 2)
        assert books.balances(committed)[0].pending == 1
        delivery = delivery_record()
        await produce(
            kafka_settings,
            ("decisions", decision_record(alert.alert_id, delivery.id).encode()),
            ("deliveries.retry.1s", delivery.encode()),
            ("attempts", attempt_record(delivery.id, body_sha256=delivery.body_sha256).encode()),
        )
        alerts, deliveries = books.balances(await reader.catch_up())
        assert (alerts.ended, deliveries.ended, alerts.balanced, deliveries.balanced) == (1, 1, True, True)
        positions = {position.topic: position for position in reader.positions}
        assert (positions["alerts"].records, positions["alerts"].behind) == (2, 2)
        assert (positions["decisions"].records, positions["decisions"].behind) == (1, None)
    finally:
        await reader.stop()


async def test_the_command_says_so_with_its_exit_code(kafka_settings, bongsu):
    empty = bongsu("audit", "--json")
    assert (empty.returncode, json.loads(empty.stdout)["balanced"]) == (0, True)
    conflict = [delivery_record(body="one"), delivery_record(body="another")]
    await produce(kafka_settings, *[("deliveries", record.encode()) for record in conflict], ("alerts", b"no json"))
    done = bongsu("audit")
    assert done.returncode == 1
    assert "ledger deliveries  DOES NOT BALANCE" in done.stdout
    assert "look at: msg_1" in done.stdout
    assert "unreadable records in these topics: 1" in done.stdout


def test_the_command_without_kafka_is_one_sentence():
    done = bongsu_process("audit", env={"BONGSU_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:9"})
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("bongsu: Kafka at 127.0.0.1:9 does not answer")
