"""The language of `when`: what it means, and what it says when it is not understood."""

import pytest

from service.matching.expression import (
    And,
    AtLeast,
    EntityTerm,
    Expression,
    FieldIs,
    First,
    LiteralTerm,
    Near,
    Not,
    Or,
    Outside,
    RawTerm,
    Same,
    SomeOf,
    WildcardTerm,
    Zoned,
    terms_of,
)
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
        ("@a AND 'c'", 7, "straight"),
        ("@a NEAR @b NEAR @c", 11, "(A NEAR B) AND (B NEAR C)"),
        ("@a SAME SENTENCE @b SAME PARAGRAPH @c", 20, "side by side"),
        ("@a SAME SENTENCE @b NEAR/2 @c", 20, "side by side"),
        ("@a NEAR/31 @b", 3, "0 to 30"),
        ("@a NEAR/ @b", 3, "NEAR/5"),
        ("@a NEAR/3 NOT @b", 3, "NOT (A NEAR/3 B)"),
        ("@a NEAR/3 (@b AND @c)", 3, "@b AND @c"),
        ('@a NEAR/3 lang: "ko"', 10, "whole article"),
        ("@a NEAR/3 충칭*", 10, "SAME SENTENCE"),
        ("ATLEAST/0 @a", 0, "1 to 1000"),
        ("ATLEAST/9999999999999 @a", 0, "1 to 1000"),
        ("ATLEAST/2 (@a AND @b)", 0, "@a AND @b"),
        ("ATLEAST/2 NOT @a", 0, "write NOT (ATLEAST/2 A)"),
        ("FIRST @a", 0, "FIRST/5"),
        ("FIRST/200000 @a", 0, "1 to 100000"),
        ("3 OF (@a, @b)", 0, "1 to 2"),
        ("1 OF (@a, @b, @a)", 14, "twice"),
        ("OF (@a, @b)", 0, "2 OF"),
        ("2 of (@a, @b)", 0, "2 OF"),
        ("@a, @b", 2, "lists"),
        ('@a NOT IN "대학"', 10, "parentheses"),
        ("@a NOT IN", 9, "NOT IN ("),
        ('@a NOT IN ("대학" AND "교수")', 3, "one by one"),
        ("@a NOT IN (@a)", 11, "longer word"),
        ("(@a AND @b) NOT IN (@c)", 12, "@a AND @b"),
        ("title: body: @a", 7, "body: @a"),
        ('title: (lang: "ko" AND @a)', 8, "no zone"),
        ("FIRST/9 FIRST/3 @a", 8, "FIRST/3"),
        ("title: FIRST/9 @a", 7, "not in it"),
        ("FIRST/9 (@a OR title: @b)", 15, "not in it"),
        ("body @a", 0, '"body"'),
        ("headline: @a", 0, "no field or zone headline:"),
        ("lang: (ko)", 6, "follow lang:"),
        ("lang: ko", 0, "nothing positive"),
        ("source: *", 8, "fits everything"),
        ("1 OF (@a, NOT @b)", 0, "nothing positive"),
        ("raw: @a", 5, "raw:"),
        ("충*", 0, "2 Hangul syllables"),
        ("abc*", 0, "4 Latin letters"),
        ('"충칭*"', 0, "충칭*"),
        ("*충칭", 0, "end of a word"),
        ("충칭*시", 3, "the end of a word"),
        ("/충칭/", 0, "regular expressions"),
        ("@a && @b", 3, "AND, OR, NOT"),
        ("@a SAME @b", 3, "SAME SENTENCE"),
        ("@a IN (@b)", 3, "NOT IN"),
        ("NOT " * 300 + "@a", 796, "too deeply"),
        ("(" * 60 + "@a" + ")" * 60, 50, "deeper than 50"),
        ('"' + "a" * 20_001 + '"', 20_000, "longer than"),
    ],
)
def test_errors_say_where_and_what_to_do(text: str, at: int, says: str) -> None:
    with pytest.raises(RuleSyntaxError) as error:
        parse(text)
    assert error.value.at == at
    assert says in error.value.message


A, B, C = EntityTerm("a"), EntityTerm("b"), LiteralTerm("관광 상품")


@pytest.mark.parametrize(
    ("text", "tree", "canonical"),
    [
        ("@a NEAR @b", Near(A, B, 4), "@a NEAR/4 @b"),
        ("@a ONEAR/0 @b", Near(A, B, 0, ordered=True), None),
        ('(@a OR "관광  상품") NEAR/9 @b', Near(Or((A, LiteralTerm("관광  상품"))), B, 9), None),
        ("@a SAME  SENTENCE @b", Same("sentence", (A, B)), "@a SAME SENTENCE @b"),
        ('@a SAME PARAGRAPH @b SAME PARAGRAPH "관광 상품"', Same("paragraph", (A, B, C)), None),
        ("ATLEAST/2 (@a OR @b)", AtLeast(2, Or((A, B))), None),
        ("2 OF (@a, @b AND @a, NOT @b)", SomeOf(2, (A, And((B, A)), Not(B))), None),
        ('@a NOT IN ("관광 상품", @b, 대학*)', Outside(A, (C, B, WildcardTerm("대학"))), None),
        ("ATLEAST/2 @a NOT IN (@b)", AtLeast(2, Outside(A, (B,))), None),
        ("(title:@a) NOT IN (@b)", Outside(Zoned("title", A), (B,)), "(title: @a) NOT IN (@b)"),
        ("title:(@a AND NOT @b)", Zoned("title", And((A, Not(B)))), "title: (@a AND NOT @b)"),
        ("title: @a NEAR/3 @b", Near(Zoned("title", A), B, 3), None),
        ("any: FIRST/50 @a", Zoned("any", First(50, A)), None),
        ('raw:"Google+"', RawTerm("Google+"), None),
        ("충칭* OR Google*", Or((WildcardTerm("충칭"), WildcardTerm("Google"))), None),
        ("@a AND source:*일보", And((A, FieldIs("source", "*일보"))), '@a AND source: "*일보"'),
        ("@a AND NOT url: https://x.example/*", And((A, Not(FieldIs("url", "https://x.example/*")))),
         '@a AND NOT url: "https://x.example/*"'),
        ("@a AND (lang: ko OR lang:en)", And((A, Or((FieldIs("lang", "ko"), FieldIs("lang", "en"))))),
         '@a AND (lang: "ko" OR lang: "en")'),
        ("NOT (@a NEAR @b) AND @a", And((Not(Near(A, B, 4)), A)), "NOT (@a NEAR/4 @b) AND @a"),
        ("@a NEAR @b AND @a", And((Near(A, B, 4), A)), "@a NEAR/4 @b AND @a"),
    ],
)  # fmt: skip
def test_operators(text: str, tree: Expression, canonical: str | None) -> None:
    assert parse(text) == tree
    assert str(tree) == (canonical or text)
    assert parse(str(tree)) == tree


def test_every_term_knows_its_place() -> None:
    text = '2 OF (@a, raw:"G+", title: 충칭*) AND @b NEAR/3 ("관광" OR @c) AND @d NOT IN ("대학")'
    places = {str(term): term.at for term in terms_of(parse(text))}
    assert places == {term: text.index(term) for term in places}
    assert len(places) == 8
