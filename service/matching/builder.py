"""From the parser's tree to the tree of a rule: what may stand where, and what to write instead.

What an operator on places (NEAR, SAME, ATLEAST, NOT IN) stands over must be a place in the article: a term, one of
several terms, or such a thing in a zone. AND and NOT are about the whole article and have no place.
"""

import re
from typing import Any

from service.ingest.normalise import fold
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
    Term,
    WildcardTerm,
    Zoned,
    fields_of,
    nodes_of,
    parts_of,
    terms_of,
)
from service.matching.syntax import RuleSyntaxError

MAX_DEPTH = 50
DEFAULT_WORDS = 4
"""Of NEAR without a number."""
MAX_WORDS = 30
MAX_COUNT = 1_000
MAX_CHARACTERS = 100_000
MIN_HANGUL, MIN_LATIN = 2, 4
"""Of a wildcard's stem."""
_BETWEEN = ("NEAR", "ONEAR", "SAME")
_HANGUL = re.compile("[가-힣]")
_LATIN = re.compile("[a-z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


class Builder:
    """Walks lark's tree."""

    def __init__(self) -> None:
        self._depth = 0

    def build(self, node: Any) -> Expression:
        """The tree of a rule.

        Raises:
            RuleSyntaxError: something stands where it has no meaning.
        """
        self._depth += 1
        if self._depth > 4 * MAX_DEPTH:
            raise RuleSyntaxError(node.meta.start_pos, "operators nested too deeply; make it several rules")
        built: Expression = getattr(self, f"_{node.data}")(node)
        self._depth -= 1
        return built

    def _start(self, node: Any) -> Expression:
        return self.build(node.children[0])

    _group = _start

    def _entity(self, node: Any) -> Expression:
        token = node.children[0]
        if not re.fullmatch(r"@[a-z0-9-]+", token):
            raise RuleSyntaxError(token.start_pos, f"{token} is no id: ids have only a-z, 0-9 and -")
        return EntityTerm(str(token)[1:], token.start_pos)

    def _literal(self, node: Any) -> Expression:
        token = node.children[0]
        text = _quoted(token)
        if text.endswith("*") and (stem := text[:-1]).replace(" ", "").isalnum():
            advice = f"{stem}*" if " " not in stem else "a literal, or the words one by one"
            raise RuleSyntaxError(
                token.start_pos,
                f'a wildcard stands without quotation marks: {advice}; for the sign itself write raw:"{text}"',
            )
        return LiteralTerm(text, token.start_pos)

    def _raw(self, node: Any) -> Expression:
        start, token = node.children
        return RawTerm(_quoted(token), start.start_pos)

    def _wildcard(self, node: Any) -> Expression:
        token = node.children[0]
        stem = str(token)[:-1]
        plain = fold(stem)
        if len(_HANGUL.findall(plain)) < MIN_HANGUL and len(_LATIN.findall(plain)) < MIN_LATIN:
            raise RuleSyntaxError(
                token.start_pos,
                f"{token} would find far too much: a wildcard needs {MIN_HANGUL} Hangul syllables or {MIN_LATIN} Latin "
                "letters before the *; write more of the word, or the words one by one",
            )
        return WildcardTerm(stem, token.start_pos)

    def _field(self, node: Any) -> Expression:
        name, token = node.children
        value = _quoted(token) if token.type == "STRING" else str(token)
        if set(value) <= {"*"}:
            raise RuleSyntaxError(token.start_pos, f"{value} fits everything; write what {name} must be")
        return FieldIs(str(name)[:-1], value, name.start_pos)  # type: ignore[arg-type]

    def _negated(self, node: Any) -> Expression:
        return Not(self.build(node.children[1]))

    def _chain(self, node: Any) -> Expression:
        joins = [child.children[0] for child in node.children[1::2]]
        for join in joins:
            if join.type != joins[0].type:
                raise RuleSyntaxError(
                    join.start_pos,
                    "AND and OR side by side can be read in two ways; put parentheses around what belongs together",
                )
        parts = tuple(self.build(child) for child in node.children[::2])
        return And(parts) if joins[0].type == "AND" else Or(parts)

    def _near(self, node: Any) -> Expression:
        tokens = [child.children[0] for child in node.children[1::2]]
        parts = tuple(self.build(child) for child in node.children[::2])
        first = tokens[0]
        if first.type == "SAME":
            unit = first.split()[1].lower()
            for token in tokens:
                if token.type != "SAME" or token.split()[1].lower() != unit:
                    raise RuleSyntaxError(token.start_pos, _two_relations(first, token))
            for part in parts:
                _must_be_place(part, f"SAME {unit.upper()}", first.start_pos)
            return Same(unit, parts, first.start_pos)
        if len(tokens) > 1:
            raise RuleSyntaxError(tokens[1].start_pos, _two_relations(first, tokens[1]))
        words = _number(first, 0, MAX_WORDS) if "/" in first else DEFAULT_WORDS
        near = Near(parts[0], parts[1], words, first.type == "ONEAR", first.start_pos)
        for part in parts:
            _must_be_place(part, near.operator, first.start_pos)
        if wild := next((term for part in parts for term in terms_of(part) if isinstance(term, WildcardTerm)), None):
            raise RuleSyntaxError(
                wild.at, f"the wildcard {wild} cannot stand in {near.operator}; list its words, or use SAME SENTENCE"
            )
        return near

    def _at_least(self, node: Any) -> Expression:
        token = node.children[0]
        count = _number(token, 1, MAX_COUNT)
        part = self.build(node.children[1])
        _must_be_place(part, str(token), token.start_pos)
        return AtLeast(count, part, token.start_pos)

    def _first(self, node: Any) -> Expression:
        token = node.children[0]
        characters = _number(token, 1, MAX_CHARACTERS)
        part = self.build(node.children[1])
        _must_be_free(part, str(token), First)
        if zone := next((one for one in nodes_of(part) if isinstance(one, Zoned) and one.zone == "title"), None):
            raise RuleSyntaxError(zone.at, f"{token} counts in the body, and title: is not in it; take one of them out")
        return First(characters, part, token.start_pos)

    def _zoned(self, node: Any) -> Expression:
        token = node.children[0]
        zone = str(token)[:-1]
        part = self.build(node.children[1])
        _must_be_free(part, str(token), Zoned)
        if zone == "title" and (first := next((one for one in nodes_of(part) if isinstance(one, First)), None)):
            raise RuleSyntaxError(
                first.at, f"FIRST/{first.characters} counts in the body, and title: is not in it; take one of them out"
            )
        return Zoned(zone, part, token.start_pos)  # type: ignore[arg-type]

    def _some_of(self, node: Any) -> Expression:
        token, listed = node.children
        parts = tuple(self.build(child) for child in listed.children)
        operator = " ".join(token.split())
        for number, part in enumerate(parts):
            if part in parts[:number]:
                raise RuleSyntaxError(
                    listed.children[number].meta.start_pos, f"{part} stands twice in {operator} (...); take one out"
                )
        return SomeOf(_number(token, 1, len(parts), "things in its list"), parts, token.start_pos)

    def _outside(self, node: Any) -> Expression:
        child, token, listed = node.children
        part = self.build(child)
        holders = tuple(self.build(child) for child in listed.children)
        _must_be_place(part, "NOT IN", token.start_pos)
        for holder in holders:
            if not isinstance(holder, Term):
                raise RuleSyntaxError(token.start_pos, f"NOT IN takes words and entities, one by one, and not {holder}")
            if holder == part:
                raise RuleSyntaxError(holder.at, f"{part} always lies in {holder}; write a longer word here")
        return Outside(part, holders, token.start_pos)


def _quoted(token: Any) -> str:
    text = str(token)[1:-1].strip()
    if not text:
        raise RuleSyntaxError(token.start_pos, "the quotation marks are empty; write what is to be found between them")
    if found := _CONTROL.search(text):
        raise RuleSyntaxError(
            token.start_pos, f"a control character ({found[0]!r}) stands in the quotation marks; take it out"
        )
    return text


def _number(token: Any, least: int, most: int, what: str = "") -> int:
    """The number of an operator such as NEAR/5."""
    digits = re.search(r"\d+", token)
    assert digits is not None
    if len(digits[0]) > 9 or not least <= int(digits[0]) <= most:
        name = " ".join(token.split())
        name = name if len(name) <= 40 else f"{name[:40]}..."
        raise RuleSyntaxError(
            token.start_pos, f"{name}: the number must be {least} to {most}{what and f', the {what}'}"
        )
    return int(digits[0])


def _two_relations(first: str, second: str) -> str:
    one, two = " ".join(first.split()), " ".join(second.split())
    return f"{one} and {two} side by side can be read in two ways; write (A {one} B) AND (B {two} C)"


def _must_be_place(part: Expression, operator: str, at: int) -> None:
    """Terms, OR of them, in zones: what is found at a place of its own."""
    if isinstance(part, Term | Outside):
        return
    if isinstance(part, Or | Zoned | First):
        for one in parts_of(part):
            _must_be_place(one, operator, at)
        return
    if isinstance(part, Not):
        whole = f"A {operator} B" if operator.startswith(_BETWEEN) else f"{operator} A"
        raise RuleSyntaxError(at, f"NOT cannot stand in {operator}; write NOT ({whole}), or AND NOT after it")
    if isinstance(part, FieldIs):
        raise RuleSyntaxError(part.at, f"{part} is about the whole article and cannot stand in {operator}; use AND")
    raise RuleSyntaxError(
        at, f"{operator} takes words, entities and (A OR B), and not {_short(part)}; use AND for the rest"
    )


def _must_be_free(part: Expression, operator: str, taken: type[Zoned | First]) -> None:
    """A zone in a zone, or FIRST in FIRST, and a field in either, have no meaning."""
    for one in nodes_of(part):
        if isinstance(one, taken):
            raise RuleSyntaxError(one.at, f"{_short(one)} stands in {operator} already; take one of them out")
    if inner := next(fields_of(part), None):
        raise RuleSyntaxError(inner.at, f"{inner} is about the whole article and stands in no zone; use AND")


def _short(part: Expression) -> str:
    text = str(part)
    return text if len(text) <= 60 else f"{text[:60]}..."
