"""What stands on the topic `rules`: definitions named by their content, and manifests that list those of a set.

`current` and `previous` are the sets of the default tenant, `current/<tenant>` and `previous/<tenant>` of another. The
definitions are shared: what two tenants wrote alike stands there once.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping

from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput
from service.model.record import DEFAULT_TENANT, TENANT_PATTERN

CURRENT = "current"
PREVIOUS = "previous"
PART = "part/"


class MissingError(Exception):
    """Not for good: what a manifest lists may be on its way."""


def manifest_key(name: str, tenant: str) -> str:
    """Where `current` or `previous` of a tenant stands."""
    return name if tenant == DEFAULT_TENANT else f"{name}/{tenant}"


def tenant_of_key(key: str) -> str | None:
    """Whose manifest stands under a key; None: no manifest does."""
    name, between, tenant = key.partition("/")
    if name not in (CURRENT, PREVIOUS):
        return None
    if not between:
        return DEFAULT_TENANT
    return tenant if tenant != DEFAULT_TENANT and re.fullmatch(TENANT_PATTERN, tenant) else None


def is_definition(key: str) -> bool:
    """Whether an entity, a rule or a list of them stands under a key."""
    return "/" in key and key.partition("/")[0] not in (CURRENT, PREVIOUS)


def read_manifest(raw: bytes, tenant: str) -> RulesManifest:
    """The manifest that stands under a key of this tenant.

    Raises:
        BadInput: it is none, or another tenant's.
        NewerSchema: written by a newer Bongsu.
    """
    manifest = RulesManifest.decode(raw, topics.RULES)
    if manifest.tenant != tenant:
        raise BadInput(f"this manifest is of the tenant {manifest.tenant}; apply the rules of {tenant} again")
    return manifest


def manifest_of(stored: Mapping[str, bytes], name: str, tenant: str) -> RulesManifest | None:
    """The manifest as it stands there; None when there is none that can be read. Raises NewerSchema."""
    raw = stored.get(manifest_key(name, tenant))
    try:
        return None if raw is None else read_manifest(raw, tenant)
    except BadInput:
        return None


def manifests_of(stored: Mapping[str, bytes]) -> Iterator[RulesManifest]:
    """All that can be read, of every tenant. Raises NewerSchema."""
    for key in stored:
        tenant = tenant_of_key(key)
        manifest = None if tenant is None else manifest_of(stored, key.partition("/")[0], tenant)
        if manifest is not None:
            yield manifest


def items_of(manifest: RulesManifest, stored: Mapping[str, bytes]) -> dict[str, bytes]:
    """The entities and rules that a manifest lists, by itself or in parts.

    Raises:
        MissingError: some are not there.
        BadInput: a part is not what its key says.
    """
    keys = keys_of(manifest, stored)
    out = {key: stored[key] for key in keys if key in stored}
    missing = [key for key in dict.fromkeys((*keys, *manifest.items)) if key not in stored]
    if missing:
        raise MissingError(
            f"{len(missing)} of {max(len(keys), len(manifest.items))} items are not on the topic, first {missing[0]}"
        )
    return out


def keys_of(manifest: RulesManifest, stored: Mapping[str, bytes]) -> list[str]:
    """The keys of the entities and rules that a manifest lists, by itself or in those of its parts that are there."""
    return [key for key in with_parts(manifest, stored) if not key.startswith(PART)]


def with_parts(manifest: RulesManifest, stored: Mapping[str, bytes]) -> list[str]:
    """Every key that a manifest needs: what it lists, and what those of its parts list that are there.

    Raises:
        BadInput: a part is not what its key says.
    """
    keys: list[str] = []
    for key in manifest.items:
        keys.append(key)
        if key.startswith(PART) and (raw := stored.get(key)) is not None:
            if hashlib.sha256(raw).hexdigest()[:32] != key.removeprefix(PART):
                raise BadInput(f"{key} is not what its key says; apply the rules again")
            keys.extend(raw.decode().split("\n"))
    return keys


def parts_of(items: Mapping[str, bytes]) -> dict[str, bytes]:
    """Records that list these keys, one for each beginning of a key."""
    groups: dict[str, list[str]] = {}
    for key in items:
        kind, _, sha = key.partition("/")
        groups.setdefault(f"{kind}/{sha[:2]}", []).append(key)
    lists = ["\n".join(sorted(group)).encode() for _, group in sorted(groups.items())]
    return {PART + hashlib.sha256(raw).hexdigest()[:32]: raw for raw in lists}
