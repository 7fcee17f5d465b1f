"""Two tenants on one line: who is told of what, what a silence hides, and what a receiver reads."""

import json
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.alerting.addressing import SubscriptionIndex, alerts_for
from service.alerting.policy import Policy
from service.alerting.silence import Silence, hiding
from service.delivery.formats import body_of
from service.model.control_records import SilenceMatchers
from service.model.notice import Notice
from service.model.policy import PolicyModel
from service.model.records import RuleHead
from service.model.tenants import qualified
from tests.alerting_world import MINUTE, START_MS, World, alert, said
from tests.builders import alert_record, evidence, match_record, silence_record, subscription_record

TENANTS = st.sampled_from(["default", "acme", "b"])
GLOBS = st.sampled_from(["*", "a*", "?*", "*/*", "acme/*", "[!/]*", "entity:*", "entity:e?", "tag:t", "acme*", "seoul"])
MATCHES = st.tuples(
    TENANTS,
    st.sampled_from(["seoul", "acme", "a-b"]),
    st.lists(st.sampled_from(["e1", "e2", "acme"]), max_size=2, unique=True),
    st.sampled_from([(), ("t",)]),
)


@given(st.lists(st.tuples(TENANTS, st.lists(GLOBS, min_size=1, max_size=2)), max_size=5), st.lists(MATCHES, max_size=4))
def test_only_who_is_of_the_rules_tenant_is_asked_and_by_its_own_names(subscriptions, matches):
    records = [
        subscription_record(f"s{number}", tuple(globs), tenant=tenant)
        for number, (tenant, globs) in enumerate(subscriptions)
    ]
    index = SubscriptionIndex(records)

    def wants(glob: str, rule: str, tags: tuple[str, ...], entities: list[str]) -> bool:
        for prefix, values in (("entity:", entities), ("tag:", list(tags)), ("", [rule])):
            if glob.startswith(prefix):
                return any(fnmatchcase(value, glob.removeprefix(prefix)) for value in values)
        raise AssertionError(glob)

    for tenant, rule, entities, tags in matches * 2:
        inside = [qualified(tenant, one) for one in entities]
        assert list(index.of(qualified(tenant, rule), tags, inside)) == [
            record.id
            for record in records
            if record.tenant == tenant and any(wants(glob, rule, tags, entities) for glob in record.rules)
        ]


def test_one_article_in_which_rules_of_both_fire_is_told_to_each_of_its_own():
    index = SubscriptionIndex([subscription_record("ours"), subscription_record("theirs", tenant="acme")])
    alerts = alerts_for(match_record(rules=("seoul", "acme/seoul", "acme/busan")), index, 5)
    assert [(one.subscription, one.rule.id) for one in alerts] == [
        ("ours", "seoul"), ("theirs", "acme/seoul"), ("theirs", "acme/busan"),
    ]  # fmt: skip
    assert len({one.alert_id for one in alerts}) == 3


def test_a_policy_names_rules_as_its_people_do_and_applies_to_no_other_tenants():
    urgent = PolicyModel.model_validate({"urgent": ["seoul"]})
    index = SubscriptionIndex([subscription_record("theirs", tenant="acme", policy=urgent)])
    own = index.policy("theirs", RuleHead(id="acme/seoul", name="r"))
    assert own is not None
    assert own.urgent
    assert index.policy("theirs", None) is not None
    assert index.policy("theirs", RuleHead(id="seoul", name="r")) is None
    assert index.policy("theirs", RuleHead(id="seoul", name="r")) is None, "remembered as well"


@given(TENANTS, TENANTS, st.sampled_from(["rule", "entity", "source", "subscription", "tag", "story"]))
def test_a_silence_hides_only_what_its_tenants_rules_found(silent, told, what):
    silence = Silence.of(silence_record(tenant=silent, matchers=SilenceMatchers(**{what: ("*",)})))
    one = alert_record(rule=qualified(told, "seoul"), entities=(qualified(told, "city"),))
    one = one.model_copy(update={"rule": one.rule.model_copy(update={"tags": ("t",)})})
    assert (hiding([silence], one, 2_000) is silence) == (silent == told)


@pytest.mark.parametrize(("matchers", "hides"), [
    ({"rule": ("seoul",)}, True), ({"rule": ("acme/seoul",)}, False), ({"rule": ("acme*",)}, False),
    ({"entity": ("city",)}, True), ({"entity": ("acme/*",)}, False),
])  # fmt: skip
def test_a_silence_names_things_as_its_people_do(matchers, hides):
    silence = Silence("s", SilenceMatchers(**matchers), 0, 10, "acme")
    assert (hiding([silence], alert_record(rule="acme/seoul", entities=("acme/city",)), 5) is silence) == hides


@pytest.mark.parametrize("policy", [
    {"group_wait_ms": MINUTE}, {"throttle_ms": 10 * MINUTE}, {"mode": "update", "group_interval_ms": 5 * MINUTE},
])  # fmt: skip
def test_what_waits_is_told_under_a_qualified_id_as_under_any(policy):
    """Waits, throttles and flushes name rules, and the names have parts."""

    def life(rule: str) -> list[tuple[str, str | None]]:
        w = World({"*": Policy(**policy)})
        w.get(alert(rule=rule))
        w.later(MINUTE // 2)
        w.step(alert(rule=rule, article="A2", role="copy", copies=2))
        w.step(alert("B", rule=rule))
        w.step(alert(rule=rule, version="c2", role="version", title="[2보] 복원"))
        w.until(START_MS + 60 * MINUTE)
        return [said(one) for one in w.decisions]

    assert life("acme/seoul") == life("seoul")
    assert any(outcome == "held" for outcome, _ in life("acme/seoul"))


FORMATS = ["bongsu", "cloudevents", "slack", "teams", "discord"]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", ["alert.matched", "alert.digest", "alert.updated"])
def test_a_receiver_reads_the_ids_that_its_people_gave(form, kind):
    def told(rule: str, entity: str) -> str:
        alerts = [
            alert_record(article=f"a{number}", rule=rule, mentions=(evidence(entity=entity),), match_id="mat_1", alert_id=f"alr_{number}")
            for number in range(2)
        ]  # fmt: skip
        alerts = [one.model_copy(update={"rule": RuleHead(id=rule, name="서울")}) for one in alerts]
        more = {"held_count": 2, "period": (1, 2)} if kind == "alert.digest" else {}
        return body_of(Notice(kind, "sub1", 1, "first", tuple(alerts), 1_795_392_000_000, form, **more))  # type: ignore[arg-type]

    assert told("acme/seoul", "acme/city") == told("seoul", "city")
    if form == "bongsu":
        data = json.loads(told("acme/seoul", "acme/city"))["data"]
        assert data["rule"]["id"] == "seoul"
        assert {one["entity"] for item in data["alerts"] for one in item["mentions"]} == {"city"}
