"""Sets of several tenants in one engine: the same ids, other meanings."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.matching.entities import Alias
from service.matching.layers import tried
from service.matching.record import narrower_first
from service.matching.reloading import RuleLoader
from service.matching.ruleset import RuleSet
from service.matching.tenancy import Joiner
from service.model.article import Article
from service.model.errors import BadInput, InvalidRules

OURS = """
entities:
  - {id: harbour, name: 나루시, kind: government}
  - {id: lamp, name: 등불, needs: ["@harbour"]}
rules:
  - {id: watch, when: '@harbour'}
  - {id: lamps, when: '@lamp'}
"""
THEIRS = """
entities:
  - {id: harbour, name: 가람항, kind: place, aliases: [나루항]}
  - {id: lamp, name: 등불, needs: ["@harbour"]}
rules:
  - {id: watch, when: '@harbour'}
  - {id: lamps, when: '@lamp', tags: [light]}
"""


def ruleset(tmp_path: Path, text: str) -> RuleSet:
    file = tmp_path / "rules.yaml"
    file.write_text(text, encoding="utf-8")
    return load_rules(file)


def fired(engine: Engine, text: str) -> set[str]:
    return {hit.rule.id for hit in engine.match(Article("a", text=text)).hits}


def test_an_entity_of_a_rule_is_that_of_its_own_tenant(tmp_path):
    engine = Engine(Joiner()({"default": ruleset(tmp_path, OURS), "acme": ruleset(tmp_path, THEIRS)}))
    assert fired(engine, "나루시가 등불을 켰다.") == {"watch", "lamps"}
    assert fired(engine, "나루항이 등불을 켰다.") == {"acme/watch", "acme/lamps"}
    assert fired(engine, "나루시와 가람항에 등불이 켜졌다.") == {"watch", "lamps", "acme/watch", "acme/lamps"}
    (hit,) = engine.match(Article("a", text="나루항에 배가 들었다.")).hits
    assert [mention.entity for mention in hit.mentions] == ["acme/harbour"]


def test_the_default_tenant_alone_is_the_very_set(tmp_path):
    alone = ruleset(tmp_path, OURS)
    assert Joiner()({"default": alone}) is alone


def test_the_same_rules_of_another_tenant_are_another_set(tmp_path):
    ours = ruleset(tmp_path, OURS)
    versions = {
        Joiner()(sets).version
        for sets in ({"default": ours}, {"acme": ours}, {"default": ours, "acme": ours}, {"acme": ours, "b": ours})
    }
    assert len(versions) == 4


def test_what_stayed_is_the_same_object_however_others_change(tmp_path):
    join, load = Joiner(), RuleLoader()
    theirs = ruleset(tmp_path, THEIRS)
    first = join({"default": ruleset(tmp_path, OURS), "acme": load(theirs.to_records())})
    changed = ruleset(tmp_path, THEIRS.replace("light", "dark"))
    second = join({"acme": load(changed.to_records())})
    assert {one.id for one in second.rules if not any(one is other for other in first.rules)} == {"acme/lamps"}
    assert all(any(one is other for other in first.entities) for one in second.entities)


def test_rules_mute_within_their_tenant_and_are_counted_there(tmp_path):
    narrow = 'rules:\n  - {id: both, when: \'"협약" AND "나루시"\'}\n  - {id: one, when: \'"협약"\'}\n'
    many = yaml.safe_dump({"rules": [{"id": f"r{n}", "when": '"협약"'} for n in range(60)]}, allow_unicode=True)
    sets = {"default": ruleset(tmp_path, narrow), "acme": ruleset(tmp_path, narrow), "many": ruleset(tmp_path, many)}
    hits = Engine(Joiner()(sets)).match(Article("a", text="나루시가 협약을 맺었다.")).hits
    assert len(hits) == 64, "more than are compared, were they one tenant's"
    mutes = {hit.rule.id: broader for hit, broader in narrower_first(hits) if broader}
    assert mutes == {"both": ("one",), "acme/both": ("acme/one",)}


def test_a_surface_that_one_doubts_is_doubted_though_another_does_not(tmp_path):
    """Also of two entities of one set: what is known of a surface that nobody calls ambiguous is not asked of theirs."""
    plain = ruleset(tmp_path, OURS)
    doubted = ruleset(tmp_path, OURS.replace("name: 나루시,", "name: 나루시, ambiguous: true,"))
    engine = Engine(Joiner()({"default": plain, "acme": doubted}), min_confidence=0.6)
    engine.warm_up()
    assert fired(engine, "나루시가 다리를 놓았다.") == {"watch"}
    assert fired(Engine(doubted, min_confidence=0.6), "나루시가 다리를 놓았다.") == set()


def test_what_is_new_is_tried_with_all_that_it_asks_for(tmp_path):
    before = ruleset(tmp_path, OURS)
    tried(None, before)
    tried(before, RuleSet(before.entities, (*before.rules, replace(before.rules[1], id="more")), {}))
    fails_to_compile = replace(before.entities[0], aliases=(Alias(""),))
    fails_to_match = replace(before.entities[0], not_in=("",))
    for broken in (fails_to_compile, fails_to_match):
        with pytest.raises(BadInput, match="an engine of it does not work"):
            tried(before, RuleSet((broken, *before.entities[1:]), before.rules, {}))


@pytest.mark.parametrize("field", ["not_in", "needs"])
def test_what_nobody_can_see_is_refused_and_does_not_break_the_engine(tmp_path, field):
    hidden = OURS.replace("name: 나루시,", f'name: 나루시, {field}: ["\\u200b"],')
    with pytest.raises(InvalidRules, match="holds no character that can be found"):
        ruleset(tmp_path, hidden)
