"""The language of `when`: what it means, and what it says when it is not understood."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.matching.expression import And, EntityTerm, LiteralTerm, Not, Or
from service.matching.language import RuleSyntaxError, parse


def test_tree() -> None:
    text = '@a AND (@b OR "관광 상품") AND NOT "c"'
    tree = parse(text)
    assert isinstance(tree, And)
    first, second, third = tree.parts
    assert first == EntityTerm("a", 0)
    assert isinstance(second, Or)
    assert second.parts[1] == LiteralTerm("관광 상품", text.index('"관광'))
    assert third == Not(LiteralTerm("c", text.index('"c"')))
    assert str(tree) == text


@pytest.mark.parametrize(
    ("text", "at", "says"),
    [
        ("", 0, "empty"),
        ("@a AND @b OR @c", 10, "parentheses"),
        ("NOT @a", 0, "nothing positive"),
        ("@a OR NOT @b", 0, "nothing positive"),
        ("서울시 AND @b", 0, '"서울시"'),
        ("@a @b", 3, "AND or OR"),
        ("@a and @b", 3, "capitals: AND"),
        ("titel: @a", 0, "title:"),
        ("@a AND", 6, "missing at the end"),
        ("(@a", 3, "never closed"),
        ("@a)", 2, "closes nothing"),
        ('"abc', 0, "quotation mark"),
        ('@a AND " "', 7, "empty"),
        ("@Seoul", 0, "a-z, 0-9 and -"),
        ("ATLEAST @a", 0, "ATLEAST/5"),
        ("“서울” AND @a", 0, "straight"),
    ],
)
def test_errors_say_where_and_what_to_do(text: str, at: int, says: str) -> None:
    with pytest.raises(RuleSyntaxError) as error:
        parse(text)
    assert error.value.at == at
    assert says in error.value.message


@pytest.mark.parametrize(
    "text",
    ["@a NEAR/3 @b", "@a ONEAR/3 @b", "@a SAME SENTENCE @b", "@a SAME  PARAGRAPH @b", "ATLEAST/2 @a", "2 OF (@a, @b)", "FIRST/9 @a",
     '@a NOT IN ("x", "y")', "title: @a", "any: @a", '@a AND source: "가온"', "@a AND lang: ko", 'raw:"G+"', "충칭*"],
)  # fmt: skip
def test_what_is_not_available_yet_is_refused_by_name(text: str) -> None:
    with pytest.raises(RuleSyntaxError, match="not available yet") as error:
        parse(text)
    operator = next(
        word
        for word in (
            "NEAR",
            "SAME",
            "ATLEAST",
            "OF",
            "FIRST",
            "NOT IN",
            "title:",
            "any:",
            "source:",
            "lang:",
            "raw:",
            "*",
        )
        if word in text
    )
    assert operator in error.value.message


@given(st.text(max_size=60) | st.text(alphabet='@ab"()ANDORNOT \n/3:,*가', max_size=60))
def test_any_text_is_a_rule_or_a_clear_error(text: str) -> None:
    try:
        tree = parse(text)
    except RuleSyntaxError as found:
        error = found
    else:
        assert str(parse(str(tree))) == str(tree)
        return
    assert 0 <= error.at <= len(text)
    assert error.message
