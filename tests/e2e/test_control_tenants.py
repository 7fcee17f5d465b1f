"""Rule sets of two tenants on one topic, on a real Kafka: neither can hurt the other's, whoever dies or errs."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from service.adapters import control_rules
from service.adapters.control import RulesFollower, publish_rules, read_whole
from service.adapters.control_rules import read_in_force
from service.adapters.rule_files import load_rules
from service.matching.ruleset import RuleSet
from service.model import topics
from service.model.control_records import RulesManifest
from service.model.errors import BadInput, Unavailable
from tests.e2e.test_control_rules import DyingProducer, PublisherDiedError, write
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

SHARED = "  - {id: bridge, name: 다리 공사, when: '\"다리 공사\"'}\n"


def rules(tmp_path: Path, *lines: str) -> RuleSet:
    file = tmp_path / f"{hashlib.sha256(repr(lines).encode()).hexdigest()[:8]}.yaml"
    listed = "".join(f"  - {{id: {name}, when: '\"{word}\"'}}\n" for name, word in (line.split("=") for line in lines))
    file.write_text("rules:\n" + SHARED + listed, encoding="utf-8")
    return load_rules(file)


def ids(ruleset: Any) -> set[str]:
    return {rule.id for rule in ruleset.rules}


async def fresh(settings: Any) -> RulesFollower:
    """What a process that starts now sees."""
    made = RulesFollower(settings)
    await made.start()
    await made.stop()
    return made


@pytest.fixture
async def follower(kafka_settings):
    changes: list[Any] = []
    made: Any = RulesFollower(kafka_settings, on_change=changes.append)
    made.changes = changes
    await made.start()
    yield made
    await made.stop()


async def publish_bad(settings, tenant):
    """What no `apply` writes: a whole set whose one rule is not understood."""
    raw = json.dumps({"id": "bad", "when": "@nobody AND"}).encode()
    key = "rule/" + hashlib.sha256(raw).hexdigest()[:32]
    manifest = RulesManifest(tenant=tenant, version="f" * 32, items=(key,), published_ms=1)
    name = "current" if tenant == "default" else f"current/{tenant}"
    await write(settings, (key, raw), (name, manifest.encode()))


async def test_each_has_its_own_set_and_what_is_alike_stands_there_once(kafka_settings, follower, tmp_path):
    ours, theirs = rules(tmp_path, "a=가람", "b=나루"), rules(tmp_path, "a=다솜")
    await publish_rules(kafka_settings, ours)
    done = await publish_rules(kafka_settings, theirs, tenant="acme")
    assert (done.items_written, done.items_kept, done.items_removed) == (1, 1, 0)
    await wait_until(lambda: follower.current and ids(follower.current) == {
        "bridge", "a", "b", "acme/bridge", "acme/a",
    })  # fmt: skip
    assert follower.refused is None
    assert ids(follower.of("acme")) == {"bridge", "a"}
    stored = await read_whole(kafka_settings, topics.RULES)
    assert {key for key in stored if not key.startswith("rule/")} == {"current", "current/acme"}
    assert len(stored) == 2 + 4
    for tenant, wanted in (("default", ours), ("acme", theirs)):
        in_force = await read_in_force(kafka_settings, tenant)
        assert in_force is not None
        assert in_force.version == wanted.version
    assert await read_in_force(kafka_settings, "nobody") is None
    # one goes on: what the other needs is not taken away with what it no longer needs itself
    for step in ("c=라온", "d=마루"):
        await publish_rules(kafka_settings, rules(tmp_path, step), tenant="acme")
    seen = await fresh(kafka_settings)
    assert seen.refused is None
    assert ids(seen.current) == {"bridge", "a", "b", "acme/bridge", "acme/d"}
    assert seen.current is not None
    await wait_until(lambda: follower.version == seen.version)


async def test_of_the_default_tenant_alone_nothing_is_other_than_before(kafka_settings, follower, tmp_path):
    ours = rules(tmp_path, "a=가람")
    await publish_rules(kafka_settings, ours)
    await wait_until(lambda: follower.version == ours.version)
    assert follower.current.version == ours.version
    assert ids(follower.current) == {"bridge", "a"}


@pytest.mark.parametrize(("broken", "other"), [("acme", "default"), ("default", "acme")])
async def test_a_set_that_does_not_load_keeps_back_nobody_elses(kafka_settings, follower, tmp_path, broken, other):
    for tenant in (broken, other):
        await publish_rules(kafka_settings, rules(tmp_path, "a=가람"), tenant=tenant)
    await wait_until(lambda: follower.of("acme") and follower.of("default"))
    await publish_bad(kafka_settings, broken)
    await wait_until(lambda: follower.refused)
    assert ("tenant acme" in follower.refused) == (broken == "acme")
    # the other changes meanwhile, live, and who starts now sees the same
    await publish_rules(kafka_settings, rules(tmp_path, "a=가람", "b=나루"), tenant=other)
    await wait_until(lambda: ids(follower.of(other)) == {"bridge", "a", "b"})
    assert ids(follower.of(broken)) == {"bridge", "a"}
    assert follower.refused
    late = await fresh(kafka_settings)
    assert late.refused
    assert ids(late.of(other)) == {"bridge", "a", "b"}
    assert late.of(broken) is None, "it was the first good one: there is no `previous` of it"
    await publish_rules(kafka_settings, rules(tmp_path, "c=다솜"), tenant=broken)
    await wait_until(lambda: follower.refused is None)
    assert ids(follower.of(broken)) == {"bridge", "c"}


async def test_who_starts_while_one_set_is_broken_falls_back_for_that_tenant(kafka_settings, tmp_path):
    for step in ("a=가람", "b=나루"):
        await publish_rules(kafka_settings, rules(tmp_path, step), tenant="acme")
    await publish_bad(kafka_settings, "acme")
    await publish_rules(kafka_settings, rules(tmp_path, "z=마루"))
    late = await fresh(kafka_settings)
    assert "tenant acme: " in (late.refused or "")
    assert ids(late.of("acme")) == {"bridge", "a"}
    assert ids(late.of("default")) == {"bridge", "z"}


async def test_a_manifest_in_another_tenants_place_is_refused(kafka_settings, follower, tmp_path):
    await publish_rules(kafka_settings, rules(tmp_path, "a=가람"))
    stored = await read_whole(kafka_settings, topics.RULES)
    await write(
        kafka_settings, ("current/acme", stored["current"]), ("current/default", b"?"), ("current/No Name", b"?")
    )
    await wait_until(lambda: follower.refused)
    assert follower.refused == "tenant acme: this manifest is of the tenant default; apply the rules of acme again"
    assert follower.of("acme") is None
    with pytest.raises(BadInput, match="of the tenant default"):
        await read_in_force(kafka_settings, "acme")


@pytest.mark.parametrize("writes", range(6))
async def test_a_publisher_that_dies_after_n_writes_leaves_both_sets_whole(
    kafka_settings, tmp_path, monkeypatch, writes
):
    """Crash table as of `test_control_rules`: two items, `previous`, `current`, one tombstone (of a, two sets ago)."""
    await publish_rules(kafka_settings, rules(tmp_path, "a=가람"))
    for step in ("a=가람 길", "b=나루"):
        await publish_rules(kafka_settings, rules(tmp_path, step), tenant="acme")
    new = rules(tmp_path, "c=다솜", "d=라온")
    with monkeypatch.context() as patch:
        patch.setattr(control_rules, "make_producer", lambda settings: DyingProducer(settings, writes))
        if writes < 5:
            with pytest.raises(PublisherDiedError):
                await publish_rules(kafka_settings, new, tenant="acme")
        else:
            await publish_rules(kafka_settings, new, tenant="acme")
    seen = await fresh(kafka_settings)
    assert seen.refused is None
    assert ids(seen.of("acme")) == ({"bridge", "c", "d"} if writes >= 4 else {"bridge", "b"})
    assert ids(seen.of("default")) == {"bridge", "a"}
    await publish_rules(kafka_settings, new, tenant="acme")
    seen = await fresh(kafka_settings)
    assert (ids(seen.of("acme")), seen.refused) == ({"bridge", "c", "d"}, None)


async def test_tenants_that_publish_at_once_leave_all_of_their_sets_whole(kafka_settings, tmp_path):
    """What one removes another may have just begun to need."""
    names = ["default", "acme", "b", "c"]
    sets = [rules(tmp_path, "x=가람", f"r{number}=나루 {number}") for number in range(3)]
    for ruleset in sets:
        outcomes = await asyncio.gather(
            *(publish_rules(kafka_settings, ruleset, tenant=name) for name in names), return_exceptions=True
        )
        assert not [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, Unavailable)]
        seen = await fresh(kafka_settings)
        assert seen.refused is None
        for name in names:
            assert ids(seen.of(name)) == ids(ruleset)


async def test_what_loads_and_cannot_be_used_keeps_back_only_whose_it_is(kafka_settings, tmp_path):
    def check(before: RuleSet | None, after: RuleSet) -> None:
        checked.append((before, after))
        if any(rule.id == "mine" for rule in after.rules):
            raise BadInput("it loads and does not compile")

    checked: list[Any] = []
    made = RulesFollower(kafka_settings, check=check)
    await made.start()
    try:
        await publish_rules(kafka_settings, rules(tmp_path, "mine=가람"))
        await wait_until(lambda: made.current)
        assert not checked, "of one tenant alone the engine itself is the check"
        await publish_rules(kafka_settings, rules(tmp_path, "a=나루"), tenant="acme")
        await wait_until(lambda: made.of("acme"))
        await publish_rules(kafka_settings, rules(tmp_path, "mine=나루"), tenant="acme")
        await wait_until(lambda: made.refused)
        assert made.refused == "tenant acme: it loads and does not compile"
        await publish_rules(kafka_settings, rules(tmp_path, "b=다솜"))
        await wait_until(lambda: ids(made.current) == {"bridge", "b", "acme/bridge", "acme/a"})
    finally:
        await made.stop()
