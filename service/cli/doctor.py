"""`bongsu doctor`: is everything as it must be, and if not, what to do about it."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import click
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from service.actions.tokens import state_of
from service.adapters.control import RulesFollower
from service.adapters.control_revisions import read_standing
from service.adapters.control_subscriptions import SUBSCRIPTION
from service.adapters.control_tokens import read_tokens
from service.adapters.kafka_client import client_options, make_producer, started, topic_name
from service.adapters.topics_admin import describe_topics
from service.cli.common import settings_of
from service.cli.times import shown_time
from service.delivery.addresses import AddressPolicy, Refusal, check_url, foretold
from service.delivery.sealing import is_sealed, opened_record, values_of
from service.delivery.signing import read_secret
from service.model import topics
from service.model.errors import BongsuError, InvalidSubscription
from service.settings import KafkaSettings, Settings

SKEW_WARN_S, SKEW_FAIL_S = 2.0, 60.0
"""Receivers refuse signatures that are five minutes off; latency metrics lie long before that."""

EXPIRES_SOON_MS = 7 * topics.DAY_MS


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the doctor."""

    level: Literal["ok", "warn", "fail"]
    about: str
    text: str


@click.command()
def doctor() -> int:
    """Is everything as it must be? Kafka, topics, clock, secrets, rules; each with what to do about it.

    Exit code 1 when anything fails. To ask for the broker's time it makes a topic `doctor.…` and deletes it again.
    """
    settings = settings_of("doctor")
    return asyncio.run(_print_all(settings))


async def _print_all(settings: Settings) -> int:
    failed = False
    async for finding in examine(settings):
        failed |= finding.level == "fail"
        click.echo(f"{finding.level:<4}  {finding.about:<13} {finding.text}")
    return int(failed)


async def examine(settings: Settings) -> AsyncIterator[Finding]:
    """All findings, as they are made. Stops after Kafka when that does not answer."""
    try:
        yield await _kafka(settings.kafka)
    except BongsuError as error:
        yield Finding("fail", "kafka", str(error))
        return
    for check in (_topics, _clock, _rules, _subscriptions, _tokens):
        try:
            async for finding in check(settings):
                yield finding
        except BongsuError as error:
            yield Finding("fail", check.__name__.strip("_"), str(error))


async def _kafka(settings: KafkaSettings) -> Finding:
    began = time.monotonic()
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        brokers = len((await admin.describe_cluster())["brokers"])
    took_ms = (time.monotonic() - began) * 1000
    where = f"{settings.bootstrap_servers} ({settings.security_protocol})"
    if brokers < settings.replication_factor:
        return Finding(
            "fail",
            "kafka",
            f"{where} has {brokers} brokers, BONGSU_KAFKA_REPLICATION_FACTOR wants {settings.replication_factor}",
        )
    return Finding("ok", "kafka", f"{where} answers in {took_ms:.0f} ms, {brokers} broker{'s' if brokers != 1 else ''}")


async def _topics(settings: Settings) -> AsyncIterator[Finding]:
    states = await describe_topics(settings.kafka)
    wrong = [state for state in states if state.state in ("missing", "differs")]
    for state in wrong:
        yield Finding("fail", "topics", f"{state.name}: {'; '.join(state.differences)}")
    if not wrong:
        yield Finding("ok", "topics", f"all {len(states)} are there as they must be")


async def _clock(settings: Settings) -> AsyncIterator[Finding]:
    try:
        skew_s = await clock_skew(settings.kafka)
    except BongsuError as error:
        yield Finding("warn", "clock", f"not compared with the broker's: {error}")
        return
    text = f"this machine is {abs(skew_s):.2f} s {'ahead of' if skew_s > 0 else 'behind'} the broker"
    if abs(skew_s) < SKEW_WARN_S:
        yield Finding("ok", "clock", text)
    else:
        level: Literal["warn", "fail"] = "warn" if abs(skew_s) < SKEW_FAIL_S else "fail"
        yield Finding(level, "clock", f"{text}; let NTP set both: signatures and latencies carry this machine's time")


