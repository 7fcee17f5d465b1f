"""Rule sets on the control topic `rules`: nobody ever sees a mixture, a bad set leaves the last good one in force.

A set is one record for each entity and rule, keyed by the hash of its content, and a manifest that lists them. The
manifest `current` is written after all of its items are acknowledged, so a publisher that dies at any point leaves
the old set whole. `previous` is the last set that loaded before it: a process that starts while `current` does not
load falls back to it.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service import logs
from service.adapters.collector import collector_held
from service.adapters.control_topic import ControlTopic, OnFailure, put, read_whole
from service.adapters.kafka_client import make_producer, started, topic_name
from service.model import topics
from service.model.errors import BadInput, NewerSchema, Unavailable, WrongSetup
from service.model.records import RulesManifest
from service.settings import KafkaSettings

if TYPE_CHECKING:
    from service.matching.ruleset import RuleSet

CURRENT = "current"
PREVIOUS = "previous"

PART = "part/"
MAX_ITEMS = 20_000
"""Keys that a manifest lists itself: 0.9 MB. More stand in its parts."""

Load = Callable[[Mapping[str, bytes]], "RuleSet"]


def _from_records(items: Mapping[str, bytes]) -> "RuleSet":
    from service.matching.ruleset import RuleSet  # with the parser of the rule language: not for `bongsu subscribe`

    with collector_held():
        return RuleSet.from_records(items)


def _remembering() -> Load:
    """Loads set after set; what stayed is not parsed again."""
    from service.matching.reloading import RuleLoader

    loader = RuleLoader()

    def load(items: Mapping[str, bytes]) -> "RuleSet":
        with collector_held():
            return loader(items)

    return load


class _MissingError(Exception):
    """Not for good: what a manifest lists may be on its way."""


def items_of(manifest: RulesManifest, stored: Mapping[str, bytes]) -> dict[str, bytes]:
    """The entities and rules that a manifest lists, by itself or in parts.

    Raises:
        _MissingError: some are not there.
        BadInput: a part is not what its key says.
    """
    keys = keys_of(manifest, stored)
    out = {key: stored[key] for key in keys if key in stored}
    missing = [key for key in dict.fromkeys((*keys, *manifest.items)) if key not in stored]
    if missing:
        raise _MissingError(
            f"{len(missing)} of {max(len(keys), len(manifest.items))} items are not on the topic, first {missing[0]}"
        )
    return out


def keys_of(manifest: RulesManifest, stored: Mapping[str, bytes]) -> list[str]:
    """The keys of the entities and rules that a manifest lists, by itself or in those of its parts that are there."""
    return [key for key in _with_parts(manifest, stored) if not key.startswith(PART)]


def _with_parts(manifest: RulesManifest, stored: Mapping[str, bytes]) -> list[str]:
    """Every key that a manifest needs: what it lists, and what those of its parts list that are there."""
    keys: list[str] = []
    for key in manifest.items:
        keys.append(key)
        if key.startswith(PART) and (raw := stored.get(key)) is not None:
            if hashlib.sha256(raw).hexdigest()[:32] != key.removeprefix(PART):
                raise BadInput(f"{key} is not what its key says; apply the rules again")
            keys.extend(raw.decode().split("\n"))
    return keys


def _parts(items: Mapping[str, bytes]) -> dict[str, bytes]:
    """Records that list these keys, one for each beginning of a key; none where the manifest can list them itself."""
    if len(items) <= MAX_ITEMS:
        return {}
    groups: dict[str, list[str]] = {}
    for key in items:
        kind, _, sha = key.partition("/")
        groups.setdefault(f"{kind}/{sha[:2]}", []).append(key)
    lists = ["\n".join(sorted(group)).encode() for _, group in sorted(groups.items())]
    return {PART + hashlib.sha256(raw).hexdigest()[:32]: raw for raw in lists}


@dataclass(frozen=True, slots=True)
class Published:
    """What `publish_rules` did."""

    version: str
    items_written: int
    items_kept: int
    items_removed: int


async def publish_rules(settings: KafkaSettings, ruleset: "RuleSet", *, load: Load = _from_records) -> Published:
    """Make `ruleset` the one in force. Doing it again changes nothing.

    Raises:
        Unavailable: Kafka does not answer; the old set stays in force. Apply again.
        WrongSetup: Kafka refuses us, or the set is too large for one manifest.
    """
    items = ruleset.to_records()
    parts = _parts(items)
    items = {**items, **parts}
    listed = tuple(parts or items)
    manifest = RulesManifest(version=ruleset.version, items=listed, published_ms=time.time_ns() // 1_000_000)
    encoded = manifest.encode()
    limit = topics.BY_NAME[topics.RULES].max_message_bytes
    if len(encoded) > limit - 10_000:
        raise WrongSetup(
            f"{len(items)} rules and entities need a manifest of {len(encoded)} bytes; {limit} are allowed"
        )
    stored = await read_whole(settings, topics.RULES)
    topic = topic_name(settings, topics.RULES)
    missing = {key: value for key, value in items.items() if stored.get(key) != value}
    before = _manifest(stored, CURRENT)
    previous = await _last_that_loads(stored, ruleset.version, load)
    keep = {*items, *(_with_parts(previous, stored) if previous else ())}
    orphans = [key for key in stored if "/" in key and key not in keep]
    async with started(settings, make_producer(settings)) as producer:
        await put(producer, topic, missing.items())
        if previous is not None and stored.get(PREVIOUS) != previous.encode():
            await put(producer, topic, [(PREVIOUS, previous.encode())])
        if before is None or before.version != ruleset.version:
            await put(producer, topic, [(CURRENT, encoded)])
        await put(producer, topic, [(key, None) for key in orphans])
        # Somebody who published at the same time may have removed what we relied on, or we what they do: put it back.
        now = await read_whole(settings, topics.RULES)
        current = _manifest(now, CURRENT)
        known = {**stored, **items}
        listed_now = _with_parts(current, {**known, **now}) if current else ()
        lost = [key for key in listed_now if key not in now and key in known]
        await put(producer, topic, [(key, known[key]) for key in lost])
        if current is None or current.version != ruleset.version:
            raise Unavailable("another rule set was published at the same time and is in force now; apply again")
    written = sum(not key.startswith(PART) for key in missing)
    gone = sum(not key.startswith(PART) for key in orphans)
    return Published(ruleset.version, written, len(items) - len(parts) - written, gone)


async def read_in_force(settings: KafkaSettings) -> "RuleSet | None":
    """The rule set that `current` names; None when nothing is published.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
        BadInput: it does not load.
    """
    stored = await read_whole(settings, topics.RULES)
    if CURRENT not in stored:
        return None
    try:
        return _from_records(items_of(RulesManifest.decode(stored[CURRENT], topics.RULES), stored))
    except _MissingError as error:
        raise BadInput(f"the rules in force are not whole: {error}; apply them again") from None


async def _last_that_loads(stored: Mapping[str, bytes], new_version: str, load: Load) -> RulesManifest | None:
    """What a process falls back to if the new set does not load there: `current` if it is good, else `previous`."""
    for name in (CURRENT, PREVIOUS):
        manifest = _manifest(stored, name)
        if manifest is None or manifest.version == new_version:
            continue
        try:
            await asyncio.to_thread(load, items_of(manifest, stored))
        except (BadInput, NewerSchema, ValueError, KeyError, _MissingError):
            continue
        return manifest
    return None


def _manifest(stored: Mapping[str, bytes], name: str) -> RulesManifest | None:
    """The manifest as it stands there; None when there is none that can be read."""
    try:
        return RulesManifest.decode(stored[name], topics.RULES) if name in stored else None
    except BadInput:
        return None


class RulesFollower:
    """Follows the topic `rules`. `current` is always a whole set that loaded; `on_change` is told of each."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_change: Callable[["RuleSet"], None] | None = None,
        on_failure: OnFailure | None = None,
        load: Load | None = None,
    ) -> None:
        """`on_failure` is told what ended the following, e.g. NewerSchema: the role must end then."""
        self._topic = ControlTopic(
            settings, topics.RULES, self._on_record, on_batch=self._on_batch, on_failure=on_failure
        )
        self._on_change = on_change
        self._load = load or _remembering()
        self._in_force: bytes | None = None
        self._items: dict[str, bytes] = {}
        self._manifests: dict[str, bytes] = {}
        self._refused_manifests: dict[str, bytes] = {}
        self._log = logs.get(__name__)
        self.current: RuleSet | None = None
        """The last good whole set; None before the first."""
        self.version: str | None = None
        self.loaded_at: float | None = None
        """Seconds since the epoch."""
        self.refused: str | None = None
        """Why the newest set is not in force; None when it is."""

    @property
    def ready(self) -> bool:
        """Read to the end and following. Says nothing about whether there is a set: ask `current`."""
        return self._topic.ready

    async def start(self) -> None:
        """Read the topic to its end and load the set in force, if there is one. Raises as `ControlTopic.start`."""
        await self._topic.start()

    async def stop(self) -> None:
        """Stop following; `current` stays."""
        await self._topic.stop()

    def _on_record(self, key: str, value: bytes | None) -> None:
        held = self._items if "/" in key else self._manifests
        if value is None:
            held.pop(key, None)
        else:
            held[key] = value

    async def _on_batch(self) -> None:
        """After each batch: is there a newer whole set, and does it load?"""
        refused = await self._take(CURRENT)
        if refused is not None and self.current is None:
            await self._take(PREVIOUS)
        if refused is not None and refused != self.refused:
            in_force = (self.version or "none")[:12]
            self._log.error("newest rule set refused, the last good one stays", reason=refused, in_force=in_force)
        self.refused = refused

    async def _take(self, name: str) -> str | None:
        """Put the set of this manifest in force. Returns why not; None when it is, or when there is no manifest."""
        raw = self._manifests.get(name)
        if raw is None or raw is self._in_force:
            return None
        if self._refused_manifests.get(name) == raw:
            return self.refused
        try:
            manifest = RulesManifest.decode(raw, topics.RULES)
            if manifest.version == self.version:
                self._in_force = raw
                return None
            # off the event loop: a hundred thousand rules take seconds to parse and check
            ruleset = await asyncio.to_thread(self._read, manifest)
        except _MissingError as error:
            return str(error)
        except NewerSchema:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with a set, the last good one must stay
            self._refused_manifests[name] = raw
            return str(error) or repr(error)
        self.current, self.version, self.loaded_at = ruleset, manifest.version, time.time()
        self._in_force = raw
        self._log.info("rule set loaded", version=manifest.version[:12], manifest=name)
        if self._on_change is not None:
            self._on_change(ruleset)
        return None

    def _read(self, manifest: RulesManifest) -> "RuleSet":
        """In a thread. The topic is not read on meanwhile, so `_items` stays as it is."""
        return self._load(items_of(manifest, self._items))
