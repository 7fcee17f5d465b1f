"""The control topics as JSON Lines: for a backup, and for another cluster or another prefix.

What stands is copied, key and value as they are; sealed secrets stay sealed. It is put only where nothing stands yet:
two sources of one truth would be mixed otherwise.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import orjson

from service.adapters.control_revisions import Kind, read_standing
from service.adapters.control_silences import SILENCE
from service.adapters.control_subscriptions import SUBSCRIPTION
from service.adapters.control_tokens import TOKEN
from service.adapters.control_topic import read_whole
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.rule_manifests import is_definition
from service.adapters.rules_topic import read_rules
from service.model import topics
from service.model.errors import BadInput, WrongSetup
from service.model.topics import BY_NAME
from service.settings import KafkaSettings

COPIED = (topics.RULES, topics.SUBSCRIPTIONS, topics.SILENCES, topics.TOKENS)
_REVISED: dict[str, Kind[Any]] = {kind.topic: kind for kind in (SUBSCRIPTION, SILENCE, TOKEN)}


async def exported(settings: KafkaSettings) -> AsyncIterator[bytes]:
    """One line for each record that stands.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us, or a topic does not exist.
        NewerSchema: a record was written by a newer Bongsu.
    """
    for name in COPIED:
        for key, value in await _standing(settings, name):
            yield orjson.dumps({"topic": name, "key": key, "value": value.decode()})


async def import_lines(settings: KafkaSettings, lines: Iterable[bytes]) -> dict[str, int]:
    """Write the lines of `exported`; returns how many records of each topic. All are read before any is written.

    Raises:
        BadInput: a line is none of ours, or a value cannot be read.
        WrongSetup: something stands on one of the topics already.
        Unavailable: Kafka does not answer; empty the topics and begin again.
    """
    records = [_read(line, number) for number, line in enumerate(lines, 1) if line.strip()]
    for name in COPIED:
        if await read_whole(settings, name):
            raise WrongSetup(f"{topic_name(settings, name)} holds records already; only empty topics are filled")
    counts = dict.fromkeys(COPIED, 0)
    # a manifest comes after what it lists, so that nobody sees half a set of rules
    records.sort(key=lambda record: record[0] == topics.RULES and not is_definition(record[1]))
    async with started(settings, make_producer(settings)) as producer:
        sent = []
        for name, key, value in records:
            sent.append(await producer.send(topic_name(settings, name), value, key.encode()))
            counts[name] += 1
        async with asyncio.timeout(settings.request_timeout_s):  # an idempotent producer itself tries for ever
            await asyncio.gather(*sent)
    return counts


async def _standing(settings: KafkaSettings, name: str) -> list[tuple[str, bytes]]:
    kind = _REVISED.get(name)
    if kind is None:
        return sorted((await read_rules(settings)).values.items())
    return [(record.id, record.encode()) for record in (await read_standing(settings, kind)).all()]


def _read(line: bytes, number: int) -> tuple[str, str, bytes]:
    try:
        told = orjson.loads(line)
        name, key, value = told["topic"], told["key"], told["value"].encode()
    except (ValueError, KeyError, TypeError, AttributeError):
        raise BadInput(f"line {number} is none of `bongsu topics export`") from None
    if name not in COPIED or not isinstance(key, str) or len(value) > BY_NAME[name].max_message_bytes:
        raise BadInput(f"line {number}: there is no record {key!r} of a topic {name!r} to be copied")
    kind = _REVISED.get(name)
    if kind is not None and kind.model.decode(value, name).id != key:
        raise BadInput(f"line {number}: this record does not belong under the key {key!r}")
    return name, key, value
