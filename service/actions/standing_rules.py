"""The rules in force of every tenant, as their authors wrote them, for who reads them: without parsing one.

The topic is followed as bytes; what a set lists is read as JSON when somebody asks for it, once for each manifest and
off the event loop. The engine, which takes seconds and memory, is made elsewhere (`rules_process`).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from service.actions.known_rules import KnownRules, known_of
from service.adapters.control_topic import ControlTopic, OnFailure
from service.adapters.rule_manifests import CURRENT, MissingError, items_of, manifest_key, read_manifest
from service.adapters.rule_order import NO_RULES, RuleOrder
from service.adapters.rules_topic import RulesOnTopic
from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import Unavailable
from service.settings import KafkaSettings


@dataclass(frozen=True, slots=True)
class RulesInForce:
    """One tenant's set."""

    version: str
    """NO_RULES: nothing was ever applied."""
    applied_ms: int | None
    records: Mapping[str, bytes]
    """As on the topic: `entity/<sha>` and `rule/<sha>` to JSON."""
    rules: Mapping[str, dict[str, Any]]
    """By id, in the order of the ids, as in a rule file."""
    entities: Mapping[str, dict[str, Any]]


NOTHING = RulesInForce(NO_RULES, None, {}, {}, {})


class StandingRules:
    """Follows the topic `rules`."""

    def __init__(self, settings: KafkaSettings, *, on_failure: OnFailure | None = None) -> None:
        """Connects to nothing before `start`; `on_failure` as of `ControlTopic`."""
        self._known = RulesOnTopic()
        self._topic = ControlTopic(settings, topics.RULES, self._known.take, on_failure=on_failure)
        self._read: dict[str, tuple[bytes, RulesInForce]] = {}
        """By tenant, with the manifest that it was read for."""
        self._names: dict[str, tuple[RulesInForce, KnownRules]] = {}
        """By tenant, of the set that they were looked up in."""

    @property
    def ready(self) -> bool:
        """Read to the end and following."""
        return self._topic.ready

    async def start(self) -> None:
        """Read the topic to its end. Raises as `ControlTopic.start`."""
        await self._topic.start()

    async def stop(self) -> None:
        """Stop following."""
        await self._topic.stop()

    async def fresh(self, timeout_s: float) -> None:
        """Wait until all is known that anybody applied before. Raises as `ControlTopic.catch_up`."""
        await self._topic.catch_up(timeout_s)

    async def of(self, tenant: str) -> RulesInForce:
        """The set of a tenant.

        Raises:
            Unavailable: it is not whole on the topic (yet).
            BadInput, NewerSchema: its manifest cannot be read.
        """
        raw = self._known.values.get(manifest_key(CURRENT, tenant))
        if raw is None:
            return NOTHING
        known = self._read.get(tenant)
        if known is not None and known[0] == raw:
            return known[1]
        manifest = read_manifest(raw, tenant)
        try:
            records = items_of(manifest, self._known.values)
        except MissingError as error:
            raise Unavailable(f"the rules in force are not whole: {error}; apply them again if it stays so") from None
        read = await asyncio.to_thread(_in_force, manifest, records)
        self._read[tenant] = (raw, read)
        return read

    async def known(self, tenant: str) -> KnownRules | None:
        """The set of a tenant, to look up what a person names; None: nothing was ever applied. Raises as `of`."""
        found = await self.of(tenant)
        if found is NOTHING:
            return None
        held = self._names.get(tenant)
        if held is None or held[0] is not found:
            held = self._names[tenant] = (found, await asyncio.to_thread(known_of, found.records))
        return held[1]

    def untidy(self) -> list[RuleOrder]:
        """Manifests that compaction could take: whoever published beside them came too late, and may have died."""
        return self._known.untidy()


def _in_force(manifest: RulesManifest, records: Mapping[str, bytes]) -> RulesInForce:
    found: dict[str, list[dict[str, Any]]] = {"rule": [], "entity": []}
    for key, raw in records.items():
        found[key.partition("/")[0]].append(orjson.loads(raw))
    rules, entities = (
        {one["id"]: one for one in sorted(found[kind], key=lambda one: str(one["id"]))} for kind in ("rule", "entity")
    )
    return RulesInForce(manifest.version, manifest.published_ms, records, rules, entities)
