"""Rules of the whole language: the fast path, the plain evaluator and the oracle say the same, and candidates lose none."""

from hypothesis import event, example, given
from hypothesis import strategies as st

from service.ingest.reading import Document
from service.matching import language
from service.matching.builder import Builder
from service.matching.expression import And, Expression, Or
from service.matching.implication import implies
from service.matching.language import RuleSyntaxError, parse
from service.matching.positions import Positions
from service.model.article import Article
from tests.rule_language import ARTICLES, Oracle, engine_for, rules


@given(st.lists(rules(), min_size=1, max_size=4), ARTICLES)
@example([parse("@harbour SAME SENTENCE @hill")], Article("a", text="나루시는 크다고 했다. 가람산은 높다고 했다."))
@example([parse('"등불" NOT IN (@lamp)')], Article("a", text="등불이 켜졌다고 했다."))
@example([parse("related: @harbour")], Article("a", text="소식이 왔다고 했다.\n\n관련기사\n- 나루시 협약 소식"))
@example(
    [parse('any: (@lamp NEAR/2 "협약")')], Article("a", text="다솜전자가 왔다고 했다.\n\n관련기사\n- 등불 협약 소식")
)
@example([parse("dateline: @harbour")], Article("a", text="[나루시=한빛일보 나라온 기자] 눈이 왔다고 했다."))
@example([parse('ATLEAST/2 (@press OR "다솜")')], Article("a", text="다솜전자와 다솜이 협약을 맺었다."))
def test_fast_plain_and_oracle_agree(expressions: list[Expression], article: Article) -> None:
    engine = engine_for(expressions)
    oracle = Oracle(engine, article)
    written = {rule.id: rule.expression for rule in engine.ruleset.rules}
    judged = {name: oracle.judge(expression) for name, expression in written.items()}
    truth = {name for name, (is_true, _) in judged.items() if is_true}
    event(f"{len(truth)} of {len(written)} rules fire")
    for name in truth:
        event(f"fires: {type(written[name]).__name__}")

    fast, whole = engine.match(article), engine.examine(article)
    assert {hit.rule.id for hit in fast.hits} == truth
    assert [(hit.rule.id, hit.mentions) for hit in fast.hits] == [(hit.rule.id, hit.mentions) for hit in whole.hits]
    scene = engine.scene(article)
    assert {compiled.rule.id for compiled in engine._index.true(scene)} == truth
    present = {*scene.counted, *scene.beyond}
    assert truth <= {compiled.rule.id for compiled in engine._index.candidates(present)}
    assert truth <= {compiled.rule.id for compiled in engine._index.rules if compiled.could_be_true(present)}
    for hit in whole.hits:
        found = {(one.start, one.end, one.surface.term) for one in hit.occurrences}
        expected = {(one.start, one.end, one.surface.term) for one in judged[hit.rule.id][1].values()}
        assert found == expected, hit.rule.when
        assert len(hit.occurrences) == len(found) > 0, "each once, and something positive"
        assert all(mention.reason is None for mention in hit.mentions)


@given(rules(), rules(), ARTICLES)
def test_what_implies_is_never_true_alone(one: Expression, other: Expression, article: Article) -> None:
    """Operators that implication does not know are taken as they are written: what it says stays true."""
    pairs = [(one, other), (And((one, other)), other), (one, Or((other, one))), (one, And((one, other)))]
    oracle = Oracle(engine_for([one, other]), article)
    for narrow, broad in pairs:
        if implies(narrow, broad):
            event("implies")
            assert not oracle.judge(narrow)[0] or oracle.judge(broad)[0]


@given(rules())
def test_what_is_printed_is_read_again(rule: Expression) -> None:
    assert parse(str(rule)) == rule
    assert str(parse(str(rule))) == str(rule)


@given(ARTICLES, st.data())
def test_words_counted_at_hand_are_those_counted_in_the_whole(article: Article, data: st.DataObject) -> None:
    document = Document(article)
    places = [at for at, one in enumerate(document.text) if not one.isspace()]
    if places:
        last, begin = sorted((data.draw(st.sampled_from(places)), data.draw(st.sampled_from(places))))
        positions = Positions(document)
        assert positions.words_between(last + 1, begin) == positions.word(begin) - positions.word(last) - 1


TERMS = st.sampled_from(
    ["@harbour", "@a-1", '"협약"', '"NOT 나루 시"', '"AND"', '"협약*"', '" 협약"', '""', "@A", "협약*"]
)
JOINTS = st.sampled_from(["AND", "AND NOT", "OR", "OR NOT", "AND\nNOT", "AND AND", "and", "NEAR/2", ""])
GAPS = st.sampled_from([" ", "  ", "\n", "\t", "\r\n", "", "\u3000", "\v"])


@st.composite
def rows(draw: st.DrawFn) -> str:
    """Terms in a row, most of them joined as a rule may be."""
    joints = draw(st.one_of(st.just(st.sampled_from(["AND", "AND NOT"])), st.just(st.just("OR")), st.just(JOINTS)))
    gaps = draw(st.one_of(st.just(st.just(" ")), st.just(GAPS)))
    out = [draw(gaps), draw(TERMS)]
    for _ in range(draw(st.integers(0, 3))):
        out += [draw(gaps), draw(joints), draw(gaps), draw(TERMS)]
    return "".join((*out, draw(gaps)))


@given(rows())
@example('@harbour AND NOT "NOT 나루 시" AND @a-1')
@example(' "협약"\tOR @harbour\r\nOR @a-1 ')
def test_a_row_of_terms_is_what_the_parser_makes_of_it(text: str) -> None:
    """Places included: they are no part of equality, so the whole value is looked at."""
    if language._FLAT.fullmatch(text) is None:
        event("for the parser")
        return
    event("in a row")
    try:
        parsed = repr(Builder().build(language._tree(text)))
    except RuleSyntaxError as error:
        parsed = error.message
    assert repr(parse(text)) == parsed
