import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model.record import DEFAULT_TENANT
from service.model.records import Evidence, RuleHead
from service.model.tenants import local, local_alert, local_decision, local_match, qualified, tenant_of
from tests.builders import alert_record, decision_record, evidence, match_record

TENANTS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)
IDS = st.from_regex(r"[a-z0-9-]{1,20}", fullmatch=True)


@given(TENANTS, IDS, TENANTS, IDS)
def test_what_is_qualified_is_read_back_and_nobody_elses(tenant, name, other, another):
    inside = qualified(tenant, name)
    assert (tenant_of(inside), local(inside)) == (tenant, name)
    assert (inside == qualified(other, another)) == ((tenant, name) == (other, another))


def test_what_there_was_before_tenants_is_the_default_tenants_and_stays_the_very_object():
    assert qualified(DEFAULT_TENANT, "seoul") == "seoul"
    alert, decision = alert_record(), decision_record(rule="seoul", by="sil_1")
    assert local_alert(alert) is alert
    assert local_decision(decision) is decision


def test_an_alert_is_read_as_its_people_wrote_it():
    given_ = alert_record(rule="acme/seoul", entities=("acme/city",), mutes=("acme/wide",)).model_copy(
        update={"mentions": (evidence(entity="acme/city"), evidence(entity=None))}
    )
    read = local_alert(given_)
    assert (read.rule.id, read.entities, read.mutes) == ("seoul", ("city",), ("wide",))
    assert [one.entity for one in read.mentions] == ["city", None]
    assert read.alert_id == given_.alert_id


@pytest.mark.parametrize(("by", "read"), [("acme/narrow", "narrow"), ("sil_1", "sil_1"), (None, None)])
def test_a_decision_is_read_as_its_people_wrote_it(by, read):
    decision = local_decision(decision_record(rule="acme/seoul", by=by))
    assert (decision.rule, decision.by) == ("seoul", read)


def test_of_a_match_a_tenant_sees_its_own_rules_only():
    both = match_record(rules=("seoul", "acme/seoul", "acme/busan"))
    acme, default = local_match(both, "acme"), local_match(both, DEFAULT_TENANT)
    assert acme is not None
    assert default is not None
    assert [match.rule.id for match in acme.matches] == ["seoul", "busan"]
    assert [match.rule.id for match in default.matches] == ["seoul"]
    assert local_match(both, "other") is None
    gone = match_record(rules=(), taken_down=True)
    assert local_match(gone, "other") == gone, "that an article was taken down is nobody's"


def test_nothing_of_evidence_and_of_a_rules_head_is_left_behind():
    """A field that is added and holds an id must be made local too: this is where one is reminded."""
    assert [name for name in RuleHead.model_fields if "id" in name] == ["id"]
    assert [name for name in Evidence.model_fields if "entit" in name] == ["entity"]
