"""Which rule says less than which, against all assignments of all names."""

from itertools import product

from hypothesis import given
from hypothesis import strategies as st

from service.matching.entities import Rule
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not, Or
from service.matching.implication import MAX_RULES, implies, mutes
from service.matching.language import parse

NAMES = "abcd"
TERMS = st.one_of(
    st.builds(EntityTerm, st.sampled_from(NAMES), st.integers(0, 9)),
    st.builds(LiteralTerm, st.sampled_from(["a", "x"])),
)
EXPRESSIONS: st.SearchStrategy[Expression] = st.recursive(
    TERMS,
    lambda parts: st.one_of(
        st.lists(parts, min_size=2, max_size=3).map(lambda given: And(tuple(given))),
        st.lists(parts, min_size=2, max_size=3).map(lambda given: Or(tuple(given))),
        parts.map(Not),
    ),
    max_leaves=7,
)


def is_true(expression: Expression, given_: dict[str, bool]) -> bool:
    if isinstance(expression, Not):
        return not is_true(expression.part, given_)
    if isinstance(expression, And):
        return all(is_true(part, given_) for part in expression.parts)
    if isinstance(expression, Or):
        return any(is_true(part, given_) for part in expression.parts)
    return given_[str(expression)]


def everywhere(narrow: Expression, broad: Expression) -> bool:
    atoms = [f"@{name}" for name in NAMES] + ['"a"', '"x"']
    return all(
        is_true(broad, dict(zip(atoms, values, strict=True)))
        for values in product((True, False), repeat=len(atoms))
        if is_true(narrow, dict(zip(atoms, values, strict=True)))
    )


@given(EXPRESSIONS, EXPRESSIONS)
def test_implication_is_what_all_assignments_say(narrow: Expression, broad: Expression) -> None:
    said = implies(narrow, broad)
    if _shares_no_atom(narrow, broad):  # only what is never true implies what it has nothing to do with
        assert not said
    else:
        assert said == everywhere(narrow, broad)


def _shares_no_atom(narrow: Expression, broad: Expression) -> bool:
    def atoms(one: Expression) -> set[str]:
        if isinstance(one, Not):
            return atoms(one.part)
        return set().union(*map(atoms, one.parts)) if isinstance(one, And | Or) else {str(one)}

    return atoms(narrow).isdisjoint(atoms(broad))


def rule(name: str, when: str) -> Rule:
    return Rule(name, name, when, parse(when))


def test_narrower_rules_mute_broader_ones_and_equals_nobody() -> None:
    rules = [
        rule("talks", "@seoul AND @chongqing AND NOT @tour"),
        rule("both", "@chongqing AND @seoul"),
        rule("same", "@seoul AND @chongqing"),
        rule("seoul", "@seoul"),
        rule("cities", "@seoul OR @busan"),
        rule("other", '@seoul AND "협약"'),
    ]
    assert mutes(rules) == [
        ("both", "cities", "same", "seoul"),
        ("cities", "seoul"),
        ("cities", "seoul"),
        ("cities",),
        (),
        ("cities", "seoul"),
    ]
    assert mutes(rules[:1]) == [()]
    assert mutes([rules[0]] * (MAX_RULES + 1)) == [()] * (MAX_RULES + 1)
