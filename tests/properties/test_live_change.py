"""A rule set that is changed in steps finds what the same set finds that was loaded and compiled as a whole."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from service.matching.engine import Engine
from service.matching.layers import Compiler, Layered
from service.matching.reloading import RuleLoader
from service.matching.ruleset import Place, RuleSet
from service.matching.schema import EntityModel, RuleModel
from service.model.article import Article
from tests.rule_language import nowhere

NAMES = ["가람시", "나루군", "다솜면", "라온읍"]
WORDS = ["협약", "폭우"]


def entity(number: int, alias: str | None, needs: int | None) -> EntityModel:
    return EntityModel.model_validate(
        {"id": f"e{number}", "name": NAMES[number], "aliases": [alias] if alias else [],
         "needs": None if needs is None or needs == number else [f"@e{needs}"]}
    )  # fmt: skip


ENTITIES = st.tuples(
    *(
        st.builds(entity, st.just(n), st.sampled_from([None, "새터", "한울"]), st.sampled_from([None, None, 0, 1]))
        for n in range(len(NAMES))
    )
)
TERM = st.one_of(st.integers(0, 3).map(lambda n: f"@e{n}"), st.sampled_from(WORDS).map(lambda word: f'"{word}"'))
WHEN = st.one_of(
    TERM,
    st.tuples(TERM, TERM).map(" AND ".join),
    st.tuples(TERM, TERM).map(" AND NOT ".join),
    st.tuples(TERM, TERM).map(" OR ".join),
)
RULES = st.dictionaries(st.sampled_from("abcdef"), WHEN, min_size=1)


@st.composite
def sets(draw: Any) -> dict[str, bytes]:
    rules = [RuleModel(id=name, when=when) for name, when in draw(RULES).items()]
    return RuleSet.build([(item, nowhere) for item in (*draw(ENTITIES), *rules)]).to_records()


ARTICLE = st.lists(st.sampled_from([f"{word} 소식." for word in (*NAMES, *WORDS, "새터", "한울")]), max_size=5)


def hits(engine: Any, text: str) -> list[Any]:
    return [(hit.rule, hit.mentions) for hit in engine.match(Article("a", text=text)).hits]


@given(st.lists(sets(), min_size=2, max_size=4), ARTICLE)
def test_steps_lead_to_the_same_rules_as_a_fresh_start(steps: list[dict[str, bytes]], words: list[str]) -> None:
    load, compile_next = RuleLoader(), Compiler(Engine)
    text = " ".join(words)
    for records in steps:
        ruleset, fresh = load(records), RuleSet.from_records(records)
        assert (ruleset.version, ruleset.entities, ruleset.rules) == (fresh.version, fresh.entities, fresh.rules)
        engine = compile_next(ruleset)
        assert hits(engine, text) == hits(Engine(fresh), text)
        article = Article("a", text=text)
        assert engine.match(article).mentions == Engine(fresh).examine(article).mentions


def test_what_stays_is_not_read_again_and_only_the_rest_is_compiled() -> None:
    def records(changed: str) -> dict[str, bytes]:
        entities = [entity(n, None, None) for n in range(4)]
        rules = [RuleModel(id=f"r{n}", when=f"@e{n % 4}", tags=[changed] if n == 7 else []) for n in range(200)]
        items: list[tuple[EntityModel | RuleModel, Place]] = [
            *((item, nowhere) for item in entities),
            *((item, nowhere) for item in rules),
        ]
        return RuleSet.build(items).to_records()

    compiled: list[RuleSet] = []

    def compile_set(ruleset: RuleSet) -> Engine:
        compiled.append(ruleset)
        return Engine(ruleset)

    load, compile_next = RuleLoader(), Compiler(compile_set)
    first = load(records("a"))
    compile_next(first)
    second = load(records("b"))
    assert len({id(rule) for rule in second.rules} - {id(rule) for rule in first.rules}) == 1
    assert isinstance(compile_next(second), Layered)
    assert [rule.id for rule in compiled[-1].rules] == ["r7"]
    assert [one.id for one in compiled[-1].entities] == ["e3"]
