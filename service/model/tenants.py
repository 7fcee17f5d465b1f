"""Whose an id is. Rules and entities of several tenants stand in one engine and on the same topics.

Those of the default tenant keep the ids that their authors wrote; those of another are `<tenant>/<id>` inside
(`matches`, `alerts`, `decisions`, the index of subscriptions). Nobody outside ever sees that form: a rule set is
qualified where it is put together (`matching.tenancy`), an id is made local where a person or a receiver reads it.
An author's id holds no `/`, so no id of one tenant can be taken for another's.
"""

from service.model.records import DEFAULT_TENANT

_BETWEEN = "/"


def qualified(tenant: str, name: str) -> str:
    """The id that a rule or an entity of this tenant has inside."""
    return name if tenant == DEFAULT_TENANT else f"{tenant}{_BETWEEN}{name}"


def local(name: str) -> str:
    """The id as its author wrote it."""
    return name.rpartition(_BETWEEN)[2]


def tenant_of(name: str) -> str:
    """Whose a qualified id is."""
    tenant, between, _ = name.partition(_BETWEEN)
    return tenant if between else DEFAULT_TENANT
