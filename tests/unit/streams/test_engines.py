import gc
import threading
import weakref

import pytest

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.model.article import Article
from service.streams.engines import Engines
from tests.waiting import wait_until

RULES = """
entities: [{id: seoul, name: 서울시, kind: government}]
rules: [{id: seoul, name: 서울, when: "@seoul"}]
"""


class Set:
    """As much of a rule set as `Engines` looks at."""

    def __init__(self, version, rules=1):
        self.version = version
        self.rules = [object()] * rules


@pytest.fixture
async def compiled():
    """Engines whose compiler gives back the set, fails for `bad` ones, and waits while `hold` is not set."""
    hold = threading.Event()
    hold.set()
    seen = []

    def compile_set(ruleset):
        seen.append(ruleset.version)
        hold.wait(10)
        if ruleset.version.startswith("bad"):
            raise ValueError(f"{ruleset.version} does not compile")
        return ruleset

    engines = Engines(compile_set)
    yield engines, seen, hold
    hold.set()
    await engines.stop()


async def test_the_newest_set_is_in_force(compiled):
    engines, _, _ = compiled
    assert (engines.ready, engines.version, engines.rules) == (False, "", 0)
    engines.changed(Set("v1", 3))
    engine, version = await engines.current()
    assert (engine.version, version) == ("v1", "v1")
    assert (engines.ready, engines.rules, engines.refused) == (True, 3, None)


async def test_of_several_in_a_row_only_the_last_is_compiled(compiled):
    engines, seen, hold = compiled
    hold.clear()
    engines.changed(Set("v1"))
    await wait_until(lambda: seen == ["v1"], 5)
    for version in ("v2", "v3", "v4"):
        engines.changed(Set(version))
    hold.set()
    await wait_until(lambda: engines.version == "v4", 5)
    assert seen == ["v1", "v4"]


async def test_a_set_that_does_not_compile_leaves_the_last_good_one(compiled):
    engines, _, _ = compiled
    engines.changed(Set("v1", 2))
    await engines.current()
    engines.changed(Set("bad2", 9))
    await wait_until(lambda: engines.refused is not None, 5)
    assert engines.refused == "bad2 does not compile"
    assert ((await engines.current())[1], engines.rules) == ("v1", 2)
    engines.changed(Set("v3", 4))
    await wait_until(lambda: engines.version == "v3", 5)
    assert (engines.refused, engines.rules) == (None, 4)


async def test_a_first_set_that_does_not_compile_is_told(compiled):
    engines, _, _ = compiled
    engines.changed(Set("bad1"))
    await wait_until(lambda: engines.refused is not None, 5)
    assert not engines.ready


async def test_stop_may_be_called_at_any_time(compiled):
    engines, seen, hold = compiled
    await engines.stop()
    hold.clear()
    engines.changed(Set("v1"))
    await wait_until(lambda: seen, 5)
    await engines.stop()
    assert not engines.ready


async def test_the_collector_leaves_an_engine_in_force_alone(tmp_path):
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    running: list[bool] = []

    def compile_set(ruleset):
        running.append(gc.isenabled())
        return Engine(ruleset)

    engines = Engines(compile_set)
    ruleset = load_rules(tmp_path)
    engines.changed(ruleset)
    engine, _ = await engines.current()
    assert isinstance(engine, Engine)
    assert running == [False], "not while it compiles"
    assert gc.isenabled()
    assert not any(one is engine.ruleset for one in gc.get_objects()), "it is not looked at"


async def test_the_collector_goes_on_after_a_set_that_does_not_compile(compiled):
    engines, _, _ = compiled
    engines.changed(Set("bad1"))
    await wait_until(lambda: engines.refused is not None, 5)
    assert gc.isenabled()


def test_an_engine_is_freed_without_the_collector(tmp_path):
    """Frozen objects are never looked at: a cycle in them would stay for ever."""
    (tmp_path / "rules.yaml").write_text(RULES, encoding="utf-8")
    engine = Engine(load_rules(tmp_path))
    assert engine.match(Article("a", text="서울시가 강을 건넌다.")).hits
    index = weakref.ref(engine._index)
    gc.disable()
    try:
        del engine
        assert index() is None
    finally:
        gc.enable()
