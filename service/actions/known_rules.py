"""The rules in force, as the topic has them: what a person names is looked up before it is written down."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

import orjson

from service.adapters.rule_manifests import CURRENT, keys_of, manifest_key
from service.adapters.rules_topic import read_rules
from service.alerting.selectors import ENTITY, TAG
from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput
from service.model.record import DEFAULT_TENANT
from service.model.records import RuleHead
from service.settings import KafkaSettings

_ENTITY = re.compile(r"@([a-z0-9-]+)")
_WILD = re.compile(r"[*?\[]")
CURE = "`bongsu rules apply DIR` puts rules in force."


@dataclass(frozen=True, slots=True)
class KnownRule:
    """One rule in force."""

    head: RuleHead
    entities: frozenset[str]
    """Those that it names."""


@dataclass(frozen=True, slots=True)
class KnownRules:
    """A rule set in force, without the parser of the rule language."""

    rules: tuple[KnownRule, ...]
    entities: frozenset[str]
    ids: frozenset[str] = field(init=False)
    """Of the rules."""
    tags: frozenset[str] = field(init=False)
    """All that any rule carries."""

    def __post_init__(self) -> None:
        """Of one set many are asked for."""
        object.__setattr__(self, "ids", frozenset(rule.head.id for rule in self.rules))
        object.__setattr__(self, "tags", frozenset(tag for rule in self.rules for tag in rule.head.tags))

    def check(self, written: Iterable[str], there: str = "in force", cure: str = CURE) -> list[str]:
        """Rules as a person lists them: ids, `tag:...`, `entity:...`, and globs of these.

        `there` is what the rules are that are looked at, `cure` what to do where nothing similar exists.

        Returns:
            What fits nothing now but may later: a sentence each.

        Raises:
            BadInput: what is named exactly does not exist.
        """
        names = {
            "": ("rule", self.ids),
            TAG: ("tag", self.tags),
            ENTITY: ("entity", self.entities),
        }
        notes = []
        for text in dict.fromkeys(written):
            prefix = next((prefix for prefix in (TAG, ENTITY) if text.startswith(prefix)), "")
            name = text.removeprefix(prefix)
            what, known = names[prefix]
            if name == "*" or name in known or any(fnmatchcase(one, name) for one in known):
                continue
            if not _WILD.search(name):
                near = difflib.get_close_matches(name, sorted(known), 1)
                hint = f"did you mean {near[0]}?" if near else cure
                raise BadInput(f"no rule {there} has the {what} {name}; {hint}" if prefix == TAG else
                               f"there is no {what} {name} {there}; {hint}")  # fmt: skip
            notes.append(f"no {what} {there} fits {name!r}; it counts for those to come")
        return notes


async def read_stored_rules(settings: KafkaSettings, tenant: str = DEFAULT_TENANT) -> dict[str, bytes] | None:
    """The records of a tenant's rules in force, as far as they are there; None when no set is.

    Raises:
        Unavailable, WrongSetup: Kafka does not answer or refuses us.
    """
    return _stored_of((await read_rules(settings)).values, tenant)


async def read_known_rules(settings: KafkaSettings, tenant: str = DEFAULT_TENANT) -> KnownRules | None:
    """A tenant's rules in force; None when there are none. Raises as `read_stored_rules`."""
    return known_in((await read_rules(settings)).values, tenant)


def known_in(stored: Mapping[str, bytes], tenant: str) -> KnownRules | None:
    """A tenant's rules in force, of all that stands on the topic (`read_rules`); None when there are none."""
    found = _stored_of(stored, tenant)
    return None if found is None else known_of(found)


def _stored_of(stored: Mapping[str, bytes], tenant: str) -> dict[str, bytes] | None:
    current = manifest_key(CURRENT, tenant)
    if current not in stored:
        return None
    manifest = RulesManifest.decode(stored[current], topics.RULES)
    return {key: stored[key] for key in keys_of(manifest, stored) if key in stored}


def known_of(records: Mapping[str, bytes]) -> KnownRules:
    """The rules and entities of these records of the topic."""
    rules: list[KnownRule] = []
    entities: set[str] = set()
    for key, raw in records.items():
        item = orjson.loads(raw)
        if key.startswith("entity/"):
            entities.add(item.get("id", ""))
        elif "id" in item:
            head = RuleHead(
                id=item["id"],
                name=item.get("name") or item["id"],
                tags=tuple(item.get("tags", ())),
                policy=item.get("policy"),
            )
            rules.append(KnownRule(head, frozenset(_ENTITY.findall(item.get("when", "")))))
    return KnownRules(tuple(sorted(rules, key=lambda rule: rule.head.id)), frozenset(entities))
