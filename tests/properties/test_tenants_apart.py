"""One engine for several tenants finds for each what an engine of its own rules finds, whatever the others wrote."""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from service.matching.engine import Engine
from service.matching.implication import mutes
from service.matching.layers import Compiler
from service.matching.reloading import RuleLoader
from service.matching.ruleset import RuleSet
from service.matching.schema import EntityModel
from service.matching.sense import Reading
from service.matching.tenancy import Joiner
from service.model.tenants import local, tenant_of
from tests.rule_language import ARTICLES, ENTITIES, rule_set, rules

OTHERWISE = """
entities:
  - {id: harbour, name: 나루시, kind: place, compound: accept, aliases: [{text: 다솜, ambiguous: true}, {text: 다솜전자, ambiguous: true}]}
  - {id: hill, name: 가람산업, kind: company, not_in: [나루시장], aliases: [{text: 등불, ambiguous: false}]}
  - {id: press, name: DASOM, aliases: [다솜], not_in: [다솜전자]}
  - {id: lamp, name: 등불, needs: ["@hill", 협약], aliases: [{text: 가람산, ambiguous: true}]}
"""
WRITTEN = [
    [EntityModel.model_validate(one) for one in yaml.safe_load(text)["entities"]] for text in (ENTITIES, OTHERWISE)
]
TENANTS = ("default", "acme", "b-2")


@st.composite
def sets(draw: st.DrawFn) -> RuleSet:
    asked = draw(st.lists(rules(), min_size=1, max_size=4))
    return rule_set(draw(st.sampled_from(WRITTEN)), asked)


ALL = st.dictionaries(st.sampled_from(TENANTS), sets(), min_size=1)


class Doubt:
    """A second opinion that depends on what it is shown, and on nothing else."""

    def reading(self, surface: str) -> Reading:
        return Reading.BOTH if surface in ("다솜", "등불") else Reading.NAME

    def confidence(self, text: str, start: int, end: int) -> float:
        return (len(text) * 7 + start) % 10 / 10


def found(engine: Any, article: Any) -> list[Any]:
    return [(hit.rule.id, [tuple(mention) for mention in hit.mentions]) for hit in engine.match(article).hits]


def of(tenant: str, hits: list[Any]) -> list[Any]:
    """As the tenant's people call it."""
    return [
        (local(rule), [(mention[0] and local(mention[0]), *mention[1:]) for mention in mentions])
        for rule, mentions in hits
        if tenant_of(rule) == tenant
    ]


@given(ALL, ARTICLES, st.booleans())
def test_each_tenant_finds_what_it_would_find_alone(written, article, doubted):
    veto = Doubt() if doubted else None
    engine = Engine(Joiner()(written), veto=veto)
    engine.warm_up()
    hits = found(engine, article)
    for tenant, ruleset in written.items():
        alone = Engine(ruleset, veto=veto)
        alone.warm_up()
        assert of(tenant, hits) == found(alone, article)
        own = alone.match(article).hits
        together = [
            tuple(map(local, broader))
            for hit, broader in zip(
                engine.match(article).hits, mutes([hit.rule for hit in engine.match(article).hits]), strict=True
            )
            if tenant_of(hit.rule.id) == tenant
        ]
        assert together == mutes([hit.rule for hit in own])


@settings(max_examples=max(50, settings().max_examples // 4))  # an example compiles up to eighteen sets of rules
@given(st.lists(ALL, min_size=2, max_size=3), ARTICLES)
def test_sets_that_change_one_by_one_lead_to_what_a_fresh_start_finds(steps, article):
    join, compile_next, loads = Joiner(), Compiler(Engine), {tenant: RuleLoader() for tenant in TENANTS}
    for written in steps:
        loaded = {tenant: loads[tenant](ruleset.to_records()) for tenant, ruleset in written.items()}
        fresh = {tenant: RuleSet.from_records(ruleset.to_records()) for tenant, ruleset in written.items()}
        assert found(compile_next(join(loaded)), article) == found(Engine(Joiner()(fresh)), article)
