"""Whose an id is. Rules and entities of several tenants stand in one engine and on the same topics.

Those of the default tenant keep the ids that their authors wrote; those of another are `<tenant>/<id>` inside
(`matches`, `alerts`, `decisions`, the index of subscriptions). Nobody outside ever sees that form: a rule set is
qualified where it is put together (`matching.tenancy`), an id is made local where a person or a receiver reads it.
An author's id holds no `/`, so no id of one tenant can be taken for another's.
"""

from typing import TypeVar

from service.model.record import DEFAULT_TENANT
from service.model.records import AlertRecord, DecisionRecord, Evidence, MatchRecord, RuleHead, RuleMatch

_BETWEEN = "/"
F = TypeVar("F", AlertRecord, RuleMatch)


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


def local_alert(alert: AlertRecord) -> AlertRecord:
    """An alert as its tenant's people call things."""
    if _BETWEEN not in alert.rule.id:
        return alert
    return _local_finding(alert)


def local_match(record: MatchRecord, tenant: str) -> MatchRecord | None:
    """What a tenant may see of what was found in an article, as its people call it; None: only others' rules fired."""
    own = tuple(_local_finding(match) for match in record.matches if tenant_of(match.rule.id) == tenant)
    return record.model_copy(update={"matches": own}) if own or not record.matches else None


def local_decision(decision: DecisionRecord) -> DecisionRecord:
    """A decision as its tenant's people call things: the rule, and the rule that was narrower."""
    if decision.rule is None or _BETWEEN not in decision.rule:
        return decision
    by = None if decision.by is None else local(decision.by)
    return decision.model_copy(update={"rule": local(decision.rule), "by": by})


def _local_finding(found: F) -> F:
    """What holds the ids of a rule and of what it found."""
    update = {
        "rule": _local_rule(found.rule),
        "mentions": tuple(map(_local_evidence, found.mentions)),
        "entities": tuple(map(local, found.entities)),
        "mutes": None if found.mutes is None else tuple(map(local, found.mutes)),
    }
    return found.model_copy(update=update)


def _local_rule(rule: RuleHead) -> RuleHead:
    return rule.model_copy(update={"id": local(rule.id)})


def _local_evidence(one: Evidence) -> Evidence:
    return one if one.entity is None else one.model_copy(update={"entity": local(one.entity)})
