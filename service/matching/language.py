"""From the text of `when` to its tree, with errors that say where, what and what to do.

The grammar (rule.lark) knows the whole language of docs/rules.md; `builder` checks what may stand where.
"""

import functools
import re
from importlib import resources
from typing import Any

from service.matching.builder import MAX_DEPTH, Builder
from service.matching.expression import And, EntityTerm, Expression, LiteralTerm, Not, Or, fields_of, is_reachable
from service.matching.syntax import RuleSyntaxError, at_the_end, did_you_mean, unexpected

__all__ = ["MAX_DEPTH", "MAX_LENGTH", "RuleSyntaxError", "did_you_mean", "parse"]

MAX_LENGTH = 20_000
_ONE_ENTITY = re.compile(r"\s*@([a-z0-9-]+)\s*")
_WORDS = "[가-힣A-Za-z0-9]+"
_TERM = f'(?:@[a-z0-9-]+|"{_WORDS}(?: {_WORDS})*")'
_GAP = r"[ \t\f\r\n]+"
_FLAT = re.compile(
    f"(?:{_GAP})?{_TERM}(?:(?:{_GAP}AND(?:{_GAP}NOT)?{_GAP}{_TERM})+|(?P<any>{_GAP}OR{_GAP}{_TERM})+|)(?:{_GAP})?"
)
"""Entities and plain words in one row of AND and AND NOT, or of OR."""
_IN_FLAT = re.compile(f'(NOT{_GAP})?(?:@([a-z0-9-]+)|"([^"]*)")')


def parse(text: str) -> Expression:
    """The tree of a rule.

    Raises:
        RuleSyntaxError: with the offset into `text`.
    """
    if simple := _ONE_ENTITY.fullmatch(text):  # most rules: the parser need not even be imported
        return EntityTerm(simple[1], simple.start(1) - 1)
    if len(text) <= MAX_LENGTH and (flat := _FLAT.fullmatch(text)):  # most others: a twentieth of the parser's time
        return _flat(text, is_any=flat["any"] is not None)
    if not text.strip():
        raise RuleSyntaxError(0, 'the rule is empty; write what must be found, e.g. @seoul-city AND "협약"')
    if len(text) > MAX_LENGTH:
        raise RuleSyntaxError(MAX_LENGTH, f"longer than {MAX_LENGTH} characters; make it several rules")
    depth = 0
    for found in re.finditer(r'"[^"\n]*"|[()]', text):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth > MAX_DEPTH:
            raise RuleSyntaxError(found.start(), f"parentheses deeper than {MAX_DEPTH}; make it several rules")
    expression = Builder().build(_tree(text))
    if not is_reachable(expression):
        raise RuleSyntaxError(0, _unreachable(expression))
    return expression


def _flat(text: str, *, is_any: bool) -> Expression:
    """What the parser makes of a text that `_FLAT` fits."""
    parts: list[Expression] = []
    for found in _IN_FLAT.finditer(text):
        negated, entity, words = found.groups()
        term = EntityTerm(entity, found.start(2) - 1) if entity else LiteralTerm(words, found.start(3) - 1)
        parts.append(Not(term) if negated else term)
    if len(parts) == 1:
        return parts[0]
    return Or(tuple(parts)) if is_any else And(tuple(parts))


def _unreachable(expression: Expression) -> str:
    if one := next(fields_of(expression), None):
        return f"nothing positive must be found: {one} alone would fire on every such article; add AND and what to find"
    return "nothing positive must be found: it would fire on articles about nothing; add what to find to NOT"


@functools.cache
def _parser() -> Any:
    from lark import Lark

    grammar = resources.files("service.matching").joinpath("rule.lark").read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", propagate_positions=True, maybe_placeholders=False)


def _tree(text: str) -> Any:
    from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

    try:
        return _parser().parse(text)
    except UnexpectedEOF:
        raise RuleSyntaxError(len(text), at_the_end(text)) from None
    except UnexpectedToken as error:
        at = error.pos_in_stream if error.pos_in_stream is not None else len(text)
        if error.token.type == "$END":
            raise RuleSyntaxError(len(text), at_the_end(text)) from None
        raise RuleSyntaxError(at, unexpected(text, at)) from None
    except UnexpectedCharacters as error:
        at = error.pos_in_stream or 0
        raise RuleSyntaxError(at, unexpected(text, at)) from None
    except UnexpectedInput as error:
        raise RuleSyntaxError(error.pos_in_stream or 0, "not understood here; see docs/rules.md") from None