async def clock_skew(settings: KafkaSettings) -> float:
    """Seconds that our clock is ahead of the broker's, to about half a round trip.

    Raises:
        Unavailable, WrongSetup: Kafka does not let us make a topic that stamps records with its own time.
    """
    name = topic_name(settings, f"doctor.{uuid.uuid4().hex[:12]}")
    async with started(settings, AIOKafkaAdminClient(**client_options(settings))) as admin:
        stamped = {"message.timestamp.type": "LogAppendTime"}
        await admin.create_topics([NewTopic(name, 1, 1, topic_configs=stamped)])
        try:
            async with started(settings, make_producer(settings)) as producer:
                await producer.send_and_wait(name, b"warm up")  # metadata, producer id
                before = time.time()
                record = await producer.send_and_wait(name, b"what time is it?")
                after = time.time()
        finally:
            await admin.delete_topics([name])
    ours: float = (before + after) / 2 - record.timestamp / 1000
    return ours


async def _rules(settings: Settings) -> AsyncIterator[Finding]:
    follower = RulesFollower(settings.kafka)
    await follower.start()
    await follower.stop()
    if follower.current is None:
        reason = follower.refused or "none are published"
        yield Finding("fail", "rules", f"{reason}; `bongsu rules apply DIR` puts some in force")
    elif follower.refused:
        yield Finding(
            "fail", "rules", f"the newest set does not load, {(follower.version or '')[:12]} is: {follower.refused}"
        )
    else:
        yield Finding("ok", "rules", f"{len(follower.current.rules)} in force, version {(follower.version or '')[:12]}")


async def _subscriptions(settings: Settings) -> AsyncIterator[Finding]:
    standing = await read_standing(settings.kafka, SUBSCRIPTION)
    known = standing.all()
    for key in sorted(standing.untidy):
        yield Finding(
            "warn", "subscriptions", f"{key}: a change that lost is its last record, and compaction would keep it; "
            "a running `bongsu api`, or any change of a subscription, writes what stands again"
        )  # fmt: skip
    delivery = settings.delivery
    policy = AddressPolicy.of(delivery.allow_addresses, delivery.ports, allow_http=delivery.allow_http)
    keys = settings.bongsu.keys
    clear = [record.id for record in known if not all(map(is_sealed, values_of(record)))]
    if clear:
        todo = "run `bongsu subscriptions rekey`" if keys else "set BONGSU_SECRET_KEY (docs/webhooks.md), then rekey"
        yield Finding("warn", "secrets", f"of {len(clear)} subscriptions stand in clear on the topic; {todo}")
    for record in known:
        try:
            for secret in opened_record(record, keys).secrets:
                read_secret(secret)
        except InvalidSubscription as error:
            yield Finding("fail", "secrets", f"{record.id}: {error}")
        verdict = check_url(record.url, policy)
        if not isinstance(verdict, Refusal):
            verdict = foretold(verdict, policy) or verdict
        if isinstance(verdict, Refusal):
            yield Finding(
                "warn", "subscriptions", f"{record.id}: with the settings of this shell it is not called: {verdict}"
            )
    if known:
        yield Finding("ok", "subscriptions", f"{len(known)}, {sum(record.paused for record in known)} of them paused")
    else:
        yield Finding("warn", "subscriptions", "none, so nobody is told; `bongsu subscribe --url URL` makes one")


async def _tokens(settings: Settings) -> AsyncIterator[Finding]:
    now_ms = time.time_ns() // 1_000_000
    active = [record for record in await read_tokens(settings.kafka) if state_of(record, now_ms) == "active"]
    for record in active:
        if record.expires_ms < now_ms + EXPIRES_SOON_MS:
            ends = shown_time(record.expires_ms)
            yield Finding(
                "warn", "tokens", f"{record.id} ({record.name}) expires {ends}; `bongsu token create` makes the next"
            )
    yield Finding("ok", "tokens", f"{len(active)} active" if active else "none: nobody may use the API")
