"""Rule sets put on the control topic `rules`: nobody ever sees a mixture. How they are read: `rules_follower`.

A set is one record for each entity and rule, keyed by the hash of its content, and a manifest that lists them. The
manifest `current` is written after all of its items are acknowledged, so a publisher that dies at any point leaves
the old set whole. Of two publishers one comes first (`rule_order`), and who was second knows when it has read its own
manifest back. `previous` is the last set that loaded before: a process that starts while `current` does not load falls
back to it. Each tenant has the two of its own.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiokafka import AIOKafkaProducer

from service.adapters.collector import collector_held
from service.adapters.control_topic import put
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
from service.adapters.rule_order import RuleOrder
from service.adapters.rules_topic import RulesOnTopic, mend, read_rules
from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput, ChangedMeanwhile, NewerSchema, Unavailable, WrongSetup
from service.model.record import DEFAULT_TENANT
from service.settings import KafkaSettings

if TYPE_CHECKING:
    from service.matching.ruleset import RuleSet

ROUNDS = 10
"""Of publishing from what stands by now, and of writing again what stands, at most."""
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

    It was in force when this returns, and by then somebody may have put another in its place.

    Args:
        settings: where Kafka is.
        ruleset: with the ids that its authors wrote.
        tenant: whose it is.
        expected: the version that must be in force (NO_RULES: none); None: whichever is.
        load: what a set is loaded with, to see which one is the last good.

    Raises:
        ChangedMeanwhile: another than `expected` is in force, and stays.
        Unavailable: Kafka does not answer, or others publish all the time; the old set stays in force. Apply again.
        WrongSetup: Kafka refuses us, or the set is too large for one manifest.
    """
    items = ruleset.to_records()
    parts = parts_of(items) if len(items) > MAX_ITEMS else {}
    wanted = _Wanted(tenant, ruleset.version, tuple(parts or items), {**items, **parts}, expected)
    for _ in range(ROUNDS):
        done = await _publish_once(settings, wanted, load)
        if done is not None:
            return done
    raise Unavailable(f"rules of {tenant} are applied by others all the time; these are not in force, apply them again")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be published."""

    tenant: str
    version: str
    listed: tuple[str, ...]
    items: dict[str, bytes]
    """All that it needs, lists of keys too."""
    expected: str | None

    def encoded(self, order: RuleOrder) -> bytes:
        """The manifest that replaces the one that stands. Raises WrongSetup: it is too large."""
        encoded = order.next(self.version, self.listed, time.time_ns() // 1_000_000).encode()
        limit = topics.BY_NAME[topics.RULES].max_message_bytes
        if len(encoded) > limit - 10_000:
            raise WrongSetup(
                f"{len(self.items)} rules and entities need a manifest of {len(encoded)} bytes; {limit} are allowed"
            )
        return encoded

    def check(self, order: RuleOrder) -> None:
        """Raises ChangedMeanwhile: another version stands than the one that must."""
        if self.expected not in (None, order.version):
            raise ChangedMeanwhile(
                f"the rules are at version {order.version}, not at {self.expected}; look at them again"
            )


async def _publish_once(settings: KafkaSettings, wanted: _Wanted, load: Load) -> Published | None:
    """From what stands now. None: somebody else came first, and nobody forbids to replace what they wrote."""
    topic, tenant, timeout_s = topic_name(settings, topics.RULES), wanted.tenant, settings.request_timeout_s
    found = await read_rules(settings)
    order, stored = found.order_of(tenant), found.values
    wanted.check(order)
    encoded = wanted.encoded(order)
    missing = {key: value for key, value in wanted.items.items() if stored.get(key) != value}
    previous = await _last_that_loads(stored, tenant, wanted.version, load)
    needed = [*([previous] if previous else ()), *(one for one in manifests_of(stored) if one.tenant != tenant)]
    keep = wanted.items.keys() | {key for one in needed for key in _listed_by(one, stored)}
    orphans = [key for key in stored if is_definition(key) and key not in keep]
    previous_key = manifest_key(PREVIOUS, tenant)
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic, missing.items(), timeout_s)
        stands = (await read_rules(settings)).order_of(tenant)
        if stands.stands != order.stands and stands.version != wanted.version:
            # To read, load and write items may have taken seconds: what is late by then need not be written and mended.
            wanted.check(stands)
            return None
        if previous is not None and stored.get(previous_key) != previous.encode():
            await put(producer, topic, [(previous_key, previous.encode())], timeout_s)
        if stands.version != wanted.version or stands.unreadable is not None:
            await put(producer, topic, [(manifest_key(CURRENT, tenant), encoded)], timeout_s)
        settled = await _settled(settings, producer, tenant)
        stands = settled.order_of(tenant)
        stood = stands.stood(encoded) or stands.version == wanted.version
        keep = {key for one in manifests_of(settled.values) for key in _listed_by(one, settled.values)}
        removed = [key for key in orphans if stood and key not in keep]
        await put(producer, topic, [(key, None) for key in removed], timeout_s)
        # Somebody who published at the same time may have removed what we relied on, or we what they do: put it back.
        now = (await read_rules(settings) if removed else settled).values
        known = {**stored, **wanted.items}
        listed_now = {key: None for one in manifests_of(now) for key in _listed_by(one, {**known, **now})}
        lost = [key for key in listed_now if key not in now and key in known]
        await put(producer, topic, [(key, known[key]) for key in lost], timeout_s)
    if not stood:
        wanted.check(stands)
        return None
    written, gone, count = (sum(not key.startswith(PART) for key in keys) for keys in (missing, removed, wanted.items))
    return Published(wanted.version, written, count - written, gone)


async def _settled(settings: KafkaSettings, producer: AIOKafkaProducer, tenant: str) -> RulesOnTopic:
    """What stands now, written again where a new reader could take another for it."""
    for _ in range(ROUNDS):
        found = await read_rules(settings)
        order = found.order_of(tenant)
        if not order.untidy:
            break
        await mend(settings, producer, [order])
    return found


async def read_in_force(settings: KafkaSettings, tenant: str = DEFAULT_TENANT) -> "RuleSet | None":
    """The rule set that `current` of a tenant names, with the ids that its authors wrote; None: nothing is published.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
        BadInput: it does not load.
    """
    stored = (await read_rules(settings)).values
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
