"""Any text as a rule or as a rule file loads or says clearly why not; no rule costs more than linear in the article.

Work is counted in steps (lines of this package that run), which do not depend on the machine.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from service.adapters.rule_files import load_rules
from service.matching.engine import Engine
from service.matching.expression import Expression
from service.matching.language import MAX_LENGTH, RuleSyntaxError, parse
from service.model.article import Article
from service.model.errors import InvalidRules
from tests.rule_language import engine_for, rules

TOKENS = st.sampled_from(
    ["@a", "@b", '"협약"', '"', 'raw:"G+"', "raw:", "충칭*", "*", "AND", "OR", "NOT", "NOT IN", "NEAR", "NEAR/3", "ONEAR/99", "NEAR/", "SAME SENTENCE",
     "SAME", "ATLEAST/2", "ATLEAST", "FIRST/9", "2 OF", "OF", "(", ")", ",", "title:", "any:", "body :", "source:", "lang: ko", "url: *", "and", "서울", "/x/",
     "“", "'", "\n", "\x00", "9999999999", "NOT NOT"]
)  # fmt: skip
WORDS = st.lists(TOKENS, max_size=15).map(" ".join)


def steps(work: Callable[[], object]) -> int:
    """Lines of service/ that run."""
    count = 0

    def line(_frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    def call(frame: FrameType, _event: str, _arg: Any) -> Any:
        return line if "/service/" in frame.f_code.co_filename else None

    before = sys.gettrace()
    sys.settrace(call)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


read_once = ["충칭*", '2 OF (@a, "나")', '@a AND source: "가"', "@a @"]
"""What is made when it is first needed is made now: the parser, tables of letters."""


def read(text: str) -> None:
    wrong: RuleSyntaxError | None = None
    try:
        tree = parse(text)
    except RuleSyntaxError as error:
        wrong = error
    if wrong is None:
        assert parse(str(tree)) == tree
    else:
        assert 0 <= wrong.at <= len(text)
        assert wrong.message.strip()


for _text in read_once:
    read(_text)


@given(st.text(max_size=80) | st.text(alphabet='@ab"()ANDORNOTEI \n/3:,*가나', max_size=80) | WORDS)
@example("@a @")
@example("2 OF (@a,)")
@example("((@a)")
def test_any_text_is_a_rule_or_a_clear_error(text: str) -> None:
    assert steps(lambda: read(text)) < 3_000 + 400 * len(text)


@given(rules(), st.data())
def test_a_mistake_in_a_rule_is_a_rule_or_a_clear_error(rule: Expression, data: st.DataObject) -> None:
    text = str(rule)
    begin = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(begin, min(len(text), begin + 6)))
    read(text[:begin] + data.draw(st.just("") | TOKENS | st.characters()) + text[end:])


@pytest.mark.parametrize(
    "piece",
    ["(", ")", '"', "@a ", "NOT ", "@a AND ", "@a OR ", "@a NEAR ", "title: ", "ATLEAST/2 ", "1 OF (", "가", "/", "raw:", "@a NOT IN (", ", ", "lang:", "*", "\n", "1", "NEAR/"],
)  # fmt: skip
def test_hostile_rules_cost_what_they_are_long(piece: str) -> None:
    text = (piece * MAX_LENGTH)[:MAX_LENGTH]
    assert steps(lambda: read(text)) < 200 * MAX_LENGTH
    read(text + "@a" + ")" * text.count("("))


FILES = st.one_of(
    st.text(max_size=200),
    st.lists(
        st.sampled_from(
            ["entities:", "rules:", "  - {id: a, name: 가람}", "  - id: b", "    when: ", "    when: |", "      @a AND", "      @zz", "    expires: ",
             "2026-02-30", "2026-12-31", "    tests: [{text: 가람, fires: true}]", "    name: ", "    tags: ", "[", "]", "{", "}", "&x", "*x", "<<: *x", "!!binary",
             "!!python/object:os.system x", "    policy: {mode: each}", '"', "'", "- ", ": ", "# ", "\t", "\x00", "---", "%YAML 9", "    shadow: maybe"]
        ),
        max_size=14,
    ).map("\n".join),
)  # fmt: skip


@given(FILES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@example("a: &a [x, x]\nrules: [*a, *a]")
@example("rules: [{id: r, when: '@a', expires: 9999-12-31}]")
def test_any_text_is_a_rule_file_or_a_clear_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))

    def load() -> None:
        problems = None
        try:
            load_rules(file)
        except InvalidRules as error:
            problems = error.problems
        assert problems is None or problems
        for problem in problems or ():
            assert min(problem.line, problem.column) >= 1
            assert problem.message

    assert steps(load) < 20_000 + 2_000 * len(text)


def test_yaml_that_unfolds_without_end_is_refused(tmp_path: Path) -> None:
    levels = "\n".join(f"    l{number}: &l{number} [{', '.join([f'*l{number - 1}'] * 9)}]" for number in range(1, 12))
    bomb = f"rules:\n  - id: r\n    when: '@a'\n    l0: &l0 [x, x]\n{levels}\n"
    (tmp_path / "r.yaml").write_text(bomb, encoding="utf-8")

    def load() -> None:
        with pytest.raises(InvalidRules, match="unfold"):
            load_rules(tmp_path)

    assert steps(load) < 5_000_000


ADVERSARIAL = [
    '"협약" NEAR/30 (@harbour OR @hill OR @press)',
    '@harbour ONEAR/0 "나루시"',
    '@harbour SAME SENTENCE "협약" SAME SENTENCE @hill',
    "@harbour SAME PARAGRAPH @press",
    'ATLEAST/1000 ("나루시" OR @harbour OR "나루 시")',
    '(@harbour OR "나루시") NOT IN ("협약", @hill, "나루 시")',
    "quote: @harbour",
    "any: @harbour",
    "FIRST/100000 (@harbour OR @hill)",
    'raw:"DASOM" OR 협약*',
    '3 OF (@harbour, @hill, NOT @press, "협약")',
]
ARTICLE_PIECES = [
    "나루시 ", "나루시 협약 ", "협약 나루시 가람산 다솜전자 ", "나루시가 말했다. ", "나루시가 말했다.\n", '"나루시" ', "나루 시 나루시 ", "- 나루시 협약\n", "[나루시=가 기자] ", "DASOM dasom ", "협약식 ",
]  # fmt: skip


def growth(engine: Engine, piece: str, size: int) -> float:
    """How many times the work doubles where the article does."""
    one, two = (Article("a", text=piece * (size * times // len(piece))) for times in (1, 2))

    def work(article: Article) -> None:
        for hit in engine.match(article).hits:
            assert hit.occurrences

    work(one)  # what is worked out once
    return (steps(lambda: work(two)) + 1) / (steps(lambda: work(one)) + 1)


@pytest.mark.parametrize("when", ADVERSARIAL)
def test_no_operator_costs_more_than_linear(when: str) -> None:
    engine = engine_for([parse(when)])
    for piece in ARTICLE_PIECES:
        assert growth(engine, piece, 3_000) < 2.6, piece


@given(st.lists(rules(), min_size=1, max_size=3), st.lists(st.sampled_from(ARTICLE_PIECES), min_size=1, max_size=4))
@settings(max_examples=25)
def test_no_rule_costs_more_than_linear(expressions: list[Expression], pieces: list[str]) -> None:
    assert growth(engine_for(expressions), "".join(pieces), 2_000) < 2.6
