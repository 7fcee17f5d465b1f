"""The rule sets of the control topic `rules`, followed: a bad set leaves the last good one in force.

Which manifest of a tenant stands is for `rule_order` to say. Each tenant's set is loaded by itself, so that one that
does not load keeps back nobody else's; what loaded is put together as one set (`matching.tenancy`), out of which the
worker makes its engine.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from service import logs
from service.adapters.collector import collector_held
from service.adapters.control_rules import Load
from service.adapters.control_topic import ControlTopic, OnFailure
from service.adapters.rule_manifests import (
    CURRENT,
    PREVIOUS,
    MissingError,
    items_of,
    manifest_key,
    read_manifest,
    tenant_of_key,
)
from service.adapters.rule_order import RuleOrder
from service.adapters.rules_topic import RulesOnTopic
from service.model import topics
from service.model.errors import NewerSchema
from service.model.record import DEFAULT_TENANT
from service.settings import KafkaSettings

if TYPE_CHECKING:
    from service.matching.ruleset import RuleSet

Check = Callable[["RuleSet | None", "RuleSet"], None]


class RulesFollower:
    """Follows the topic `rules`. `current` is always whole sets that loaded; `on_change` is told of each."""

    def __init__(
        self,
        settings: KafkaSettings,
        *,
        on_change: Callable[["RuleSet"], None] | None = None,
        on_failure: OnFailure | None = None,
        load: Load | None = None,
        check: Check | None = None,
    ) -> None:
        """Prepare.

        Args:
            settings: where Kafka is.
            on_change: told of the sets in force, as one, whenever one of them changed.
            on_failure: told what ended the following, e.g. NewerSchema: the role must end then.
            load: what a set is loaded with.
            check: what else a set must pass where there are several tenants (the set of the tenant before, the new
                one), so that what loads and yet cannot be used keeps back only whose it is.
        """
        self._topic = ControlTopic(
            settings, topics.RULES, self._on_record, on_batch=self._on_batch, on_failure=on_failure
        )
        self._on_change = on_change
        self._load = load
        self._check = check
        self._join = _joining()
        self._known = RulesOnTopic()
        self._tenants: dict[str, _TenantRules] = {}
        self.current: RuleSet | None = None
        """The last good whole sets of all tenants as one, ids qualified (`model.tenants`); None before the first."""
        self.version: str | None = None
        self.loaded_at: float | None = None
        """Seconds since the epoch."""
        self.refused: str | None = None
        """Why the newest set (of which tenant, where it is not the default one) is not in force; None when all are."""

    @property
    def published_ms(self) -> int | None:
        """When the newest of the sets in force was applied; None before the first."""
        known = [of.published_ms for of in self._tenants.values() if of.published_ms is not None]
        return max(known, default=None)

    @property
    def ready(self) -> bool:
        """Read to the end and following. Says nothing about whether there is a set: ask `current`."""
        return self._topic.ready

    async def start(self) -> None:
        """Read the topic to its end and load the sets in force, if there are any. Raises as `ControlTopic.start`."""
        await self._topic.start()

    async def stop(self) -> None:
        """Stop following; `current` stays."""
        await self._topic.stop()

    @property
    def tenants(self) -> tuple[str, ...]:
        """Those that ever applied rules, by name."""
        return tuple(sorted(self._tenants))

    def version_of(self, tenant: str) -> str | None:
        """Of the last good set of one tenant."""
        known = self._tenants.get(tenant)
        return None if known is None else known.version

    def refused_of(self, tenant: str) -> str | None:
        """Why the newest set of one tenant is not in force; None when it is."""
        known = self._tenants.get(tenant)
        return None if known is None else known.told

    def of(self, tenant: str) -> "RuleSet | None":
        """The last good set of one tenant, with the ids that its authors wrote; None: it has none."""
        known = self._tenants.get(tenant)
        return None if known is None else known.current

    def _on_record(self, key: str, value: bytes | None) -> None:
        self._known.take(key, value)
        tenant = tenant_of_key(key)
        if tenant is not None and tenant not in self._tenants:
            load = self._load or _remembering()
            self._tenants[tenant] = _TenantRules(self._known.order_of(tenant), self._known.values, load)

    async def _on_batch(self) -> None:
        """After each batch: is there a newer whole set of any tenant, and does it load?"""
        changed = False
        check = self._check if len(self._tenants) > 1 else None
        for name in sorted(self._tenants):
            changed |= await self._tenants[name].read(check)
        refused = [text for name in sorted(self._tenants) if (text := self._tenants[name].told) is not None]
        self.refused = "; ".join(refused) or None
        if not changed:
            return
        sets = {name: known.current for name, known in self._tenants.items() if known.current is not None}
        self.current = await asyncio.to_thread(self._join, sets)
        own = self._tenants.get(DEFAULT_TENANT)
        self.version = own.version if own is not None and len(sets) == 1 and own.current else self.current.version
        self.loaded_at = time.time()
        if self._on_change is not None:
            self._on_change(self.current)


class _TenantRules:
    """The set of one tenant: the last good one, and why the newest is not it."""

    def __init__(self, order: RuleOrder, stored: Mapping[str, bytes], load: Load) -> None:
        """Of what `stored` holds now and later."""
        self._order = order
        self._stored = stored
        self.current: RuleSet | None = None
        self.version: str | None = None
        self.published_ms: int | None = None
        self._tenant = order.tenant
        self._load = load
        self._in_force: bytes | None = None
        self._refused: str | None = None
        self._refused_manifests: dict[str, bytes] = {}
        self._log = logs.get(__name__)

    @property
    def told(self) -> str | None:
        """Why the newest set is not in force, for a person; None when it is."""
        if self._refused is None or self._tenant == DEFAULT_TENANT:
            return self._refused
        return f"tenant {self._tenant}: {self._refused}"

    async def read(self, check: Check | None) -> bool:
        """Take the newest whole set that loads and passes `check`; whether it is another than before."""
        before = self.current
        refused = await self._take(CURRENT, check) or self._order.unreadable
        if refused is not None and self.current is None:
            await self._take(PREVIOUS, check)
        if refused is not None and refused != self._refused:
            self._log.error(
                "newest rule set refused, the last good one stays",
                tenant=self._tenant,
                reason=refused,
                in_force=(self.version or "none")[:12],
            )
        self._refused = refused
        return self.current is not before

    async def _take(self, name: str, check: Check | None) -> str | None:
        """Put the set of this manifest in force. Returns why not; None when it is, or when there is no manifest."""
        raw = self._stored.get(manifest_key(name, self._tenant))
        if raw is None or raw is self._in_force:
            return None
        if self._refused_manifests.get(name) == raw:
            return self._refused
        try:
            manifest = read_manifest(raw, self._tenant)
            if manifest.version == self.version:
                self._in_force, self.published_ms = raw, manifest.published_ms
                return None
            # Off the event loop: a hundred thousand rules take seconds to parse and check. The topic is not read on
            # meanwhile, so `stored` stays as it is.
            ruleset = await asyncio.to_thread(self._load, items_of(manifest, self._stored))
            if check is not None:
                await asyncio.to_thread(check, self.current, ruleset)
        except MissingError as error:
            return str(error)
        except NewerSchema:
            raise
        except Exception as error:  # noqa: BLE001  whatever is wrong with a set, the last good one must stay
            self._refused_manifests[name] = raw
            return str(error) or repr(error)
        self.current, self.version = ruleset, manifest.version
        self._in_force, self.published_ms = raw, manifest.published_ms
        self._log.info("rule set loaded", version=manifest.version[:12], manifest=name, tenant=self._tenant)
        return None


def _remembering() -> Load:
    """Loads set after set; what stayed is not parsed again."""
    from service.matching.reloading import RuleLoader  # with the parser of the rule language

    loader = RuleLoader()

    def load(items: Mapping[str, bytes]) -> "RuleSet":
        with collector_held():
            return loader(items)

    return load


def _joining() -> Callable[[Mapping[str, "RuleSet"]], "RuleSet"]:
    """Puts sets together, one after the other."""
    from service.matching.tenancy import Joiner

    joiner = Joiner()

    def join(sets: Mapping[str, "RuleSet"]) -> "RuleSet":
        with collector_held():
            return joiner(sets)

    return join
