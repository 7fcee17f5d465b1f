"""Rule sets put on the control topic `rules`: nobody ever sees a mixture. How they are read: `rules_follower`.

A set is one record for each entity and rule, keyed by the hash of its content, and a manifest that lists them. The
manifest `current` is written after all of its items are acknowledged, so a publisher that dies at any point leaves
the old set whole. `previous` is the last set that loaded before it: a process that starts while `current` does not
load falls back to it. Each tenant has the two of its own.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from service.adapters.collector import collector_held
from service.adapters.control_topic import put, read_each, read_whole
from service.adapters.kafka_client import make_producer, started, topic_name
from service.adapters.rule_manifests import (
    CURRENT,
    PART,
    PREVIOUS,
    MissingError,
    is_definition,
    items_of,
    manifest_key,
    manifest_of,
    manifests_of,
    parts_of,
    read_manifest,
    with_parts,
)
from service.adapters.rule_order import NO_RULES, Order, in_order
from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput, ChangedMeanwhile, NewerSchema, Unavailable, WrongSetup
from service.model.record import DEFAULT_TENANT
from service.settings import KafkaSettings

if TYPE_CHECKING:
    from service.matching.ruleset import RuleSet

ROUNDS = 10
"""Of putting the manifest that stands in the last place, at most."""
MAX_ITEMS = 20_000
"""Keys that a manifest lists itself: 0.9 MB. More stand in its parts."""

Load = Callable[[Mapping[str, bytes]], "RuleSet"]


def _from_records(items: Mapping[str, bytes]) -> "RuleSet":
    from service.matching.ruleset import RuleSet  # with the parser of the rule language: not for `bongsu subscribe`

    with collector_held():
        return RuleSet.from_records(items)


@dataclass(frozen=True, slots=True)
class Published:
    """What `publish_rules` did."""

    version: str
    items_written: int
    items_kept: int
    items_removed: int


async def publish_rules(
    settings: KafkaSettings,
    ruleset: "RuleSet",
    *,
    tenant: str = DEFAULT_TENANT,
    expected: str | None = None,
    load: Load = _from_records,
) -> Published:
    """Make `ruleset` the one in force for a tenant. Doing it again changes nothing, and never what others have.

    Args:
        settings: where Kafka is.
        ruleset: with the ids that its authors wrote.
        tenant: whose it is.
        expected: the version that must be in force (NO_RULES: none); None: whichever is.
        load: what a set is loaded with, to see which one is the last good.

    Raises:
        ChangedMeanwhile: another than `expected` is in force, and stays.
        Unavailable: Kafka does not answer; the old set stays in force. Apply again.
        WrongSetup: Kafka refuses us, or the set is too large for one manifest.
    """
    items = ruleset.to_records()
    parts = parts_of(items) if len(items) > MAX_ITEMS else {}
    items = {**items, **parts}
    listed, now_ms = tuple(parts or items), time.time_ns() // 1_000_000
    encoded = RulesManifest(
        tenant=tenant, version=ruleset.version, items=listed, published_ms=now_ms, replaces=expected
    ).encode()
    limit = topics.BY_NAME[topics.RULES].max_message_bytes
    if len(encoded) > limit - 10_000:
        raise WrongSetup(
            f"{len(items)} rules and entities need a manifest of {len(encoded)} bytes; {limit} are allowed"
        )
    topic, current_key = topic_name(settings, topics.RULES), manifest_key(CURRENT, tenant)
    stored, order = await _read_in_order(settings, current_key)
    if expected is not None and order.stands is not None:
        stored[current_key] = order.stands  # whoever wrote the last one was killed before it saw that it came too late
    missing = {key: value for key, value in items.items() if stored.get(key) != value}
    before = manifest_of(stored, CURRENT, tenant)
    in_force = NO_RULES if before is None else before.version
    if expected not in (None, in_force):
        raise ChangedMeanwhile(f"the rules are at version {in_force}, not at {expected}; look at them again")
    previous = await _last_that_loads(stored, tenant, ruleset.version, load)
    needed = [*([previous] if previous else ()), *(one for one in manifests_of(stored) if one.tenant != tenant)]
    keep = items.keys() | {key for one in needed for key in _listed_by(one, stored)}
    orphans = [key for key in stored if is_definition(key) and key not in keep]
    previous_key = manifest_key(PREVIOUS, tenant)
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic, missing.items())
        if expected is not None:
            await _not_late(settings, tenant, (in_force, ruleset.version))
        if previous is not None and stored.get(previous_key) != previous.encode():
            await put(producer, topic, [(previous_key, previous.encode())])
        changes = before is None or before.version != ruleset.version
        if changes:
            await put(producer, topic, [(current_key, encoded)])
        if expected is not None:
            order = await _settled(settings, producer, current_key)
        stood = expected is None or not changes or encoded in order.accepted
        await put(producer, topic, [(key, None) for key in orphans if stood])
        # Somebody who published at the same time may have removed what we relied on, or we what they do: put it back.
        now = await read_whole(settings, topics.RULES)
        known = {**stored, **items}
        listed_now = {key: None for one in manifests_of(now) for key in _listed_by(one, {**known, **now})}
        lost = [key for key in listed_now if key not in now and key in known]
        await put(producer, topic, [(key, known[key]) for key in lost])
        if not stood:
            raise ChangedMeanwhile("somebody else applied rules at the same time, and theirs stand; look at them again")
        current = manifest_of(now, CURRENT, tenant)
        if expected is None and (current is None or current.version != ruleset.version):
            raise Unavailable("another rule set was published at the same time and is in force now; apply again")
    written = sum(not key.startswith(PART) for key in missing)
    gone = sum(not key.startswith(PART) for key in orphans)
    return Published(ruleset.version, written, len(items) - len(parts) - written, gone)


async def _not_late(settings: KafkaSettings, tenant: str, seen: tuple[str, ...]) -> None:
    """To read, load and write items may have taken seconds; whoever is late by then is not in force for a moment.

    Raises:
        ChangedMeanwhile: another version than those seen is in force by now.
    """
    current = manifest_of(await read_whole(settings, topics.RULES), CURRENT, tenant)
    if current is not None and current.version not in seen:
        raise ChangedMeanwhile(f"the rules are at version {current.version} by now; look at them again")


async def _settled(settings: KafkaSettings, producer: AIOKafkaProducer, key: str) -> Order:
    """Write the manifest that stands under `key` again until it is the last, which is what readers have."""
    topic = topic_name(settings, topics.RULES)
    for _ in range(ROUNDS):
        _, order = await _read_in_order(settings, key)
        if order.is_last or order.stands is None:
            break
        await put(producer, topic, [(key, order.stands)])
    return order


async def _read_in_order(settings: KafkaSettings, key: str) -> tuple[dict[str, bytes], Order]:
    """What the topic holds now, and what the manifests under `key` come to. Raises as `read_whole`."""
    stored: dict[str, bytes] = {}
    written: list[bytes] = []

    def take(found: str, value: bytes | None) -> None:
        if value is None:
            stored.pop(found, None)
            return
        stored[found] = value
        if found == key:
            written.append(value)

    await read_each(settings, topics.RULES, take)
    return stored, in_order(written)


async def read_in_force(settings: KafkaSettings, tenant: str = DEFAULT_TENANT) -> "RuleSet | None":
    """The rule set that `current` of a tenant names, with the ids that its authors wrote; None: nothing is published.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
        BadInput: it does not load.
    """
    stored = await read_whole(settings, topics.RULES)
    raw = stored.get(manifest_key(CURRENT, tenant))
    if raw is None:
        return None
    try:
        return _from_records(items_of(read_manifest(raw, tenant), stored))
    except MissingError as error:
        raise BadInput(f"the rules in force are not whole: {error}; apply them again") from None


async def _last_that_loads(
    stored: Mapping[str, bytes], tenant: str, new_version: str, load: Load
) -> RulesManifest | None:
    """What a process falls back to if the new set does not load there: `current` if it is good, else `previous`."""
    for name in (CURRENT, PREVIOUS):
        manifest = manifest_of(stored, name, tenant)
        if manifest is None or manifest.version == new_version:
            continue
        try:
            await asyncio.to_thread(load, items_of(manifest, stored))
        except (BadInput, NewerSchema, ValueError, KeyError, MissingError):
            continue
        return manifest
    return None


def _listed_by(manifest: RulesManifest, stored: Mapping[str, bytes]) -> list[str]:
    """Every key that it needs; of one whose parts are broken only what it says itself: it does not load anyhow."""
    try:
        return with_parts(manifest, stored)
    except BadInput:
        return list(manifest.items)
